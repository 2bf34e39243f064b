"""What each beta saves and what it costs, measured on an excerpt of a movie."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from anscombe_transform.arrays import Array, encode
from anscombe_transform.photon_transfer import Movie
from anscombe_transform.transform import EncodedDType
from anscombe_transform.zarr_v3 import AnscombeTransformV3

Floats = npt.NDArray[np.float64]

_LARGEST_EXCERPT = 1 << 26
"""Values of an excerpt, at most."""

_LEAST_FRAMES = 256
"""Frames of an excerpt, where the movie has them; of frames that are too large for it, only the middle is kept."""

_READ = 1 << 25
"""Bytes of a movie that are read at a time, or whole chunks of up to eight times as many."""

_CHUNK = 1 << 20
"""Pixels per chunk."""

_SIDE = 8
"""Pixels along a side of a region: about a cell."""

_MOST_REGIONS = 50

_BINS = 12
"""Bins of intensity."""

_LEAST_SAMPLES = 1000
"""Values that a bin of intensity needs."""

_BARS = 128
"""Bars of a histogram, at most."""


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Consecutive frames of a movie, or the middle of such frames.

    Attributes
    ----------
    values : ndarray
        Shape (time, y, x), in ADU.
    first, top, left : int
        The first frame, row and column, counted from 0.
    mean_image : ndarray of float64
        Mean of these frames over time, in ADU: all of each frame, shape (y, x) of the movie.
    lowest, highest : float
        Extremes of `values`, in ADU.
    """

    values: Array
    first: int
    top: int
    left: int
    mean_image: Floats
    lowest: float
    highest: float

    @property
    def mean(self) -> Floats:
        """The part of the mean image that `values` cover."""
        _, rows, columns = self.values.shape
        return self.mean_image[self.top : self.top + rows, self.left : self.left + columns]


