"""The estimate by its name of anscombe-transform 1.0.0."""

from pathlib import Path

import numpy as np
import pytest
from estimates import MOVIE, SATURATED_CURVE, estimate_of

from anscombe_transform import ParameterEstimate
from anscombe_transform.estimate.legacy import compute_conversion_gain


def test_code_for_1_0_0_finds_the_names_that_it_knows(
    estimate: ParameterEstimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compute_conversion_gain(MOVIE)
    assert found["conversion_gain"] == estimate.conversion_gain
    assert found["zero_level"] == estimate.zero_level
    made_up = estimate_of(SATURATED_CURVE)
    monkeypatch.setattr("anscombe_transform.estimate.legacy.estimate_parameters", lambda movie: made_up)
    assert {name: np.asarray(value).tolist() for name, value in compute_conversion_gain(MOVIE).items()} == {
        "conversion_gain": made_up.conversion_gain,
        "zero_level": made_up.zero_level,
        "min_intensity": 110.0,
        "max_intensity": 200.0,
        "intensity": [110.0, 150.0, 200.0],
        "variance": [52.0, 249.0, 500.0],
        "counts": [900, 800, 700],
    }


def test_code_for_1_0_0_is_warned_that_its_weights_have_no_effect(estimate: ParameterEstimate) -> None:
    with pytest.warns(UserWarning, match=r"^count_weight_gamma=0.5 has no effect") as caught:
        found = compute_conversion_gain(MOVIE, 0.5)
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]
    assert found["conversion_gain"] == estimate.conversion_gain


def test_code_for_1_0_0_is_warned_of_numbers_that_must_not_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = estimate_of(SATURATED_CURVE, unusable="the movie was smoothed")
    monkeypatch.setattr("anscombe_transform.estimate.legacy.estimate_parameters", lambda movie: made_up)
    with pytest.warns(UserWarning, match="^the numbers must not be used: the movie was smoothed"):
        compute_conversion_gain(MOVIE)
