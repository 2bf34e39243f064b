"""What is known of a movie in a file of any format, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anscombe_transform._typing import Array
from anscombe_transform.movies.movie import dtype_problem, shape_problem

SMALL_READ = 1 << 20
"""Bytes that are read at a time, at least, where frames are smaller."""


@dataclass(frozen=True)
class Source:
    """A movie in a file: what is known of it, and how to read it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    """In native byte order."""
    chunks: tuple[int, ...]
    """The blocks in which it is best read."""
    locations: tuple[str, ...]
    """The absolute paths or the URL."""
    read: Callable[[range, range, range], Array]
    """Returns the pixels of these frames, rows and columns, none of which is empty or backward."""
    key: str | None = None
    frame_rate: float | None = None
    """In Hz."""
    pixel_size: tuple[float, float] | None = None
    """Along y and x, in micrometers."""


def check_array(path: object, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Raise ValueError if an array in a file cannot be a movie."""
    if problem := shape_problem(shape):
        raise ValueError(f"{path} has {problem}")
    if problem := dtype_problem(dtype):
        raise ValueError(f"{path} is {problem}")


def few_frames(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the shape of the blocks in which to read a movie whose frames can each be read alone."""
    size = shape[1] * shape[2] * dtype.itemsize
    return (min(shape[0], max(1, SMALL_READ // size)), *shape[1:])


def part(indices: range) -> slice:
    """Return a range that goes forward as a slice."""
    return slice(indices.start, indices.stop, indices.step)
