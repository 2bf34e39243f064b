"""Movies that are compressed into Zarr arrays: files and arrays of every kind, and what is stored of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference
import tifffile
import zarr
from compressed_movies import GIVEN, MOVIE, G, Movie, Z, is_stored, opened
from fresh_process import read_in_a_fresh_process
from stored import contents, memory_url
from strategies import REAL_DTYPES

from anscombe_transform import compress


def frames(stop: int) -> dict[str, int]:
    """Return what the attributes tell of frames from the first one on."""
    return {"start": 0, "stop": stop, "step": 1}


FILES: dict[str, Callable[[Path, Movie], object]] = {
    "movie.npy": np.save,
    "movie.npz": lambda path, movie: np.savez_compressed(path, movie=movie),
    "movie.tif": lambda path, movie: tifffile.imwrite(path, movie, photometric="minisblack"),
    "in.zarr": lambda path, movie: zarr.create_array(path, data=movie, chunks=(3, 64, 64)),
    "in.v2.zarr": lambda path, movie: zarr.create_array(path, data=movie, chunks=(3, 64, 64), zarr_format=2),
}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("file", FILES)
def test_files_of_every_kind_are_compressed(tmp_path: Path, file: str, zarr_format: Any) -> None:
    FILES[file](tmp_path / file, MOVIE)
    compress(tmp_path / file, tmp_path / "out.zarr", zarr_format=zarr_format)
    is_stored(MOVIE, tmp_path / "out.zarr")
    story: Any = opened(tmp_path / "out.zarr").attrs["anscombe_transform"]
    key = {"movie.npz": "movie"}.get(file)
    assert story["input"] == {"shape": [40, 64, 64], "dtype": "int16", "name": file, "key": key, "frames": frames(40)}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("kind", ["numpy", "memmap", "zarr", "view"])
def test_arrays_of_every_kind_are_compressed_locally_and_in_memory(tmp_path: Path, kind: str, zarr_format: Any) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    movies: dict[str, Any] = {
        "numpy": MOVIE,
        "memmap": np.load(tmp_path / "movie.npy", mmap_mode="r"),
        "zarr": zarr.create_array({}, data=MOVIE, chunks=(7, 32, 64)),
        "view": np.asfortranarray(np.repeat(MOVIE, 2, axis=1))[:, ::2],
    }
    for place in (tmp_path / "out.zarr", memory_url()):
        compress(movies[kind], place, zarr_format=zarr_format)
        is_stored(MOVIE, place)


def test_files_are_compressed_in_memory_and_from_there(tmp_path: Path) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    first, second = memory_url(), memory_url()
    compress(tmp_path / "movie.npy", first, **GIVEN)
    is_stored(MOVIE, first)
    compress(first, second, **GIVEN)
    assert contents(second).keys() == contents(first).keys()
    np.testing.assert_array_equal(opened(second)[...], opened(first)[...])


@pytest.mark.parametrize("dtype", [*REAL_DTYPES, ">i2", ">u4", ">f4", ">f8"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_movies_of_every_dtype_are_compressed(tmp_path: Path, dtype: str, zarr_format: Any) -> None:
    movie = (MOVIE // 32).clip(0, 127).astype(dtype)
    if movie.dtype.kind == "f":
        movie += 0.25
    result = compress(movie, tmp_path / "a", zero_level=3, conversion_gain=1.25, zarr_format=zarr_format)
    assert result.dtype == movie.dtype.name
    is_stored(movie, tmp_path / "a")


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("shape", [(1, 64, 64), (7, 64, 64), (40, 1, 1), (1, 1, 1), (3, 5, 61)])
def test_movies_of_any_shape_are_compressed(tmp_path: Path, shape: tuple[int, int, int], zarr_format: Any) -> None:
    """Also with chunks that do not divide the shape."""
    movie = MOVIE[: shape[0], : shape[1], : shape[2]]
    sizes: list[Any] = [3, (4, 13, 30), (100, 100, 100)]
    for number, chunks in enumerate(sizes):
        place = tmp_path / str(number)
        result = compress(movie, place, **GIVEN, chunks=chunks, zarr_format=zarr_format)
        is_stored(movie, place)
        assert result.comparison is not None
        assert result.comparison.count == movie.size


def test_a_movie_that_is_all_dark_comes_back(tmp_path: Path) -> None:
    movie = np.zeros((5, 8, 8), "int16")
    result = compress(movie, tmp_path / "a", **GIVEN)
    np.testing.assert_array_equal(opened(tmp_path / "a")[...], movie)
    assert result.size / result.stored_size == result.ratio


@pytest.mark.parametrize(
    "frames", [slice(5, 25), slice(None, None, 2), slice(-10, None), slice(3, 4)], ids=lambda frames: str(frames)
)
def test_some_frames_of_a_file_are_compressed(tmp_path: Path, frames: slice) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    compress(tmp_path / "movie.npy", tmp_path / "a", frames=frames, **GIVEN)
    is_stored(MOVIE[frames], tmp_path / "a")


def test_a_key_chooses_one_of_several_arrays_and_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "movies.npz", one=MOVIE, two=MOVIE[:20] + np.int16(5))
    compress(tmp_path / "movies.npz", tmp_path / "a", key="two", **GIVEN)
    is_stored(MOVIE[:20] + np.int16(5), tmp_path / "a")
    story: Any = opened(tmp_path / "a").attrs["anscombe_transform"]
    assert story["input"] == {
        "shape": [20, 64, 64],
        "dtype": "int16",
        "name": "movies.npz",
        "key": "two",
        "frames": frames(20),
    }


def test_files_that_follow_each_other_are_one_movie(tmp_path: Path) -> None:
    parts = [tmp_path / "a_1.tif", tmp_path / "a_2.tif"]
    for part, frames in zip(parts, (MOVIE[:15], MOVIE[15:]), strict=True):
        tifffile.imwrite(part, frames, photometric="minisblack")
    compress(parts, tmp_path / "a", **GIVEN)
    is_stored(MOVIE, tmp_path / "a")


def test_a_process_that_never_imports_the_package_reads_what_was_compressed(tmp_path: Path) -> None:
    options: list[dict[str, Any]] = [{"zarr_format": 2}, {}, {"chunks": 4, "shards": 8, "compressor": "blosc-zstd"}]
    places = [tmp_path / str(number) for number in range(3)]
    for place, chosen in zip(places, options, strict=True):
        compress(MOVIE, place, **GIVEN, **chosen)
    (tmp_path / "results").mkdir()
    for read, place in zip(read_in_a_fresh_process(tmp_path / "results", *places), places, strict=True):
        np.testing.assert_array_equal(read, opened(place)[...])


def test_the_result_tells_what_is_in_the_store(tmp_path: Path) -> None:
    result = compress(MOVIE, tmp_path / "a", **GIVEN, chunks=8)
    read = np.asarray(opened(tmp_path / "a")[...])
    assert result.output == str(tmp_path / "a")
    assert (result.shape, result.dtype, result.chunks, result.shards) == (MOVIE.shape, "int16", (8, 64, 64), None)
    assert result.size == MOVIE.nbytes
    assert result.stored_size == sum(map(len, contents(tmp_path / "a").values()))
    assert result.ratio == MOVIE.nbytes / result.stored_size
    assert not result.dry_run
    error = (read.astype("float64") - MOVIE) / reference.noise(np.maximum(MOVIE, Z), Z, G)
    assert result.comparison is not None
    assert result.comparison.count == MOVIE.size
    assert result.comparison.clamped == 0
    assert result.comparison.largest_error == pytest.approx(np.abs(error).max(), rel=1e-4)
    assert result.comparison.added_noise == pytest.approx((error**2).mean(), rel=1e-4)
    assert json.loads(json.dumps(result.to_dict()))["added_noise"] == result.comparison.added_noise
    assert f"{result.ratio:.2f}" in dict(result.table())["Stored"]


@pytest.mark.parametrize("out_of_range", [None, "clamp"])
def test_float_codes_keep_nan(tmp_path: Path, out_of_range: Any) -> None:
    movie = MOVIE.astype("float32")
    movie[3, 4, 5:9] = np.nan
    compress(movie, tmp_path / "a", **GIVEN, encoded_dtype="float32", out_of_range=out_of_range)
    np.testing.assert_allclose(np.asarray(opened(tmp_path / "a")[...]), movie, rtol=1e-5)
