"""Which pixels show the noise, and what surrounds them."""

from __future__ import annotations

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


def filled_pixels(run: Array) -> Mask:
    """Return which pixels are constant at values that others do not have, as registration leaves them at the edges."""
    constant: Mask = run.max(axis=0) == run.min(axis=0)
    others = run[len(run) // 2][~constant]
    if constant.any() and others.size and np.isin(others, np.unique(run[0][constant])).mean() < _SELDOM:
        return constant
    return np.zeros_like(constant)


def saturated_pixels(run: Array) -> tuple[float, Mask]:
    """Return the value at which the detector saturates, or minus infinity, and which pixels often reach it."""
    largest = run.max()
    reached = run == largest
    total = np.count_nonzero(reached)
    # Values that are not cut off become rarer towards the largest.
    if total <= 20 or total <= 5 * np.count_nonzero(run == run.max(where=~reached, initial=run.min())):
        return -np.inf, np.zeros(run.shape[1:], np.bool_)
    hits = reached.sum(axis=0)
    return float(largest), (hits > 1) & (hits > _OFTEN * len(run))


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
