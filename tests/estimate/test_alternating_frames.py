"""Frames that alternate: interleaved channels and planes without metadata, a light that flickers, two-way scans."""

import re
from typing import Any

import numpy as np
import pytest
from estimates import Array, Recorder, assert_true
from hypothesis import given, settings
from hypothesis import strategies as st

from anscombe_transform import ParameterEstimate, estimate_parameters
from anscombe_transform.estimate import gathering
from anscombe_transform.simulate import Detector, Scene, simulate_movie

pytestmark = pytest.mark.slow

SCENE = Scene(background=(3, 12), cells=(10, 60))
GREEN, RED = Detector(100, 40, 10, dtype="uint16"), Detector(130, 60, 10, dtype="uint16")


def interleaved(*movies: Array) -> Array:
    return np.stack(movies, axis=1).reshape(-1, *movies[0].shape[1:])


def scene_at_rest() -> Array:
    """Return expected photons."""
    still = simulate_movie((40, 80, 80), Scene(SCENE.background, SCENE.cells, activity=0), Detector(0, 1, 0))
    return np.asarray(still.mean(axis=0))


LIGHT = scene_at_rest()


def seen(light: Any, frames: int = 96) -> Array:
    """Return what a detector makes of expected photons, (time, y, x) or one image."""
    photons = np.random.default_rng(0).poisson(np.broadcast_to(light, (frames, 80, 80)))
    return np.asarray(100 + 40 * photons)


@given(period=st.integers(2, 8), seed=st.integers(0, 50), drop=st.integers(0, 7))
@settings(max_examples=6)
def test_planes_of_one_detector_give_its_parameters_and_a_warning(period: int, seed: int, drop: int) -> None:
    """From whichever frame on the file begins."""
    planes = [simulate_movie((24, 80, 80), SCENE, GREEN, period * seed + plane) for plane in range(period)]
    estimate = estimate_parameters(interleaved(*planes)[drop:])
    assert_true(estimate, GREEN.noise_line[1], GREEN.noise_line[0])
    (sentence,) = estimate.warnings
    assert sentence.startswith(f"the frames show {period} scenes in turn, as interleaved channels or planes do: give ")
    assert f"channels={period}, or planes={period}" in sentence
    assert estimate.unusable is None


@pytest.mark.parametrize("planes", [1, 2, 3, 4])
def test_channels_with_different_gains_make_the_estimate_unusable(planes: int) -> None:
    movies = [
        simulate_movie((32, 80, 80), SCENE, detector, 10 * plane + number)
        for plane in range(planes)
        for number, detector in enumerate((GREEN, RED))
    ]
    estimate = estimate_parameters(interleaved(*movies))
    assert estimate.unusable is not None
    assert estimate.unusable.startswith(f"the frames show {2 * planes} scenes in turn with ")
    assert (f"or both, such as channels=2 and planes={planes}" in estimate.unusable) == (planes > 1)


def test_gains_that_alternate_are_noticed_where_the_scene_is_the_same() -> None:
    random = np.random.default_rng(0)
    for other in (2 * random.poisson(LIGHT, (60, 80, 80)), random.poisson(2 * LIGHT, (60, 80, 80)) / 2):
        movie = interleaved(40.0 * random.poisson(LIGHT, (60, 80, 80)), 40.0 * other)
        assert_says(estimate_parameters(movie), "the frames show 2 gains in turn with .*: give channels=2")


def assert_says(estimate: ParameterEstimate, words: str) -> None:
    assert estimate.unusable is not None
    assert re.search(words, estimate.unusable)


@pytest.mark.parametrize(("period", "factor"), [(2, 1.03), (2, 1.5), (3, 1.1), (8, 0.8)])
def test_a_light_that_flickers_is_not_taken_for_channels(period: int, factor: float) -> None:
    light = np.where(np.arange(96) % period == 0, factor, 1)[:, None, None] * LIGHT
    estimate = estimate_parameters(seen(light))
    assert_true(estimate, 100, 40)
    (sentence,) = estimate.warnings
    change = 100 * (max(factor, 1 / factor) - 1)
    assert sentence.startswith("the brightness changes by ")
    assert float(sentence.split()[4]) == pytest.approx(change, rel=0.1)
    assert f"with a period of {period} frames" in sentence


@pytest.mark.parametrize("pixels", [1, 3, -5])
def test_a_scan_in_both_directions_is_not_taken_for_channels(pixels: int) -> None:
    light = np.stack([np.roll(LIGHT, pixels * (frame % 2), axis=1) for frame in range(96)])
    estimate = estimate_parameters(seen(light))
    assert_true(estimate, 100, 40)
    (sentence,) = estimate.warnings
    assert sentence.startswith(f"the scene moves by up to {abs(pixels)} pixels and back with a period of 2 frames")


def test_random_brightness_and_random_displacements_do_not_alternate() -> None:
    random = np.random.default_rng(0)
    for _ in range(4):
        movie = seen(random.normal(1, 0.05, (96, 1, 1)) * LIGHT)
        shifted = seen(np.stack([np.roll(LIGHT, random.integers(-2, 3, 2), axis=(0, 1)) for _ in range(96)]))
        for values in (movie, shifted):
            assert not any("period" in warning for warning in estimate_parameters(values).warnings)


@pytest.mark.parametrize("max_frames", [None, 256])
@pytest.mark.parametrize("period", [2, 5])
def test_large_frames_that_are_read_a_few_at_a_time_are_looked_at_together(
    max_frames: int | None, period: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their noise is compared with that of the frame before, from another scene: it must not be used."""
    frame = 80 * 80 * 2
    monkeypatch.setattr(gathering, "_BLOCK_SIZE", 4 * frame)
    planes = [simulate_movie((300 // period, 80, 80), SCENE, GREEN, plane) for plane in range(period)]
    movie = Recorder(interleaved(*planes))
    estimate = estimate_parameters(movie, max_frames=max_frames)
    assert movie.largest_request() <= 8 * frame
    assert_says(estimate, f"the frames show {period} scenes in turn")


def test_runs_of_a_movie_of_which_few_frames_are_read_are_long_enough_for_a_period_of_8() -> None:
    planes = [simulate_movie((60, 80, 80), SCENE, GREEN, plane) for plane in range(8)]
    estimate = estimate_parameters(interleaved(*planes), max_frames=256)
    assert estimate.frames <= 256
    assert any("channels=8" in warning for warning in estimate.warnings)
    assert_true(estimate, GREEN.noise_line[1], GREEN.noise_line[0])
