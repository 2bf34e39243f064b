"""Which frames and values of a movie count: none that were never written, repeated or masked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Array, Floats
from anscombe_transform.estimate.pixels import Mask

_ALONE = 0.1
"""The largest value of an integer dtype is a mask if no other is within this share of the dtype's range.

The codes hold twice the largest signal, so it matters only where that is below half of the range.
"""


_MIDDLE = 128
"""The largest side of the middle of the image, in pixels."""


@dataclass(frozen=True, eq=False)
class Part:
    """Consecutive frames without those that do not count.

    Attributes
    ----------
    values : ndarray
        Shape (time, y, x), in ADU; all are finite.
    times : ndarray of int
        Which frames of the movie they are, shape (time,).
    missing : ndarray of bool
        Which pixels have no value in one of the frames, shape (y, x). What `values` has there says nothing.
    """

    values: Array
    times: npt.NDArray[np.int_]
    missing: Mask

    def every(self, period: int, phase: int) -> Part:
        """Return the frames whose number leaves the rest `phase` when it is divided by `period`."""
        if period == 1:
            return self
        chosen = self.times % period == phase
        return Part(self.values[chosen], self.times[chosen], self.missing)

    def middle(self, most: int) -> Floats:
        """Return the middle of the image in so many frames at most, with 0 where pixels have no value."""
        _, height, width = self.values.shape
        top, left = max(0, height - _MIDDLE) // 2, max(0, width - _MIDDLE) // 2
        rows, columns = slice(top, top + _MIDDLE), slice(left, left + _MIDDLE)
        window = self.values[:most, rows, columns]
        window = window.astype(np.float32 if window.dtype.itemsize <= 2 else np.float64)
        window[:, self.missing[rows, columns]] = 0
        return window


class Frames:
    """What was found in the frames of a movie that were read so far, and the range of those that count.

    Where a movie is read in bands of rows, a band of a frame counts as a frame.

    Attributes
    ----------
    read : int
        How many frames were read.
    constant : int
        Those without two values that differ.
    repeated : int
        Those of the others that equal the one before.
    invalid : int
        Pixels with NaN or infinite values, the most at a time.
    masked : int
        Pixels with the largest value of the dtype where that is a mask, the most at a time.
    """

    def __init__(self) -> None:
        self.read = self.constant = self.repeated = self.invalid = self.masked = 0
        self._range = self._of_constant = (math.inf, -math.inf)

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest value, in ADU; those of constant frames only if there are no others.

        Raises
        ------
        ValueError
            If there are no values.
        """
        lowest, highest = self._range if self._range[0] < math.inf else self._of_constant
        if lowest > highest:
            raise ValueError("movie has no values in the frames that were read, only NaN and infinite ones")
        return lowest, highest

    def part(self, block: Array, start: int) -> Part:
        """Return what counts of some frames, shape (time, y, x), the first of which is number `start`."""
        lows, highs = block.min(axis=(1, 2)), block.max(axis=(1, 2))
        absent = self._invalid(block, lows, highs) if block.dtype.kind == "f" else self._mask(block, lows, highs)
        if absent is not None:
            smallest, largest = _limits(block.dtype)
            lows = block.min(axis=(1, 2), where=~absent, initial=largest)
            highs = block.max(axis=(1, 2), where=~absent, initial=smallest)
        varies = lows < highs
        self.read += len(block)
        self.constant += int(np.count_nonzero(~varies))
        self._range = _joined(self._range, lows[varies], highs[varies])
        self._of_constant = _joined(self._of_constant, lows[lows == highs], highs[lows == highs])
        part = _filled(block, start + np.arange(len(block)), varies, absent)
        new = _differ(part.values)
        self.repeated += int(np.count_nonzero(~new))
        return part if new.all() else Part(part.values[new], part.times[new], part.missing)

    def _invalid(self, block: Array, lows: Array, highs: Array) -> Mask | None:
        if np.isfinite(lows).all() and np.isfinite(highs).all():
            return None
        invalid: Mask = ~np.isfinite(block)
        self.invalid = max(self.invalid, int(np.count_nonzero(invalid.any(axis=0))))
        return invalid

    def _mask(self, block: Array, lows: Array, highs: Array) -> Mask | None:
        smallest, largest = _limits(block.dtype)
        reached = (highs == largest) & (lows < highs)
        if not reached.any():
            return None
        others = int(np.where(block == largest, smallest, block)[lows < highs].max())
        if largest - others <= _ALONE * (largest - smallest):
            return None
        mask: Mask = (block == largest) & reached[:, None, None]
        self.masked = max(self.masked, int(np.count_nonzero(mask.any(axis=0))))
        return mask


def _limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    return (-np.inf, np.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)


def _joined(limits: tuple[float, float], lows: Array, highs: Array) -> tuple[float, float]:
    """Return limits that hold others, too, if there are any."""
    return (min(limits[0], float(lows.min())), max(limits[1], float(highs.max()))) if lows.size else limits


def _filled(block: Array, times: npt.NDArray[np.int_], varies: Mask, absent: Mask | None) -> Part:
    """Return frames that vary, with pixels that have no value in one of them filled in."""
    missing = np.zeros(block.shape[1:], np.bool_)
    if absent is not None and varies.any():
        share = absent.mean(axis=(1, 2))
        # A frame that lacks much more than others do is left out itself, not what it lacks.
        varies = varies & (share <= (1 + np.median(share[varies])) / 2)
        missing = np.any(absent[varies], axis=0)
    if missing.all():
        varies = np.zeros_like(varies)
    if not varies.all():
        block, times = block[varies], times[varies]
    if missing.any() and len(block):
        block = np.where(missing, block[:, ~missing].mean(dtype=np.float64), block).astype(block.dtype)
    return Part(block, times, missing)


def _differ(block: Array) -> Mask:
    """Return which frames differ from the one before; the first does."""
    new = np.ones(len(block), np.bool_)
    if len(block) > 1:
        row = block[:, block.shape[1] // 2]
        for frame in 1 + np.flatnonzero((row[1:] == row[:-1]).all(axis=1)):
            new[frame] = not np.array_equal(block[frame], block[frame - 1])
    return new
