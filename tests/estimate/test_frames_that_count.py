"""Frames and values that do not count, which is told: constant and repeated frames, masks, NaN and infinite values."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from estimates import MOVIE, Array, Recorder, active_cells, assert_same, assert_true, estimate_as, few_examples
from hypothesis import given
from hypothesis import strategies as st

from anscombe_transform import ParameterEstimate, estimate_parameters
from anscombe_transform.estimate import gathering

FRAMES, HEIGHT, WIDTH = MOVIE.shape


def told(estimate: ParameterEstimate, words: str) -> str:
    """Return the only warning, which has these words in it."""
    (sentence,) = estimate.warnings
    assert words in sentence
    return sentence


@given(
    filling=st.sampled_from([0, 65535, 100, 171]),
    first=st.integers(0, FRAMES),
    number=st.integers(1, 80),
    dtype=st.sampled_from(["uint16", "int32", "float32"]),
)
@few_examples
def test_constant_frames_change_neither_estimate_nor_range(filling: int, first: int, number: int, dtype: str) -> None:
    """At the beginning, in the middle or at the end, filled with any number."""
    unwritten = np.full((number, HEIGHT, WIDTH), filling)
    estimate = estimate_parameters(np.concatenate([MOVIE[:first], unwritten, MOVIE[first:]]).astype(dtype))
    assert_true(estimate)
    assert (estimate.lowest, estimate.highest) == (float(MOVIE.min()), float(MOVIE.max()))
    told(estimate, f"{number} of the {FRAMES + number} frames that were read are constant")


def test_every_second_frame_may_be_constant() -> None:
    movie = active_cells().copy()
    movie[1::2] = 0
    estimate = estimate_parameters(movie)
    assert_same(estimate, with_frames(estimate_parameters(active_cells()[::2]), estimate.frames))
    told(estimate, "60 of the 120 frames that were read are constant")


def with_frames(estimate: ParameterEstimate, frames: int) -> ParameterEstimate:
    return replace(estimate, frames=frames)


@given(st.lists(st.integers(1, 4), min_size=FRAMES, max_size=FRAMES))
@few_examples
def test_repeated_frames_do_not_count_and_are_told(times: list[int]) -> None:
    """However often each is there."""
    estimate = estimate_parameters(np.repeat(MOVIE, times, axis=0))
    assert_same(estimate, with_frames(estimate_as("int16"), estimate.frames))
    repeated = sum(times) - FRAMES
    if repeated:
        told(estimate, f"{repeated} of the {sum(times)} frames that were read equal the one before")
    else:
        assert estimate.warnings == ()


@pytest.mark.parametrize(
    "dtype", ["int16", "uint64", *(pytest.param(name, marks=pytest.mark.slow) for name in ("uint16", "int32", "int64"))]
)
def test_the_largest_value_of_a_dtype_is_a_mask_where_it_stands_alone(dtype: str) -> None:
    largest = np.iinfo(dtype).max
    movie = MOVIE.astype(dtype)
    movie[:, 20:22] = movie[:, 5, 7] = movie[3, 40, 9] = largest
    estimate = estimate_parameters(movie)
    assert_true(estimate)
    assert (estimate.lowest, estimate.highest) == (float(MOVIE.min()), float(MOVIE.max()))
    assert estimate.codec().encoded_dtype == estimate_as(dtype).codec().encoded_dtype
    told(estimate, f"{2 * WIDTH + 2} pixels have the largest value of the dtype")


def test_the_largest_value_of_a_dtype_is_saturation_where_others_come_close() -> None:
    movie = (MOVIE - 90).clip(max=255).astype("uint8")
    estimate = estimate_parameters(movie)
    assert estimate.highest == 255
    assert estimate.warnings == ()


@given(
    border=st.tuples(*(st.integers(0, 9) for _ in range(4))),
    value=st.sampled_from([np.nan, np.inf, -np.inf]),
    frames=st.sampled_from([slice(None), slice(10, 30), slice(7, 8)]),
)
@few_examples
def test_pixels_without_a_value_in_some_frames_are_left_out(
    border: tuple[int, int, int, int], value: float, frames: slice
) -> None:
    top, bottom, left, right = border
    missing = np.ones((HEIGHT, WIDTH), np.bool_)
    missing[top : HEIGHT - bottom, left : WIDTH - right] = False
    movie = MOVIE.astype("float32")
    movie[frames, missing] = value
    estimate = estimate_parameters(movie)
    assert_true(estimate)
    if missing.any():
        told(estimate, f"{missing.sum()} pixels have NaN or infinite values")
    assert (estimate.lowest, estimate.highest) == (np.nanmin(finite(movie)), np.nanmax(finite(movie)))


def finite(movie: Array) -> Array:
    return np.where(np.isfinite(movie), movie, np.nan)


def test_a_frame_without_any_value_costs_no_others() -> None:
    movie = MOVIE.astype("float32")
    movie[20] = np.nan
    movie[40, 3:] = np.nan
    movie[:, :2] = np.nan
    estimate = estimate_parameters(movie)
    assert_true(estimate)
    assert estimate.photon_transfer_curve.count.sum() > 0.7 * estimate_as("float32").photon_transfer_curve.count.sum()


@pytest.mark.parametrize("max_frames", [None, 64])
def test_where_all_values_are_missing_somewhere_the_error_says_so(max_frames: int | None) -> None:
    movie = MOVIE.astype("float32")
    movie[np.arange(FRAMES), :, np.arange(FRAMES)] = np.nan
    movie[:4, :, 60:] = np.nan
    with pytest.raises(ValueError, match=r"^movie has no pixel that tells its noise: .*has no value"):
        estimate_parameters(movie, max_frames=max_frames)


def test_bands_of_a_movie_are_counted_as_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_BLOCK_SIZE", 1 << 15)
    movie: Any = np.concatenate([MOVIE, np.zeros_like(MOVIE[:7]), np.repeat(MOVIE[:1], 5, axis=0)])
    estimate = estimate_parameters(Recorder(movie, (len(movie), 16, WIDTH)))
    constant, repeated = estimate.warnings
    assert constant.startswith(f"7 of the {len(movie)} frames")
    assert repeated.startswith(f"4 of the {len(movie)} frames")
    assert_true(estimate)
