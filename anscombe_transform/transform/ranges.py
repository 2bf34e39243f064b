"""Which inputs a dtype of codes holds, and the dtype that a movie needs."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from anscombe_transform._kernels.anscombe import unrounded_code
from anscombe_transform.transform.parameters import ENCODED_DTYPES, EncodedDType, Transform


@lru_cache(maxsize=256)
def held_range(transform: Transform, encoded_dtype: EncodedDType) -> tuple[float, float]:
    """Return the smallest and the largest finite input, in ADU, whose codes `encoded_dtype` holds.

    Because the transform never falls, exactly the inputs between the two are held; where none is, the first number is
    above the second.
    """
    smallest, largest = code_limits(encoded_dtype)

    def code(x: float) -> float:
        y = unrounded_code(x, *transform.coefficients)
        return round(y) if encoded_dtype[0] != "f" and math.isfinite(y) else y

    def first_float(reaches: Callable[[float], bool]) -> int:
        low, high = _position(-_LARGEST_FLOAT), _position(_LARGEST_FLOAT) + 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if reaches(_float_at(middle)) else (middle + 1, high)
        return high

    lowest = first_float(lambda x: code(x) >= smallest)
    highest = first_float(lambda x: code(x) > largest) - 1
    return _float_at(lowest), _float_at(highest)


def code_limits(encoded_dtype: EncodedDType) -> tuple[float, float]:
    """Return the smallest and the largest code that `encoded_dtype` holds."""
    info = np.finfo(encoded_dtype) if encoded_dtype[0] == "f" else np.iinfo(encoded_dtype)
    return float(info.min), float(info.max)


def narrowest_dtype(
    transform: Transform, lowest: float, highest: float, of: Sequence[EncodedDType] = ENCODED_DTYPES
) -> EncodedDType | None:
    """Return the first of these dtypes whose codes hold all inputs from `lowest` to `highest` ADU, or None."""
    for encoded_dtype in of:
        held = held_range(transform, encoded_dtype)
        if held[0] <= lowest and highest <= held[1]:
            return encoded_dtype
    return None


_LARGEST_FLOAT = float(np.finfo("float64").max)


def _position(x: float) -> int:
    """Return the number of a float in ascending order, 0 for both zeros."""
    bits: int = struct.unpack("<q", struct.pack("<d", x))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def _float_at(position: int) -> float:
    x: float = struct.unpack("<d", struct.pack("<q", abs(position)))[0]
    return x if position >= 0 else -x


def dtype_with_headroom(transform: Transform, lowest: float, highest: float, dtype: np.dtype[Any]) -> EncodedDType:
    """Return the narrowest dtype whose codes hold a movie of which some frames have been seen.

    Parameters
    ----------
    transform : Transform
        The parameters.
    lowest, highest : float
        The range of the values that were seen, in ADU. The codes also hold values of three standard deviations of the
        noise below, and of twice the signal above, as far as the dtype of the movie goes.
    dtype : numpy.dtype
        The dtype of the movie.
    """
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    first = max(float(limits.min), lowest - 3 * float(transform.noise(lowest)))
    last = min(float(limits.max), highest + max(0.0, highest - transform.zero_level))
    return narrowest_dtype(transform, first, last) or "float64"
