"""From the axes of files to those of recordings, compared with the same done by NumPy to the whole array."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from anscombe_transform.movies.axes import Key, arranged
from anscombe_transform.movies.source import Missing, Ranges, Source
from anscombe_transform.movies.views import joined, with_frames

Array = npt.NDArray[Any]


def source_of(values: Array, axes: str, missing: Array | None = None, **told: Any) -> Source:
    """Return a source of an array in memory."""

    def read(ranges: Ranges) -> Array:
        assert all(len(along) and along.step > 0 for along in ranges)
        assert all(along[-1] < length for along, length in zip(ranges, values.shape, strict=True))
        return np.asarray(values[np.ix_(*ranges)])

    found = None if missing is None or not missing.any() else Missing(missing, "part of it is gone")
    return Source(axes, values.shape, values.dtype, values.shape, ("here",), read, missing=found, **told)


def whole(source: Source) -> Array:
    return source.read([range(length) for length in source.shape])


def mask(source: Source) -> Array:
    """Return which images are missing."""
    outer = [length for letter, length in zip(source.axes, source.shape, strict=True) if letter not in "YX"]
    return np.zeros(outer, bool) if source.missing is None else source.missing.images


def sources(orders: st.SearchStrategy[str], longest: int = 4) -> st.SearchStrategy[Source]:
    """Return sources of arrays whose values are all different, some images of which are missing."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> Source:
        axes = draw(orders)
        shape = tuple(draw(st.integers(1, longest)) for _ in axes)
        values = np.arange(np.prod(shape)).reshape(shape)
        outer = [length for letter, length in zip(axes, shape, strict=True) if letter not in "YX"]
        missing = np.array(draw(st.lists(st.booleans(), min_size=int(np.prod(outer)), max_size=int(np.prod(outer)))))
        return source_of(values, axes, missing.reshape(outer))

    return draw_one()


def orders(*choices: str) -> st.SearchStrategy[str]:
    """Return the letters of one of the choices in any order."""
    return st.sampled_from(choices).flatmap(lambda letters: st.permutations(letters).map("".join))


def in_standard_order(values: Array, axes: str, letters: str = "TCZYX") -> Array:
    """Return an array with the axes TCZYX, as NumPy makes it of one with some of them."""
    there = [axes.index(letter) for letter in letters if letter in axes]
    moved = values.transpose(there)
    return moved.reshape([values.shape[axes.index(letter)] if letter in axes else 1 for letter in letters])


@given(source=sources(orders("TCZYX", "TCYX", "TZYX", "TYX")))
def test_axes_of_any_order_are_read_as_numpy_transposes_them(source: Source) -> None:
    assume(source.length("T") > 1 or source.length("Z") == 1)
    expected = in_standard_order(whole(source), source.axes)
    result = arranged("x", source, {})
    assert (result.axes, result.shape) == ("TCZYX", expected.shape)
    np.testing.assert_array_equal(whole(result), expected)
    outer = source.axes.replace("Y", "").replace("X", "")
    np.testing.assert_array_equal(mask(result), in_standard_order(mask(source), outer, "TCZ"))


@given(source=sources(orders("TCZPYX", "TRYX", "PTYX", "TCYX", "ZTYX")), data=st.data())
def test_an_index_along_an_axis_takes_what_numpy_takes(source: Source, data: st.DataObject) -> None:
    letters = data.draw(st.sets(st.sampled_from(sorted(set(source.axes) - set("TYX"))), min_size=1))
    letters |= set(source.axes) - set("TCZYX")
    indices = {letter: data.draw(st.integers(0, source.length(letter) - 1)) for letter in letters}
    assume("Z" in letters or source.length("Z") == 1 or source.length("T") > 1)
    values, axes, lacks = whole(source), source.axes, mask(source)
    outer = source.axes.replace("Y", "").replace("X", "")
    for letter, index in indices.items():
        values, axes = values.take(index, axes.index(letter)), axes.replace(letter, "")
        lacks, outer = lacks.take(index, outer.index(letter)), outer.replace(letter, "")
    result = arranged("x", source, indices)
    np.testing.assert_array_equal(whole(result), in_standard_order(values, axes))
    np.testing.assert_array_equal(mask(result), in_standard_order(lacks, outer, "TCZ"))


