"""Prediction of codes from earlier frames and rows: what is left of them is smaller, and nothing is lost."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._kernels.prediction import predict_chunk
from anscombe_transform._typing import Array
from anscombe_transform.transform.parameters import shown
from anscombe_transform.transform.tables import as_unsigned, kernel

UNIT_WEIGHT = 1 << 14
"""The integer that stands for a weight of 1."""

UNIT_BIAS = 1 << 5
"""The integer that stands for a bias of one code."""

LARGEST = (1 << 15) - 1
"""The largest weight and bias."""

PREDICTED_DTYPES = ("int8", "uint8", "int16", "uint16")
"""The dtypes of codes that can be predicted."""


@dataclass(frozen=True)
class Predictor:
    """How the codes in a chunk of a movie are predicted from each other.

    A frame is predicted from the running mean of the frames before it, at each pixel and its eight neighbors; the first
    frame of a chunk, row by row, from the two rows above. All of it is in integers, so that every machine predicts the
    same. The page on the format has the formulas. `fit_predictor` finds the weights for a movie.

    Parameters
    ----------
    weights : sequence of int, optional
        The nine weights of the mean of earlier frames at 3 by 3 pixels, row by row, in units of 2**-14.
    bias : int, optional
        What is added to the weighted sum, in units of 1/32 code; 20 rounds to the nearest code.
    first_weights : sequence of int, optional
        The eight weights for the first frame of a chunk, in units of 2**-14: of five pixels in the row above, and of
        three in the row above that.
    first_bias : int, optional
        What is added to that sum, in units of 1/32 code.
    shift : int, default 3
        From 0 to 7: each frame has a share of 2**-shift in the running mean, a larger one at the beginning.

    Raises
    ------
    TypeError
        If one of them is not an integer.
    ValueError
        If there is another number of weights, or an integer is out of range: weights and biases have 16 bits.
    """

    weights: tuple[int, ...] = (512, 1024, 512, 1024, 10240, 1024, 512, 1024, 512)
    bias: int = 20
    first_weights: tuple[int, ...] = (2048,) * 8
    first_bias: int = 20
    shift: int = 3

    def __post_init__(self) -> None:
        for name, count in (("weights", 9), ("first_weights", 8)):
            object.__setattr__(self, name, _parsed_weights(name, getattr(self, name), count))
        for name in ("bias", "first_bias"):
            object.__setattr__(self, name, _parsed(name, getattr(self, name), range(-LARGEST - 1, LARGEST + 1)))
        object.__setattr__(self, "shift", _parsed("shift", self.shift, range(8)))

    def residuals(self, codes: Array) -> Array:
        """Return what is left of the codes of a chunk when their prediction is subtracted.

        Parameters
        ----------
        codes : ndarray
            Codes of int8, uint8, int16 or uint16. Of its axes, the first is time, and the last two are y and x.

        Returns
        -------
        ndarray
            Of the same shape, of uint8 or uint16: 0, 1, 2, 3, ... for differences of 0, -1, 1, -2, ... codes.

        Raises
        ------
        TypeError
            If `codes` are not a NumPy array, or masked.
        ValueError
            If they are of another dtype.
        """
        check_codes(codes)
        return self._predict(as_offset(codes), inverse=False)

    def codes(self, residuals: Array, dtype: npt.DTypeLike) -> Array:
        """Return the codes of a chunk that have these residuals.

        Parameters
        ----------
        residuals : ndarray
            Of uint8 or uint16, as `residuals` returns them.
        dtype : dtype_like
            Of the codes: int8, uint8, int16 or uint16, of as many bits.

        Returns
        -------
        ndarray
            Codes of `dtype`, of the same shape.

        Raises
        ------
        ValueError
            If the dtypes are others, or do not belong together.
        """
        of_codes = np.dtype(dtype)
        if of_codes.name not in PREDICTED_DTYPES or residuals.dtype.name != f"uint{8 * of_codes.itemsize}":
            raise ValueError(
                f"residuals of {residuals.dtype} are not those of {of_codes} codes: uint8 are those of 8 bits, and "
                "uint16 those of 16"
            )
        codes = self._predict(residuals, inverse=True)
        if of_codes.kind == "i":
            codes ^= _first_bit(codes.dtype)
        return codes.view(of_codes.newbyteorder("="))

    def _predict(self, source: Array, *, inverse: bool) -> Array:
        source = np.ascontiguousarray(source, f"u{source.itemsize}").reshape(source.shape)
        target = np.empty_like(source)
        wide = np.dtype(f"i{2 * source.itemsize}")
        work = kernel(predict_chunk, source.dtype.name, wide.name)
        weights, first_weights = (np.array(given, np.int16) for given in (self.weights, self.first_weights))
        for one, other in zip(planes_of(source), planes_of(target), strict=True):
            _, height, width = one.shape
            plane = np.ascontiguousarray(one)
            result = other if other.flags.c_contiguous else np.empty_like(plane)
            mean, predicted = np.empty((height + 2, width + 4), wide), np.empty(width, wide)
            work(
                plane, result, mean, predicted, weights, self.bias, first_weights, self.first_bias, self.shift, inverse
            )
            if result is not other:
                other[...] = result
        return target


def check_codes(codes: Array) -> None:
    """Raise TypeError if codes are no array or masked, or ValueError if those of their dtype cannot be predicted."""
    if not isinstance(codes, np.ndarray):
        raise TypeError(f"codes must be a NumPy array, not {type(codes).__name__}")
    if isinstance(codes, np.ma.MaskedArray):
        raise TypeError("codes are masked, and residuals have no mask: fill them first, with codes.filled(value)")
    check_dtype(codes.dtype.name)


def check_dtype(name: str) -> None:
    """Raise ValueError if codes of a dtype cannot be predicted."""
    if name not in PREDICTED_DTYPES:
        raise ValueError(
            f"codes of dtype {shown(name)} cannot be predicted, only those of {', '.join(PREDICTED_DTYPES)}: "
            "choose one of these as encoded_dtype, or leave the prediction out"
        )


def planes_of(array: Array) -> Iterator[Array]:
    """Yield views of shape (time, y, x): of one axis, x is missing, of two, y is; of more, all others are planes."""
    frames, *others = array.shape or (1,)
    *between, height, width = (1, *others) if len(others) == 1 else others or (1, 1)
    whole = array.reshape(frames, math.prod(between), height, width)
    yield from (whole[:, plane] for plane in range(whole.shape[1]))


def as_offset(codes: Array) -> Array:
    """Return codes as unsigned integers in the same order: of signed ones, the first bit changes."""
    unsigned = as_unsigned(np.asarray(codes, codes.dtype.newbyteorder("="), order="C"))
    return unsigned ^ _first_bit(unsigned.dtype) if codes.dtype.kind == "i" else unsigned


def _first_bit(unsigned: np.dtype[Any]) -> Any:
    return unsigned.type(1 << (8 * unsigned.itemsize - 1))


def _parsed_weights(name: str, value: Any, count: int) -> tuple[int, ...]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence | np.ndarray):
        raise TypeError(f"{name} must be a sequence of {count} integers, not {type(value).__name__}")
    if len(value) != count:
        raise ValueError(f"{name} must be {count} integers, not {len(value)}")
    return tuple(_parsed(name, weight, range(-LARGEST - 1, LARGEST + 1)) for weight in value)


def _parsed(name: str, value: Any, allowed: range) -> int:
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not bool")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None
    if number not in allowed:
        raise ValueError(f"{name} must be from {allowed[0]} to {allowed[-1]}, not {shown(number)}")
    return number
