"""The noise of a movie by intensity, gathered in one pass over its frames."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from anscombe_transform import _kernels
from anscombe_transform.transform import is_real

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

BINS = 64
"""Bins of intensity."""

TILES = 8
"""Tiles of a band of the image along each side."""

SMALLEST_SIDE = 5
"""Pixels that the noise of one of them is told from, along each side."""

_BLOCK_SIZE = 1 << 25
"""Bytes of a movie that are worked on at a time."""

_LARGEST_CHANGE = 3.5
"""Where the scene changes by more than this many standard deviations of the noise, pixels are left out."""

_HOT = 10.0
"""A pixel is hot if it differs from its neighbors by this many times the spread among pixels of its intensity."""

_LEAST_EXPLAINED = 0.1
"""Where neighbors tell less than this share of the variance between pixels, other frames of the pixel are asked."""

_SATURATED = 0.002
"""A bin is saturated if more than this share of its values are the largest of the movie."""

_WARM_UP = 16
"""Frames from which to learn how much noise there is, and so what change of the scene is too large."""

_ENOUGH = 100
"""Samples in a bin that are enough to learn that."""

_NOT_USED = 0xFFFF
"""The cell of a pixel that is left out."""


class Movie(Protocol):
    """What is read like an array of shape (time, y, x)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Frames, height and width."""

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""

    def __getitem__(self, index: Any, /) -> Any:
        """Return what can be made an array."""


@dataclass(frozen=True, eq=False)
class NoiseSamples:
    """Sums over the samples of noise of a movie, by tile of the image and bin of intensity: shape (tiles, bins)."""

    count: Floats
    intensity: Floats
    """Sums of the intensities, in ADU."""
    variance: Floats
    """Sums of the variances of the noise, in ADU squared."""
    saturated: npt.NDArray[np.bool_]
    """Whether a bin, shape (bins,), has so many values at the movie's largest that it must be the detector's limit."""
    lowest: float
    """The smallest value of the movie, in ADU."""
    highest: float
    frames: int
    """How many frames were read."""


def gather_noise_samples(
    movie: Movie, max_frames: int | None = None, progress: Callable[[int, int], None] | None = None
) -> NoiseSamples:
    """Gather the noise of a movie by intensity.

    A sample of noise is what is left at a pixel, of the difference of two consecutive frames, when a quadratic
    surface fitted to it over 5 by 5 pixels is subtracted. So it knows neither what is constant, such as offsets of
    pixels, nor how the scene changes, as long as the optics blur it over a few pixels. The samples are sorted into
    bins by the mean of the surrounding pixels, over all frames in memory. The noise of a sample has no part in that;
    sorted by its own intensity, noise that is not purely Poisson distributed would bend the line.

    Parameters
    ----------
    movie : Movie
        Movie of shape (time, y, x), in ADU. Each frame is read once; a Zarr array is read in whole chunks.
    max_frames : int, optional
        Read about so many frames, in short runs evenly spread over the movie; by default all.
    progress : callable, optional
        Called with the number of frames read and of those to read.

    Raises
    ------
    TypeError
        If the movie is not of real numbers.
    ValueError
        If it does not have three axes, has fewer than 2 frames of 5 by 5 pixels, or has values that are not finite.
    """
    _check(movie, max_frames)
    bands: dict[tuple[int, int], _Band] = {}
    lowest, highest = np.inf, -np.inf
    height = movie.shape[1]
    blocks = list(_blocks(movie, max_frames))
    to_read = sum((stop - start) * (bottom - top) for start, stop, top, bottom in blocks)
    read = 0
    for start, stop, top, bottom in blocks:
        whole = bottom - top == height
        block = np.asarray(movie[start:stop] if whole else movie[start:stop, top:bottom])
        low, high = float(block.min()), float(block.max())
        if not np.isfinite(low) or not np.isfinite(high):
            finite = np.isfinite(block.reshape(len(block), -1)).all(axis=1)
            raise ValueError(
                f"movie has NaN or infinite values, the first of them in frame {start + int(finite.argmin())}: "
                "crop them away, or estimate from frames without them"
            )
        lowest, highest = min(lowest, low), max(highest, high)
        if (top, bottom) not in bands:
            bands[top, bottom] = _Band(block)
        bands[top, bottom].add(block)
        read += (stop - start) * (bottom - top)
        if progress is not None:
            progress(read // height, to_read // height)
    count, intensity, variance, hits = _merge(list(bands.values()))
    return NoiseSamples(
        count=count,
        intensity=intensity,
        variance=variance,
        saturated=hits.sum(axis=0) > np.maximum(4, _SATURATED * count.sum(axis=0)),
        lowest=lowest,
        highest=highest,
        frames=to_read // height,
    )


def _check(movie: Movie, max_frames: int | None) -> None:
    shape = tuple(movie.shape)
    if not is_real(np.dtype(movie.dtype)):
        raise TypeError(f"movie is of {movie.dtype}, but must be of integers or floats of at most 64 bits")
    if len(shape) != 3:
        raise ValueError(
            f"movie has the shape {shape}, but needs three axes, (time, y, x): choose one channel and one plane, or "
            "put a missing axis in with movie[:, None]"
        )
    if shape[0] < 2:
        raise ValueError(
            f"movie has the shape {shape}, but noise shows in the difference of two frames: give 2 frames at least, "
            "better 100"
        )
    if min(shape[1:]) < SMALLEST_SIDE:
        raise ValueError(
            f"movie has the shape {shape}, but noise is told from changes of the scene by the pixels around: give "
            f"frames of {SMALLEST_SIDE} by {SMALLEST_SIDE} pixels at least"
        )
    if max_frames is not None and max_frames < 2:
        raise ValueError(f"max_frames must be 2 at least, not {max_frames}")


def _blocks(movie: Movie, max_frames: int | None) -> Iterator[tuple[int, int, int, int]]:
    """Yield the parts in which to read a movie: first and last frame, first and last row, each last one excluded."""
    frames, height, width = movie.shape
    row_size = width * np.dtype(movie.dtype).itemsize
    depth, rows = _chunk(movie)
    length = max(2, _BLOCK_SIZE // (height * row_size))
    band = height
    if depth * height * row_size <= 2 * _BLOCK_SIZE:
        length = max(1, length // depth) * depth
    elif rows < height:
        length, band = depth, max(1, 2 * _BLOCK_SIZE // (depth * row_size * rows)) * rows
    length = max(2, min(length, frames))
    if max_frames is not None and max_frames < frames:
        length = min(length, max(2, max_frames // 8))
        starts = np.linspace(0, frames - length, max(1, max_frames // length)).astype(int).tolist()
        runs = [(start, start + length) for start in starts]
    else:
        runs = [(start, min(start + length, frames)) for start in range(0, frames, length)]
        if runs[-1][1] - runs[-1][0] == 1:
            runs[-2:] = [(runs[-2][0], frames)]
    for top in range(0, height, band):
        for start, stop in runs:
            yield start, stop, top, min(top + band, height)


def _chunk(movie: Movie) -> tuple[int, int]:
    """Return the number of frames and of rows in a chunk of a Zarr, HDF5 or Dask array; one whole frame for others."""
    chunks = getattr(movie, "chunks", None)
    if chunks is None:
        return 1, movie.shape[1]
    depth, rows = (max(sizes) if isinstance(sizes, tuple) else sizes for sizes in chunks[:2])
    return depth, rows


class _Band:
    """What the frames of a movie, or of a band of its rows, have told of the noise so far.

    A cell is a bin of intensity in a tile of the band; the rows of the table are cells.
    """

    def __init__(self, block: Array) -> None:
        """Look for hot pixels and for bins of intensity in the first frames."""
        self._real = np.float32 if block.dtype.itemsize <= 2 or block.dtype == np.float32 else np.float64
        mean = self._mean(block)
        self._hot = _hot_pixels(mean)
        self._used = _box_sum(self._hot.astype(np.float32), 2) == 0
        height, width = mean.shape
        rows, columns = np.arange(height) * TILES // height, np.arange(width) * TILES // width
        self._tiles = np.add.outer(rows * TILES, columns)
        self._by_neighbors = len(block) < 4 or self._neighbors_tell(block)
        intensities = np.concatenate([image[self._used] for _, image in self._intensities(block)])
        # Narrow bins at both ends, where there is little of the image, but most of what tells the slope of the line.
        self._edges = np.quantile(intensities, (1 - np.cos(np.pi * np.arange(1, BINS) / BINS)) / 2)
        self._variances = np.full(BINS, np.inf)
        self._clear()
        for _ in range(2):
            self.add(block[:_WARM_UP])
            self._clear()

    def _clear(self) -> None:
        self.table = np.zeros((TILES * TILES * BINS, 5))
        self.table[:, 3] = -np.inf
        self.neighbors = np.zeros((2, 2))

    def add(self, block: Array) -> None:
        """Gather the samples of consecutive frames, shape (time, y, x)."""
        for frames, intensity in self._intensities(block):
            bins = np.searchsorted(self._edges, intensity)
            cells = np.where(self._used, self._tiles * BINS + bins, _NOT_USED).astype(np.uint16)
            limits = (_LARGEST_CHANGE**2 / 25 * _box_sum(self._variances[bins], 2)).astype(self._real)
            later = np.ascontiguousarray(block[frames.start], dtype=self._real)
            for frame in block[frames.start + 1 : frames.stop]:
                earlier, later = later, np.ascontiguousarray(frame, dtype=self._real)
                _kernels.gather_noise(earlier, later, cells, limits, self.table, self.neighbors)
        count, _, variance, *_ = self.table.reshape(TILES * TILES, BINS, 5).sum(axis=0).T
        self._variances = np.divide(variance, count, out=np.full(BINS, np.inf), where=count >= _ENOUGH)

    def _intensities(self, block: Array) -> list[tuple[slice, Array]]:
        """Return runs of frames, and for each an image of intensity in which the noise of its frames has no part."""
        if self._by_neighbors:
            return [(slice(0, len(block)), self._surroundings(block))]
        half = len(block) // 2
        return [(slice(0, half), self._mean(block[half:])), (slice(half, len(block)), self._mean(block[:half]))]

    def _neighbors_tell(self, block: Array) -> bool:
        """Return whether the pixels around tell the intensity of a pixel, as they do where optics blur the scene."""
        half = len(block) // 2
        first, second = self._mean(block[:half])[self._used], self._mean(block[half:])[self._used]
        variance, covariance, _, _ = np.cov(self._surroundings(block)[self._used], (first + second) / 2).flat
        variance_of_half, covariance_of_halves, _, _ = np.cov(first, second).flat
        # The variance between pixels that a linear regression explains with the one, and with the other.
        return bool(covariance**2 * variance_of_half >= _LEAST_EXPLAINED * covariance_of_halves**2 * variance)

    def _mean(self, block: Array) -> Array:
        mean: Array = block.mean(axis=0, dtype=self._real)
        return mean

    def _surroundings(self, block: Array) -> Array:
        """Return the mean, over the frames and the 16 pixels at a distance of 2 rows or columns."""
        mean = self._mean(block)
        mean = np.where(self._hot, _median_of_neighbors(mean), mean)
        return (_box_sum(mean, 2) - _box_sum(mean, 1)) / 16


def _hot_pixels(mean: Array) -> npt.NDArray[np.bool_]:
    """Return which pixels of a mean image differ from their neighbors far more than others of their intensity."""
    around = _median_of_neighbors(mean)
    excess = (mean - around).ravel()
    hot = np.zeros(mean.size, np.bool_)
    for pixels in np.array_split(np.argsort(around, axis=None), max(1, min(32, mean.size // 256))):
        values = excess[pixels]
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
        spread = np.clip(values, low, high).std()
        hot[pixels] = (np.abs(values - middle) > _HOT * spread) & (spread > 0)
    return hot.reshape(mean.shape)


def _median_of_neighbors(image: Array) -> Array:
    """Return the median of the four nearest neighbors of each pixel."""
    framed = np.pad(image, 1, mode="reflect")
    neighbors = (framed[:-2, 1:-1], framed[2:, 1:-1], framed[1:-1, :-2], framed[1:-1, 2:])
    least, most = neighbors[0], neighbors[0]
    for neighbor in neighbors[1:]:
        least, most = np.minimum(least, neighbor), np.maximum(most, neighbor)
    median: Array = (neighbors[0] + neighbors[1] + neighbors[2] + neighbors[3] - least - most) / 2
    return median


def _box_sum(image: Array, radius: int) -> Array:
    """Return the sum over the square of `radius` pixels around each pixel; beyond the edges, the image is mirrored."""
    height, width = image.shape
    framed = np.pad(image, radius, mode="reflect")
    columns = functools.reduce(np.add, (framed[y : y + height] for y in range(2 * radius + 1)))
    total: Array = functools.reduce(np.add, (columns[:, x : x + width] for x in range(2 * radius + 1)))
    return total


def _merge(bands: list[_Band]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return counts, intensities, variances and saturated values by tile and bin, bins in order of their intensity."""
    tables = np.array([band.table.reshape(TILES * TILES, BINS, 5) for band in bands])
    count, intensity = tables[..., :2].sum(axis=1).transpose(2, 0, 1)
    level = np.divide(intensity, count, out=np.full(count.shape, np.inf), where=count > 0)
    rank = np.argsort(np.argsort(level, axis=None, kind="stable")).reshape(level.shape)
    merged = np.zeros((4, len(bands), TILES * TILES, BINS))
    hits = np.where(tables[..., 3] == tables[..., 3].max(), tables[..., 4], 0)
    for band, bins in enumerate(rank // len(bands)):
        belongs = np.equal.outer(bins, np.arange(BINS))
        for sums, values in zip(merged, (*tables[band, ..., :3].transpose(2, 0, 1), hits[band]), strict=True):
            sums[band] = values @ belongs
    merged[2] /= _residual_share(np.sum([band.neighbors for band in bands], axis=0))
    count, intensity, variance, hits = merged.reshape(4, -1, BINS)
    return count, intensity, variance, hits


def _residual_share(neighbors: Floats) -> float:
    """Return the variance of residuals as a share of that of the noise, given the sums over neighboring residuals.

    For white noise it is 1. Noise that neighboring pixels share, as from a slow detector, is partly in the fitted
    surface. The correlation of residuals tells how much the noise of nearest neighbors is correlated in x and in y.
    """
    if not neighbors[:, 1].all():
        return 1.0
    y, x = np.mgrid[-2:3, -2:3]
    weights = 5 * (x**2 + y**2) - 27.0
    weights[2, 2] += 175
    autocorrelation = {
        (dy, dx): (weights[dy:, dx:] * weights[: 5 - dy, : 5 - dx]).sum() / (weights**2).sum()
        for dy, dx in ((0, 1), (1, 1), (0, 2))
    }
    nearest, diagonal, second = autocorrelation.values()
    measured = neighbors[:, 0] / neighbors[:, 1]
    # measured_x * (1 + 2 * nearest * (x + y)) = nearest + (1 + second) * x + 2 * diagonal * y, and so in y
    system = np.array([[1 + second, 2 * diagonal], [2 * diagonal, 1 + second]]) - 2 * nearest * measured[:, None]
    of_noise = np.linalg.solve(system, measured - nearest)
    return float(1 + 2 * nearest * of_noise.sum())