@given(
    source=sources(orders("TYX", "TCYX", "TZYX", "QYX"), longest=13),
    channels=st.integers(1, 3),
    planes=st.integers(1, 3),
    data=st.data(),
)
@settings(max_examples=60)
def test_images_that_take_turns_are_sorted_as_numpy_reshapes_them(
    source: Source, channels: int, planes: int, data: st.DataObject
) -> None:
    """Within a volume plane by plane, within a plane channel by channel; a volume that is cut off is left out."""
    assume(channels == 1 or source.length("C") == 1)
    assume(planes == 1 or source.length("Z") == 1)
    assume(source.length("Z") == 1 or source.length("T") > 1)
    axes = source.axes.replace("Q", "T")
    images = in_standard_order(whole(source), axes)
    lacks = in_standard_order(mask(source), axes.replace("Y", "").replace("X", ""), "TCZ")
    volumes = len(images) // (channels * planes)
    if not volumes:
        with pytest.raises(ValueError, match=r"images in time, fewer than"):
            arranged("x", source, {}, channels=channels, planes=planes)
        return
    count = volumes * channels * planes

    def sorted_out(values: Array) -> Array:
        split = values[:count].reshape(volumes, planes, channels, *values.shape[1:])
        moved = split.transpose(0, 2, 3, 1, 4, *range(5, split.ndim))
        return moved.reshape(volumes, channels * values.shape[1], planes * values.shape[2], *values.shape[3:])

    result = arranged("x", source, {}, channels=channels, planes=planes)
    expected = sorted_out(images)
    np.testing.assert_array_equal(whole(result), expected)
    np.testing.assert_array_equal(mask(result), sorted_out(lacks))
    assert bool(result.notes) == (count < len(images) and channels * planes > 1)
    starts = [data.draw(st.integers(0, length - 1)) for length in expected.shape]
    forward = [
        range(start, length, data.draw(st.integers(1, 3))) for start, length in zip(starts, expected.shape, strict=True)
    ]
    np.testing.assert_array_equal(result.read(forward), expected[np.ix_(*forward)])


@given(source=sources(st.just("TCZYX"), longest=9), data=st.data())
def test_some_frames_are_those_that_numpy_takes(source: Source, data: st.DataObject) -> None:
    """At equal distances or not."""
    numbers = np.array(sorted(data.draw(st.sets(st.integers(0, source.shape[0] - 1), min_size=1))))
    result = with_frames(source, numbers)
    np.testing.assert_array_equal(whole(result), whole(source)[numbers])
    np.testing.assert_array_equal(mask(result), mask(source)[numbers])
    assert 1 <= result.chunks[0] <= len(numbers)
    step = range(0, len(numbers), 2)
    some = [step, *(range(length) for length in source.shape[1:])]
    np.testing.assert_array_equal(result.read(some), whole(source)[numbers][::2])


@given(axes=orders("TCZYX", "TYX", "TCYX"), axis=st.sampled_from("TCZ"), data=st.data())
def test_joined_sources_are_what_numpy_concatenates(axes: str, axis: str, data: st.DataObject) -> None:
    """Along an axis that they have, or along one that they do not have."""
    shape = {letter: data.draw(st.integers(1, 3)) for letter in axes}
    parts: list[Source] = []
    for _ in range(data.draw(st.integers(1, 4))):
        if axis in axes:
            shape[axis] = data.draw(st.integers(1, 3))
        lengths = [shape[letter] for letter in axes]
        values = data.draw(st.integers(0, 99)) + np.arange(np.prod(lengths)).reshape(lengths)
        outer = [shape[letter] for letter in axes if letter not in "YX"]
        parts.append(source_of(values, axes, np.random.default_rng(len(parts)).random(outer) < 0.2))
    result = joined(parts, axis)
    new = axis not in axes
    position = 0 if new else axes.index(axis)
    arrays, lacks = [whole(part) for part in parts], [mask(part) for part in parts]
    outer_axes = [letter for letter in axes if letter not in "YX"]
    expected = np.stack(arrays) if new else np.concatenate(arrays, position)
    assert result.axes == (axis + axes if new else axes)
    np.testing.assert_array_equal(whole(result), expected)
    np.testing.assert_array_equal(
        mask(result), np.stack(lacks) if new else np.concatenate(lacks, outer_axes.index(axis))
    )
    some = [range(0, length, 2) for length in expected.shape]
    np.testing.assert_array_equal(result.read(some), expected[np.ix_(*some)])


@given(
    axes=st.sets(st.sampled_from("TCZYXPRI"), min_size=1, max_size=6)
    .flatmap(lambda letters: st.permutations([*letters, *"QQ"]))
    .map(lambda letters: "".join(letters[:6])),
    lengths=st.lists(st.integers(1, 3), min_size=6, max_size=6),
)
@settings(max_examples=400)
def test_whatever_a_message_advises_works(axes: str, lengths: list[int]) -> None:
    shape = tuple(lengths[: len(axes)])
    assume(sum(length > 1 or letter in "YX" for length, letter in zip(shape, axes, strict=True)) > 2)
    source = source_of(np.zeros(shape, "uint8"), axes)
    try:
        arranged("x", source, {})
    except ValueError as error:
        message = str(error)
    else:
        return
    advised = re.findall(r"such as (axes|key)='([^']*)'", message)
    assert advised, message
    for name, value in advised:
        indices = Key.parse(value).indices if name == "key" else {}
        letters = value if name == "axes" else None
        if letters is not None:  # of more than five axes, some remain from which to choose
            indices = dict.fromkeys(set(letters) - set("TCZYX"), 0)
            assert not indices or len(letters) > 5, message
        assert arranged("x", source, indices, axes=letters).axes == "TCZYX"


