"""What is known of an array in a file, or in a set of files, of any format, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Array
from anscombe_transform.codecs.configuration import CodecParameters
from anscombe_transform.movies.movie import dtype_problem

SMALL_READ = 1 << 20
"""Bytes that are read at a time, at least, where frames are smaller."""

MOST_IMAGES = 20_000_000
"""More images than a recording has: sizes that tell of more are damaged."""

Ranges = Sequence[range]
"""What to read along each axis: none is empty or goes backward."""


@dataclass(frozen=True)
class Missing:
    """Images that are not there, or not whole."""

    images: npt.NDArray[np.bool_]
    """Whether an image is missing, along all axes of the source but Y and X, in their order."""
    reason: str
    """What is wrong, with the name of the file: "scan.tif is truncated: it has 812 bytes of at least 1000"."""


@dataclass(frozen=True)
class Source:
    """An array in a file, or in a set of files: what is known of it, and how to read it.

    The letters of its axes are T for time, C for channels, Z for planes, Y, and X. Others, such as P for positions,
    are of whatever the file has; Q is an axis that the file does not name.
    """

    axes: str
    """A letter for each axis, in the order in which the array has them."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    """In native byte order."""
    chunks: tuple[int, ...]
    """The blocks in which it is best read."""
    locations: tuple[str, ...]
    """The absolute paths or the URL of all that is read."""
    read: Callable[[Ranges], Array]
    """Returns the values in these ranges, one for each axis, with the axes in the order that the array has them."""
    key: str | None = None
    """Which array of the file it is."""
    files: tuple[str, ...] = ()
    """The names of the files of a set, each once, in their order."""
    channels: tuple[str, ...] = ()
    """The names of the channels, if the file has any."""
    frame_rate: float | None = None
    """How often each plane is recorded, in Hz."""
    pixel_size: tuple[float, float] | None = None
    """Along y and x, in micrometers."""
    z_step: float | None = None
    """From plane to plane, in micrometers."""
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """What the file says its values mean: ``scale`` and ``offset``, with value = scale * ADU + offset, and ``unit``."""
    codecs: tuple[CodecParameters, ...] = ()
    """The codec of this package that the values went through, of each channel, if there was any."""
    missing: Missing | None = None
    sure_of_planes: bool = False
    """Whether what the file calls planes are surely planes, also if there is a single frame of each."""
    by_names: str = ""
    """The letters of axes that are told by the names of files, each of which holds a part along them."""
    pages: Source | None = None
    """The same images one after the other, with the axes TYX, if it is a header that tells their places."""
    doubt: str | None = None
    """Why it is in doubt what the axes are, and what to do, to be said after the name of the file."""
    notes: tuple[str, ...] = ()
    """Sentences on what was left out, or taken to be otherwise than the file says."""

    def length(self, axis: str) -> int:
        """Return the length of an axis, 1 if there is none."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1


def check_dtype(path: object, dtype: np.dtype[Any]) -> None:
    """Raise ValueError if a movie cannot be of the dtype of an array in a file."""
    if problem := dtype_problem(dtype):
        raise ValueError(f"{path} is {problem}")


def few_images(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the shape of the blocks in which to read an array, of axes (..., Y, X), whose images are read alone."""
    *outer, height, width = shape
    count = max(1, SMALL_READ // max(1, height * width * dtype.itemsize))
    block = []
    for length in reversed(outer):
        block.append(max(1, min(length, count)))
        count //= block[-1]
    return (*reversed(block), height, width)


def part(indices: range) -> slice:
    """Return a range that goes forward as a slice."""
    return slice(indices.start, indices.stop, indices.step)


def by_image(outer: tuple[int, ...], read: Callable[[Sequence[int], range, range], Array]) -> Callable[[Ranges], Array]:
    """Return the function that reads an array of axes (..., Y, X) from one that reads images by their numbers.

    Parameters
    ----------
    outer : tuple of int
        The lengths of all axes but the last two. The images are numbered along these, the last axis first.
    read : callable
        Returns the images with these numbers, in these rows and columns.
    """

    def read_ranges(ranges: Ranges) -> Array:
        *chosen, rows, columns = ranges
        places = np.meshgrid(*chosen, indexing="ij")
        numbers = np.ravel_multi_index(places, outer) if places else np.zeros((), np.int64)
        images = read(numbers.ravel().tolist(), rows, columns)
        return images.reshape(*numbers.shape, len(rows), len(columns))

    return read_ranges
