"""The noise of a movie by intensity, gathered in one pass over its frames."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Array, Floats, Progress
from anscombe_transform.estimate.alternation import Alternation, AlternationSearch
from anscombe_transform.estimate.frames import Frames, Part
from anscombe_transform.estimate.independence import Independence, IndependenceTest
from anscombe_transform.estimate.pixels import RESIDUAL
from anscombe_transform.estimate.samples import BINS, CLASSES, TILES, Noise
from anscombe_transform.movies.movie import Movie, check_movie, frames_to_read, stored_chunk

SMALLEST_SIDE = 5
"""Pixels along each side of the square from which the noise of its central pixel is computed."""

_BLOCK_SIZE = 1 << 25
"""Bytes of a movie that are processed at a time."""

_LEAST_BAND = 32
"""The fewest rows of an image to process at a time: two are lost at each edge of a band."""

_SATURATED = 0.002
"""A bin is saturated if more than this share of its values are at the limit of the detector."""

_FEWEST_PAIRS = 8
"""The fewest correlations that tell how much they vary."""

_FAR_MORE = 4.0
"""How many times as much as for independent pixels they vary then. In simulated raw movies, it is up to 2.5."""

_FEWEST_WRAPS = 20
"""Fewer values than these may jump between the top of the range and its bottom in a movie that is not wrapped."""


_Item = TypeVar("_Item")

_Band = tuple[int, int, int]
"""The first row of a band of rows, the one after the last, and the phase of its frames."""


@dataclass(frozen=True, eq=False)
class NoiseSamples:
    """What the frames of a movie tell of its noise.

    Attributes
    ----------
    sums : ndarray of float64
        The number of samples, the sums of their intensities in ADU, and the sums of the variances of the noise in ADU
        squared, by tile of the image, bin of intensity and roughness: shape (3, tiles, bins, classes). Bins are in the
        order of their intensity, classes from smooth to rough: the rougher the scene is at a pixel, the more its
        motion looks like noise.
    of_phases : list of ndarray
        The same for each phase, if frames alternate and were gathered with their period.
    of_pairs : list of ndarray
        The same for each pair of frames, shape (3, pairs), of one phase and one band of rows after the other.
    saturated : ndarray of bool
        Whether a bin, shape (bins,), has values at the limit of the detector.
    at_floor : ndarray of float64
        The share of the values of a bin, shape (bins,), that are the smallest of all.
    floor : float
        That value, in ADU.
    values : ndarray
        Some of the values of one frame, in ADU.
    correlation : Correlation
        What pixels and frames have in common of their noise.
    independence : Independence
        The same of many frames or pixels at a time.
    contrast : float
        As `Noise` has it.
    wrapped : float
        The share of the values at the top of the range that jump to its bottom and back up.
    seen : Frames
        What was found in the frames, and their range.
    frames : int
        How many frames were read.
    alternation : Alternation or None
        How the frames alternate.
    """

    sums: Floats
    of_phases: list[Floats]
    of_pairs: list[Floats]
    saturated: npt.NDArray[np.bool_]
    at_floor: Floats
    floor: float
    values: Array
    correlation: Correlation
    independence: Independence
    contrast: float
    wrapped: float
    seen: Frames
    frames: int
    alternation: Alternation | None


@dataclass(frozen=True)
class Correlation:
    """What the noise of neighbors has in common.

    Attributes
    ----------
    x, y : float
        The correlation of the noise of a pixel with that of the next in its row, and in its column.
    time : float
        By how much the correlation of differences of frames, one after the other, exceeds that of independent frames,
        which is -1/2.
    spread : float
        The standard deviation of the correlations of differences that have no frame in common, if it is more than that
        of independent pixels by far; otherwise 0.
    columns, rows : float
        How many times as large the variance of odd columns or rows, relative to what is expected at their brightness,
        is as that of even ones.
    """

    x: float = 0.0
    y: float = 0.0
    time: float = 0.0
    spread: float = 0.0
    columns: float = 1.0
    rows: float = 1.0


def gather_noise_samples(movie: Movie, max_frames: int | None = None, progress: Progress | None = None) -> NoiseSamples:
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

    Returns
    -------
    NoiseSamples
        Sums over the samples, and what was seen on the way.

    Raises
    ------
    TypeError
        If the movie is not of real numbers.
    ValueError
        If it does not have three axes, or has fewer than 2 frames of 5 by 5 pixels.
    """
    _check(movie, max_frames)
    bands: dict[_Band, Noise] = {}
    seen, search, test = Frames(), AlternationSearch(), IndependenceTest()
    height = movie.shape[1]
    blocks = list(_blocks(movie, max_frames))
    to_read = sum((stop - start) * (bottom - top) for start, stop, top, bottom in blocks)
    read = 0
    period = 1
    for start, stop, top, bottom in blocks:
        whole = bottom - top == height
        part = seen.part(np.asarray(movie[start:stop] if whole else movie[start:stop, top:bottom]), start)
        if top == 0:
            search.add(part, start, stop)
        if not bands and search.found:
            period = search.found.period
        if top == 0:
            test.add(part.every(period, 0))
        for phase in range(period):
            _add(bands, (top, bottom, phase), part.every(period, phase))
        del part  # before the next block is read
        read += (stop - start) * (bottom - top)
        if progress is not None:
            progress(read // height, to_read // height)
    mixed = search.found is not None and search.found.period != period
    independence = Independence() if mixed else test.result()
    return _samples(bands, period, seen, to_read // height, search.found, independence)


def _add(bands: dict[_Band, Noise], band: _Band, part: Part) -> None:
    if len(part.values) > 1:
        if band not in bands:
            bands[band] = Noise(part)
        bands[band].add(part)


def _samples(
    bands: dict[_Band, Noise],
    period: int,
    seen: Frames,
    frames: int,
    alternation: Alternation | None,
    independence: Independence,
) -> NoiseSamples:
    noises = list(bands.values())
    correlation, share = _correlation(noises)
    *sums, at_limit, at_floor = _merged(noises)
    sums[2] /= share
    of_phases = []
    for phase in range(period if period > 1 else 0):
        of_phases.append(_merged([noise for (_, _, of), noise in bands.items() if of == phase])[:3])
        of_phases[-1][2] /= share
    of_pairs = [np.concatenate(noise.of_pairs, axis=1) for noise in noises]
    for of_pair in of_pairs:
        of_pair[2] /= share
    count = np.maximum(1, sums[0].sum(axis=(0, 2)))
    top, wrapping = np.sum([noise.wraps for noise in noises], axis=0) if noises else (0, 0)
    return NoiseSamples(
        sums=np.array(sums),
        of_phases=of_phases,
        of_pairs=of_pairs,
        saturated=at_limit.sum(axis=(0, 2)) > _SATURATED * count,
        at_floor=np.minimum(1, at_floor.sum(axis=(0, 2)) / count),
        floor=min((float(noise.table[..., 5].min()) for noise in noises), default=np.inf),
        values=np.concatenate([noise.values for noise in noises]) if noises else np.empty(0),
        correlation=correlation,
        independence=independence,
        contrast=max((noise.contrast for noise in noises), default=np.inf),
        wrapped=wrapping / top if wrapping >= _FEWEST_WRAPS else 0.0,
        seen=seen,
        frames=frames,
        alternation=alternation,
    )


def range_of_frames(movie: Movie, max_frames: int) -> tuple[float, float]:
    """Return the smallest and the largest value, in ADU, of the frames that `gather_noise_samples` would read.

    Constant frames count only if there are no others, and values that are not finite never.

    Raises
    ------
    ValueError
        If it has no finite values.
    """
    frames = Frames()
    for start, stop, top, bottom in _blocks(movie, max_frames):
        frames.part(np.asarray(movie[start:stop, top:bottom]), start)
    return frames.range


def _check(movie: Movie, max_frames: int | None) -> None:
    check_movie(movie)
    shape = tuple(movie.shape)
    if shape[0] < 2:
        raise ValueError(
            f"movie has the shape {shape}, but noise shows in the difference of two frames: give at least 2 frames, "
            "better 100"
        )
    if min(shape[1:]) < SMALLEST_SIDE:
        raise ValueError(
            f"movie has the shape {shape}, but noise is told from changes of the scene by the pixels around: give "
            f"frames of at least {SMALLEST_SIDE} by {SMALLEST_SIDE} pixels"
        )
    if max_frames is not None and operator.index(max_frames) < 2:
        raise ValueError(f"max_frames must be at least 2, not {max_frames}")


def _blocks(movie: Movie, max_frames: int | None) -> Iterator[tuple[int, int, int, int]]:
    """Yield the parts in which to read a movie: start and stop of the frames, start and stop of the rows."""
    frames, height, width = movie.shape
    row_size = width * np.dtype(movie.dtype).itemsize
    depth, rows = stored_chunk(movie)
    length = frames_to_read(movie, _BLOCK_SIZE, 2 * _BLOCK_SIZE)
    band = height
    if depth * height * row_size > 2 * _BLOCK_SIZE and rows < height:
        fitting = 2 * _BLOCK_SIZE // (depth * row_size)
        band = max(rows, max(fitting, _LEAST_BAND) // rows * rows)
        length = min(depth, max(2, 2 * _BLOCK_SIZE // (band * row_size)))
    length = max(2, min(length, frames))
    parts = _middle_first(_parts(frames, length, 2))
    if max_frames is not None and max_frames < frames:
        run = max(2, max_frames // 8)
        starts = _middle_first(np.linspace(0, frames - run, max(1, max_frames // run)).astype(int).tolist())
        parts = [(first + start, first + stop) for first in starts for start, stop in _parts(run, length, 2)]
    for top, bottom in _parts(height, band, min(height, _LEAST_BAND)):
        for start, stop in parts:
            yield start, stop, top, bottom


def _middle_first(parts: list[_Item]) -> list[_Item]:
    """Return what is learned of the scene from first: not what is before a shutter opens."""
    middle = len(parts) // 2
    return [parts[middle], *parts[:middle], *parts[middle + 1 :]]


def _parts(total: int, size: int, least: int) -> list[tuple[int, int]]:
    """Return the limits of parts of `size`; a last part smaller than `least` is joined to the one before."""
    starts = list(range(0, total, size))
    if len(starts) > 1 and total - starts[-1] < least:
        starts.pop()
    return list(zip(starts, [*starts[1:], total], strict=True))


def _merged(bands: list[Noise]) -> Floats:
    """Return sums by tile, bin and class, shape (5, tiles, bins, classes).

    They are of counts, intensities and variances, and of how often the limit of the detector and the smallest value of
    all were met.
    """
    if not bands:
        return np.zeros((5, TILES * TILES, BINS, CLASSES))
    tables = np.array([band.table for band in bands])
    count, intensity = tables[..., :2].sum(axis=(1, 3)).transpose(2, 0, 1)
    level = np.divide(intensity, count, out=np.full(count.shape, np.inf), where=count > 0)
    rank = np.argsort(np.argsort(level, axis=None, kind="stable")).reshape(level.shape)
    limit, floor = max(band.limit for band in bands), tables[..., 5].min()
    tables[..., 3] = np.where(tables[..., 3] == limit, tables[..., 4], 0)
    tables[..., 4] = np.where(tables[..., 5] == floor, tables[..., 6], 0)
    merged = np.empty((len(bands), TILES * TILES, BINS, CLASSES, 5))
    for band, bins in enumerate(rank // len(bands)):
        belongs = np.equal.outer(np.arange(BINS), bins).astype(np.float64)
        merged[band] = np.einsum("mb,tbcs->tmcs", belongs, tables[band, ..., :5])
    sums: Floats = merged.reshape(-1, BINS, CLASSES, 5).transpose(3, 0, 1, 2)
    return sums


def _correlation(bands: list[Noise]) -> tuple[Correlation, float]:
    """Return what neighbors have in common, and the variance of the residuals relative to that of the noise.

    For white noise that is 1. Noise that neighboring pixels share, as from a slow detector, is partly in the fitted
    surface. How much more the residuals are correlated than those of white noise, of the same variance at each pixel,
    tells how much the noise of nearest neighbors is correlated in x and in y.
    """
    pairs = np.sum([band.pairs for band in bands], axis=0) if bands else np.zeros((4, 4))
    white = np.sum([band.white for band in bands], axis=0) if bands else np.zeros((2, 2))
    if not pairs[:2, 1:].all() or not white[:, 1].all():
        return Correlation(), 1.0
    nearest, diagonal, second = (
        (RESIDUAL[dy:, dx:] * RESIDUAL[: 5 - dy, : 5 - dx]).sum() for dy, dx in ((0, 1), (1, 1), (0, 2))
    )
    measured, expected = pairs[:2, 0] / pairs[:2, 1], white[:, 0] / white[:, 1]
    # measured_x * (1 + 2 * nearest * (x + y)) = expected_x + (1 + second) * x + 2 * diagonal * y, and so in y
    system = np.array([[1 + second, 2 * diagonal], [2 * diagonal, 1 + second]]) - 2 * nearest * measured[:, None]
    x, y = np.linalg.solve(system, measured - expected).tolist()
    time = float(pairs[2, 0] / pairs[2, 1] + 0.5) if pairs[2, 1] else 0.0
    columns, rows = (pairs[:2, 3] / pairs[:2, 2]).tolist()
    return Correlation(x, y, time, _spread(bands), columns, rows), float(1 + 2 * nearest * (x + y))


def _spread(bands: list[Noise]) -> float:
    """Return how much correlations in time vary, if that is far more than those of independent pixels do."""
    correlation, count = np.array([pair for band in bands for pair in band.in_time]).reshape(-1, 2).T
    if len(correlation) < _FEWEST_PAIRS:
        return 0.0
    deviation = 1.4826 * float(np.median(np.abs(correlation - np.median(correlation))))
    of_independent = 1 / math.sqrt(float(np.median(count)) / 4)  # a quarter of the residuals are compared
    return deviation if deviation > _FAR_MORE * of_independent else 0.0
