"""The noise of a movie by intensity, gathered in one pass over its frames."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Floats, Progress
from anscombe_transform.estimate.pixels import RESIDUAL
from anscombe_transform.estimate.samples import BINS, CLASSES, TILES, Noise
from anscombe_transform.movies.movie import Movie, check_movie, finite_range, frames_to_read, stored_chunk

SMALLEST_SIDE = 5
"""Pixels along each side of the square from which the noise of its central pixel is computed."""

_BLOCK_SIZE = 1 << 25
"""Bytes of a movie that are processed at a time."""

_LEAST_BAND = 32
"""The fewest rows of an image to process at a time: two are lost at each edge of a band."""

_SATURATED = 0.002
"""A bin is saturated if more than this share of its values are at the limit of the detector."""


@dataclass(frozen=True, eq=False)
class NoiseSamples:
    """Sums over samples of noise, by tile of the image, bin of intensity and roughness: shape (tiles, bins, classes).

    Bins are in the order of their intensity, classes from smooth to rough: the rougher the scene is at a pixel, the
    more its motion looks like noise.
    """

    count: Floats
    intensity: Floats
    """Sums of the intensities, in ADU."""
    variance: Floats
    """Sums of the variances of the noise, in ADU squared."""
    saturated: npt.NDArray[np.bool_]
    """Whether a bin, shape (bins,), has values at the limit of the detector."""
    lowest: float
    """The smallest value of the movie, in ADU."""
    highest: float
    frames: int
    """How many frames were read."""


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
        Sums over the samples, and the range of the movie.

    Raises
    ------
    TypeError
        If the movie is not of real numbers.
    ValueError
        If it does not have three axes, has fewer than 2 frames of 5 by 5 pixels, or has values that are not finite.
    """
    _check(movie, max_frames)
    bands: dict[tuple[int, int], Noise] = {}
    lowest, highest = np.inf, -np.inf
    height = movie.shape[1]
    blocks = list(_blocks(movie, max_frames))
    to_read = sum((stop - start) * (bottom - top) for start, stop, top, bottom in blocks)
    read = 0
    for start, stop, top, bottom in blocks:
        whole = bottom - top == height
        block = np.asarray(movie[start:stop] if whole else movie[start:stop, top:bottom])
        low, high = finite_range(block, start)
        lowest, highest = min(lowest, low), max(highest, high)
        if (top, bottom) not in bands:
            bands[top, bottom] = Noise(block)
        bands[top, bottom].add(block)
        del block  # before the next one is read
        read += (stop - start) * (bottom - top)
        if progress is not None:
            progress(read // height, to_read // height)
    count, intensity, variance, saturated = _merge(list(bands.values()))
    return NoiseSamples(
        count=count,
        intensity=intensity,
        variance=variance,
        saturated=saturated,
        lowest=lowest,
        highest=highest,
        frames=to_read // height,
    )


def range_of_frames(movie: Movie, max_frames: int) -> tuple[float, float]:
    """Return the smallest and the largest value, in ADU, of the frames that `gather_noise_samples` would read.

    Raises
    ------
    ValueError
        If it has values that are not finite.
    """
    limits = [
        finite_range(np.asarray(movie[start:stop, top:bottom]), start)
        for start, stop, top, bottom in _blocks(movie, max_frames)
    ]
    lowest, highest = zip(*limits, strict=True)
    return min(lowest), max(highest)


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
    if max_frames is not None and max_frames < frames:
        length = min(length, max(2, max_frames // 8))
        starts = np.linspace(0, frames - length, max(1, max_frames // length)).astype(int).tolist()
        runs = [(start, start + length) for start in starts]
    else:
        runs = _parts(frames, length, 2)
    # The middle first: what is learned of the scene there holds better than what is before a shutter opens.
    runs.insert(0, runs.pop(len(runs) // 2))
    for top, bottom in _parts(height, band, min(height, _LEAST_BAND)):
        for start, stop in runs:
            yield start, stop, top, bottom


def _parts(total: int, size: int, least: int) -> list[tuple[int, int]]:
    """Return the limits of parts of `size`; a last part smaller than `least` is joined to the one before."""
    starts = list(range(0, total, size))
    if len(starts) > 1 and total - starts[-1] < least:
        starts.pop()
    return list(zip(starts, [*starts[1:], total], strict=True))


def _merge(bands: list[Noise]) -> tuple[Floats, Floats, Floats, npt.NDArray[np.bool_]]:
    """Return counts, intensities and variances by tile, bin and class, and which bins are saturated."""
    tables = np.array([band.table for band in bands])
    count, intensity = tables[..., :2].sum(axis=(1, 3)).transpose(2, 0, 1)
    level = np.divide(intensity, count, out=np.full(count.shape, np.inf), where=count > 0)
    rank = np.argsort(np.argsort(level, axis=None, kind="stable")).reshape(level.shape)
    limit = max(band.limit for band in bands)
    tables[..., 3] = np.where(tables[..., 3] == limit, tables[..., 4], 0)
    merged = np.empty((len(bands), TILES * TILES, BINS, CLASSES, 4))
    for band, bins in enumerate(rank // len(bands)):
        belongs = np.equal.outer(np.arange(BINS), bins).astype(np.float64)
        merged[band] = np.einsum("mb,tbcs->tmcs", belongs, tables[band, ..., :4])
    neighbors, white = (np.sum(sums, axis=0) for sums in zip(*((b.neighbors, b.white) for b in bands), strict=True))
    merged[..., 2] /= _residual_share(neighbors, white)
    count, intensity, variance, hits = merged.reshape(-1, BINS, CLASSES, 4).transpose(3, 0, 1, 2)
    saturated = hits.sum(axis=(0, 2)) > _SATURATED * count.sum(axis=(0, 2))
    return count, intensity, variance, saturated


def _residual_share(neighbors: Floats, white: Floats) -> float:
    """Return the variance of the residuals relative to that of the noise, from sums over neighboring residuals.

    For white noise it is 1. Noise that neighboring pixels share, as from a slow detector, is partly in the fitted
    surface. How much more the residuals are correlated than those of white noise, of the same variance at each pixel,
    tells how much the noise of nearest neighbors is correlated in x and in y.
    """
    if not neighbors[:, 1].all() or not white[:, 1].all():
        return 1.0
    nearest, diagonal, second = (
        (RESIDUAL[dy:, dx:] * RESIDUAL[: 5 - dy, : 5 - dx]).sum() for dy, dx in ((0, 1), (1, 1), (0, 2))
    )
    measured, expected = neighbors[:, 0] / neighbors[:, 1], white[:, 0] / white[:, 1]
    # measured_x * (1 + 2 * nearest * (x + y)) = expected_x + (1 + second) * x + 2 * diagonal * y, and so in y
    system = np.array([[1 + second, 2 * diagonal], [2 * diagonal, 1 + second]]) - 2 * nearest * measured[:, None]
    of_noise = np.linalg.solve(system, measured - expected)
    return float(1 + 2 * nearest * of_noise.sum())
