"""What does not count as noise, though it is in the movie: margins, repeats, jumps, saturation, structure."""

import numpy as np
import pytest
from estimates import FRAMES, GAIN, HEIGHT, MOVIE, WIDTH, ZERO, Array, assert_true, make_movie

from anscombe_transform import ParameterEstimate, estimate_parameters


def test_saturated_bins_are_not_fitted() -> None:
    saturation = ZERO + GAIN * 45
    estimate = estimate_parameters(make_movie((FRAMES, HEIGHT, 128)).clip(max=saturation))
    assert_true(estimate)
    curve = estimate.photon_transfer_curve
    assert curve.used[curve.intensity < ZERO + GAIN * 20].mean() > 0.8
    assert not curve.used[curve.intensity > ZERO + GAIN * 44].any()


@pytest.mark.parametrize("filling", [0, -1000, 30_000])
def test_margins_that_registration_filled_do_not_count(filling: int, estimate: ParameterEstimate) -> None:
    movie = MOVIE.copy()
    movie[:, :, :10] = movie[:, -7:] = filling
    assert_true(estimate_parameters(movie))


def test_frames_before_the_shutter_opens_do_not_count() -> None:
    movie = np.concatenate([np.full((20, HEIGHT, WIDTH), ZERO), MOVIE])
    assert_true(estimate_parameters(movie))


@pytest.mark.parametrize("times", [2, 3])
def test_repeated_frames_do_not_count(times: int, estimate: ParameterEstimate) -> None:
    repeated = estimate_parameters(np.repeat(MOVIE, times, axis=0))
    assert abs(repeated.conversion_gain - GAIN) < 3 * estimate.conversion_gain_error


def test_a_jump_of_the_scene_does_not_count() -> None:
    movie = MOVIE.copy()
    for frame in range(15, len(movie), 15):
        movie[frame:] = np.roll(movie[frame:], 9, axis=2)
    assert_true(estimate_parameters(movie))


def test_what_neighboring_pixels_share_of_their_noise_is_counted() -> None:
    light = np.linspace(2, 60, 128)
    photons = np.random.default_rng(0).poisson(light, (200, 64, 128))
    smeared = 0.8 * photons + 0.2 * np.roll(photons, 1, axis=2)
    estimate = estimate_parameters(smeared[:, :, 8:-8])
    assert estimate.conversion_gain == pytest.approx(0.8**2 + 0.2**2, rel=0.02)


def stars() -> Array:
    random = np.random.default_rng(4)
    y, x = np.mgrid[:128, :128]
    light = np.zeros((128, 128))
    for star_y, star_x, peak in random.uniform((5, 5, 20), (123, 123, 800), (60, 3)):
        light += peak * np.exp(-((y - star_y) ** 2 + (x - star_x) ** 2) / 8)
    return light


def bright_row() -> Array:
    light = np.full((128, 128), 3.0)
    light[60] = 500
    return light


@pytest.mark.slow
@pytest.mark.parametrize("light", [stars(), bright_row()], ids=["stars on black", "a bright row"])
def test_brightness_that_varies_within_a_few_pixels_does_no_harm(light: Array) -> None:
    estimates = [
        estimate_parameters(ZERO + GAIN * np.random.default_rng(seed).poisson(light, (100, 128, 128)))
        for seed in range(4)
    ]
    gains = np.array([estimate.conversion_gain for estimate in estimates])
    error = np.mean([estimate.conversion_gain_error for estimate in estimates])
    assert abs(gains.mean() - GAIN) < 2 * error
    assert abs(gains.mean() - GAIN) < 0.015 * GAIN
    assert max(abs(estimate.zero_level - ZERO) for estimate in estimates) < 0.3 * GAIN
