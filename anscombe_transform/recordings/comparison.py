"""Whether what comes back from a store is what the format promises."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from anscombe_transform._kernels.squared_errors import squared_errors
from anscombe_transform._typing import Array
from anscombe_transform.codecs.configuration import CodecParameters
from anscombe_transform.transform.arrays import decode_array, encode_array
from anscombe_transform.transform.parameters import Transform
from anscombe_transform.transform.ranges import held_range
from anscombe_transform.transform.tables import loop_dtype

_ROUNDED_SUMS = 1.001
"""Room for the rounding of errors that are computed in float32."""

_OPERATIONS = 8
"""Operations to a code and back, each of which rounds by less than the distance between numbers."""


@dataclass(frozen=True)
class Comparison:
    """How far decoded values are from the originals, with squares of errors in variances of the pixel's own noise."""

    nbytes: int
    """Bytes of the originals."""
    count: int
    """How many values were compared."""
    clamped: int
    """Values that had no code of their own, and got the nearest one."""
    largest_square: float
    """Largest squared error, but for clamped values."""
    sum_of_squares: float
    """Sum of all squared errors."""

    def merge(self, other: Self) -> Comparison:
        """Return the comparison of both parts together."""
        return Comparison(
            self.nbytes + other.nbytes,
            self.count + other.count,
            self.clamped + other.clamped,
            max(self.largest_square, other.largest_square),
            self.sum_of_squares + other.sum_of_squares,
        )

    @property
    def largest_error(self) -> float:
        """The largest error, in standard deviations of the noise."""
        return math.sqrt(self.largest_square)

    @property
    def added_noise(self) -> float:
        """Mean squared error, in variances of the noise."""
        return self.sum_of_squares / self.count


@dataclass(frozen=True)
class Comparer:
    """Compares what comes back from an array with what was written to it.

    Attributes
    ----------
    codec : CodecParameters, optional
        The codec of the array; by default it has none, and each value has to come back as it was.
    """

    codec: CodecParameters | None = None

    def expected(self, values: Array) -> Array:
        """Return what should come back, bit for bit."""
        if self.codec is None:
            return values
        transform, encoded_dtype = self.codec.transform, self.codec.encoded_dtype
        codes = encode_array(values, transform, encoded_dtype, self.codec.out_of_range)
        return decode_array(codes, transform, encoded_dtype, values.dtype)

    def compare(self, values: Array, stored: Array) -> Comparison:
        """Compare two arrays of one shape and dtype.

        Raises
        ------
        ValueError
            If a value is further from its original than half the interval of its code, which the format allows.
        """
        if self.codec is None:
            if not np.array_equal(values, stored, equal_nan=values.dtype.kind == "f"):
                raise ValueError("other values came back from the store than were written; write them again")
            return Comparison(values.nbytes, values.size, 0, 0.0, 0.0)
        clamped = 0
        size, nbytes = values.size, values.nbytes
        if self.codec.out_of_range == "clamp" and (is_clamped := self._is_clamped(values)).any():
            clamped = int(np.count_nonzero(is_clamped))
            if not np.array_equal(stored[is_clamped], self.expected(values[is_clamped])):
                raise ValueError(
                    f"some of {clamped} clamped values came back from the store as others: write them again"
                )
            values, stored = values[~is_clamped], stored[~is_clamped]
        largest, total = self._squares(values, stored)
        error = math.sqrt(largest)
        if not error <= self._limit(values, spacing=False) and not error <= (limit := self._limit(values)):
            raise ValueError(
                f"a value came back from the store with an error of {error:.3g} standard deviations of its noise, but "
                f"the format allows {limit:.3g}: write it again"
            )
        return Comparison(nbytes, size, clamped, largest, total)

    def nearest_held(self, value: float, dtype: np.dtype[Any]) -> Any:
        """Return the number of `dtype` nearest to `value` that the codec can hold.

        Raises
        ------
        ValueError
            If there is none.
        """
        lowest, highest = self._held
        if dtype.kind == "f":
            with np.errstate(over="ignore"):
                first, last = dtype.type(lowest), dtype.type(highest)
            first = first if float(first) >= lowest else np.nextafter(first, dtype.type(np.inf))
            last = last if float(last) <= highest else np.nextafter(last, dtype.type(-np.inf))
        else:
            limits = np.iinfo(dtype)
            first, last = max(limits.min, math.ceil(lowest)), min(limits.max, math.floor(highest))
        if first > last:
            raise ValueError(
                f"codes hold {lowest:.6g} to {highest:.6g} ADU, of which {dtype} has none: choose other parameters, or "
                "another encoded_dtype"
            )
        return dtype.type(min(max(value, first), last))

    @property
    def _transform(self) -> Transform:
        assert self.codec is not None
        return self.codec.transform

    @property
    def _held(self) -> tuple[float, float]:
        assert self.codec is not None
        return held_range(self.codec.transform, self.codec.encoded_dtype)

    def _is_clamped(self, values: Array) -> npt.NDArray[np.bool_]:
        """Return which values have no code of their own; a float code can be infinite."""
        assert self.codec is not None
        lowest, highest = map(np.float64, self._held)
        outside: npt.NDArray[np.bool_] = (values < lowest) | (values > highest)
        return outside & np.isfinite(values) if np.dtype(self.codec.encoded_dtype).kind == "f" else outside

    def _squares(self, values: Array, stored: Array) -> tuple[float, float]:
        dtype = loop_dtype(values.dtype)
        before, after = (np.ascontiguousarray(array, dtype).ravel() for array in (values, stored))
        detector = self._transform.zero_level, self._transform.conversion_gain
        largest, total = squared_errors(before, after, *detector)
        if math.isnan(total):
            finite = np.isfinite(before) & np.isfinite(after)
            if not np.array_equal(before[~finite], after[~finite], equal_nan=True):
                raise ValueError("NaN or infinite values came back from the store as others; write them again")
            largest, total = squared_errors(before[finite], after[finite], *detector)
        return largest, total

    def _limit(self, values: Array, *, spacing: bool = True) -> float:
        """Return the largest error that the format allows, in noise standard deviations: that at zero photons.

        `spacing` is for the distance between numbers as large as the largest value, which takes time to find.
        """
        transform = self._transform
        root = math.sqrt(3 / 8)
        half_interval = transform.beta / 2 + transform.beta**2 / (8 * root)
        is_float = values.dtype.kind == "f"
        rounding = 0.0 if is_float else 0.5
        if spacing and is_float:
            rounding += _OPERATIONS * float(np.spacing(np.max(np.abs(values), where=np.isfinite(values), initial=0)))
        elif spacing:
            largest = max(-float(values.min(initial=0)), float(values.max(initial=0)))
            rounding += _OPERATIONS * float(np.spacing(largest))
        return _ROUNDED_SUMS * (half_interval + rounding / (transform.conversion_gain * root))
