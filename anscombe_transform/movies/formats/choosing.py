"""Which of the arrays in a file is the movie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from anscombe_transform._formatting import listed
from anscombe_transform.movies.movie import dtype_problem
from anscombe_transform.movies.source import MOST_IMAGES


class Candidate(NamedTuple):
    """What is known of an array before it is opened."""

    shape: Sequence[int]
    dtype: np.dtype[Any] | None
    """None, if NumPy has no such dtype."""

    @property
    def may_be_movie(self) -> bool:
        """Whether it is of real numbers and has at least three axes."""
        return len(self.shape) > 2 and self.dtype is not None and dtype_problem(self.dtype) is None


def check_shape(path: object, shape: Sequence[int]) -> None:
    """Raise ValueError if an array of a shape cannot be a movie, whatever its axes are."""
    if 0 in shape:
        raise ValueError(f"{path} has the shape {tuple(shape)}, which holds no values")
    if max(shape, default=0) > MOST_IMAGES:
        raise ValueError(f"{path} has the shape {tuple(shape)} by its metadata, which no recording has")
    if len(shape) < 3:
        raise ValueError(f"{path} has the shape {tuple(shape)}, but a movie has at least three axes, (time, y, x)")


def check_images(path: object, shape: Sequence[int], axes: str) -> None:
    """Raise ValueError if an array with these axes tells of more images than can be looked after."""
    images = math.prod(length for length, letter in zip(shape, axes, strict=True) if letter not in "YX")
    if images > MOST_IMAGES:
        raise ValueError(
            f"{path} has the shape {tuple(shape)} by its metadata, which are {images} images, more than {MOST_IMAGES}"
        )


def choose(path: object, key: str | None, arrays: Mapping[str, Candidate], kind: str = "array") -> str:
    """Return the name of the array that a key names; without one, of the only array that may be a movie.

    Raises
    ------
    ValueError
        If there is no such array, or there are several to choose from.
    """
    if key is not None and key in arrays:
        return key
    movies = {name: array for name, array in arrays.items() if array.may_be_movie}
    long = {name: array for name, array in movies.items() if sum(length > 1 for length in array.shape) > 2}
    likely = long or movies or (arrays if len(arrays) == 1 else {})
    if key is None and len(likely) == 1:
        return next(iter(likely))
    if not arrays:
        raise ValueError(f"{path} has no {kind}s")
    shown = listed([f"{name} {tuple(array.shape)}" for name, array in (movies or arrays).items()])
    if not movies:
        raise ValueError(f"{path} has no {kind} of real numbers with three axes, (time, y, x); it has {shown}")
    wanted = f"several {kind}s" if key is None else f"no {kind} {key!r}"
    raise ValueError(f"{path} has {wanted}: give the name of one as key: {shown}")
