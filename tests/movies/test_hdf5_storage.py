"""HDF5 datasets of which something is not stored: the library reads the fill value there, which here no frame has."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from anscombe_transform.movies.formats.hdf5.opening import open_hdf5
from anscombe_transform.movies.opening import open_movie
from anscombe_transform.movies.source import Source

FILL = 65535
MOVIE = np.random.default_rng(3).integers(0, 4000, (24, 6, 8)).astype("uint16")


def images_with_fill(path: Path, name: str, images: tuple[int, int] = (1, 2)) -> Any:
    """Return which images the library reads the fill value in."""
    with h5py.File(path) as file:
        try:
            return (file[name][()] == FILL).any(axis=images)
        except OSError:  # sources whose shape does not fit
            assume(False)


def check_missing(path: Path, name: str = "movie") -> None:
    missing = open_hdf5(path, name).missing
    expected = images_with_fill(path, name)
    if missing is None:
        assert not expected.any()
    else:
        np.testing.assert_array_equal(missing.images, expected)


def empty(folder: Path) -> Path:
    for path in folder.glob("*.h5"):
        path.unlink()
    return folder


PROPERTY = settings(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(data=st.data())
@PROPERTY
def test_chunks_that_were_never_written_are_missing(tmp_path: Path, data: st.DataObject) -> None:
    chunks = tuple(data.draw(st.integers(1, length)) for length in MOVIE.shape)
    grid = [range(0, length, chunk) for length, chunk in zip(MOVIE.shape, chunks, strict=True)]
    with h5py.File(tmp_path / "movie.h5", "w", libver=data.draw(st.sampled_from(["earliest", "latest"]))) as file:
        dataset = file.create_dataset("movie", MOVIE.shape, "uint16", chunks=chunks, fillvalue=FILL)
        for _ in range(data.draw(st.integers(0, 8))):
            here = tuple(
                slice(start, start + chunk)
                for along, chunk in zip(grid, chunks, strict=True)
                for start in [data.draw(st.sampled_from(along))]
            )
            dataset[here] = MOVIE[here]
    check_missing(tmp_path / "movie.h5")


@given(data=st.data())
@PROPERTY
def test_what_a_virtual_dataset_has_no_source_for_is_missing(tmp_path: Path, data: st.DataObject) -> None:
    """Sources of any part, some absent, some too small, some themselves with chunks that were never written."""
    empty(tmp_path)
    layout = h5py.VirtualLayout(MOVIE.shape, "uint16")
    for number in range(data.draw(st.integers(1, 5))):
        here = tuple(
            slice(start, stop, step)
            for length in MOVIE.shape
            for start in [data.draw(st.integers(0, length - 1))]
            for stop in [data.draw(st.integers(start + 1, length))]
            for step in [data.draw(st.sampled_from([1, 1, 1, 2, 5]))]
        )
        part = MOVIE[here]
        if data.draw(st.booleans()):  # the source does not have the axes of length 1
            part = part.squeeze()
        name = f"part_{number}.h5"
        source = h5py.VirtualSource(name, "data", part.shape)
        layout[here] = source
        if data.draw(st.integers(0, 3)):
            with h5py.File(tmp_path / name, "w") as file:
                if part.ndim and data.draw(st.booleans()):
                    chunks = (1, *part.shape[1:])
                    dataset = file.create_dataset("data", part.shape, "uint16", chunks=chunks, fillvalue=FILL)
                    for i in range(len(part)):
                        if data.draw(st.integers(0, 4)):
                            dataset[i] = part[i]
                else:
                    file["data" if data.draw(st.integers(0, 5)) else "other"] = part
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file.create_virtual_dataset("movie", layout, fillvalue=FILL)
    check_missing(tmp_path / "movie.h5")


def write_numbered(folder: Path, numbers: Any, name: str = "part_%b.h5") -> Path:
    """Write parts of four frames, and a virtual dataset that goes on as long as there are numbered files."""
    for number in numbers:
        with h5py.File(folder / f"part_{number}.h5", "w") as file:
            file["data"] = MOVIE[4 * number : 4 * number + 4]
    with h5py.File(folder / "movie.h5", "w") as file:
        endless, extent = h5py.h5s.UNLIMITED, (endless_extent := (h5py.h5s.UNLIMITED, 6, 8))
        space = h5py.h5s.create_simple((0, 6, 8), endless_extent)
        space.select_hyperslab((0, 0, 0), (endless, 1, 1), stride=(4, 1, 1), block=(4, 6, 8))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_virtual(space, name.encode(), b"data", h5py.h5s.create_simple((4, 6, 8)))
        properties.set_fill_value(np.array(FILL, "uint16"))
        whole = h5py.h5s.create_simple((0, 6, 8), extent)
        h5py.h5d.create(file.id, b"movie", h5py.h5t.NATIVE_UINT16, whole, properties)
    return folder / "movie.h5"


@given(numbers=st.sets(st.integers(0, 5), min_size=1))
@PROPERTY
def test_numbered_sources_are_missing_where_a_number_is_left_out(tmp_path: Path, numbers: set[int]) -> None:
    """Left to itself, the library takes the movie to end at the first of them."""
    path = write_numbered(empty(tmp_path), numbers)
    source = open_hdf5(path, None)
    assert source.shape == (4 * max(numbers) + 4, 6, 8)
    whole = np.repeat([number in numbers for number in range(max(numbers) + 1)], 4)
    np.testing.assert_array_equal(
        np.zeros(len(whole), bool) if source.missing is None else source.missing.images, ~whole
    )
    movie = open_movie(path, salvage=True)
    np.testing.assert_array_equal(movie[:], MOVIE[: len(whole)][whole])


def test_numbered_sources_of_which_none_is_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"movie.h5: movie is a virtual dataset without values: .* part_%b.h5, none"):
        open_movie(write_numbered(tmp_path, []), "movie")


@given(lengths=st.lists(st.integers(0, 6), min_size=2, max_size=4), step=st.integers(1, 2))
@PROPERTY
def test_endless_sources_that_take_turns_are_missing_where_one_is_shorter(
    tmp_path: Path, lengths: list[int], step: int
) -> None:
    assume(any(lengths))
    count = len(lengths)
    endless = h5py.h5s.UNLIMITED
    with h5py.File(empty(tmp_path) / "movie.h5", "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        for number, length in enumerate(lengths):
            with h5py.File(tmp_path / f"part_{number}.h5", "w") as part:
                frames = MOVIE[:length]
                part.create_dataset("data", data=frames, maxshape=(None, 6, 8), chunks=(1, 6, 8))
            space = h5py.h5s.create_simple((0, 6, 8), (endless, 6, 8))
            space.select_hyperslab((number, 0, 0), (endless, 1, 1), stride=(count, 1, 1), block=(1, 6, 8))
            own = h5py.h5s.create_simple((0, 6, 8), (endless, 6, 8))
            own.select_hyperslab((0, 0, 0), (endless, 1, 1), stride=(step, 1, 1), block=(1, 6, 8))
            properties.set_virtual(space, f"part_{number}.h5".encode(), b"data", own)
        properties.set_fill_value(np.array(FILL, "uint16"))
        whole = h5py.h5s.create_simple((0, 6, 8), (endless, 6, 8))
        h5py.h5d.create(file.id, b"movie", h5py.h5t.NATIVE_UINT16, whole, properties)
    check_missing(tmp_path / "movie.h5")


def test_an_absent_source_is_named_with_a_way_to_the_other_frames(tmp_path: Path) -> None:
    """Also if it is moved, is no HDF5 file, has no such dataset, or is the source of a source."""
    layout = h5py.VirtualLayout(MOVIE.shape, "uint16")
    for number in range(4):
        with h5py.File(tmp_path / f"part_{number}.h5", "w") as file:
            file["data"] = MOVIE[6 * number : 6 * number + 6]
        layout[6 * number : 6 * number + 6] = h5py.VirtualSource(f"part_{number}.h5", "data", (6, 6, 8))
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file.create_virtual_dataset("movie", layout)
    outer = h5py.VirtualLayout((18, 6, 8), "uint16")
    outer[:] = h5py.VirtualSource("all.h5", "movie", MOVIE.shape)[6:]
    with h5py.File(tmp_path / "some.h5", "w") as file:
        file.create_virtual_dataset("movie", outer)
    for path in (tmp_path / "all.h5", tmp_path / "some.h5"):
        np.testing.assert_array_equal(open_movie(path)[:], MOVIE[-len(open_movie(path)) :])

    def damage(name: str) -> None:
        (tmp_path / name).write_bytes(b"no HDF5")

    (tmp_path / "part_1.h5").rename(tmp_path / "elsewhere.h5")
    damage("part_2.h5")
    message = (
        r"all.h5: frames 6 to 17 of 24 are missing or not whole: part_1.h5, part_2.h5 \(.*\): not there, where the "
        r"virtual dataset movie of all.h5 has values; give frames=slice\(0, 6\) or others that are whole, or salvage="
    )
    with pytest.raises(ValueError, match=message):
        open_movie(tmp_path / "all.h5")
    np.testing.assert_array_equal(open_movie(tmp_path / "all.h5", frames=slice(18, 24))[:], MOVIE[18:])
    with pytest.raises(ValueError, match=r"some.h5: frames 0 to 11 of 18 are missing .* movie of all.h5"):
        open_movie(tmp_path / "some.h5")
    movie = open_movie(tmp_path / "some.h5", salvage=True)
    np.testing.assert_array_equal(movie[:], MOVIE[18:])
    assert "part_1.h5" in movie.notes[0]
    with h5py.File(tmp_path / "part_1.h5", "w") as file:
        file["other"] = MOVIE[:6]
    with pytest.raises(ValueError, match=r"data in part_1.h5"):
        open_movie(tmp_path / "all.h5")


def test_a_virtual_dataset_of_itself_is_refused(tmp_path: Path) -> None:
    layout = h5py.VirtualLayout(MOVIE.shape, "uint16")
    layout[:] = h5py.VirtualSource(".", "movie", MOVIE.shape)
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file.create_virtual_dataset("movie", layout)
    with pytest.raises(ValueError, match=r"movie.h5: the virtual dataset movie is made of itself"):
        open_movie(tmp_path / "movie.h5")


def test_sources_are_found_beside_the_file_and_not_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "moved"
    folder.mkdir()
    layout = h5py.VirtualLayout(MOVIE.shape, "uint16")
    layout[:12] = h5py.VirtualSource("/gone/before/part_0.h5", "data", (12, 6, 8))
    layout[12:] = h5py.VirtualSource("part_1.h5", "data", (12, 6, 8))
    with h5py.File(folder / "movie.h5", "w") as file:
        file.create_virtual_dataset("movie", layout)
    for number in range(2):
        with h5py.File(folder / f"part_{number}.h5", "w") as file:
            file["data"] = MOVIE[12 * number : 12 * number + 12]
    movie = open_movie(folder / "movie.h5")
    np.testing.assert_array_equal(movie[:], MOVIE)
    assert {str(folder / f"part_{number}.h5") for number in range(2)} < set(movie.locations)
    (tmp_path / "link.h5").symlink_to(folder / "movie.h5")
    np.testing.assert_array_equal(open_movie(tmp_path / "link.h5")[:], MOVIE)
    (folder / "part_1.h5").rename(tmp_path / "part_1.h5")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"frames 12 to 23 of 24 are missing .*part_1.h5"):
        open_movie(folder / "movie.h5")


def test_a_dataset_that_was_never_written_is_missing(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file.create_dataset("movie", MOVIE.shape, "uint16")
    with pytest.raises(ValueError, match=r"movie.h5: frames 0 to 23 of 24 are missing .*: movie was never written"):
        open_movie(tmp_path / "movie.h5")


def test_small_datasets_that_lie_in_the_header_are_whole(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(MOVIE.shape)
        compact = h5py.Dataset(h5py.h5d.create(file.id, b"movie", h5py.h5t.NATIVE_UINT16, space, properties))
        compact[...] = MOVIE
    np.testing.assert_array_equal(open_movie(tmp_path / "movie.h5")[:], MOVIE)


@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=4), lost=st.integers(0, 4), short=st.integers(0, 700))
@PROPERTY
def test_bytes_in_other_files_are_read_and_missing_where_these_are_absent_or_short(
    tmp_path: Path, sizes: list[int], lost: int, short: int
) -> None:
    """In whichever folder the program runs."""
    content, start, pieces = MOVIE.tobytes(), 0, []
    there = np.zeros(len(content), bool)
    for number, size in enumerate([*sizes, len(content)]):
        size = min(size, len(content) - start)
        pieces.append((f"values_{number}.raw", 3, size))
        kept = size if number != lost else max(0, size - short)
        path = tmp_path / f"values_{number}.raw"
        path.unlink(missing_ok=True)
        if number != lost or short < 400:
            path.write_bytes(b"abc" + content[start : start + kept])
            there[start : start + kept] = True
        start += size
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file.create_dataset("movie", MOVIE.shape, "uint16", external=[piece for piece in pieces if piece[2]])
    whole = there.reshape(len(MOVIE), -1).all(axis=1)
    if whole.any():
        movie = open_movie(tmp_path / "movie.h5", salvage=True)
        np.testing.assert_array_equal(movie[:], MOVIE[whole])
        assert str(tmp_path / "values_0.raw") in movie.locations
    if not whole.all():
        with pytest.raises(ValueError, match=rf"values_{lost}.raw, which holds values of movie of movie.h5, is "):
            open_movie(tmp_path / "movie.h5")


def opened(path: Path) -> tuple[Source | None, str]:
    """Return what a file has, or what the error says."""
    try:
        return open_hdf5(path, None), ""
    except ValueError as error:
        return None, str(error)


WRITERS: dict[str, Callable[[h5py.File], Any]] = {
    "contiguous": lambda file: file.create_dataset("movie", data=MOVIE),
    "chunked": lambda file: file.create_dataset("movie", data=MOVIE, chunks=(5, 6, 8)),
    "compressed": lambda file: file.create_dataset("movie", data=MOVIE, chunks=(5, 6, 8), compression="gzip"),
}


@pytest.mark.parametrize("layout", WRITERS)
@given(data=st.data())
@PROPERTY
def test_the_whole_frames_of_a_truncated_file_can_be_reached(tmp_path: Path, layout: str, data: st.DataObject) -> None:
    """Unless what is cut off is needed to find them, which is an error that names the file."""
    path = tmp_path / "movie.h5"
    with h5py.File(path, "w", libver=data.draw(st.sampled_from(["earliest", "latest"])), userblock_size=512) as file:
        WRITERS[layout](file)
    os.truncate(path, data.draw(st.integers(0, path.stat().st_size - 1)))
    source, problem = opened(path)
    if source is None:
        assert "movie.h5" in problem
        return
    lacks = np.zeros(len(MOVIE), bool) if source.missing is None else source.missing.images
    if lacks.any():
        with pytest.raises(ValueError, match=r"movie.h5: frames? .* movie.h5 is truncated: "):
            open_movie(path)
    if not lacks.all():
        movie = open_movie(path, salvage=True)
        np.testing.assert_array_equal(movie[:], MOVIE[~lacks])
        assert any("movie.h5 is truncated" in note for note in movie.notes)
    if layout == "contiguous" and path.stat().st_size > 4096:
        assert not lacks.all()
