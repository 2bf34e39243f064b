"""Where a photon transfer curve departs from a line, and how much noise alone makes the gain uncertain."""

import numpy as np
import pytest
from estimates import active_cells, estimate_as
from hypothesis import given
from hypothesis import strategies as st

from anscombe_transform import estimate_parameters
from anscombe_transform.estimate.curve import PhotonTransferCurve
from anscombe_transform.estimate.deviation import departures, least_error, rise, usual_deviation

GAIN, ZERO = 40.0, 100.0


def curve_with(deviation: list[float], count: int = 100_000) -> PhotonTransferCurve:
    """Return a curve whose variance is off the line by these shares of it."""
    intensity = ZERO + GAIN * np.linspace(5, 50, len(deviation))
    variance = GAIN * (intensity - ZERO) * (1 + np.array(deviation))
    bins = len(deviation)
    return PhotonTransferCurve(intensity, variance, np.full(bins, count), np.ones(bins, np.bool_))


@given(st.lists(st.sampled_from([-0.2, -0.03, 0.0, 0.02, 0.1, 0.3]), min_size=3, max_size=20))
def test_departures_are_the_bins_off_the_line_and_no_others(deviation: list[float]) -> None:
    curve = curve_with(deviation)
    found = departures(curve, GAIN, ZERO)
    off = np.abs(deviation) > 0.05
    assert sum(departure.share for departure in found) == pytest.approx(off.mean())
    for departure in found:
        inside = (curve.intensity >= departure.lowest) & (curve.intensity <= departure.highest)
        assert off[inside].all()
        values = np.array(deviation)[inside]
        assert (departure.least, departure.most) == pytest.approx((values.min(), values.max()))
        assert (np.sign(values) == np.sign(values[0])).all()
        assert departure.in_the_dark == inside[0]
        assert departure.in_the_bright == inside[-1]


@pytest.mark.parametrize(
    ("deviation", "words"),
    [
        ([0.1, 0.2, 0, 0, 0], "10 to 20 % above the line up to 750 ADU"),
        ([0, 0, 0, -0.3, -0.3], "30 % below the line from 1,650 ADU on"),
        ([0, 0.07, 0.09, 0, 0], "7 to 9 % above the line from 750 to 1,200 ADU"),
        ([-0.5, -0.4, -0.5, -0.5, -0.5], "40 to 50 % below the line everywhere"),
    ],
)
def test_a_departure_is_said_in_words(deviation: list[float], words: str) -> None:
    (departure,) = departures(curve_with(deviation), GAIN, ZERO)
    assert str(departure) == words


def test_deviations_that_chance_explains_are_no_departures() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        curve = curve_with((random.normal(0, 2 / np.sqrt(400), 40)).tolist(), 400)
        assert departures(curve, GAIN, ZERO) == []


def test_bins_that_are_not_used_are_not_looked_at() -> None:
    curve = curve_with([0, 0, 0, 0.5])
    curve.used[-1] = False
    assert departures(curve, GAIN, ZERO) == []
    assert usual_deviation(curve, GAIN, ZERO) == 0


def test_the_usual_deviation_is_that_of_all_but_5_percent_of_the_samples() -> None:
    deviation = np.linspace(0, 0.4, 41)
    assert usual_deviation(curve_with(deviation.tolist()), GAIN, ZERO) == pytest.approx(0.38, abs=0.011)


def test_the_rise_is_from_the_darkest_to_the_brightest_samples() -> None:
    assert rise(curve_with([0.0] * 1000), GAIN, ZERO) == pytest.approx(10, rel=0.05)
    assert rise(curve_with([0.0] * 10), GAIN, ZERO - 1e6) == pytest.approx(1, abs=0.01)


def test_noise_explains_the_errors_of_raw_movies() -> None:
    for estimate in (estimate_as("int16"), estimate_parameters(active_cells())):
        curve = estimate.photon_transfer_curve
        explained = least_error(curve, estimate.conversion_gain, estimate.zero_level)
        assert 0.5 < estimate.conversion_gain_error / estimate.conversion_gain / explained < 2
