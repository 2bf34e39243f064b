"""Samples of noise from consecutive frames, sorted by intensity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anscombe_transform._kernels.noise import gather_noise
from anscombe_transform._typing import Array, Floats
from anscombe_transform.estimate.frames import Part
from anscombe_transform.estimate.line import LEAST_VARIANCE, fit_lines
from anscombe_transform.estimate.pixels import (
    RESIDUAL,
    Mask,
    box_sum,
    brightest,
    far_from,
    filled_pixels,
    hot_pixels,
    median_of_neighbors,
    roughness,
    saturated_pixels,
    surroundings,
    wraps,
)

TILES = 8
"""Tiles of the image along each side."""

BINS = 64
"""Bins of intensity."""

CLASSES = 3
"""Classes of roughness."""

COLUMNS = 7
"""What is summed for each tile, bin and class: the columns of `gather_noise`."""

_STEPS = 0xFFFF
"""Steps of intensity that the bins are made of."""

_RUN = 64
"""Frames during which the scene counts as the same."""

_FIRST = 16
"""The brightest consecutive frames, this many, are processed first to learn how much noise there is."""

_WARM_UPS = 3
"""How often that is repeated, each time leaving out what changes too much by the time before."""

_ENOUGH = 100
"""Samples that a bin needs for it."""

_PULSE = 1.7
"""A change of the scene that is always tolerated, in photons: a few of them arriving in the middle of 5 by 5 pixels."""

_LARGEST_CHANGE = 3.5
"""Pixels are left out where the scene changes by more than this many standard deviations of the noise."""

_ROUGH = (0.01, 0.1)
"""The limits between the classes: the variance of the scene about a quadratic surface, relative to the noise."""

_UNUSUAL = 4.0
"""A pair of frames is left out if its noise differs from the median by this many times the spread among pairs,"""

_LEAST_UNUSUAL = 0.03
"""and by this share of the median."""

_LEAST_EXPLAINED = 0.1
"""If its neighbors explain less than this share of the variance between pixels, other frames give the intensity."""

_SAMPLE = 1 << 14
"""About how many values of a frame are kept."""

_NOT_USED = 0xFFFF
"""The cell number of pixels that are left out."""


class Noise:
    """The samples of noise of a movie, or of a band of its rows, gathered so far.

    Attributes
    ----------
    table : ndarray of float64
        Of shape (tiles, bins, classes, 7), with the columns of `gather_noise`.
    pairs : ndarray of float64
        Of shape (4, 4), as that function has it.
    white : ndarray of float64
        Of shape (2, 2), to compare the first two rows and columns of `pairs` with: what they would be, but for a
        factor, for white noise.
    limit : float
        The value at which the detector saturates, in ADU; minus infinity if it did not.
    values : ndarray
        Some of the values of the first frame, in ADU.
    contrast : float
        How much the pixels of the first frames differ in brightness: the standard deviation, from pixel to pixel, of
        the share of the frames in which a pixel is below the median of all, without what noise adds to it.
    wraps : ndarray of int
        The sums of what the function of this name returns.
    in_time : list of tuple
        The correlation of the noise of differences that have no frame in common, and the number of residuals of one.
    of_pairs : list of ndarray
        For pairs of frames, shape (3, pairs): the number of samples, the sum of intensities and that of variances.
    """

    def __init__(self, part: Part) -> None:
        """Look for hot pixels and for bins of intensity in the first frames."""
        block = part.values
        self._real = np.float32 if block.dtype.itemsize <= 2 or block.dtype == np.float32 else np.float64
        run = block[:_RUN]
        mean = run.mean(axis=0, dtype=self._real)
        self._hot = hot_pixels(mean)
        height, width = mean.shape
        rows, columns = np.arange(height) * TILES // height, np.arange(width) * TILES // width
        self._tiles = np.add.outer(rows * TILES, columns)
        means = [self._mean(others) for _, others in _halves(run)]
        self._by_neighbors = len(means) == 1 or _neighbors_tell(*means)
        left_out = part.missing | filled_pixels(run, run.min(axis=0), run.max(axis=0))
        known = ~(self._hot | left_out)
        if not known.any():
            known = ~part.missing
        intensities = [self._intensity(of_others)[known] for of_others in means]
        # Narrow bins at both ends, where there is little of the image, but most of what tells the slope of the line.
        edges = np.quantile(intensities, (1 - np.cos(np.pi * np.arange(1, BINS) / BINS)) / 2)
        # A table of fine steps finds the bin of a pixel several times as fast as a search among the edges.
        low, high = edges[[0, -1]]
        self._low, self._steps = self._real(low), self._real(_STEPS / (high - low) if high > low else 0)
        self._bin_of_step = np.searchsorted(edges, np.linspace(low, high, _STEPS + 1))
        self._gain, self._zero, self._least = 0.0, 0.0, np.inf
        values = run[0][known]
        self.values = values[:: max(1, values.size // _SAMPLE)]
        self.contrast = _contrast(run[:: max(1, len(run) // _FIRST)], known)
        first = brightest(run, _FIRST)
        for _ in range(_WARM_UPS):
            self._clear()
            self._add_run(first, part.missing)
        self._clear()
        self.white = self._white(self._mean(run), left_out)

    def _clear(self) -> None:
        self.table, self.pairs = _empty_table(), np.zeros((4, 4))
        self.limit = -np.inf
        self.wraps = np.zeros(2, np.int64)
        self.in_time: list[tuple[float, float]] = []
        self.of_pairs: list[Floats] = []

    def add(self, part: Part) -> None:
        """Gather the samples of consecutive frames."""
        block = part.values
        for run in np.array_split(block, -(-len(block) // _RUN)):
            self._add_run(run, part.missing)

    def _add_run(self, run: Array, missing: Mask) -> None:
        lows, highs = run.min(axis=0), run.max(axis=0)
        limit, saturated = saturated_pixels(run, highs)
        if limit == -np.inf:
            self.wraps += wraps(run, lows, highs)
        self.limit = max(self.limit, limit)
        used = far_from(self._hot | missing | saturated | filled_pixels(run, lows, highs))
        for frames, others in _halves(run):
            mean = self._mean(others)
            steps = np.clip(self._steps * (self._intensity(mean) - self._low), 0, _STEPS)
            bins = self._bin_of_step[steps.astype(np.uint16)]
            variance = self._expected(mean)
            rough = roughness(mean, variance) - 1 / len(others)
            classes = np.add(*(rough > limit for limit in _ROUGH), dtype=np.intp)
            cells = np.where(used, (self._tiles * BINS + bins) * CLASSES + classes, _NOT_USED).astype(np.uint16)
            limits = self._real(_LARGEST_CHANGE**2) * variance + self._real((_PULSE * self._gain) ** 2)
            self._add_pairs(frames, cells, limits)
        self._learn()

    @np.errstate(divide="ignore", invalid="ignore")
    def _learn(self) -> None:
        """Learn what variance to expect, from a line through the smoothest classes that have samples in each bin."""
        sums = self.table[..., :3].sum(axis=0).cumsum(axis=1).transpose(2, 0, 1)
        classes = (sums[0] >= _ENOUGH).argmax(axis=1)
        count, intensity, variance = sums[:, np.arange(BINS), classes]
        enough = count >= _ENOUGH
        if enough.sum() < 3:
            return
        gain, zero = fit_lines(np.where(enough, [count, intensity, variance], 0))
        if gain > 0:
            self._gain, self._zero = float(gain), float(zero)
            self._least = LEAST_VARIANCE * float(gain * ((intensity / count)[enough].max() - zero))

    def _expected(self, mean: Array) -> Array:
        """Return the expected variance of the noise around each pixel of a mean image; infinite if nothing is known."""
        around = np.maximum(mean, box_sum(mean, 2) / 25)
        variance: Array = self._real(self._gain) * (around - self._real(self._zero))
        return np.maximum(variance, self._real(self._least))

    def _white(self, mean: Array, left_out: Mask) -> Array:
        """Return what `pairs` would be, up to a factor, if neighboring pixels shared no noise."""
        if self._gain == 0:
            return np.zeros((2, 2))
        variance = self._gain * (mean.astype(np.float64) - self._zero)
        weight = np.where(far_from(self._hot | left_out), 1 / self._expected(mean), 0)
        return np.array([_sums_of_white_noise(variance, weight), _sums_of_white_noise(variance.T, weight.T)])

    def _add_pairs(self, frames: Array, cells: npt.NDArray[np.uint16], limits: Array) -> None:
        """Gather samples from consecutive frames, but not from pairs whose noise is unlike that of the others."""
        totals = []
        later = np.ascontiguousarray(frames[0], dtype=self._real)
        table = self.table.reshape(-1, COLUMNS)
        pairs = np.zeros((len(frames) - 1, 4, 4))
        residuals = np.full((2, cells.shape[0] // 4, cells.shape[1]), np.nan, self._real)
        for frame, sums in zip(frames[1:], pairs, strict=True):
            earlier, later = later, np.ascontiguousarray(frame, dtype=self._real)
            totals.append(gather_noise(earlier, later, cells, limits, table, sums, residuals))
        count, _, variance = of_pairs = np.array(totals, np.float64).T
        usual = _usual(count) & _usual(np.divide(variance, count, out=np.zeros_like(count), where=count > 0))
        for pair in np.flatnonzero(~usual):
            earlier, later = np.ascontiguousarray(frames[pair : pair + 2], dtype=self._real)
            unusual = _empty_table()
            gather_noise(earlier, later, cells, limits, unusual.reshape(-1, COLUMNS), pairs[pair], residuals)
            self.table[..., :3] -= unusual[..., :3]
        pairs[1:, 2] *= usual[:-1, None]
        pairs[2:, 3] *= usual[:-2, None]
        self.pairs += pairs[usual].sum(axis=0)
        self.of_pairs.append(of_pairs[:, usual & (count > 0)])
        known = usual & (pairs[:, 3, 1] > 0)
        self.in_time += zip(pairs[known, 3, 0] / pairs[known, 3, 1], count[known], strict=True)

    def _intensity(self, mean: Array) -> Array:
        """Return what tells the intensity of each pixel in frames whose noise is not in this mean of others."""
        return surroundings(mean) if self._by_neighbors else mean

    def _mean(self, frames: Array) -> Array:
        """Return the mean of frames, hot pixels replaced by their neighbors."""
        mean: Array = frames.mean(axis=0, dtype=self._real)
        return np.where(self._hot, median_of_neighbors(mean), mean) if self._hot.any() else mean


def _halves(run: Array) -> list[tuple[Array, Array]]:
    """Return frames whose differences tell the noise, each with others that tell what is seen in them.

    What noise does to the others has no part in the differences. Of fewer than 4 frames, they are the same.
    """
    half = len(run) // 2
    return [(run, run)] if len(run) < 4 else [(run[: half + 1], run[half + 1 :]), (run[half:], run[:half])]


def _neighbors_tell(first: Array, second: Array) -> bool:
    """Return whether the pixels around tell the intensity of a pixel, as they do where optics blur the scene.

    The images are means of different frames.
    """
    variance, covariance, _, _ = np.cov(surroundings(first).flat, second.flat).flat
    variance_of_half, covariance_of_halves, _, _ = np.cov(first.flat, second.flat).flat
    # The variance between pixels that a linear regression explains with the one, and with the other.
    return bool(covariance**2 * variance_of_half >= _LEAST_EXPLAINED * covariance_of_halves**2 * variance)


def _sums_of_white_noise(variance: Array, weight: Array) -> tuple[float, float]:
    """Return sums over neighbors in x of the expected products of residuals, and of the means of their squares."""
    height, width = variance.shape
    framed = np.pad(variance, 3, mode="reflect")
    weights = np.pad(RESIDUAL, ((0, 0), (1, 1)))
    products = squares = 0.0
    for y in range(5):
        for x in range(6):
            one, other = weights[y, x + 1], weights[y, x]
            total = float((weight * framed[y + 1 : y + 1 + height, x + 1 : x + 1 + width]).sum())
            products += one * other * total
            squares += (one**2 + other**2) / 2 * total
    return products, squares


def _empty_table() -> Array:
    table = np.zeros((TILES * TILES, BINS, CLASSES, COLUMNS))
    table[..., 3], table[..., 5] = -np.inf, np.inf
    return table


def _contrast(frames: Array, known: Mask) -> float:
    """Return how much pixels differ in how often they are below the median: the standard deviation of the share."""
    if len(frames) < 2 or not known.any():
        return np.inf
    median = np.median(frames[0][known])
    below = (frames <= median).mean(axis=0, dtype=np.float64)[known]
    return float(np.sqrt(max(0.0, below.var() - (below * (1 - below)).mean() / (len(frames) - 1))))


def _usual(rates: Array) -> Mask:
    """Return which values are not far off the median of those above 0; if all are 0, they are usual."""
    some: Mask = rates > 0
    if some.sum() < 4:
        return some if some.any() else ~some
    median = np.median(rates[some])
    off = np.abs(rates - median)
    close: Mask = off <= max(_UNUSUAL * 1.4826 * float(np.median(off[some])), _LEAST_UNUSUAL * float(median))
    return some & close
