"""Movies of which the smallest values were cut off: at 0, where an offset was subtracted, or at any other floor."""

import numpy as np
import pytest
from estimates import DETECTOR, Array, active_cells
from hypothesis import given, settings
from hypothesis import strategies as st

from anscombe_transform import ParameterEstimate, estimate_parameters
from anscombe_transform.simulate import Detector, Scene, simulate_movie

GAIN, ZERO = DETECTOR.noise_line


def says_that_noise_is_cut_off(estimate: ParameterEstimate) -> bool:
    return any("noise is cut off there" in sentence for sentence in (*estimate.warnings, estimate.unusable or ""))


@given(
    share=st.floats(0.02, 0.5),
    floor=st.sampled_from([0, 17, -300]),
    dtype=st.sampled_from(["int16", "float32"]),
    seed=st.integers(0, 3),
)
@settings(max_examples=5)
def test_dark_bins_that_are_cut_off_are_not_part_of_the_line(share: float, floor: int, dtype: str, seed: int) -> None:
    movie = active_cells(seed, 80)
    cut = np.quantile(movie, share).astype(int)
    estimate = estimate_parameters((np.maximum(movie, cut) - cut + floor).astype(dtype))
    assert says_that_noise_is_cut_off(estimate)
    if estimate.unusable is None:
        assert estimate.conversion_gain == pytest.approx(GAIN, abs=6 * estimate.conversion_gain_error)
        assert estimate.conversion_gain == pytest.approx(GAIN, rel=0.1)
        assert estimate.zero_level == pytest.approx(ZERO - cut + floor, abs=6 * estimate.zero_level_error)
        curve = estimate.photon_transfer_curve
        assert not curve.used[0]
        assert curve.used[-5:].all()


def test_values_below_a_threshold_that_became_0_are_not_part_of_the_line() -> None:
    movie = active_cells()
    threshold = np.quantile(movie, 0.3)
    estimate = estimate_parameters(np.where(movie < threshold, 0, movie))
    assert says_that_noise_is_cut_off(estimate)
    assert estimate.unusable is not None or estimate.conversion_gain == pytest.approx(GAIN, rel=0.15)


def test_a_movie_that_is_cut_off_almost_everywhere_must_not_be_used() -> None:
    dim = simulate_movie((60, 96, 96), Scene(background=(0.3, 1), cells=(0.5, 2), activity=1), DETECTOR)
    estimate = estimate_parameters(np.maximum(dim, np.quantile(dim, 0.6)))
    assert says_that_noise_is_cut_off(estimate)
    assert estimate.unusable is not None


COUNTED: dict[str, Array] = {
    "photons that are counted": simulate_movie((60, 96, 96), Scene(), Detector(0, 1, 0, dtype="uint16")),
    "few photons that are counted": simulate_movie((90, 96, 96), Scene((0.02, 0.2), (0.2, 2)), Detector(0, 1, 0)),
    "photons of 40 ADU each": simulate_movie((60, 96, 96), Scene(), Detector(100, 40, 0)),
    "pulses of different height": simulate_movie((60, 96, 96), Scene(), Detector(0, 40, 0, 0.3, dtype="float32")),
    "read noise smaller than a step": simulate_movie((60, 96, 96), Scene(), Detector(100, 4, 0.3)),
}


@pytest.mark.parametrize("name", COUNTED)
def test_no_photon_is_not_taken_for_a_value_that_was_cut_off(name: str) -> None:
    estimate = estimate_parameters(COUNTED[name])
    assert estimate.warnings == ()
    assert estimate.unusable is None
