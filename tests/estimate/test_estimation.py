"""Movies in any memory, dtype or store, shifted and scaled: their estimates agree."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from estimates import FRAMES, HEIGHT, MOVIE, WIDTH, Array, assert_same, estimate_as, few_examples, numbers
from hypothesis import given
from hypothesis import strategies as st
from strategies import logarithmic

from anscombe_transform import ParameterEstimate, estimate_parameters


def fortran_ordered(movie: Array) -> Array:
    return np.asfortranarray(movie)


def time_last_in_memory(movie: Array) -> Array:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(movie, 0, -1)), -1, 0)


def strided(movie: Array) -> Array:
    frames, height, width = movie.shape
    larger = np.full((2 * frames, 3 * height, width + 9), -1, movie.dtype)
    larger[::2, ::3, 4:-5] = movie
    return larger[::2, ::3, 4:-5]


def reversed_in_memory(movie: Array) -> Array:
    return np.ascontiguousarray(movie[::-1, ::-1, ::-1])[::-1, ::-1, ::-1]


def byte_swapped(movie: Array) -> Array:
    return movie.astype(movie.dtype.newbyteorder())


def read_only(movie: Array) -> Array:
    copy = movie.copy()
    copy.flags.writeable = False
    return copy


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize(
    "laid_out", [fortran_ordered, time_last_in_memory, strided, reversed_in_memory, byte_swapped, read_only]
)
def test_the_estimate_does_not_depend_on_how_the_movie_lies_in_memory(laid_out: Any, dtype: str) -> None:
    movie = MOVIE.astype(dtype)
    given = laid_out(movie)
    assert_same(estimate_parameters(given), estimate_as(dtype))
    np.testing.assert_array_equal(given, movie)


def test_a_file_that_is_mapped_into_memory_gives_the_same_estimate(tmp_path: Path, estimate: ParameterEstimate) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    mapped = np.load(tmp_path / "movie.npy", mmap_mode="r")
    assert numbers(estimate_parameters(mapped)) == numbers(estimate)


def test_nested_lists_give_the_same_estimate(estimate: ParameterEstimate) -> None:
    assert_same(estimate_parameters(MOVIE.tolist()), estimate)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"])
def test_the_estimate_does_not_depend_on_the_dtype_of_the_values(dtype: str, estimate: ParameterEstimate) -> None:
    other = estimate_as(dtype)
    assert_same(other, estimate)
    assert other.dtype == dtype


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("chunks", [(1, HEIGHT, WIDTH), (7, 20, WIDTH), (FRAMES, 16, 16), (FRAMES, HEIGHT, WIDTH)])
def test_a_zarr_array_gives_the_same_estimate_whatever_its_chunks(
    zarr_format: Any, chunks: tuple[int, ...], estimate: ParameterEstimate
) -> None:
    array = zarr.create_array({}, shape=MOVIE.shape, chunks=chunks, dtype=MOVIE.dtype, zarr_format=zarr_format)
    array[...] = MOVIE
    assert numbers(estimate_parameters(array)) == numbers(estimate)


@given(st.integers(-(10**6), 10**6), st.sampled_from(["int64", "float64"]))
@few_examples
def test_adding_a_constant_moves_the_zero_level_and_nothing_else(constant: int, dtype: str) -> None:
    before = estimate_as(dtype)
    after = estimate_parameters(MOVIE.astype(dtype) + constant)
    assert abs(after.conversion_gain - before.conversion_gain) < 0.1 * before.conversion_gain_error
    assert abs(after.zero_level - before.zero_level - constant) < 0.1 * before.zero_level_error
    assert (after.lowest, after.highest) == (before.lowest + constant, before.highest + constant)


@given(st.one_of(st.integers(2, 1000).map(float), logarithmic(1e-6, 1e6)))
@few_examples
def test_scaling_the_movie_scales_the_estimate(factor: float) -> None:
    before = estimate_as("float64")
    after = estimate_parameters(MOVIE * factor)
    assert abs(after.conversion_gain / factor - before.conversion_gain) < 0.1 * before.conversion_gain_error
    assert abs(after.zero_level / factor - before.zero_level) < 0.1 * before.zero_level_error
    assert after.conversion_gain_error / factor == pytest.approx(before.conversion_gain_error, rel=0.05)


def test_rows_and_columns_are_alike(estimate: ParameterEstimate) -> None:
    transposed = estimate_parameters(MOVIE.transpose(0, 2, 1))
    assert abs(transposed.conversion_gain - estimate.conversion_gain) < 2 * estimate.conversion_gain_error
    assert abs(transposed.zero_level - estimate.zero_level) < 2 * estimate.zero_level_error
