"""Whether noise is independent: from frame to frame, and over distances of several pixels.

The correlations of neighbors tell what was done to a movie with few of its frames or pixels at a time. Two traces are
left by what takes many. Leaving out components of a movie leaves directions, in the space of its frames, with less
noise than others. Subtracting surroundings leaves less noise in sums over many pixels than in single ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anscombe_transform._typing import Array, Floats
from anscombe_transform.estimate.frames import Part

_FRAMES = 128
"""The most frames that are looked at,"""

_FRAMES_OF_SUMS = 64
"""and the most for sums over squares."""

_FEWEST_FRAMES = 8
"""The fewest frames to look at."""

_PIXELS_PER_FRAME = 32
"""How many pixels there must be for each frame: then noise takes eigenvalues no farther than from 0.68 to 1.38.

These are the edges of the distribution of Marchenko and Pastur (1967), doi:10.1070/SM1967v001n04ABEH001994.
"""

_LOW = 0.1
"""The share of the eigenvalues that are low."""

_LEAST_MEDIAN = 0.3
"""The median of the eigenvalues is about 1, but less where few components are left, or where a sharp scene moves."""

SUM = 8
"""The side of the squares that are summed, in pixels."""

_MOST_EMPTY = 0.25
"""Sums of sparse photons, of which more than this share are 0, tell nothing."""


@dataclass(frozen=True)
class Independence:
    """How independent the noise of some frames is.

    Attributes
    ----------
    low : float
        The variance of the noise in the directions, in the space of frames, that have the least, as a share of the
        median of all: 0.78 or more for independent frames; less if components were left out, also of those that have
        none but noise. How the scene changes adds to few of the directions.
    sums : float
        The variance of sums over squares of pixels, as a multiple of that of independent pixels. How the scene changes
        adds to it.
    count : int
        The number of sums.
    """

    low: float = 1.0
    sums: float = 1.0
    count: int = 0


class IndependenceTest:
    """Keeps the middle of some frames of a movie, to tell how independent their noise is."""

    def __init__(self) -> None:
        self._windows: list[Array] = []

    def add(self, part: Part) -> None:
        """Keep frames, unless there are enough."""
        missing = _FRAMES - sum(map(len, self._windows))
        if missing <= 0:
            return
        self._windows.append(part.middle(missing))

    def result(self) -> Independence:
        """Return how independent the noise is, as far as the frames tell."""
        frames = np.concatenate(self._windows) if self._windows else np.empty((0, 0, 0))
        if len(frames) < _FEWEST_FRAMES:
            return Independence()
        return Independence(_low(frames), *_sums(frames[:_FRAMES_OF_SUMS]))


def _low(frames: Array) -> float:
    """Return how little noise there is in directions that have little of it."""
    height, width = (side // 2 * 2 for side in frames.shape[1:])
    frames = frames[: height * width // 4 // _PIXELS_PER_FRAME, :height, :width]
    if len(frames) < _FEWEST_FRAMES:
        return 1.0
    rows = frames[:, 1::2] - frames[:, ::2]
    noise = (rows[:, :, 1::2] - rows[:, :, ::2]).reshape(len(frames), -1)
    noise = _scaled(noise - noise.mean(axis=0), axis=0)
    noise = _scaled(noise, axis=1)
    # The mean of the frames was subtracted, so the first is 0.
    eigenvalues = np.linalg.eigvalsh((noise @ noise.T).astype(np.float64) / noise.shape[1])[1:]
    low, median = np.quantile(eigenvalues, [_LOW, 0.5])
    return float(low / max(median, _LEAST_MEDIAN))


def _sums(frames: Array) -> tuple[float, int]:
    """Return the variance of sums over squares, as a multiple of that of independent pixels, and their number.

    Medians leave out where and when the scene changes. The same sums with random signs tell what they are for
    independent pixels.
    """
    down, across = (side // SUM for side in frames.shape[1:])
    frames = frames[:, : down * SUM, : across * SUM]
    if not frames.size:
        return 1.0, 0
    changes = _scaled(np.diff(frames, axis=0), axis=0).reshape(-1, down, SUM, across, SUM)
    signs = np.random.default_rng(0).choice([-1, 1], (SUM, SUM)).astype(changes.dtype)
    of_independent: Floats = np.abs(np.einsum("tyaxb,ab->tyx", changes, signs))
    if (of_independent == 0).mean() > _MOST_EMPTY:
        return 1.0, 0
    return float((np.median(np.abs(changes.sum(axis=(2, 4)))) / np.median(of_independent)) ** 2), of_independent.size


def _scaled(values: Array, axis: int) -> Array:
    """Return values whose mean square along an axis is 1, or 0 where all are 0."""
    scale = np.sqrt(np.square(values).mean(axis=axis, keepdims=True))
    scaled: Array = np.divide(values, scale, out=np.zeros_like(values), where=scale > 0)
    return scaled
