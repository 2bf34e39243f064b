"""Noise that is not independent over many frames or pixels, of made-up frames without a scene."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anscombe_transform.estimate.frames import Frames
from anscombe_transform.estimate.independence import Independence, IndependenceTest


def independence(frames: npt.NDArray[np.generic]) -> Independence:
    test = IndependenceTest()
    test.add(Frames().part(frames, 0))
    return test.result()


@given(count=st.integers(8, 80), side=st.integers(48, 140), photons=st.floats(0.1, 50), seed=st.integers(0, 99))
@settings(max_examples=10)
def test_photons_are_independent(count: int, side: int, photons: float, seed: int) -> None:
    found = independence(np.random.default_rng(seed).poisson(photons, (count, side, side)))
    assert found.low > 0.7
    assert found.sums == pytest.approx(1, abs=5 * 2.8 / np.sqrt(found.count))


@given(kept=st.floats(0.1, 0.8), seed=st.integers(0, 99))
@settings(max_examples=5)
def test_leaving_out_directions_in_the_space_of_frames_leaves_little_noise_in_them(kept: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    directions, _ = np.linalg.qr(rng.normal(size=(60, int(60 * kept))))
    noise = rng.normal(size=(60, 128 * 128))
    assert independence((directions @ (directions.T @ noise)).reshape(60, 128, 128)).low < 0.1


def test_subtracting_the_mean_around_each_pixel_leaves_little_noise_in_sums() -> None:
    noise = np.random.default_rng(0).normal(size=(40, 128, 128))
    around = np.lib.stride_tricks.sliding_window_view(noise, (5, 5), axis=(1, 2)).mean(axis=(3, 4))
    assert independence(noise[:, 2:-2, 2:-2] - 0.5 * around).sums < 0.6


@pytest.mark.parametrize("shape", [(0, 64, 64), (7, 64, 64), (20, 5, 5), (20, 5, 64)])
def test_few_frames_or_pixels_tell_nothing(shape: tuple[int, int, int]) -> None:
    frames = np.random.default_rng(0).poisson(5, shape)
    test = IndependenceTest()
    if len(frames):
        test.add(Frames().part(frames, 0))
    assert test.result() == Independence()
