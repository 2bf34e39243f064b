"""Simulated movies against what is known of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anscombe_transform.simulate import Detector, Scene, simulate_movie

Array = npt.NDArray[Any]

SHAPE = (40, 48, 64)


def uniform(photons: float, **changes: Any) -> Scene:
    """Return a scene of the same light everywhere and always."""
    return replace(Scene(background=(photons, photons), cells=(0, 0), activity=0), **changes)


def mean_and_variance(detector: Detector, photons: float, frames: int = 400) -> tuple[float, float]:
    """Return the mean of a movie of uniform light, and the mean over pixels of their variance in time."""
    movie = simulate_movie((frames, 24, 32), uniform(photons), detector, seed=int(1000 * photons)).astype("float64")
    return float(movie.mean()), float(movie.var(axis=0, ddof=1).mean())


def assert_on_its_line(detector: Detector) -> None:
    """Assert that the variances of dim and of bright light lie on the noise line within a few standard errors."""
    gain, zero = detector.noise_line
    for photons in (0.5, 3.0, 30.0):
        mean, variance = mean_and_variance(detector, photons)
        assert variance == pytest.approx(gain * (mean - zero), rel=0.02)


@given(
    zero_level=st.floats(-500, 500),
    conversion_gain=st.floats(3, 100),
    read_noise_in_photons=st.floats(0.3, 3),
    gain_spread=st.one_of(st.just(0.0), st.floats(0.3, 0.7)),
    dtype=st.sampled_from(["int16", "int32", "float32", "float64"]),
)
@settings(max_examples=10)
def test_the_noise_of_a_movie_is_on_the_line_of_its_detector(
    zero_level: float, conversion_gain: float, read_noise_in_photons: float, gain_spread: float, dtype: str
) -> None:
    read_noise = conversion_gain * read_noise_in_photons
    assert_on_its_line(Detector(zero_level, conversion_gain, read_noise, gain_spread, dtype=dtype))


@pytest.mark.parametrize(
    "detector",
    [
        Detector(zero_level=50, conversion_gain=0.4, read_noise=0.5),
        Detector(zero_level=50.3, conversion_gain=0.4, read_noise=0.5),
        Detector(zero_level=50, conversion_gain=0.5, read_noise=0.5, gain_spread=0.5),
    ],
)
def test_rounding_to_integers_is_part_of_the_line(detector: Detector) -> None:
    assert_on_its_line(detector)
    gain, zero = detector.noise_line
    _, zero_of_floats = replace(detector, dtype="float64").noise_line
    assert gain * (zero_of_floats - zero) == pytest.approx(1 / 12)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_without_read_noise_the_line_goes_through_the_zero_level(dtype: str) -> None:
    """If photons have whole numbers of ADU."""
    detector = Detector(zero_level=50, conversion_gain=3, read_noise=0, dtype=dtype)
    assert detector.noise_line == (3, 50)
    assert_on_its_line(detector)
    movie = simulate_movie(SHAPE, detector=detector)
    np.testing.assert_array_equal((movie - 50) % 3, 0)


@given(st.floats(-500, 500), st.floats(0.1, 100), st.floats(0, 100), st.sampled_from([0.0, 0.5]))
@settings(max_examples=10)
def test_the_mean_is_the_zero_level_and_what_photons_add(
    zero_level: float, conversion_gain: float, read_noise: float, gain_spread: float
) -> None:
    detector = Detector(zero_level, conversion_gain, read_noise, gain_spread, dtype="float64")
    mean, variance = mean_and_variance(detector, 5.0, frames=100)
    error = np.sqrt(variance / (100 * 24 * 32))
    assert abs(mean - zero_level - 5 * conversion_gain) < 6 * error


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "float32", "float64", ">i2"])
def test_a_movie_has_the_shape_and_dtype_that_were_asked_for(dtype: str) -> None:
    movie = simulate_movie((3, 20, 31), detector=Detector(dtype=dtype))
    assert movie.shape == (3, 20, 31)
    assert movie.dtype == dtype


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_a_movie_saturates_at_the_limits_of_its_dtype_rather_than_wrap_around(dtype: str) -> None:
    detector = Detector(zero_level=0, conversion_gain=50, read_noise=100)
    narrow = simulate_movie(SHAPE, detector=replace(detector, dtype=dtype))
    wide = simulate_movie(SHAPE, detector=replace(detector, dtype="int32"))
    limits = np.iinfo(dtype)
    assert wide.min() < limits.min
    assert wide.max() > limits.max
    np.testing.assert_array_equal(narrow, wide.clip(limits.min, limits.max))


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_a_movie_saturates_where_its_detector_does(dtype: str) -> None:
    detector = Detector(dtype=dtype)
    saturated = simulate_movie(SHAPE, detector=replace(detector, saturation=300))
    np.testing.assert_array_equal(saturated, simulate_movie(SHAPE, detector=detector).clip(max=300))
    assert (saturated == 300).any()


def difference_to_the_default(**changes: Any) -> Array:
    """Return what a change of the detector adds to each pixel, which must be the same in all frames."""
    detector = Detector(dtype="float64")
    shape = (3, 128, 128)
    added = simulate_movie(shape, detector=replace(detector, **changes)) - simulate_movie(shape, detector=detector)
    np.testing.assert_allclose(added[1:], added[:-1], atol=1e-9)
    return np.asarray(added[0])


@given(st.floats(1, 100))
@settings(max_examples=5)
def test_offsets_of_pixels_have_their_spread_and_stay(spread: float) -> None:
    offsets = difference_to_the_default(offset_spread=spread)
    assert offsets.std() == pytest.approx(spread, rel=0.03)
    assert abs(offsets.mean()) < 0.05 * spread


@pytest.mark.parametrize("share", [0.001, 0.01, 0.2])
def test_so_many_pixels_are_hot_and_stay(share: float) -> None:
    excess = difference_to_the_default(hot_pixels=share) / Detector().conversion_gain
    hot = np.abs(excess) > 1e-9
    expected = share * hot.size
    assert abs(hot.sum() - expected) < 5 * np.sqrt(expected)
    assert 50 <= excess[hot].min() < 80
    assert 120 < excess[hot].max() <= 150


@given(st.floats(0, 0.95))
@settings(max_examples=5)
def test_bleaching_takes_its_share_of_the_light_steadily(bleaching: float) -> None:
    detector = Detector(zero_level=10, conversion_gain=4, read_noise=0, dtype="float64")
    movie = simulate_movie((11, 64, 64), uniform(200, bleaching=bleaching), detector)
    light = movie.mean(axis=(1, 2)) - 10
    assert light[0] == pytest.approx(800, rel=0.01)
    assert light[-1] / light[0] == pytest.approx(1 - bleaching, rel=0.02)
    np.testing.assert_allclose(light[1:] / light[:-1], (1 - bleaching) ** 0.1, rtol=0.03)


@given(st.floats(0.1, 5))
@settings(max_examples=5)
def test_motion_displaces_the_scene_and_keeps_its_light(motion: float) -> None:
    scene = Scene(background=(100, 200), cells=(1000, 5000), activity=0)
    detector = Detector(zero_level=0, conversion_gain=1, read_noise=0, dtype="float64")
    still, moving = (simulate_movie((30, 63, 80), s, detector) for s in (scene, replace(scene, motion=motion)))
    np.testing.assert_allclose(moving.mean(axis=(1, 2)), still.mean(), rtol=0.03)
    assert moving.var(axis=0).mean() > 2 * still.var(axis=0).mean()


def test_a_spot_is_displaced_by_so_many_pixels_in_y_and_in_x() -> None:
    scene = Scene(background=(0, 0), cells=(10_000, 10_000), radius=(3, 3), activity=0, motion=2)
    detector = Detector(zero_level=0, conversion_gain=1, read_noise=0, dtype="float64")
    movie = simulate_movie((200, 32, 40), scene, detector)
    angles = [
        np.angle((movie * np.exp(2j * np.pi * np.arange(n) / n).reshape(shape)).sum(axis=(1, 2))) / (2 * np.pi) * n
        for n, shape in ((32, (1, -1, 1)), (40, (1, 1, -1)))
    ]
    displacements = []
    for position, n in zip(angles, (32, 40), strict=True):
        center = np.angle(np.exp(2j * np.pi * position / n).mean()) / (2 * np.pi) * n
        displacements.append((position - center + n / 2) % n - n / 2)
        assert displacements[-1].std() == pytest.approx(2, rel=0.2)
    assert abs(np.corrcoef(displacements)[0, 1]) < 0.3


def test_cells_light_up_and_fade() -> None:
    scene = Scene(background=(0, 0), cells=(1, 1), activity=1000)
    detector = Detector(zero_level=0, conversion_gain=1, read_noise=0, dtype="float64")
    light = simulate_movie((300, 38, 38), scene, detector).max(axis=(1, 2))
    assert light.min() < 10
    assert light.max() > 1000
    fading = light[1:] / light[:-1]
    assert np.median(fading[light[:-1] > 1000]) == pytest.approx(0.93, abs=0.03)


def test_the_same_seed_gives_the_same_movie_and_another_another() -> None:
    scene = Scene(motion=1, bleaching=0.5)
    detector = Detector(gain_spread=0.5, offset_spread=3, hot_pixels=0.01)
    movies = [simulate_movie((4, 30, 40), scene, detector, seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(movies[0], movies[1])
    assert (movies[0] != movies[2]).mean() > 0.9


def test_another_seed_has_other_hot_pixels() -> None:
    detector = Detector(zero_level=0, conversion_gain=1, read_noise=0, hot_pixels=0.1)
    hot = [simulate_movie((1, 40, 50), uniform(0), detector, seed) >= 50 for seed in (1, 2)]
    assert min(hot[0].sum(), hot[1].sum()) > 100
    assert (hot[0] & hot[1]).sum() < 0.3 * hot[0].sum()


@pytest.mark.parametrize(
    "changes", [{"offset_spread": 5.0}, {"hot_pixels": 0.1}, {"saturation": 1e9}, {"zero_level": -300.0}]
)
def test_a_change_of_the_detector_leaves_the_photons_as_they_are(changes: dict[str, Any]) -> None:
    """So that what differs between two movies of one seed comes from the change alone."""
    detector = Detector(dtype="float64")
    before, after = (simulate_movie(SHAPE, detector=d) for d in (detector, replace(detector, **changes)))
    np.testing.assert_allclose((after - before).std(axis=0), 0, atol=1e-9)
