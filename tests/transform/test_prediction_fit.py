"""Weights that are fitted to codes, and what they leave of them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from anscombe_transform import Predictor, encode, fit_predictor
from anscombe_transform.transform.prediction import PREDICTED_DTYPES

Array = npt.NDArray[Any]


def entropy(values: Array) -> float:
    """Return the bits per value that a compressor needs that looks at each alone."""
    shares = np.unique(values, return_counts=True)[1] / values.size
    return float(-(shares * np.log2(shares)).sum())


def simulated_codes(brightness: float, speed: int, dtype: str = "uint8") -> Array:
    """Return codes of 100 frames of a scene of fine texture that moves by `speed` pixels per frame, with read noise."""
    random = np.random.default_rng(0)
    scene = np.exp(0.5 * random.standard_normal((64, 164)))
    photons = random.poisson(brightness * np.stack([scene[:, speed * t : speed * t + 64] for t in range(100)]))
    values = 100 + 40 * (photons + 0.5 * random.standard_normal(photons.shape))
    codes = encode(np.rint(values).astype("int32"), zero_level=100, conversion_gain=40, encoded_dtype="int16")
    return np.asarray(codes + np.iinfo(dtype).min - codes.min() + 3, dtype)


def residuals_of(codes: Array, predictor: Predictor, frames: int) -> Array:
    starts = range(0, len(codes), frames)
    return np.concatenate([predictor.residuals(codes[start : start + frames]) for start in starts])


@pytest.mark.parametrize("frames", [1, 10, 50])
@pytest.mark.parametrize("brightness", [0.1, 1, 50, 500])
@pytest.mark.parametrize("speed", [0, 1])
def test_fitted_weights_never_make_codes_with_read_noise_larger(frames: int, brightness: float, speed: int) -> None:
    """Whether the scene stands still or moves, fine as its texture is; only the very first row may become larger."""
    codes = simulated_codes(brightness, speed)
    residuals = residuals_of(codes, fit_predictor(codes, frames), frames)
    assert entropy(residuals) <= 1.01 * entropy(codes)


@pytest.mark.parametrize("dtype", PREDICTED_DTYPES)
def test_fitted_weights_leave_less_than_the_default_of_a_bright_scene_that_stands_still(dtype: str) -> None:
    """Whose fine texture the default blurs."""
    codes = simulated_codes(500, 0, dtype)
    fitted, default = (residuals_of(codes, one, 50) for one in (fit_predictor(codes, 50), Predictor()))
    assert entropy(fitted) < 0.8 * entropy(default) < entropy(codes)


def test_the_weights_of_a_process_that_has_them_are_found() -> None:
    """Each row is the one above moved by a pixel, and its frame the one before, so that a single weight is 1."""
    random = np.random.default_rng(0)
    still = np.broadcast_to(random.integers(0, 200, (40, 40), "uint8"), (20, 40, 40))
    assert np.argmax(fit_predictor(still).weights) == 4
    assert not Predictor(fit_predictor(still).weights).residuals(still)[1:].any()
    noise = random.integers(0, 200, 1040, "uint8")
    moved = np.stack([noise[40 - y : 1040 - y] for y in range(40)])[np.newaxis]
    found = fit_predictor(moved)
    assert np.argmax(found.first_weights) == 1
    assert found.residuals(moved)[0, 1:, 2:].max() <= 6


def test_what_the_codes_say_nothing_about_stays_as_it_is_by_default() -> None:
    codes = simulated_codes(10, 0)
    assert fit_predictor(codes, 1).weights == Predictor().weights
    assert fit_predictor(codes[:, :1]).first_weights == Predictor().first_weights
    for empty in (codes[:0], codes[:, :0], codes[:, :, :0]):
        assert fit_predictor(empty) == Predictor()


def test_planes_are_fitted_together() -> None:
    codes = simulated_codes(10, 0)
    assert fit_predictor(np.stack([codes, codes], axis=1), 50) == fit_predictor(codes, 50)


@pytest.mark.parametrize(
    ("codes", "frames", "message"),
    [
        (
            np.zeros((2, 3, 4), "int32"),
            1,
            "codes of dtype 'int32' cannot be predicted, only those of int8, uint8, int16, uint16",
        ),
        (np.zeros((2, 3, 4), "uint8"), 0, "frames must be at least 1, not 0"),
        (np.zeros((2, 3, 4), "complex64"), 1, "codes of dtype 'complex64'"),
        (np.ma.zeros((2, 3, 4), "uint8"), 1, "codes are masked"),
    ],
)
def test_what_cannot_be_fitted_is_refused(codes: Array, frames: int, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        fit_predictor(codes, frames)
