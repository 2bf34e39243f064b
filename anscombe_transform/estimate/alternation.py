"""Frames that alternate: channels or planes one after the other, a light that flickers, a scan in both directions.

The mean images of every second frame, and of those between, differ by no more than the noise leaves them, unless frames
alternate with a period of 2; and so with other periods. Changes that are slower than the period, such as activity or
bleaching, are in all means alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Array, Floats
from anscombe_transform.estimate.frames import Part

_PERIODS = range(2, 9)
"""The periods, in frames, that are looked for."""

_CYCLES = 3
"""A period shows in this many of its cycles."""

_FEWEST_FRAMES = 12
"""The fewest consecutive frames to look at,"""

_ENOUGH_FRAMES = 32
"""and how many are enough."""

_CELLS = 16
"""The number of cells along the sides of the middle of the image, which is looked at."""

_OF_SCENE = 16.0
"""The ratio of variances, between phases and within, from which on scenes differ.

There are hundreds of cells, so noise keeps it within 0.2 of 1. Random displacements are two numbers of each frame: by
chance, they exceed this in one movie in 2,000 if 12 frames are looked at (F distribution). Channels and planes have
100 and more.
"""

_OF_FRAME = 25.0
"""The same for one number of each frame, its brightness or its noise. By chance, it exceeds this in one movie in 1,000
if 12 frames are looked at, and in one in 20,000 if there are 32 (F distribution, all periods)."""

_SAME_SCENE = 0.9
"""Scenes are the same if their correlation, without the noise, is above this."""

_TINY = 1e-300
"""Less than any number that is not 0."""

_FARTHEST = 8
"""The largest displacement that is looked for, in pixels."""


@dataclass(frozen=True)
class Alternation:
    """How frames alternate.

    Attributes
    ----------
    period : int
        After how many frames the first comes again.
    same_scene : bool
        Whether all show the same, but for brightness, noise and displacement.
    brightness : float
        How many times as bright the brightest is as the darkest, if all show the same.
    displacement : int
        How far they are displaced at most in x or y, in pixels, if all show the same.
    """

    period: int
    same_scene: bool
    brightness: float
    displacement: int


class AlternationSearch:
    """Looks for an alternation in the first consecutive frames of a movie that are enough.

    Attributes
    ----------
    found : Alternation or None
        What was found so far.
    """

    def __init__(self) -> None:
        self.found: Alternation | None = None
        self._windows: list[Array] = []
        self._times: list[npt.NDArray[np.int_]] = []
        self._next = -1

    def add(self, part: Part, start: int, stop: int) -> None:
        """Look at what counts of the frames from `start` to `stop`; frames that do not follow the last begin anew."""
        if self.found or sum(map(len, self._windows)) >= _ENOUGH_FRAMES:
            return
        if start != self._next:
            self._windows, self._times = [], []
        self._next = stop
        self._windows.append(part.middle(_ENOUGH_FRAMES))
        self._times.append(part.times[:_ENOUGH_FRAMES])
        times = np.concatenate(self._times)
        if len(times) >= _FEWEST_FRAMES:
            self.found = find_alternation(np.concatenate(self._windows), times)


def find_alternation(frames: Floats, times: npt.NDArray[np.int_]) -> Alternation | None:
    """Return how frames of shape (time, y, x) alternate, if they do; their numbers in the movie are `times`."""
    features = _features(frames)
    changes = {
        period: _change(features, period)
        for period in _PERIODS
        if len(times) >= _CYCLES * period and _alternates(features, times % period)
    }
    if not changes:
        return None
    # Multiples of the period alternate, too; and so do parts of it, where channels alternate faster than planes.
    period = next(period for period, change in changes.items() if change <= 1.3 * min(changes.values()))
    return _description(frames, times, period)


def _features(frames: Floats) -> Floats:
    """Return the noise of each frame, its brightness, and how its cells differ from those of others as bright.

    The noise is a logarithm, scaled to be as much as the cells.
    """
    count, height, width = frames.shape
    edges = [np.unique(np.linspace(0, side, min(_CELLS, side) + 1).astype(int)) for side in (height, width)]
    cells = np.add.reduceat(np.add.reduceat(frames, edges[0][:-1], axis=1), edges[1][:-1], axis=2, dtype=np.float64)
    cells = (cells / np.multiply.outer(np.diff(edges[0]), np.diff(edges[1]))).reshape(count, -1)
    brightness = cells.mean(axis=1, keepdims=True)
    shape = cells.mean(axis=0) - cells.mean()
    scale = (cells - brightness) @ shape / max(float(shape @ shape), _TINY)
    cells = cells - brightness - np.multiply.outer(scale, shape)
    rows = frames[:, 1::2] - frames[:, : height // 2 * 2 : 2]
    mixed = rows[:, :, 1::2] - rows[:, :, : width // 2 * 2 : 2]
    noise = np.log(np.maximum(np.einsum("tyx,tyx->t", mixed, mixed, dtype=np.float64), _TINY))[:, None]
    noise = noise - noise[0]
    noise *= cells.std() / noise.std() if noise.any() else 0
    return np.concatenate([noise, brightness, cells], axis=1)


def _alternates(features: Floats, phase: npt.NDArray[np.int_]) -> bool:
    """Return whether the means of the phases differ from one another by far more than noise makes them."""
    belongs = np.equal.outer(np.unique(phase), phase).astype(np.float64)
    count = belongs.sum(axis=1, keepdims=True)
    of_phases, of_frames = len(count) - 1, len(phase) - len(count)
    if of_phases < 1 or of_frames < 1:
        return False
    deviation = features - features.mean(axis=0)
    means = belongs @ deviation / count
    between = (count * means**2).sum(axis=0)
    within = (deviation**2).sum(axis=0) - between
    noise, brightness = (between[:2] * of_frames > _OF_FRAME * of_phases * within[:2]).tolist()
    scene = between[2:].sum() * of_frames > _OF_SCENE * of_phases * within[2:].sum()
    return bool(noise or brightness or scene)


def _change(features: Floats, period: int) -> float:
    """Return how much frames change within a period: the mean square."""
    return float(((features[period:] - features[:-period]) ** 2).mean())


def _description(frames: Floats, times: npt.NDArray[np.int_], period: int) -> Alternation:
    """Compare the mean images of the phases with that of the first, wherever they may be displaced."""
    phase, cycle = times % period, times // period % 2
    halves = [
        [_spectrum(frames[(phase == one) & (cycle == half)]) for half in (0, 1)]
        for one in range(period)
        if all(((phase == one) & (cycle == half)).any() for half in (0, 1))
    ]
    # Products of means of different frames: their noise has no part in them.
    powers = [max(float(_covariance(*of_phase)[0, 0]), 0.0) for of_phase in halves]
    correlations, brightness, displacements = [1.0], [1.0], [0]
    for of_phase, power in zip(halves[1:], powers[1:], strict=True):
        covariance = _covariance((halves[0][0] + halves[0][1]) / 2, (of_phase[0] + of_phase[1]) / 2)
        near = np.roll(covariance, (_FARTHEST, _FARTHEST), axis=(0, 1))[: 2 * _FARTHEST + 1, : 2 * _FARTHEST + 1]
        best = divmod(int(near.argmax()), near.shape[1])
        if powers[0] and power:
            correlations.append(float(near[best]) / np.sqrt(powers[0] * power))
            brightness.append(float(np.sqrt(power / powers[0])))
            displacements.append(max(abs(shift - _FARTHEST) for shift in best))
    return Alternation(
        period, bool(min(correlations) > _SAME_SCENE), max(brightness) / min(brightness), max(displacements)
    )


def _spectrum(frames: Floats) -> npt.NDArray[np.complex128]:
    mean = frames.mean(axis=0)
    return np.fft.rfft2(mean - mean.mean())


def _covariance(one: npt.NDArray[np.complex128], other: npt.NDArray[np.complex128]) -> Floats:
    """Return the sums of products of two images by how far the second is displaced; at their edges, they go on."""
    return np.fft.irfft2(one.conj() * other)