def excerpt_length(movie: Movie, max_frames: int | None = None) -> int:
    """Return how many frames of a movie an excerpt has: as many as make 64 Mi values, but 256 if there are so many."""
    frames, height, width = movie.shape
    return min(frames, max_frames or frames, max(_LEAST_FRAMES, _LARGEST_EXCERPT // (height * width)))


def read_excerpt(
    movie: Movie, max_frames: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Excerpt:
    """Read consecutive frames from the middle of a movie, 64 Mi values at most.

    Parameters
    ----------
    movie : Movie
        Movie of shape (time, y, x), in ADU; it is sliced along time only.
    max_frames : int, optional
        Read at most so many frames.
    progress : callable, optional
        Called with the number of frames read and of those to read.

    Raises
    ------
    ValueError
        If the frames have values that are not finite.
    """
    total, height, width = movie.shape
    frames = excerpt_length(movie, max_frames)
    first = (total - frames) // 2
    share = min(1.0, math.sqrt(_LARGEST_EXCERPT / (frames * height * width)))
    rows, columns = max(1, int(height * share)), max(1, int(width * share))
    top, left = (height - rows) // 2, (width - columns) // 2
    values = np.empty((frames, rows, columns), np.dtype(movie.dtype).newbyteorder("="))
    mean_image = np.zeros((height, width))
    lowest, highest = math.inf, -math.inf
    for start, stop in _parts_to_read(movie, first, first + frames):
        block = np.asarray(movie[start:stop])
        low, high = float(block.min()), float(block.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(f"movie has NaN or infinite values in frames {start} to {stop - 1}: crop them away")
        values[start - first : stop - first] = block[:, top : top + rows, left : left + columns]
        mean_image += block.sum(axis=0, dtype=np.float64) / frames
        if progress is not None:
            progress(stop - first, frames)
    lowest, highest = float(values.min()), float(values.max())
    return Excerpt(values, first, top, left, mean_image, lowest, highest)


def _parts_to_read(movie: Movie, first: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the first frame and the one after the last of each block, which starts where a chunk does."""
    frame_size = max(1, math.prod(movie.shape[1:]) * np.dtype(movie.dtype).itemsize)
    length = max(1, _READ // frame_size)
    chunks: Any = getattr(movie, "chunks", None)
    depth = 1 if chunks is None else max(chunks[0]) if isinstance(chunks[0], tuple) else int(chunks[0])
    if depth * frame_size <= 8 * _READ:
        length = max(1, length // depth) * depth
    edges = [first, *range((first // length + 1) * length, stop, length), stop]
    yield from pairwise(edges)


@dataclass(frozen=True, eq=False)
class Regions:
    """The most active squares of an excerpt, the most active first.

    Attributes
    ----------
    side : int
        Pixels along a side.
    top, left : ndarray of int
        First row and column of each, shape (regions,), counted from 0 in the excerpt.
    traces : ndarray of float64
        Mean of each in each frame, shape (time, regions), in ADU.
    """

    side: int
    top: npt.NDArray[np.int_]
    left: npt.NDArray[np.int_]
    traces: Floats

    def apart(self, count: int) -> list[int]:
        """Return the indices of at most `count` regions, the most active first, that do not touch one another."""
        chosen: list[int] = []
        for i in range(len(self.top)):
            distances = (max(abs(self.top[i] - self.top[j]), abs(self.left[i] - self.left[j])) for j in chosen)
            if len(chosen) < count and all(distance > self.side for distance in distances):
                chosen.append(i)
        return chosen


def find_regions(excerpt: Excerpt) -> Regions:
    """Find the regions whose brightness changes most, compared with their noise.

    The excerpt is cut into squares of 8 by 8 pixels, or of a quarter of its smaller side if that is less. The noise of
    the mean of a square is half the variance of the differences of consecutive frames; its activity is the variance
    over time beyond that, as a multiple of that. The 50 most active are kept, and at most a quarter of all.

    Raises
    ------
    ValueError
        If nothing changes in the excerpt.
    """
    frames, height, width = excerpt.values.shape
    side = max(1, min(_SIDE, min(height, width) // 4))
    traces = np.concatenate(
        [_means_of_squares(excerpt.values[part].astype(np.float64), side) for part in _chunks(excerpt.values.shape)]
    )
    noise = np.diff(traces, axis=0).var(axis=0) / 2
    if not noise.any():
        raise ValueError(
            f"movie does not change in frames {excerpt.first} to {excerpt.first + frames - 1}, which a report looks at"
        )
    activity = np.divide(traces.var(axis=0), noise, out=np.zeros_like(noise), where=noise > 0)
    count = min(_MOST_REGIONS, math.ceil(noise.size / 4), np.count_nonzero(noise))
    most_active = np.argsort(-activity, kind="stable")[:count]
    row, column = np.divmod(most_active, width // side)
    return Regions(side, row * side, column * side, traces[:, most_active])


def _means_of_squares(values: Floats, side: int) -> Floats:
    """Return the means of the squares of each frame, shape (time, squares), row by row."""
    frames, height, width = values.shape
    rows, columns = height // side, width // side
    squares = values[:, : rows * side, : columns * side].reshape(frames, rows, side, columns, side)
    means: Floats = squares.mean(axis=(2, 4)).reshape(frames, rows * columns)
    return means


def _chunks(shape: tuple[int, ...]) -> list[slice]:
    length = _frames_per_chunk(shape)
    return [slice(start, min(start + length, shape[0])) for start in range(0, shape[0], length)]


def _frames_per_chunk(shape: tuple[int, ...]) -> int:
    return max(1, min(shape[0], _CHUNK // math.prod(shape[1:])))


@dataclass(frozen=True)
class Tradeoff:
    """What one beta saves and costs; relative to the noise means in its standard deviations.

    The noise of an input of u photons is taken as ``conversion_gain * sqrt(u + 3/8)`` ADU, below zero photons as that
    of none.

    Attributes
    ----------
    beta : float
        Noise standard deviations per code.
    encoded_dtype, array_dtype : str
        dtypes of the codes and of the array that holds them.
    size : int
        Bytes that the excerpt takes as a Zarr array in chunks of 1 Mi pixels, with Zstd at level 1.
    ratio : float
        Bytes of the excerpt as it is, by `size`.
    noise_added_in_theory, noise_added : float
        Variance of decoded - original over time as a share of that of the noise: ``beta**2 / 12``, and as measured.
    offset : float
        Mean of decoded - original, in photons. In theory it is ``beta**2 / 12`` at every intensity: a code c, before
        rounding, is ``(beta * c / 2)**2`` photons but for a constant; rounding adds 1/12 to the mean of ``c**2``, and
        decoding to the middle of the interval adds 1/4.
    largest_error : float
        Largest absolute error of a value, relative to its noise.
    pixel_correlation, region_correlation : tuple of float
        Correlation over time of decoded and original: the median, and the quantile of 5 %, over all pixels that are
        not constant, and over the most active regions. If decoding leaves a trace constant, it counts as 0.
    rms_error, mean_error : tuple of float
        Root mean square, and mean, of decoded - original by intensity, relative to the noise.
    """

    beta: float
    encoded_dtype: EncodedDType
    array_dtype: str
    size: int
    ratio: float
    noise_added_in_theory: float
    noise_added: float
    offset: float
    largest_error: float
    pixel_correlation: tuple[float, float]
    region_correlation: tuple[float, float]
    rms_error: tuple[float, ...]
    mean_error: tuple[float, ...]


class TradeoffMeter:
    """Measures trade-offs on one excerpt, with the parameters of one detector.

    Parameters
    ----------
    excerpt : Excerpt
        What to compress.
    regions : Regions
        The regions of the excerpt whose traces are compared.
    zero_level : float
        The input at zero photons, in ADU.
    conversion_gain : float
        ADU per photon.

    Attributes
    ----------
    intensity : ndarray of float64
        Mean intensity of the pixels of each bin, in ADU. A pixel belongs to the bin of its mean over time.
    """

    def __init__(self, excerpt: Excerpt, regions: Regions, zero_level: float, conversion_gain: float) -> None:
        self.excerpt = excerpt
        self.regions = regions
        self._zero_level = zero_level
        self._conversion_gain = conversion_gain
        self._bin_of_pixel, self.intensity = self._bins()
        values, mean = excerpt.values, excerpt.mean
        self._variance = np.zeros_like(mean)
        varies = np.zeros(mean.shape, np.bool_)
        for part in _chunks(values.shape):
            varies |= (values[part] != values[0]).any(axis=0)
            deviation = values[part] - mean
            self._variance += _dot(deviation, deviation) / len(values)
        self._varying = varies

    def size_without_codec(self) -> int:
        """Return the bytes that the excerpt takes with the same chunks and compressor, but without the codec."""
        values = self.excerpt.values
        array = _in_memory(values.shape, values.dtype.name, [])
        for part in _chunks(values.shape):
            array[part] = values[part]
        return array.nbytes_stored()

    def measure(
        self, codec: AnscombeTransformV3, progress: Callable[[int, int], None] | None = None
    ) -> tuple[Tradeoff, Floats]:
        """Compress the excerpt into a Zarr array in memory, read it back, and compare.

        Returns
        -------
        tradeoff : Tradeoff
        errors : ndarray of float64
            Decoded - original of the traces of the regions, shape (time, regions), in ADU.

        Raises
        ------
        ValueError
            If the codec cannot hold the excerpt.
        """
        values, mean, side = self.excerpt.values, self.excerpt.mean, self.regions.side
        # Zarr 3.1 holds codes of more than 8 bits in arrays of more than 8 bits only.
        widened = values.dtype.itemsize < min(2, np.dtype(codec.encoded_dtype).itemsize)
        dtype = np.dtype(np.int16) if widened else values.dtype
        array = _in_memory(values.shape, dtype.name, [codec])
        error_sum, error_square, product, relative_sum, relative_square = np.zeros((5, *mean.shape))
        largest = 0.0
        of_squares = []
        for part in _chunks(values.shape):
            array[part] = values[part]
            original = values[part].astype(np.float64)
            error = np.asarray(array[part]) - original
            relative = error / self._noise(original)
            error_sum += error.sum(axis=0)
            error_square += _dot(error, error)
            product += _dot(error, original - mean)
            relative_sum += relative.sum(axis=0)
            relative_square += _dot(relative, relative)
            largest = max(largest, float(relative.max()), -float(relative.min()))
            of_squares.append(_means_of_squares(error, side)[:, self._squares()])
            if progress is not None:
                progress(part.stop, len(values))
        size = array.nbytes_stored()
        frames = len(values)
        variance_of_error = error_square / frames - (error_sum / frames) ** 2
        relative_variance = (relative_square - relative_sum**2 / frames) / (frames - 1)
        pixels = _correlation(self._variance, product / frames, variance_of_error)[self._varying]
        errors = np.concatenate(of_squares)
        mean_error = self._of_bins(error_sum / frames) / self._noise(self.intensity)
        rms_error = np.sqrt(self._of_bins(relative_square / frames))
        tradeoff = Tradeoff(
            beta=codec.beta,
            encoded_dtype=codec.encoded_dtype,
            array_dtype=dtype.name,
            size=size,
            ratio=values.nbytes / size,
            noise_added_in_theory=codec.beta**2 / 12,
            noise_added=float(relative_variance[self._varying].mean()),
            offset=float(error_sum[self._varying].mean() / frames / self._conversion_gain),
            largest_error=largest,
            pixel_correlation=_median_and_worst(pixels),
            region_correlation=_median_and_worst(self._region_correlation(errors)),
            rms_error=tuple(rms_error.tolist()),
            mean_error=tuple(mean_error.tolist()),
        )
        return tradeoff, errors

    def _noise(self, intensity: Floats) -> Floats:
        """Return the standard deviation of the noise, in ADU."""
        noise = np.maximum(0, (intensity - self._zero_level) / self._conversion_gain) + 3 / 8
        np.sqrt(noise, out=noise)
        noise *= self._conversion_gain
        return noise

    def _bins(self) -> tuple[npt.NDArray[np.int_], Floats]:
        """Return the bin of each pixel, -1 for those in none, and the mean intensity of each bin in ADU.

        Bins are as wide in units of the noise, from the 0.5th to the 99.9th percentile of the pixels. Those with few
        values are left out.
        """
        frames, mean = len(self.excerpt.values), self.excerpt.mean
        stabilized = self._noise(mean)
        low, high = np.quantile(stabilized, [0.005, 0.999])
        position = np.divide(stabilized - low, high - low, out=np.full(mean.shape, 0.5), where=high > low)
        inside = (position >= 0) & (position <= 1)
        bins = np.where(inside, np.minimum(_BINS - 1, position * _BINS), _BINS).astype(np.int_)
        pixels = np.bincount(bins.ravel(), minlength=_BINS + 1)[:_BINS]
        kept = (pixels > 0) & (pixels * frames >= min(_LEAST_SAMPLES, int(pixels.max()) * frames))
        number = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
        bin_of_pixel = number[bins]
        intensity = np.bincount(bin_of_pixel.ravel() + 1, mean.ravel(), kept.sum() + 1)[1:] / pixels[kept]
        return bin_of_pixel, intensity

    def _of_bins(self, image: Floats) -> Floats:
        """Return the mean of an image over the pixels of each bin."""
        bins = self._bin_of_pixel.ravel() + 1
        means: Floats = np.bincount(bins, image.ravel())[1:] / np.bincount(bins)[1:]
        return means

    def _squares(self) -> npt.NDArray[np.int_]:
        """Return the positions of the regions among all squares, row by row."""
        side = self.regions.side
        squares: npt.NDArray[np.int_] = self.regions.top // side * (self.excerpt.values.shape[2] // side)
        return squares + self.regions.left // side

    def _region_correlation(self, errors: Floats) -> Floats:
        original = self.regions.traces - self.regions.traces.mean(axis=0)
        return _correlation(
            original.var(axis=0), (original * (errors - errors.mean(axis=0))).mean(axis=0), errors.var(axis=0)
        )


def _in_memory(shape: tuple[int, ...], dtype: str, filters: list[AnscombeTransformV3]) -> zarr.Array[Any]:
    return zarr.create_array(
        MemoryStore(),
        shape=shape,
        chunks=(_frames_per_chunk(shape), *shape[1:]),
        dtype=dtype,
        filters=filters,
        compressors=ZstdCodec(level=1),
    )


def _dot(a: Floats, b: Floats) -> Floats:
    """Return the sum over time of the product."""
    product: Floats = np.einsum("tyx,tyx->yx", a, b)
    return product


def _correlation(variance: Floats, covariance: Floats, variance_of_error: Floats) -> Floats:
    """Return the correlation of x with x + e, given the variances of x and e and their covariance.

    From sums over e, which is small, it keeps its digits where it is close to 1.
    """
    of_decoded = variance + 2 * covariance + variance_of_error
    # What decoding leaves constant is exactly so in theory, and up to rounding here.
    known = (variance > 0) & (of_decoded > 1e-12 * variance)
    scale = np.sqrt(variance * np.where(known, of_decoded, 1))
    return np.divide(variance + covariance, scale, out=np.zeros_like(variance), where=known)


def _median_and_worst(correlation: Floats) -> tuple[float, float]:
    median, worst = np.quantile(correlation, [0.5, 0.05])
    return float(median), float(worst)


@dataclass(frozen=True)
class CodeHistogram:
    """How often codes occur in an excerpt.

    Attributes
    ----------
    beta : float
        Noise standard deviations per code.
    first : int
        The lowest code.
    width : int
        How many codes are counted together.
    count : tuple of int
        Values with each of these codes, from `first` on.
    """

    beta: float
    first: int
    width: int
    count: tuple[int, ...]


def count_codes(excerpt: Excerpt, zero_level: float, conversion_gain: float, beta: float) -> CodeHistogram:
    """Count the codes of an excerpt, in at most 128 groups of the same width."""

    def codes(values: Array) -> npt.NDArray[np.int64]:
        unrounded = encode(
            values, zero_level=zero_level, conversion_gain=conversion_gain, encoded_dtype="float64", beta=beta
        )
        return np.rint(unrounded).astype(np.int64)

    first, last = codes(np.array([excerpt.lowest, excerpt.highest])).tolist()
    width = math.ceil((last - first + 1) / _BARS)
    count = np.zeros((last - first) // width + 1, np.int64)
    for part in _chunks(excerpt.values.shape):
        groups = (codes(excerpt.values[part]).ravel() - first) // width
        count += np.bincount(groups, minlength=count.size)
    return CodeHistogram(beta, first, width, tuple(count.tolist()))
