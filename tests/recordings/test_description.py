"""What is told of compressed arrays, against what Zarr and the file system have."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored import FailingMovie, contents, memory_url
from strategies import INTEGER_CODE_DTYPES, Parameters, parameters

from anscombe_transform import (
    AnscombeTransformV2,
    AnscombeTransformV3,
    compress,
    decompress,
    describe,
    describe_recording,
    open_recording,
    verify,
)
from anscombe_transform.simulate import simulate_movie
from anscombe_transform.storage.draft import finished
from anscombe_transform.storage.location import Location

Movie = npt.NDArray[Any]

MOVIE: Movie = simulate_movie((20, 64, 64))
GIVEN: dict[str, Any] = {"zero_level": 100.0, "conversion_gain": 40.0}

LAYOUTS: list[dict[str, Any]] = [
    {},
    {"zarr_format": 2, "chunks": 3},
    {"chunks": (3, 20, 64)},
    {"chunks": 2, "shards": 4},
    {"chunks": (2, 32, 32), "shards": (4, 64, 64)},
    {"ome": True, "chunks": 5},
    {"compressor": "none"},
    {"compressor": "blosc-lz4", "level": 9, "out_of_range": "clamp", "beta": 0.25},
]


def stored_objects(place: str | Path) -> int:
    """Return the number of chunks or shards in a store."""
    metadata = ("zarr.json", ".zarray", ".zattrs", "unfinished.json")
    return len([key for key in contents(place) if not key.endswith(metadata)])


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
@pytest.mark.parametrize("kind", ["folder", "file URL", "memory URL"])
def test_figures_are_those_of_zarr(tmp_path: Path, options: dict[str, Any], kind: str) -> None:
    folder = str(tmp_path / "a")
    place = {"folder": folder, "file URL": f"file://{folder}", "memory URL": memory_url()}[kind]
    result = compress(MOVIE, place, **options)
    described = describe(place)
    array = zarr.open_array(place, path="0" if "ome" in options else "", mode="r")
    assert described.store == result.output
    assert described.finished
    assert described.zarr_format == array.metadata.zarr_format == options.get("zarr_format", 3)
    assert (described.shape, described.dtype) == (MOVIE.shape, "int16")
    assert (described.chunks, described.shards) == (array.chunks, array.shards)
    assert len(described.compressors) == len(array.compressors)
    assert described.size == MOVIE.nbytes
    assert described.stored_size == result.stored_size == array.nbytes_stored()
    assert described.ratio == MOVIE.nbytes / described.stored_size
    assert described.zero_level == result.parameters["zero_level"]
    assert described.conversion_gain == result.parameters["conversion_gain"]
    assert described.beta == options.get("beta", 0.5)
    assert described.encoded_dtype == result.encoded_dtype
    assert described.out_of_range == options.get("out_of_range")
    assert described.story is not None
    assert described.story["parameters"] == result.parameters


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
def test_chunks_or_shards_are_counted_as_they_are_in_the_store(tmp_path: Path, options: dict[str, Any]) -> None:
    movie = MOVIE.copy()
    movie[10:] = 0
    compress(movie, tmp_path / "a", **GIVEN, **options)
    described = describe(tmp_path / "a")
    unit = described.shards or described.chunks
    assert described.stored_chunks == stored_objects(tmp_path / "a")
    assert described.all_chunks == np.prod([-(-size // step) for size, step in zip(MOVIE.shape, unit, strict=True)])
    compress(MOVIE, tmp_path / "a", **GIVEN, **options, overwrite=True)
    described = describe(tmp_path / "a")
    assert described.stored_chunks == described.all_chunks == stored_objects(tmp_path / "a")


@given(parameters(), st.sampled_from(INTEGER_CODE_DTYPES), st.sampled_from([2, 3]))
def test_the_range_that_is_held_ends_where_codes_do(
    parameters: Parameters, encoded_dtype: str, zarr_format: Any
) -> None:
    z, g, beta = (parameters[name] for name in ("zero_level", "conversion_gain", "beta"))
    codec_class: Any = {2: AnscombeTransformV2, 3: AnscombeTransformV3}[zarr_format]
    codec = codec_class(**parameters, encoded_dtype=encoded_dtype, decoded_dtype="float64", out_of_range="clamp")
    place = memory_url()
    store = Location.parse(place).store()
    zarr.create_array(store, shape=(1, 1, 1), dtype="float64", filters=[codec], zarr_format=zarr_format)
    lowest, highest = describe(place).held_range
    limits = np.iinfo(encoded_dtype)
    for end, limit, outward in ((lowest, limits.min, -np.inf), (highest, limits.max, np.inf)):
        assert abs(reference.code(end, z, g, beta) - limit) <= 1e-9 * abs(limit)
        assert abs(reference.unrounded_code(end, z, g, beta) - limit) == pytest.approx(
            0.5, abs=1e-6 * abs(limit) + 1e-6
        )
        beyond = end + np.sign(outward) * (1e-6 * abs(end) + 1e-6 * g)
        assert abs(reference.unrounded_code(beyond, z, g, beta) - limit) > 0.5 - 1e-9


def test_all_of_it_is_json(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a", chunks=2, shards=4)
    described = describe(tmp_path / "a")
    known = json.loads(json.dumps(described.to_dict()))
    assert known["shape"] == [20, 64, 64]
    assert known["shards"] == [4, 64, 64]
    assert known["ratio"] == described.ratio
    assert known["story"] == described.story


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
def test_the_table_has_the_figures_for_people(tmp_path: Path, options: dict[str, Any]) -> None:
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN, **options)
    described = describe(tmp_path / "a.zarr")
    text = "\n".join(f"{name}: {value}" for name, value in described.table())
    assert str(tmp_path / "a.zarr") in text
    assert "20 x 64 x 64 int16" in text
    assert f"{described.ratio:.2f}" in text
    assert f"{described.stored_chunks} of {described.all_chunks}" in text
    assert "40 ADU per photon" in text
    assert "100 ADU" in text
    assert "given" in text
    if options.get("out_of_range"):
        assert "clamp" in text


def test_frame_rate_pixel_size_and_name_are_in_the_table(tmp_path: Path) -> None:
    story: dict[str, Any] = {
        "frame_rate": 30.5,
        "pixel_size": [0.5, 0.25],
        "input": {"name": "movie.tif"},
        "version": "2.0.0",
    }
    array = zarr.create_array(
        tmp_path / "a",
        shape=MOVIE.shape,
        dtype="int16",
        filters=[AnscombeTransformV3(100, 40)],
        attributes={"anscombe_transform": story},
    )
    array[...] = MOVIE
    described = describe(tmp_path / "a")
    assert described.story == story
    text = "\n".join(value for _, value in described.table())
    for expected in ("30.5 Hz", "0.5 by 0.25", "movie.tif", "2.0.0"):
        assert expected in text


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_arrays_that_were_written_with_the_codec_alone_have_no_story(tmp_path: Path, zarr_format: Any) -> None:
    codec_class: Any = {2: AnscombeTransformV2, 3: AnscombeTransformV3}[zarr_format]
    codec = codec_class(90, 35, encoded_dtype="int16", beta=0.25, out_of_range="clamp")
    array = zarr.create_array(
        tmp_path / "a",
        shape=MOVIE.shape,
        chunks=(7, 64, 30),
        dtype="int16",
        filters=[codec],
        zarr_format=zarr_format,
    )
    empty = describe(tmp_path / "a")
    assert (empty.stored_chunks, empty.all_chunks) == (0, 9)
    assert empty.table()
    array[...] = MOVIE
    described = describe(tmp_path / "a")
    assert described.story is None
    assert described.finished
    assert (described.zero_level, described.conversion_gain, described.beta) == (90, 35, 0.25)
    assert (described.encoded_dtype, described.out_of_range) == ("int16", "clamp")
    assert described.stored_size == sum(map(len, contents(tmp_path / "a").values()))
    assert (described.stored_chunks, described.all_chunks) == (9, 9)
    assert "35 ADU per photon" in "\n".join(value for _, value in described.table())


@pytest.mark.parametrize("options", [{}, {"zarr_format": 2}, {"shards": 4}], ids=str)
def test_an_array_that_lost_chunks_is_not_whole_and_not_decompressed(tmp_path: Path, options: dict[str, Any]) -> None:
    output = tmp_path / "a"
    compress(MOVIE, output, **GIVEN, **options, chunks=2 if "shards" in options else 4)
    assert describe(output).is_whole
    (output / ("2.0.0" if "zarr_format" in options else "c/2/0/0")).unlink()
    described = describe(output)
    assert (described.finished, described.is_whole) == (True, False)
    assert dict(described.table())["Finished"] == "yes, but 1 of 5 chunks are missing now"
    for name in ("b.npy", "b.zarr"):
        with pytest.raises(
            ValueError, match=r"frames 8 to 11 of 20 are .* not stored: 1 of 5, .* at \(8, 0, 0\); give"
        ):
            decompress(output, tmp_path / name)
        assert not (tmp_path / name).exists()


@pytest.mark.parametrize("options", [{}, {"zarr_format": 2}, {"ome": True}], ids=str)
def test_an_array_that_is_not_finished_is_described_as_such(tmp_path: Path, options: dict[str, Any]) -> None:
    output = tmp_path / "a"
    with pytest.raises(OSError, match="damaged"):
        compress(FailingMovie(MOVIE, 19, output / "unfinished.json"), output, **GIVEN, **options, chunks=4)
    before = contents(output)
    described = describe(output)
    assert not described.finished
    assert (described.shape, described.chunks, described.all_chunks) == (MOVIE.shape, (4, 64, 64), 5)
    assert described.stored_chunks == stored_objects(output)
    assert (described.zero_level, described.conversion_gain) == (100, 40)
    assert described.story is not None
    assert described.story["parameters"] == {"source": "given"} | GIVEN
    json.dumps(described.to_dict())
    assert "resume" in "\n".join(value for _, value in described.table())
    assert contents(output) == before


def test_of_a_group_the_only_array_is_described_or_the_one_that_is_chosen(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "group")
    for number in range(2):
        array = group.create_array(
            str(number), shape=MOVIE.shape, dtype="int16", filters=[AnscombeTransformV3(100 + number, 40)]
        )
        array[...] = MOVIE
    for function in (describe, describe_recording):
        with pytest.raises(ValueError, match=r"0.*1"):
            function(tmp_path / "group")
    with pytest.raises(ValueError, match=r"7.*0.*1"):
        describe(tmp_path / "group", key="7")
    assert describe(tmp_path / "group", key="1").zero_level == 101
    with pytest.raises(ValueError, match="key"):
        describe(tmp_path / "group/0", key="1")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of two channels and two planes, with times and positions: (time, channel, plane, y, x)."""
    file = tmp_path_factory.mktemp("several") / "several.ome.tif"
    metadata = {"axes": "TCZYX", "TimeIncrement": 0.1, "PhysicalSizeX": 1, "PhysicalSizeY": 1, "PhysicalSizeZ": 5}
    channels = {"Channel": {"Name": ["GCaMP", "tdTomato"]}}
    tifffile.imwrite(file, MOVIE.reshape(5, 2, 2, 64, 64), photometric="minisblack", metadata=metadata | channels)
    return file


