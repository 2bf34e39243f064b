"""Which pixels show the noise, and what surrounds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Array

Mask = npt.NDArray[np.bool_]

_SURFACE = (27 - 5 * np.add.outer(np.arange(-2, 3) ** 2, np.arange(-2, 3) ** 2)) / 175
"""The weights of 5 by 5 pixels in the value that a fitted quadratic surface has in the middle."""

RESIDUAL = np.pad([[1.0]], 2) - _SURFACE
"""The weights of 5 by 5 pixels in the residual in the middle, scaled so that their squares sum to 1."""

RESIDUAL /= np.sqrt((RESIDUAL**2).sum())

_OFTEN = 0.02
"""A pixel counts as saturated if it is saturated in more than this share of the frames."""

_SELDOM = 0.01
"""Constant pixels are filled in, not measured, if less than this share of the other pixels has their value."""

_FEWEST_LEVELS = 250
"""Fewer levels than these do not make a range of 8 bits."""

_TOP = 64
"""The top of a range is one part in this many."""

_HOT = 10.0
"""A pixel counts as hot if it differs from its neighbors by this many times the spread at its intensity."""


def roughness(mean: Array, variance: Array) -> Array:
    """Return how much motion would look like noise: how far 5 by 5 pixels of a mean image are from a quadratic surface.

    It is the variance of that, as a share of the variance of the noise around a pixel.
    """
    structure = box_sum(residual(mean) ** 2, 2) / 25
    share: Array = np.divide(structure, variance, out=np.zeros_like(variance), where=variance > 0)
    return share


def brightest(run: Array, frames: int) -> Array:
    """Return the brightest consecutive frames, and so none from before a shutter opens."""
    if len(run) <= frames:
        return run
    brightness = np.cumsum(np.append(0, run.mean(axis=(1, 2), dtype=np.float64)))
    start = int((brightness[frames:] - brightness[:-frames]).argmax())
    return run[start : start + frames]


def filled_pixels(run: Array, lows: Array, highs: Array) -> Mask:
    """Return which pixels are constant at values that others do not have, as registration leaves them at the edges.

    The limits are those of each pixel over time.
    """
    constant: Mask = highs == lows
    others = run[len(run) // 2][~constant]
    if constant.any() and others.size and np.isin(others, np.unique(run[0][constant])).mean() < _SELDOM:
        return constant
    return np.zeros_like(constant)


def saturated_pixels(run: Array, highs: Array) -> tuple[float, Mask]:
    """Return the value at which the detector saturates, or minus infinity, and which pixels often reach it.

    The limits are those of each pixel over time.
    """
    reached = saturated_values(run, highs.max())
    if reached is None:
        return -np.inf, np.zeros(run.shape[1:], np.bool_)
    hits = reached.sum(axis=0)
    return float(highs.max()), (hits > 1) & (hits > _OFTEN * len(run))


def saturated_values(run: Array, largest: Any) -> Mask | None:
    """Return where a movie has its largest value, if that is where the detector saturates."""
    reached: Mask = run == largest
    total = np.count_nonzero(reached)
    # Values that are not cut off become rarer towards the largest.
    is_cut_off = total > 20 and total > 5 * np.count_nonzero(run == run.max(where=~reached, initial=run.min()))
    return reached if is_cut_off else None


def wraps(run: Array, lows: Array, highs: Array) -> tuple[int, int]:
    """Return how many values of pixels that span the range are at its top, and how many jump to its bottom and back.

    Integers that are too large for their dtype, or for the bits of a converter, begin again at the bottom: the movie
    fills the range of 8 bits or more, and values close to its top are followed by some at its bottom, and the other way
    round. A light that is switched does not do that: all pixels fall then, or all rise. The limits are those of each
    pixel over time.
    """
    if run.dtype.kind not in "iu":
        return 0, 0
    low, high = int(lows.min()), int(highs.max())
    span = high - low
    if span < _FEWEST_LEVELS or span + span // _TOP < (1 << span.bit_length()) - 1:
        return 0, 0
    values = run[:, (highs > high - span // _TOP) & (lows < low + span // 4)]
    top, bottom = values > high - span // _TOP, values < low + span // 4
    falls = np.count_nonzero(top[:-1] & bottom[1:], axis=1)
    rises = np.count_nonzero(bottom[:-1] & top[1:], axis=1)
    return int(np.count_nonzero(top[:-1])), int(np.minimum(falls, rises).sum())


def hot_pixels(mean: Array) -> Mask:
    """Return which pixels of a mean image differ from their neighbors far more than others of the same intensity."""
    around = median_of_neighbors(mean)
    excess = (mean - around).ravel()
    hot = np.zeros(mean.size, np.bool_)
    for pixels in np.array_split(np.argsort(around, axis=None), max(1, min(32, mean.size // 256))):
        values = excess[pixels]
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
        spread = np.clip(values, low, high).std()
        hot[pixels] = (np.abs(values - middle) > _HOT * spread) & (spread > 0)
    return hot.reshape(mean.shape)


def median_of_neighbors(image: Array) -> Array:
    """Return the median of the four nearest neighbors of each pixel."""
    framed = np.pad(image, 1, mode="reflect")
    neighbors = (framed[:-2, 1:-1], framed[2:, 1:-1], framed[1:-1, :-2], framed[1:-1, 2:])
    least, most = neighbors[0], neighbors[0]
    for neighbor in neighbors[1:]:
        least, most = np.minimum(least, neighbor), np.maximum(most, neighbor)
    median: Array = (neighbors[0] + neighbors[1] + neighbors[2] + neighbors[3] - least - most) / 2
    return median


def far_from(pixels: Mask) -> Mask:
    """Return which pixels have none of the given ones among the 5 by 5 around them."""
    far: Mask = box_sum(pixels.astype(np.uint8), 2) == 0
    return far


def surroundings(image: Array) -> Array:
    """Return the mean of the 16 pixels at a distance of 2 rows or columns from each pixel."""
    return (box_sum(image, 2) - box_sum(image, 1)) / 16


def residual(image: Array) -> Array:
    """Return the part of an image that the kernel would take for noise."""
    height, width = image.shape
    framed = np.pad(image, 2, mode="reflect")
    total = np.zeros_like(image)
    for (y, x), weight in np.ndenumerate(RESIDUAL.astype(image.dtype)):
        total += weight * framed[y : y + height, x : x + width]
    return total


def box_sum(image: Array, radius: int) -> Array:
    """Return the sum over a square of pixels around each pixel; beyond its edges, the image is mirrored."""
    height, width = image.shape
    framed = np.pad(image, radius, mode="reflect")
    rows = framed[:height].copy()
    for y in range(1, 2 * radius + 1):
        rows += framed[y : y + height]
    total = rows[:, :width].copy()
    for x in range(1, 2 * radius + 1):
        total += rows[:, x : x + width]
    return total
