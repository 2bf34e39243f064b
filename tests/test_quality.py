"""The noise that is left after the transform, against theory."""

import numpy as np
import pytest
import reference
from estimates import GAIN, ZERO, Array

from anscombe_transform.quality import measure_stabilized_noise

BRIGHT = (30.0, 300.0)
"""Photons in the movies whose noise is measured after the transform."""


@pytest.fixture(scope="module")
def bright_movie() -> Array:
    photons = np.random.default_rng(0).poisson(np.linspace(*BRIGHT, 96), (100, 64, 96))
    return (ZERO + GAIN * photons).astype("float32")


@pytest.mark.parametrize(
    ("zero_level", "conversion_gain"), [(ZERO, GAIN), (ZERO, 2 * GAIN), (ZERO, GAIN / 3), (20, GAIN), (180, GAIN)]
)
def test_stabilized_noise_is_what_theory_predicts(
    bright_movie: Array, zero_level: float, conversion_gain: float
) -> None:
    """For the right parameters, it is 1."""
    intensity, noise = measure_stabilized_noise(
        bright_movie, zero_level=zero_level, conversion_gain=conversion_gain, bins=6
    )
    assert len(intensity) == 6
    assert ZERO + GAIN * BRIGHT[0] < intensity[0] < intensity[-1] < ZERO + GAIN * BRIGHT[1]
    noise_before = np.sqrt(GAIN * (intensity - ZERO))
    slope = 1 / reference.noise(intensity, zero_level, conversion_gain)
    np.testing.assert_allclose(noise, noise_before * slope, rtol=0.03)
    if (zero_level, conversion_gain) == (ZERO, GAIN):
        np.testing.assert_allclose(noise, 1, rtol=0.02)