@pytest.mark.parametrize(("ome", "paths"), [(False, "GCaMP, tdTomato"), (True, "0/0, 1/0")], ids=["plain", "ome"])
def test_of_several_channels_one_is_described_or_all(several: Path, tmp_path: Path, ome: bool, paths: str) -> None:
    """What else is in the group, such as times and positions, is never offered."""
    output = tmp_path / "a"
    compress(several, output, **GIVEN, ome=ome)
    everything = describe_recording(output)
    assert ", ".join(one.path for one in everything) == paths
    assert [describe(output, key=one.path) for one in everything] == list(everything)
    with pytest.raises(ValueError, match=f"has several channels: .* as key: {paths}; describe_recording describes all"):
        describe(output)
    with pytest.raises(ValueError, match=rf"has no channel 'absent': give the name of one as key: {paths}$"):
        describe(output, key="absent")


@pytest.mark.parametrize("ome", [False, True], ids=["plain", "ome"])
def test_the_only_channel_of_a_group_is_described_without_a_key(several: Path, tmp_path: Path, ome: bool) -> None:
    compress(several, tmp_path / "a", **GIVEN, ome=ome, channel="GCaMP")
    assert describe_recording(tmp_path / "a") == (describe(tmp_path / "a"),)
    assert describe(tmp_path / "a").shape == (5, 2, 64, 64)


