"""Movies of every format, indexed like arrays of NumPy, and what is imported to open them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis.extra.numpy import basic_indices
from movie_formats import FORMATS, MOVIE
from processes import TIMEOUT

from anscombe_transform.movies.opening import open_movie


@pytest.mark.parametrize("name", FORMATS)
@given(index=basic_indices(MOVIE.shape, min_dims=0))
@settings(max_examples=15)
def test_any_index_gives_what_numpy_gives(movie_files: dict[str, Path], name: str, index: Any) -> None:
    movie = open_movie(movie_files[name])
    assert (movie.shape, movie.dtype, len(movie), movie.ndim) == (MOVIE.shape, np.dtype("int16"), len(MOVIE), 3)
    block = movie[index]
    assert block.dtype == "int16"
    np.testing.assert_array_equal(block, MOVIE[index], strict=True)


@pytest.mark.parametrize("name", FORMATS)
def test_a_movie_says_where_it_is_and_how_it_is_best_read(movie_files: dict[str, Path], name: str) -> None:
    movie = open_movie(movie_files[name])
    assert movie.name == name
    assert str(movie_files[name]) in movie.locations or name == "ome-set"
    assert all(1 <= chunk <= length for chunk, length in zip(movie.chunks, movie.shape, strict=True))
    assert str(movie_files[name].parent) not in repr(movie).replace(repr(movie.locations), "")


@pytest.mark.parametrize(
    ("name", "chunks"),
    [("3.zarr", (4, 20, 10)), ("shards.zarr", (2, 10, 12)), ("ome-3.zarr", (2, 20, 24)), ("chunked.hdf5", (3, 10, 24))],
)
def test_chunks_are_those_of_the_file(movie_files: dict[str, Path], name: str, chunks: tuple[int, ...]) -> None:
    assert open_movie(movie_files[name]).chunks == chunks
    assert open_movie(movie_files[name], frames=slice(None, None, 3)).chunks == (max(1, chunks[0] // 3), *chunks[1:])


def test_dask_and_numpy_take_a_movie_for_an_array(movie_files: dict[str, Path]) -> None:
    movie = open_movie(movie_files["lzw.tif"])
    blocks = dask.array.from_array(movie, chunks=(4, 20, 11))  # type: ignore[no-untyped-call, unused-ignore]
    np.testing.assert_array_equal(blocks.compute(scheduler="threads"), MOVIE)
    np.testing.assert_array_equal(np.asarray(movie), MOVIE, strict=True)
    assert np.asarray(movie, "float32").dtype == "float32"


@pytest.mark.parametrize("index", [11, -12, (0, 20), (0, 0, 0, 0), [1, 2], 1.5, "a", None])
def test_an_index_that_no_movie_has_is_an_indexerror(movie_files: dict[str, Path], index: Any) -> None:
    with pytest.raises(IndexError):
        open_movie(movie_files["c.npy"])[index]


@pytest.mark.parametrize("name", ["c.npy", "plain.tif", "zlib.tif"])
def test_a_slice_takes_no_more_memory_than_itself_and_one_image(tmp_path: Path, name: str) -> None:
    """In a process of its own, which also maps nothing into memory."""
    FORMATS[name](tmp_path / name, np.zeros((60, 512, 512), "int16"))
    code = (
        "import resource, sys; from anscombe_transform import open_movie; movie = open_movie(sys.argv[1])\n"
        "movie[0, :2]; before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for i in range(0, 60, 10): block = movie[i : i + 10]; del block\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    if sys.platform != "linux":
        pytest.skip("other systems count memory in other units")
    command: list[str | Path] = [sys.executable, "-P", "-c", code, tmp_path / name]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT).stdout
    assert int(printed) < 9000, "kB, of which 5120 are the block"


@pytest.mark.parametrize("frames", [slice(2, 5), slice(None, None, 3), slice(-4, None), slice(1, -1, 2), slice(0, 11)])
@pytest.mark.parametrize("name", ["c.npy", "zlib.tif", "chunked.hdf5"])
def test_frames_are_chosen_at_opening(movie_files: dict[str, Path], name: str, frames: slice) -> None:
    movie = open_movie(movie_files[name], frames=frames)
    expected = MOVIE[frames]
    assert movie.shape == expected.shape
    for index in (np.s_[:], np.s_[-1], np.s_[::2, 3:], np.s_[::-1]):
        np.testing.assert_array_equal(movie[index], expected[index])


@pytest.mark.parametrize(
    "frames", [slice(0, 12), slice(5, 5), slice(20, None), slice(-12, None), slice(None, None, -1), slice(0, 5, 0)]
)
def test_frames_that_are_not_there_are_refused(movie_files: dict[str, Path], frames: slice) -> None:
    with pytest.raises(ValueError, match=r"c.npy has 11 frames, so slice\(.*\) is out of bounds, empty or backward"):
        open_movie(movie_files["c.npy"], frames=frames)


@pytest.mark.parametrize(
    ("package", "name"), [("tifffile", "plain.tif"), ("h5py", "plain.h5"), ("imagecodecs", "lzw.tif")]
)
def test_a_package_that_is_missing_is_named(movie_files: dict[str, Path], package: str, name: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from anscombe_transform.movies.opening import open_movie"
    command: list[str | Path] = [sys.executable, "-P", "-c", f"{code}; open_movie(sys.argv[1])", movie_files[name]]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    expected = f"{name} needs {package}: pip install 'anscombe-transform[cli]'"
    assert expected in finished.stderr
    assert "ModuleNotFoundError" in finished.stderr.splitlines()[-1]


def test_nothing_but_zarr_is_imported_to_open_an_array(movie_files: dict[str, Path]) -> None:
    code = (
        "import sys; from anscombe_transform.movies.opening import open_movie; open_movie(sys.argv[1])[0]; "
        "print({'tifffile', 'h5py', 'imagecodecs', 'dask'} & set(sys.modules))"
    )
    command: list[str | Path] = [sys.executable, "-P", "-c", code, movie_files["c.npy"]]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT)
    assert printed.stdout.strip() == "set()"


@pytest.mark.parametrize("path", [b"movie.npy", 3, zarr.create_group({})], ids=lambda path: type(path).__name__)
def test_what_names_no_recording_is_refused(path: Any) -> None:
    with pytest.raises(TypeError, match=rf"path is a {type(path).__name__}, but must be a path, a URL, a st"):
        open_movie(path)
