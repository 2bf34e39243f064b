"""Pixels that never change, as registration and blanking leave them at the edges of the image."""

from functools import cache

import numpy as np
import pytest

from anscombe_transform import ParameterEstimate, estimate_parameters
from anscombe_transform.simulate import Detector, Scene, simulate_movie

MOVIE = simulate_movie((100, 96, 96), Scene(), Detector(zero_level=100, conversion_gain=40))


@cache
def alone() -> ParameterEstimate:
    return estimate_parameters(MOVIE)


@pytest.mark.parametrize("value", [-1, 0, 100])
@pytest.mark.parametrize("width", [1, *(pytest.param(width, marks=pytest.mark.slow) for width in (2, 3, 8)), 4])
def test_a_constant_border_of_any_width_does_not_change_the_estimate(value: int, width: int) -> None:
    for border in (np.s_[:, :width], np.s_[:, :, -width:]):
        framed = MOVIE.copy()
        framed[border] = value
        estimate = estimate_parameters(framed)
        assert estimate.conversion_gain == pytest.approx(alone().conversion_gain, rel=0.02)
        assert estimate.zero_level == pytest.approx(alone().zero_level, abs=2)
        assert estimate.unusable is None