def test_unfinished_channels_are_named_and_a_single_array_needs_no_key(several: Path, tmp_path: Path) -> None:
    compress(several, tmp_path / "a", **GIVEN)
    draft = finished(Location.parse(tmp_path / "a"))
    assert draft is not None
    draft.begin()
    with pytest.raises(ValueError, match=r"as key: GCaMP, tdTomato; describe_recording"):
        describe(tmp_path / "a")
    assert not describe(tmp_path / "a", key="GCaMP").finished
    with pytest.raises(OSError, match="damaged"):
        compress(FailingMovie(MOVIE, 19, tmp_path / "b/unfinished.json"), tmp_path / "b", **GIVEN, chunks=4)
    with pytest.raises(ValueError, match=r"b is a single array: leave out key='x'"):
        describe(tmp_path / "b", key="x")


def test_what_is_no_compressed_array_is_a_valueerror_that_names_it(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "plain", data=MOVIE)
    zarr.create_array(tmp_path / "plain_2", data=MOVIE, zarr_format=2)
    zarr.create_group(tmp_path / "group")
    (tmp_path / "file").write_bytes(b"precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/precious.txt").write_bytes(b"precious")
    before = contents(tmp_path)
    for name in ("plain", "plain_2", "group", "file", "folder", "absent"):
        with pytest.raises(ValueError, match=rf"{tmp_path}.*{name}"):
            describe(tmp_path / name)
    with pytest.raises(ValueError, match=r"memory://.*movie\.zarr"):
        describe(memory_url())
    assert contents(tmp_path) == before


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"path": "", "documents": {}}'])
def test_a_marker_that_is_none_is_no_array(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "unfinished.json").write_bytes(damaged)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))):
        describe(tmp_path)


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff"])
def test_damaged_metadata_are_a_valueerror_that_names_the_place(tmp_path: Path, damaged: bytes) -> None:
    compress(MOVIE, tmp_path / "a", **GIVEN)
    (tmp_path / "a/zarr.json").write_bytes(damaged)
    for function in (describe, describe_recording):
        with pytest.raises(ValueError, match=str(tmp_path / "a")):
            function(tmp_path / "a")


