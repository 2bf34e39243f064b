"""Parts of an array that are not stored, and the images that lack something for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anscombe_transform.movies.source import Missing

_MOST_CHUNKS = 100_000_000
"""Chunks of an array, or cells, of which it is noted whether they are stored, at most."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Hole:
    """A part of an array that is cut into cells along each axis, some of which are not stored."""

    indices: tuple[Indices, ...]
    """Which indices along each axis it is about, ascending."""
    cells: tuple[Indices, ...]
    """For each of these, the number of its cell."""
    absent: npt.NDArray[np.bool_]
    """Whether a cell is not stored, with as many axes as the array."""
    reason: str
    """What is wrong, with the name of the file."""

    @classmethod
    def of_chunks(cls, shape: Sequence[int], chunks: Sequence[int], absent: npt.NDArray[np.bool_], reason: str) -> Hole:
        """Return the hole that consists of chunks, where `absent` has an item for each of them."""
        indices = tuple(np.arange(length) for length in shape)
        cells = tuple(along // chunk for along, chunk in zip(indices, chunks, strict=True))
        return cls(indices, cells, absent, reason)

    @classmethod
    def of_box(cls, ranges: Sequence[range], reason: str) -> Hole:
        """Return the hole that is all that is in these ranges."""
        indices = tuple(np.arange(along.start, along.stop, along.step) for along in ranges)
        cells = tuple(np.zeros(len(along), np.int64) for along in ranges)
        return cls(indices, cells, np.ones((1,) * len(ranges), np.bool_), reason)


def missing_images(shape: Sequence[int], axes: str, holes: Iterable[Hole]) -> Missing | None:
    """Return which images of an array with these axes lack something, or None if none does."""
    outer = [i for i, letter in enumerate(axes) if letter not in "YX"]
    within = [i for i, letter in enumerate(axes) if letter in "YX"]
    images = np.zeros([shape[i] for i in outer], np.bool_)
    reasons: dict[str, None] = {}
    for hole in holes:
        absent = hole.absent
        for i in within:  # only the cells in which the hole has any pixels
            absent = absent.take(np.unique(hole.cells[i]), axis=i)
        lacks = np.any(absent, axis=tuple(within))[np.ix_(*(hole.cells[i] for i in outer))]
        images[np.ix_(*(hole.indices[i] for i in outer))] |= lacks
        if lacks.any():
            reasons[hole.reason] = None
    return Missing(images, "; ".join(list(reasons)[:3])) if images.any() else None


def run_as_boxes(start: int, stop: int, shape: Sequence[int]) -> Iterator[list[range]]:
    """Return the boxes, as ranges along each axis, that make up a run of the values of an array in C order."""
    if start >= stop:
        return
    if not shape:
        yield []
        return
    size = math.prod(shape[1:])
    first, last = -(-start // size), stop // size
    if first > last:  # within a single index of the first axis
        for box in run_as_boxes(start - last * size, stop - last * size, shape[1:]):
            yield [range(last, last + 1), *box]
        return
    for box in run_as_boxes(start - (first - 1) * size, size, shape[1:]) if start % size else ():
        yield [range(first - 1, first), *box]
    if first < last:
        yield [range(first, last), *(range(length) for length in shape[1:])]
    for box in run_as_boxes(0, stop - last * size, shape[1:]):
        yield [range(last, last + 1), *box]


def grid_of(path: object, shape: Sequence[int], chunks: Sequence[int]) -> tuple[int, ...]:
    """Return how many chunks there are along each axis, or raise ValueError if there are too many to look after."""
    grid = tuple(-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True))
    if math.prod(grid) > _MOST_CHUNKS:
        raise ValueError(
            f"{path} has {math.prod(grid)} chunks of {tuple(chunks)} by its metadata, more than {_MOST_CHUNKS}: these "
            "are damaged, or the chunks much too small"
        )
    return grid


def absent_chunks(absent: npt.NDArray[np.bool_], chunks: Sequence[int]) -> str:
    """Return how many chunks are absent, and where the first of them begins."""
    first = np.multiply(np.unravel_index(int(absent.argmax()), absent.shape), chunks)
    return f"{int(absent.sum())} of {absent.size}, first the one that begins at {tuple(first.tolist())}"
