"""What each beta saves and what it costs, measured on an excerpt of a movie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from anscombe_transform._typing import Array, Floats, Progress
from anscombe_transform.codecs.anscombe_zarr3 import AnscombeTransformV3
from anscombe_transform.codecs.predict_zarr3 import PhotonPredictV3
from anscombe_transform.recordings.prediction_choice import choose_predictor
from anscombe_transform.report.excerpt import Excerpt, Regions, chunks_of, frames_per_chunk, means_of_squares
from anscombe_transform.storage.layout import Layout
from anscombe_transform.transform.arrays import encode_array
from anscombe_transform.transform.parameters import EncodedDType, Transform

_BINS = 12
"""Bins of intensity."""

_LEAST_SAMPLES = 1000
"""The fewest values of a bin of intensity."""

_BARS = 128
"""The most bars of a histogram."""


@dataclass(frozen=True)
class Tradeoff:
    """What one beta saves and costs; "relative to the noise" means in standard deviations of the noise.

    The noise of an input of u photons is taken as ``conversion_gain * sqrt(u + 3/8)`` ADU, and below zero photons as
    that at zero.

    Attributes
    ----------
    beta : float
        Noise standard deviations per code.
    encoded_dtype, array_dtype : str
        dtypes of the codes and of the array that holds them.
    size : int
        Bytes that the excerpt takes as a Zarr array in chunks of 1 Mi pixels, with Zstd at level 1.
    ratio : float
        Bytes of the excerpt as it is, divided by `size`.
    predicted_size : int or None
        The bytes if the codes are predicted from earlier frames and rows, as `compress` does; None where that saves
        less than 2 %, or codes cannot be predicted.
    best_ratio : float
        Bytes of the excerpt as it is, divided by `predicted_size`, or by `size` where that is None.
    noise_added_in_theory, noise_added : float
        Variance of decoded - original over time as a share of that of the noise: ``beta**2 / 12``, and as measured.
    offset : float
        Mean of decoded - original, in photons. In theory it is ``beta**2 / 12`` at every intensity: a code c, before
        rounding, is ``(beta * c / 2)**2`` photons, up to a constant; rounding adds 1/12 to the mean of ``c**2``, and
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
    predicted_size: int | None
    best_ratio: float
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
    detector : Transform
        The zero level and the conversion gain; its beta does not matter.

    Attributes
    ----------
    intensity : ndarray of float64
        Mean intensity of the pixels of each bin, in ADU. A pixel belongs to the bin of its mean over time.
    """

    def __init__(self, excerpt: Excerpt, regions: Regions, detector: Transform) -> None:
        self.excerpt = excerpt
        self.regions = regions
        self.detector = detector
        self._bin_of_pixel, self.intensity = self._bins()
        values, mean = excerpt.values, excerpt.mean
        self._variance = np.zeros_like(mean)
        varies = np.zeros(mean.shape, np.bool_)
        for part in chunks_of(values.shape):
            varies |= (values[part] != values[0]).any(axis=0)
            deviation = values[part] - mean
            self._variance += _dot(deviation, deviation) / len(values)
        self._varying = varies

    def size_without_codec(self) -> int:
        """Return the bytes that the excerpt takes with the same chunks and compressor, but without the codec."""
        values = self.excerpt.values
        array = _in_memory(values.shape, values.dtype.name, [])
        for part in chunks_of(values.shape):
            array[part] = values[part]
        return array.nbytes_stored()

    def measure(self, codec: AnscombeTransformV3, progress: Progress | None = None) -> tuple[Tradeoff, Floats]:
        """Compress the excerpt into a Zarr array in memory, read it back, and compare.

        Returns
        -------
        tradeoff : Tradeoff
            What the codec saves, and what it does to the excerpt.
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
        layout = Layout(chunks=frames_per_chunk(values.shape))
        predictor = choose_predictor(values, codec, layout)
        predicted = predictor and _in_memory(values.shape, dtype.name, [codec, PhotonPredictV3(predictor)])
        error_sum, error_square, product, relative_sum, relative_square = np.zeros((5, *mean.shape))
        largest = 0.0
        of_squares = []
        for part in chunks_of(values.shape):
            array[part] = values[part]
            if predicted:
                predicted[part] = values[part]
            original = values[part].astype(np.float64)
            error = np.asarray(array[part]) - original
            relative = error / self.detector.noise(original)
            error_sum += error.sum(axis=0)
            error_square += _dot(error, error)
            product += _dot(error, original - mean)
            relative_sum += relative.sum(axis=0)
            relative_square += _dot(relative, relative)
            largest = max(largest, float(relative.max()), -float(relative.min()))
            of_squares.append(means_of_squares(error, side)[:, self._squares()])
            if progress is not None:
                progress(part.stop, len(values))
        size = array.nbytes_stored()
        predicted_size = predicted.nbytes_stored() if predicted else None
        frames = len(values)
        variance_of_error = error_square / frames - (error_sum / frames) ** 2
        relative_variance = (relative_square - relative_sum**2 / frames) / (frames - 1)
        pixels = _correlation(self._variance, product / frames, variance_of_error)[self._varying]
        errors = np.concatenate(of_squares)
        mean_error = self._of_bins(error_sum / frames) / self.detector.noise(self.intensity)
        rms_error = np.sqrt(self._of_bins(relative_square / frames))
        tradeoff = Tradeoff(
            beta=codec.beta,
            encoded_dtype=codec.encoded_dtype,
            array_dtype=dtype.name,
            size=size,
            ratio=values.nbytes / size,
            predicted_size=predicted_size,
            best_ratio=values.nbytes / (predicted_size or size),
            noise_added_in_theory=codec.beta**2 / 12,
            noise_added=float(relative_variance[self._varying].mean()),
            offset=float(error_sum[self._varying].mean() / frames / self.detector.conversion_gain),
            largest_error=largest,
            pixel_correlation=_median_and_worst(pixels),
            region_correlation=_median_and_worst(self._region_correlation(errors)),
            rms_error=tuple(rms_error.tolist()),
            mean_error=tuple(mean_error.tolist()),
        )
        return tradeoff, errors

    def _bins(self) -> tuple[npt.NDArray[np.int_], Floats]:
        """Return the bin of each pixel, -1 for those in none, and the mean intensity of each bin in ADU.

        Bins are equally wide in units of the noise, from the 0.5th to the 99.9th percentile of the pixels. Those with
        few values are left out.
        """
        frames, mean = len(self.excerpt.values), self.excerpt.mean
        stabilized = self.detector.noise(mean)
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


def _in_memory(shape: tuple[int, ...], dtype: str, filters: list[Any]) -> zarr.Array[Any]:
    return zarr.create_array(
        MemoryStore(),
        shape=shape,
        chunks=(frames_per_chunk(shape), *shape[1:]),
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


def count_codes(excerpt: Excerpt, transform: Transform) -> CodeHistogram:
    """Count the codes of an excerpt, in at most 128 groups of the same width."""

    def codes(values: Array) -> npt.NDArray[np.int64]:
        return np.rint(encode_array(values, transform, "float64", None)).astype(np.int64)

    first, last = codes(np.array([excerpt.lowest, excerpt.highest])).tolist()
    width = math.ceil((last - first + 1) / _BARS)
    count = np.zeros((last - first) // width + 1, np.int64)
    for part in chunks_of(excerpt.values.shape):
        groups = (codes(excerpt.values[part]).ravel() - first) // width
        count += np.bincount(groups, minlength=count.size)
    return CodeHistogram(transform.beta, first, width, tuple(count.tolist()))