@pytest.mark.parametrize("attributes", [[], ["anscombe_transform"], "anscombe_transform", 1])
def test_attributes_without_names_are_a_valueerror_that_names_the_place(tmp_path: Path, attributes: object) -> None:
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN)
    path = tmp_path / "a.zarr/zarr.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"attributes": attributes}))
    with pytest.raises(ValueError, match=r"a\.zarr is not a whole Zarr array or group \(.*attributes"):
        describe(tmp_path / "a.zarr")


def test_storage_options_are_for_urls(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a", **GIVEN)
    with pytest.raises(ValueError, match="endpoint_url"):
        describe(tmp_path / "a", storage_options={"endpoint_url": "x"})


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["channel_0", "..", "../..", "\x1b[31m", "x" * 5000]),
    lambda within: (
        st.lists(within, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "path", "scale", "channel", "zero_level", "0"]), within, max_size=3)
    ),
    max_leaves=5,
)


def places_in(value: Any, start: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where values are in a document, as the names and numbers that lead to them."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [start, *(place for name, within in items for place in places_in(within, (*start, name)))]


def replaced(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Return a document with another value at a place."""
    if not place:
        return value
    changed = document.copy()
    changed[place[0]] = replaced(document[place[0]], place[1:], value)
    return changed


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The metadata of compressed recordings that tell all that there is to be told."""
    folder = tmp_path_factory.mktemp("documents")
    metadata = {"axes": "TZCYX", "finterval": 0.1, "unit": "um", "spacing": 2.0}
    movie = MOVIE[:8, :32, :32].reshape(2, 2, 2, 32, 32)
    tifffile.imwrite(folder / "movie.tif", movie, imagej=True, metadata=metadata, resolution=(1, 1))
    layouts: dict[str, dict[str, Any]] = {"3.zarr": {}, "2.zarr": {"zarr_format": 2}, "ome.zarr": {"ome": True}}
    for name, options in layouts.items():
        compress(folder / "movie.tif", folder / name, **GIVEN, **options)
    compress(MOVIE, folder / "one.zarr")  # with estimated parameters
    return [path for name in ("zarr.json", ".zattrs") for path in folder.rglob(name)]


@pytest.mark.parametrize("ome", [False, True])
@pytest.mark.parametrize("attributes", [[], ["a"], "a", 3])
def test_an_array_whose_attributes_are_no_mapping_is_nothing_to_go_on_with(
    tmp_path: Path, attributes: object, ome: bool
) -> None:
    """Zarr 3.1 opens such an array, and later releases do not."""
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN, ome=ome)
    path = tmp_path / "a.zarr" / ("0/zarr.json" if ome else "zarr.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"attributes": attributes}))
    with pytest.raises(ValueError, match="holds something else"):
        compress(MOVIE, tmp_path / "a.zarr", **GIVEN, ome=ome, resume=True)


@pytest.mark.parametrize("work", [describe_recording, verify])
@pytest.mark.parametrize("attributes", [[], ["a"], "a", 3])
def test_attributes_that_are_no_mapping_are_none_or_an_error(
    documents: list[Path], attributes: object, work: Callable[[Path], object]
) -> None:
    """Zarr 3.1 opens such an array, and later releases do not."""
    for path in documents:
        text = path.read_text()
        changed = attributes if path.name == ".zattrs" else json.loads(text) | {"attributes": attributes}
        path.write_text(json.dumps(changed))
        root = next(folder for folder in reversed(path.parents) if folder.suffix == ".zarr")
        with suppress(ValueError, OSError):
            work(root)
        path.write_text(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_is_in_the_attributes_there_are_values_or_an_error_of_one_line(
    documents: list[Path], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(documents))
    text = path.read_text()
    root = path
    while root.suffix != ".zarr":
        root = root.parent
    document = json.loads(text)
    start = () if path.name == ".zattrs" else ("attributes",)
    attributes = [place for place in places_in(document) if place[: len(start)] == start]
    changed = replaced(document, data.draw(st.sampled_from(attributes)), data.draw(JUNK))
    path.write_text(json.dumps(changed))
    message = str(root)
    try:
        for description in describe_recording(root):
            assert "".join(name + value for name, value in description.table())
            assert isinstance(description.is_whole, bool)
            assert isinstance(description.channel, str)
            json.dumps(description.to_dict())
        open_recording(root).table()
    except (ValueError, OSError, RuntimeError) as error:
        message = str(error)
    finally:
        path.write_text(text)
    assert str(root) in message
    assert "\n" not in message


@pytest.mark.parametrize("length", [1 << 40, 1 << 62, 10**30])
def test_a_shape_with_more_chunks_than_anybody_can_count_is_refused(tmp_path: Path, length: int) -> None:
    compress(MOVIE, tmp_path / "movie.zarr", **GIVEN)
    document = json.loads((tmp_path / "movie.zarr" / "zarr.json").read_text())
    (tmp_path / "movie.zarr" / "zarr.json").write_text(json.dumps(document | {"shape": [length, 64, 64]}))
    with pytest.raises(ValueError, match=r"movie\.zarr"):
        describe(tmp_path / "movie.zarr")
