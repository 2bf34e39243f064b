"""Estimates as dictionaries, tables and pictures, and their photon transfer curves."""

import json
import re
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from estimates import FRAMES, GAIN, HEIGHT, MOVIE, SATURATED_CURVE, WIDTH, ZERO, estimate_as, estimate_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import logarithmic

from anscombe_transform import ParameterEstimate


def test_the_curve_has_the_bins_that_the_line_was_fitted_to(estimate: ParameterEstimate) -> None:
    curve = estimate.photon_transfer_curve
    assert (np.diff(curve.intensity) > 0).all()
    assert (curve.count > 0).all()
    assert curve.count.sum() <= (FRAMES - 1) * (HEIGHT - 4) * (WIDTH - 4)
    assert curve.count.sum() > 0.9 * (FRAMES - 1) * (HEIGHT - 4) * (WIDTH - 4)
    assert MOVIE.min() <= curve.intensity.min() < curve.intensity.max() <= MOVIE.max()
    expected = GAIN * (curve.intensity - ZERO)
    error = expected * np.sqrt(4 / curve.count)  # residuals share pixels, so they are fewer than they seem
    assert (np.abs(curve.variance - expected)[curve.used] < 5 * error[curve.used]).all()


@pytest.mark.parametrize("dtype", ["int16", ">i2", "float32"])
def test_as_a_dictionary_it_is_ready_for_json_and_complete(dtype: str) -> None:
    estimate = estimate_as(dtype)
    curve = estimate.photon_transfer_curve
    assert json.loads(json.dumps(estimate.to_dict(), allow_nan=False)) == {
        "conversion_gain": estimate.conversion_gain,
        "conversion_gain_error": estimate.conversion_gain_error,
        "zero_level": estimate.zero_level,
        "zero_level_error": estimate.zero_level_error,
        "encoded_dtype": estimate.codec().encoded_dtype,
        "lowest": MOVIE.min(),
        "highest": MOVIE.max(),
        "dtype": np.dtype(dtype).name,
        "frames": FRAMES,
        "warnings": [],
        "unusable": None,
        "photon_transfer_curve": {
            "intensity": list(curve.intensity),
            "variance": list(curve.variance),
            "count": list(curve.count),
            "used": list(curve.used),
        },
    }


def test_in_a_notebook_it_shows_as_a_table_of_its_values_with_errors(estimate: ParameterEstimate) -> None:
    html = estimate._repr_html_()
    assert html.count("<tr>") == html.count("</tr>") == len(estimate.table())
    gain, zero, *others = re.findall(r"<td>([^<]*)</td>", html)
    for text, value, error in (
        (gain, estimate.conversion_gain, estimate.conversion_gain_error),
        (zero, estimate.zero_level, estimate.zero_level_error),
    ):
        shown_value, shown_error = (float(number) for number in re.findall(r"-?[\d.]+", text))
        assert shown_value == pytest.approx(value, abs=0.05 * error)
        assert shown_error == pytest.approx(error, rel=0.05)
    assert gain.endswith("ADU per photon")
    assert zero.endswith("ADU")
    text = " ".join(others)
    for expected in (f"{MOVIE.min()} to {MOVIE.max()} ADU", "int16", str(FRAMES), estimate.codec().encoded_dtype):
        assert expected in text


def test_what_is_wrong_shows_wherever_the_values_do() -> None:
    made_up: dict[str, Any] = {
        "warnings": ("some pixels < 0 are odd", "others too"),
        "unusable": "the movie was smoothed",
    }
    estimate = estimate_of(**made_up)
    assert {name: estimate.to_dict()[name] for name in made_up} == {**made_up, "warnings": list(made_up["warnings"])}
    assert estimate.table()[-3:] == [
        ("Not to be used", "the movie was smoothed"),
        ("Warning", "some pixels < 0 are odd"),
        ("Warning", "others too"),
    ]
    assert "some pixels &lt; 0 are odd" in estimate._repr_html_()


def test_an_estimate_that_must_not_be_used_makes_no_codec() -> None:
    with pytest.raises(
        ValueError, match=r"^the estimate is no good for a codec: the movie was smoothed; make one with"
    ):
        estimate_of(unusable="the movie was smoothed").codec()


@given(st.floats(-1e6, 1e6), logarithmic(1e-9, 1e6))
def test_values_are_shown_with_two_digits_of_their_errors(value: float, error: float) -> None:
    estimate = estimate_of(zero_level=value, zero_level_error=error)
    (text,) = (text for name, text in estimate.table() if name == "Zero level")
    shown_value, shown_error = text.removesuffix(" ADU").split(" ± ")
    assert abs(float(shown_value) - value) <= max(0.5, 0.051 * error)
    assert abs(float(shown_error) - error) <= max(0.5 * (error > 9), 0.051 * error)
    assert len(shown_error.replace(".", "").lstrip("0")) in (2, 3) or error > 9


@pytest.fixture
def figures_in_memory() -> Iterator[None]:
    with mpl.rc_context({"backend": "agg"}):
        yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.mark.usefixtures("figures_in_memory")
def test_it_is_drawn_on_the_axes_that_are_given_or_on_new_ones() -> None:
    from matplotlib import pyplot

    curve = SATURATED_CURVE
    estimate = estimate_of(curve)
    figure, (left, right) = pyplot.subplots(1, 2)
    assert estimate.plot(right) is right
    assert not left.has_data()
    used, others, line = (np.array(drawn.get_xydata()) for drawn in right.get_lines())
    points = np.stack([curve.intensity, curve.variance], axis=1)
    np.testing.assert_array_equal(used, points[curve.used])
    np.testing.assert_array_equal(others, points[~curve.used])
    (start, start_variance), (end, end_variance) = line
    assert start == pytest.approx(estimate.zero_level)
    assert start_variance == 0
    assert end_variance / (end - start) == pytest.approx(estimate.conversion_gain)
    assert "ADU" in right.get_xlabel()
    assert "ADU²" in right.get_ylabel()
    assert pyplot.gcf() is figure
    new = estimate.plot()
    assert new.has_data()
    assert pyplot.gcf() is new.figure is not figure
