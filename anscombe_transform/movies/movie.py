"""What a movie is: an array of real numbers, (time, y, x) or (time, plane, y, x), which is read in whole chunks."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Array, StageProgress
from anscombe_transform.transform.parameters import is_real

MASKED = "is masked, and masks are not supported: fill it with a value, or crop it and give the data without the mask"
"""What is wrong with a movie that has a mask, and what to do."""


class Movie(Protocol):
    """What is read like an array of shape (time, y, x); that of a recording may have planes, (time, plane, y, x)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Frames, height and width; or frames, planes, height and width."""

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""

    def __getitem__(self, index: Any, /) -> Any:
        """Return something that NumPy can make an array of."""


def as_movie(movie: Movie | npt.ArrayLike) -> Movie:
    """Return what is read like an array (time, y, x): planes are put below each other, and lists become arrays.

    Of a recording, it is the only channel.

    Raises
    ------
    TypeError
        If it is a path.
    ValueError
        If it is a recording of several channels.
    """
    if isinstance(movie, str | os.PathLike):
        raise TypeError(f"movie is a {type(movie).__name__}: open it with open_recording or open_movie")
    if isinstance(getattr(movie, "channels", None), tuple):  # a recording, whose module imports this one
        movie = _only_channel(movie)
    if getattr(movie, "axes", None) == "TZYX":
        return PlanesBelow(cast("Movie", movie))
    return cast("Movie", movie if hasattr(movie, "shape") and hasattr(movie, "dtype") else np.asarray(movie))


def _only_channel(recording: Any) -> Movie:
    if (number := len(recording.channels)) > 1:
        raise ValueError(
            f"{recording.name} has {number} channels, each with parameters of its own: give one, such as recording[0]"
        )
    return cast("Movie", recording[0])


class PlanesBelow:
    """A movie with planes as one whose frames have the planes below each other, (time, planes * y, x)."""

    def __init__(self, movie: Movie) -> None:
        self._movie = movie
        frames, planes, self._height, width = movie.shape
        self.shape = (frames, planes * self._height, width)
        self.dtype = np.dtype(movie.dtype)
        depth, together, height, columns = getattr(movie, "chunks", (1, 1, self._height, width))
        self.chunks = (depth, together * height if height == self._height else height, columns)
        self.name = getattr(movie, "name", None)
        self.frame_rate = getattr(movie, "frame_rate", None)
        self.pixel_size = getattr(movie, "pixel_size", None)
        self.notes = getattr(movie, "notes", ())

    def __getitem__(self, index: Any) -> Array:
        """Return frames, or rows of them: the index is an integer, a slice, or a slice for each of time and y."""
        frames, rows = index if isinstance(index, tuple) else (index, slice(None))
        first, stop, _ = rows.indices(self.shape[1])
        planes = slice(first // self._height, -(-stop // self._height))
        block = np.asarray(self._movie[frames, planes])
        above = first - planes.start * self._height
        return block.reshape(*block.shape[:-3], -1, self.shape[2])[..., above : above + stop - first, :]


def check_movie(movie: Movie) -> None:
    """Check that an array can be a movie.

    Raises
    ------
    TypeError
        If it is masked, or not of real numbers.
    ValueError
        If it does not have three axes of known lengths, or one of them is empty.
    """
    if isinstance(movie, np.ma.MaskedArray):
        raise TypeError(f"movie {MASKED}")
    if problem := dtype_problem(np.dtype(movie.dtype)):
        raise TypeError(f"movie is {problem}")
    if problem := shape_problem(movie.shape):
        hint = ": choose one channel and one plane, or add a missing axis, as in movie[:, None]"
        raise ValueError(f"movie has {problem}{'' if len(movie.shape) == 3 else hint}")


def dtype_problem(dtype: np.dtype[Any]) -> str | None:
    """Return why a movie cannot be of a dtype, or None."""
    if is_real(dtype):
        return None
    kind = "Python objects" if dtype.hasobject else dtype
    return f"of {kind}, but must be of integers or floats of at most 64 bits"


def shape_problem(shape: Sequence[int]) -> str | None:
    """Return why a movie cannot have a shape, or None."""
    if len(shape) != 3:
        return f"the shape {tuple(shape)}, but a movie has three axes, (time, y, x)"
    if any(math.isnan(size) for size in shape):
        return f"the shape {tuple(shape)}, which Dask has yet to work out: call movie.compute_chunk_sizes()"
    return f"the shape {tuple(shape)}, which holds no values" if 0 in shape else None


def size_of(movie: Movie) -> int:
    """Return the bytes of the values of a movie."""
    return math.prod(movie.shape) * int(np.dtype(movie.dtype).itemsize)


def in_bytes(progress: StageProgress, movie: Movie) -> StageProgress:
    """Return a progress function that is called with frames of a movie, and calls `progress` with bytes."""
    frame_size = size_of(movie) // movie.shape[0]
    return lambda stage, done, total: progress(stage, done * frame_size, total * frame_size)


def stored_chunk(movie: Movie) -> tuple[int, int]:
    """Return the number of frames and of rows in a chunk of a Zarr, HDF5 or Dask array; one whole frame for others."""
    chunks = getattr(movie, "chunks", None)
    if chunks is None:
        return 1, movie.shape[-2]
    depth, rows = (max(sizes) if isinstance(sizes, tuple) else sizes for sizes in (chunks[0], chunks[-2]))
    return depth, rows


def frames_to_read(movie: Movie, size: int, largest: float = math.inf) -> int:
    """Return how many frames of a movie to read at a time: whole stored chunks, so that none is read twice.

    Parameters
    ----------
    movie : Movie
        The movie.
    size : int
        Bytes to read at a time, about.
    largest : float, optional
        Bytes to read at a time at most: larger chunks are read in parts. By default, chunks of any size are read whole.
    """
    frame_size = size_of(movie) // movie.shape[0]
    depth, _ = stored_chunk(movie)
    frames = max(1, size // frame_size)
    return max(1, frames // depth) * depth if depth * frame_size <= largest else frames


def finite_range(block: Array, first_frame: int) -> tuple[float, float]:
    """Return the smallest and the largest value of some frames of a movie.

    Raises
    ------
    ValueError
        If they have values that are not finite; it names one of the frames, of which the first is `first_frame`.
    """
    low, high = float(block.min()), float(block.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        finite = np.isfinite(block.reshape(len(block), -1)).all(axis=1)
        raise ValueError(
            f"movie has NaN or infinite values, for example in frame {first_frame + int(finite.argmin())}: crop them "
            "away, or leave out the frames that have them"
        )
    return low, high
