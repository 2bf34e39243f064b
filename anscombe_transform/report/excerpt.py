"""The part of a movie that a report measures, and the regions in it whose traces it compares."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Array, Floats, Progress
from anscombe_transform.movies.movie import Movie, frames_to_read

_LARGEST_EXCERPT = 1 << 26
"""The most values of an excerpt."""

_LEAST_FRAMES = 256
"""The fewest frames of an excerpt, if the movie has as many; of large frames only the middle is kept."""

_READ = 1 << 25
"""Bytes of a movie to read at a time."""

_LARGEST_READ = 1 << 28
"""The most bytes to read at a time: larger chunks are read in parts."""

_CHUNK = 1 << 20
"""Pixels per chunk."""

_LEAST_FINITE = 0.25
"""The least share of the pixels that must be left where some have NaN or infinite values."""

_SIDE = 8
"""Pixels along a side of a region, which is about as large as a cell."""

_MOST_REGIONS = 50


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Consecutive frames of a movie, or a part of such frames.

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


def read_excerpt(movie: Movie, max_frames: int | None = None, progress: Progress | None = None) -> Excerpt:
    """Read consecutive frames from the middle of a movie, 64 Mi values at most, without edges that are not finite.

    Parameters
    ----------
    movie : Movie
        Movie of shape (time, y, x), in ADU; it is sliced along time only.
    max_frames : int, optional
        Read at most so many frames.
    progress : callable, optional
        Called with the number of frames read and of those to read.

    Returns
    -------
    Excerpt
        The frames, and where in the movie they are.

    Raises
    ------
    ValueError
        If so many values are not finite that most of each frame would have to be left out.
    """
    total, height, width = movie.shape
    frames = excerpt_length(movie, max_frames)
    first = (total - frames) // 2
    share = min(1.0, math.sqrt(_LARGEST_EXCERPT / (frames * height * width)))
    rows, columns = max(1, int(height * share)), max(1, int(width * share))
    top, left = (height - rows) // 2, (width - columns) // 2
    values = np.empty((frames, rows, columns), np.dtype(movie.dtype).newbyteorder("="))
    mean_image = np.zeros((height, width))
    finite = np.ones((rows, columns), np.bool_)
    for start, stop in _parts_to_read(movie, first, first + frames):
        block = np.asarray(movie[start:stop])
        values[start - first : stop - first] = block[:, top : top + rows, left : left + columns]
        if values.dtype.kind == "f":
            finite &= np.isfinite(values[start - first : stop - first]).all(axis=0)
        with np.errstate(invalid="ignore"):  # infinity less infinity
            mean_image += block.sum(axis=0, dtype=np.float64) / frames
        if progress is not None:
            progress(stop - first, frames)
    inside, across = _without_gaps(finite)
    if (inside.stop - inside.start) * (across.stop - across.start) < _LEAST_FINITE * finite.size:
        raise ValueError(
            f"movie has NaN or infinite values in most of frames {first} to {first + frames - 1}, which a report looks "
            "at: crop them away"
        )
    values = values[:, inside, across]
    lowest, highest = float(values.min()), float(values.max())
    return Excerpt(values, first, top + inside.start, left + across.start, mean_image, lowest, highest)


def _without_gaps(finite: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return rows and columns of an image in which all is finite, cut off at whichever edge has most that is not."""
    top, left, (bottom, right) = 0, 0, finite.shape
    while top < bottom and left < right and not (part := finite[top:bottom, left:right]).all():
        gaps = [1 - edge.mean() for edge in (part[0], part[-1], part[:, 0], part[:, -1])]
        edge = int(np.argmax(gaps))
        top, bottom, left, right = top + (edge == 0), bottom - (edge == 1), left + (edge == 2), right - (edge == 3)
    return slice(top, bottom), slice(left, right)


def _parts_to_read(movie: Movie, first: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the first frame and the one after the last of each block, which starts where a chunk does."""
    length = frames_to_read(movie, _READ, _LARGEST_READ)
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
        [means_of_squares(excerpt.values[part].astype(np.float64), side) for part in chunks_of(excerpt.values.shape)]
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


def means_of_squares(values: Floats, side: int) -> Floats:
    """Return the means of the squares of each frame, shape (time, squares), row by row."""
    frames, height, width = values.shape
    rows, columns = height // side, width // side
    squares = values[:, : rows * side, : columns * side].reshape(frames, rows, side, columns, side)
    means: Floats = squares.mean(axis=(2, 4)).reshape(frames, rows * columns)
    return means


def chunks_of(shape: tuple[int, ...]) -> list[slice]:
    """Return the frames of each chunk of an array of this shape."""
    length = frames_per_chunk(shape)
    return [slice(start, min(start + length, shape[0])) for start in range(0, shape[0], length)]


def frames_per_chunk(shape: tuple[int, ...]) -> int:
    """Return how many frames a chunk of 1 Mi pixels has."""
    return max(1, min(shape[0], _CHUNK // math.prod(shape[1:])))
