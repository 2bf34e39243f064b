"""A movie of which the truth is known, its estimate, and estimates that are made up."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

from anscombe_transform import ParameterEstimate, estimate_parameters
from anscombe_transform.estimate.curve import PhotonTransferCurve
from anscombe_transform.simulate import Detector, Scene, simulate_movie

Array = npt.NDArray[Any]

FRAMES, HEIGHT, WIDTH = 60, 48, 64
ZERO, GAIN = 100, 5

few_examples = settings(max_examples=10)


def make_movie(shape: tuple[int, int, int] = (FRAMES, HEIGHT, WIDTH), seed: int = 0) -> npt.NDArray[np.int16]:
    """Return a movie of a gradient of light, from 2 photons on the left to 60 on the right."""
    photons = np.random.default_rng(seed).poisson(np.linspace(2, 60, shape[2]), shape)
    return (ZERO + GAIN * photons).astype("int16")


DETECTOR = Detector(zero_level=100, conversion_gain=40, read_noise=30)

MOVIE = make_movie()
MOVIE.flags.writeable = False


@cache
def active_cells(seed: int = 0, frames: int = 120) -> Array:
    """Return a simulated movie of active cells with 40 ADU per photon, of which the noise line is known."""
    scene = Scene(background=(3, 15), cells=(10, 60))
    movie = simulate_movie((frames, 96, 112), scene, DETECTOR, seed)
    movie.flags.writeable = False
    return movie


@cache
def estimate_as(dtype: str) -> ParameterEstimate:
    return estimate_parameters(MOVIE.astype(dtype))


@pytest.fixture(scope="session")
def estimate() -> ParameterEstimate:
    return estimate_as("int16")


def numbers(estimate: ParameterEstimate) -> list[float]:
    return [
        estimate.conversion_gain,
        estimate.zero_level,
        estimate.conversion_gain_error,
        estimate.zero_level_error,
        estimate.lowest,
        estimate.highest,
        estimate.frames,
    ]


def assert_same(one: ParameterEstimate, other: ParameterEstimate) -> None:
    """Assert that two estimates differ no more than by what rounding moves a pixel from one bin to the next."""
    assert abs(one.conversion_gain - other.conversion_gain) < 0.1 * other.conversion_gain_error
    assert abs(one.zero_level - other.zero_level) < 0.1 * other.zero_level_error
    assert one.conversion_gain_error == pytest.approx(other.conversion_gain_error, rel=0.1)
    assert one.zero_level_error == pytest.approx(other.zero_level_error, rel=0.1)
    assert (one.lowest, one.highest, one.frames) == (other.lowest, other.highest, other.frames)


def assert_true(estimate: ParameterEstimate, zero_level: float = ZERO, conversion_gain: float = GAIN) -> None:
    """Assert that the estimate is within 5 standard errors of the truth, and that those are not large."""
    assert abs(estimate.conversion_gain - conversion_gain) < 5 * estimate.conversion_gain_error
    assert abs(estimate.zero_level - zero_level) < 5 * estimate.zero_level_error
    assert 0 < estimate.conversion_gain_error < 0.1 * conversion_gain
    assert 0 < estimate.zero_level_error < 2 * conversion_gain


class Recorder:
    """An array that keeps account of what is read from it."""

    def __init__(self, array: Array, chunks: tuple[Any, ...] | None = None) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self.requests: list[tuple[range, range]] = []
        if chunks is not None:
            self.chunks = chunks

    def __getitem__(self, index: Any) -> Array:
        in_time, in_y, *_ = (*(index if isinstance(index, tuple) else (index,)), slice(None))
        frames, height, _ = self.shape
        self.requests.append((range(*in_time.indices(frames)), range(*in_y.indices(height))))
        values: Array = self.array[index]
        return values

    def times_read(self) -> npt.NDArray[np.int64]:
        times = np.zeros(self.shape[:2], np.int64)
        for frames, rows in self.requests:
            times[frames.start : frames.stop, rows.start : rows.stop] += 1
        return times

    def largest_request(self) -> int:
        pixels = max(len(frames) * len(rows) for frames, rows in self.requests) * self.shape[2]
        return int(pixels * self.dtype.itemsize)


def estimate_of(curve: PhotonTransferCurve | None = None, **values: Any) -> ParameterEstimate:
    """Return an estimate that was made up."""
    if curve is None:
        curve = PhotonTransferCurve(np.empty(0), np.empty(0), np.empty(0, np.int64), np.empty(0, np.bool_))
    made_up: dict[str, Any] = {
        "zero_level": 100.0,
        "conversion_gain": 5.0,
        "zero_level_error": 1.0,
        "conversion_gain_error": 0.1,
        "lowest": 90.0,
        "highest": 500.0,
        "dtype": np.dtype("int16"),
        "frames": 2,
    }
    return ParameterEstimate(photon_transfer_curve=curve, **(made_up | values))


SATURATED_CURVE = PhotonTransferCurve(
    intensity=np.array([110.0, 150.0, 200.0, 480.0]),
    variance=np.array([52.0, 249.0, 500.0, 100.0]),
    count=np.array([900, 800, 700, 600]),
    used=np.array([True, True, True, False]),
)
