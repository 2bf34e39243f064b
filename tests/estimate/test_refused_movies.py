"""Movies that an estimate cannot be made of, and what their errors say is missing."""

import re
from typing import Any

import numpy as np
import pytest
from estimates import GAIN, MOVIE, WIDTH, ZERO, Array, Recorder, numbers
from hypothesis import given, settings
from hypothesis import strategies as st

from anscombe_transform import estimate_parameters


def uniform(photons: float, shape: tuple[int, int, int]) -> Array:
    return ZERO + GAIN * np.random.default_rng(0).poisson(photons, shape)


@pytest.mark.parametrize(
    ("movie", "message"),
    [
        (MOVIE[0], r"shape \(48, 64\).*three axes, \(time, y, x\)"),
        (MOVIE[None], r"shape \(1, 60, 48, 64\).*three axes.*choose one channel"),
        (np.float64(3), r"shape \(\).*three axes"),
        ([], "three axes"),
        (MOVIE[:1], r"shape \(1, 48, 64\).*give at least 2 frames"),
        (MOVIE[:0], r"shape \(0, 48, 64\), which holds no values"),
        (MOVIE[:, :4], r"shape \(60, 4, 64\).*frames of at least 5 by 5 pixels"),
        (MOVIE[:, :, :4], r"shape \(60, 48, 4\).*frames of at least 5 by 5 pixels"),
        (MOVIE[:, :0], r"shape \(60, 0, 64\), which holds no values"),
        (np.full((9, 9, 9), np.nan), "no values in the frames that were read, only NaN and infinite ones"),
        (np.full((9, 9, 9), -np.inf), "no values in the frames that were read, only NaN and infinite ones"),
        (np.full((9, 9, 9), 7), "no noise: consecutive frames are the same everywhere; give raw frames"),
        (np.repeat(MOVIE[:1], 9, axis=0), "no noise: consecutive frames are the same everywhere; give raw frames"),
        (uniform(20, (30, 64, 64)), "too little range of brightness.*give more frames, or a scene with dark and"),
        (uniform(20, (30, 12, 12)), "too little range of brightness|bins of intensity.*give more frames"),
        (uniform(20, (2, 64, 64)), "too little range of brightness|bins of intensity.*give more frames"),
        (np.random.default_rng(0).normal(0, 9, (30, 64, 64)), "too little range of brightness"),
        (
            np.sqrt(GAIN * (MOVIE - ZERO) + 3 / 8 * GAIN**2),
            "noise that does not follow from brightness: .*give raw values",
        ),
        (GAIN * 60 - MOVIE, r"noise that falls with intensity, by [\d.]+ ADU: give raw values"),
        (np.full((30, 64, 64), 65535, "uint16"), "no noise"),
        (MOVIE[:2, :5, :5], "bins of intensity of the 3 that a line needs.*give more frames that"),
        (MOVIE[:, :5, :5], "bins of intensity of the 3 that a line needs|too little range"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_movie_without_an_estimate_is_refused(movie: Any, message: str) -> None:
    """The error says what is missing."""
    with pytest.raises(ValueError, match=f"^movie .*{message}"):
        estimate_parameters(movie)


def test_an_overexposed_movie_gets_an_error_that_says_so() -> None:
    light = np.linspace(200, 900, WIDTH)
    overexposed = np.random.default_rng(0).poisson(light, MOVIE.shape).clip(0, 202).astype("uint8")
    with pytest.raises(ValueError, match=r"^movie has no pixel that tells.*hot or saturated, at 202 ADU.*less light"):
        estimate_parameters(overexposed)


def test_a_masked_movie_is_refused() -> None:
    with pytest.raises(
        TypeError, match=r"^movie is masked, and masks are not supported: fill it with a value, or crop it"
    ):
        estimate_parameters(np.ma.masked_greater(MOVIE, 300))


@pytest.mark.parametrize("dtype", [bool, "complex64", "complex128", object, "U3", "S3", "datetime64[s]"])
def test_values_that_are_no_real_numbers_are_refused_before_any_is_read(dtype: Any) -> None:
    movie = Recorder(np.zeros((9, 9, 9), dtype))
    name = "Python objects" if dtype is object else re.escape(str(np.dtype(dtype)))
    with pytest.raises(TypeError, match=f"^movie is of {name}, but must be of integers or floats of at most 64 bits"):
        estimate_parameters(movie)
    assert movie.requests == []


@pytest.mark.parametrize("max_frames", [1, 0, -3])
def test_less_than_two_frames_to_read_are_refused(max_frames: int) -> None:
    with pytest.raises(ValueError, match=f"^max_frames must be at least 2, not {max_frames}"):
        estimate_parameters(MOVIE, max_frames=max_frames)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(2, 100), st.integers(5, 15), st.integers(5, 15)),
    brightest=st.sampled_from([0, 2, 20]),
    dtype=st.sampled_from(["int16", "uint8", "float32", "float64"]),
    saturation=st.one_of(st.none(), st.floats(0.5, 1)),
    hot=st.sampled_from([0, 1000]),
)
@settings(max_examples=40)
def test_small_movies_have_a_finite_estimate_or_a_clear_error(
    seed: int, shape: tuple[int, int, int], brightest: int, dtype: str, saturation: float | None, hot: int
) -> None:
    random = np.random.default_rng(seed)
    movie = 10 + 2 * random.poisson(random.uniform(0, brightest, shape[1:]), shape)
    movie[:, shape[1] // 2, shape[2] // 2] += hot
    largest = np.quantile(movie, saturation) if saturation else 255
    movie = movie.clip(0, largest).astype(dtype)
    try:
        estimate = estimate_parameters(movie)
    except ValueError as error:
        refusal = str(error)
    else:
        assert np.isfinite(numbers(estimate)).all()
        assert estimate.conversion_gain > 0
        return
    assert refusal.startswith("movie ")


def test_too_few_tiles_to_tell_errors_are_refused() -> None:
    light = np.linspace(2, 60, 8) * np.ones((500, 5, 1))
    movie = ZERO + GAIN * np.random.default_rng(0).poisson(light)[:, :, :7]
    with pytest.raises(ValueError, match=r"^movie has samples in 3 tiles of the image, and standard errors need 4"):
        estimate_parameters(movie)