@pytest.mark.parametrize(
    ("axes", "shape", "options", "message"),
    [
        ("QQYX", (9, 2, 5, 7), {}, r"x has the axes QQYX and the shape \(9, 2, 5, 7\) \(Q has no name\), .*='TCYX'$"),
        ("PYX", (9, 5, 7), {}, r"the axes PYX .* TCZYX: name them, such as axes='TYX'$"),
        ("PTYX", (2, 9, 5, 7), {}, r"such as axes='CTYX', or choose one of the others, such as key='P=0'$"),
        ("CYX", (2, 5, 7), {}, "none is the time, but .* such as axes='TYX'$"),
        ("TAB", (9, 5, 7), {}, "none is Y: name them, such as axes='TYX'$"),
        ("YX", (5, 7), {}, r"has the shape \(5, 7\), but a movie has at least three axes, \(time, y, x\)$"),
        ("TYX", (9, 5, 7), {"indices": {"C": 0}}, "the axes TYX .*, so key='C=0' chooses nothing: leave it out$"),
        ("QQYX", (9, 2, 5, 7), {"indices": {"C": 0}}, "key='C=0' chooses nothing: name its axes, such as axes='TCYX'"),
        ("QQYX", (9, 2, 5, 7), {"indices": {"Q": 0}}, "it is not told which axis is meant by key='Q=0': name them"),
        ("TCYX", (9, 2, 5, 7), {"indices": {"C": 2}}, "key='C=2' is too large: the last is C=1$"),
        ("TYX", (9, 5, 7), {"axes": "TCYX"}, r"names 4 axes, but x has the shape \(9, 5, 7\): give 3 letters"),
        ("TYX", (9, 5, 7), {"axes": "TTYX"}, "must be a different letter for each axis"),
        ("TYX", (9, 5, 7), {"axes": "TCZ"}, "Y and X among them"),
        ("TCYX", (9, 2, 5, 7), {"channels": 3}, "it has 2 channels already, so leave out channels=3"),
        ("TYX", (9, 5, 7), {"planes": 0}, "planes must be at least 1, not 0"),
    ],
)
def test_what_is_no_recording_is_refused_with_a_way_out(
    axes: str, shape: tuple[int, ...], options: dict[str, Any], message: str
) -> None:
    indices = options.pop("indices", {})
    with pytest.raises(ValueError, match=message):
        arranged("x", source_of(np.zeros(shape), axes), indices, **options)


def test_planes_are_taken_for_frames_unless_they_surely_are_planes() -> None:
    values = np.zeros((1, 9, 5, 7))
    result = arranged("x", source_of(values, "TZYX"), {})
    assert result.shape == (9, 1, 1, 5, 7)
    assert "planes are taken for frames" in result.notes[0]
    kept = arranged("x", source_of(values, "TZYX", sure_of_planes=True), {})
    assert (kept.shape, kept.notes) == ((1, 1, 9, 5, 7), ())
    assert arranged("x", source_of(values, "TZYX"), {}, axes="TZYX").shape == (1, 1, 9, 5, 7)
    with pytest.raises(ValueError, match=r"none is the time, .* such as axes='TYX'$"):
        arranged("x", source_of(values[0], "ZYX", sure_of_planes=True), {})


def test_a_file_that_is_in_doubt_needs_somebody_who_is_not() -> None:
    source = source_of(np.zeros((9, 5, 7)), "TYX", doubt="has images in an unknown order")
    with pytest.raises(ValueError, match=r"^x has images in an unknown order$"):
        arranged("x", source, {})
    assert arranged("x", source, {}, axes="TYX").shape == (9, 1, 1, 5, 7)
    assert arranged("x", source, {}, channels=3).shape == (3, 3, 1, 5, 7)


def test_what_is_known_of_an_axis_remains_its_own_under_another_name() -> None:
    told: dict[str, Any] = {"frame_rate": 20.0, "pixel_size": (0.5, 2.0), "z_step": 3.0, "channels": ("a", "b")}
    source = source_of(np.zeros((9, 2, 5, 7)), "TCYX", **told)
    turned = arranged("x", source, {}, axes="TCXY")
    assert (turned.pixel_size, turned.frame_rate, turned.channels) == ((2.0, 0.5), 20.0, ("a", "b"))
    other = arranged("x", source, {}, axes="CTYX")
    assert (other.frame_rate, other.channels, other.pixel_size) == (None, (), (0.5, 2.0))
    volume = arranged("x", source_of(np.zeros((9, 3, 5, 7)), "TYZX", **told), {}, axes="TZYX")
    assert (volume.z_step, volume.pixel_size) == (0.5, (3.0, 2.0))


@pytest.mark.parametrize(
    ("text", "place", "indices"),
    [
        (None, None, {}),
        ("", None, {}),
        ("a/b", "a/b", {}),
        ("0/1,P=2", "0/1", {"P": 2}),
        ("p = 2, a,b ,C=0", " a,b ", {"P": 2, "C": 0}),
        ("series=1", "series=1", {}),
    ],
)
def test_a_key_names_a_place_and_indices(text: str | None, place: str | None, indices: dict[str, int]) -> None:
    key = Key.parse(text)
    assert (key.place, dict(key.indices)) == (place, indices)


def test_a_key_that_gives_two_indices_along_an_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="key='C=0,c=1' gives C twice"):
        Key.parse("C=0,c=1")
