"""Which values of an array have no code, and the error that says so."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from anscombe_transform._typing import Array
from anscombe_transform.transform.parameters import ENCODED_DTYPES, EncodedDType, OutOfRange, Transform
from anscombe_transform.transform.ranges import held_range, narrowest_dtype

BLOCK = 1 << 16
"""Elements that are converted at a time where the kernels cannot read or write an array in place."""


@dataclass
class _Survey:
    """The values of an array that cannot be encoded, their extremes, and those of all its finite values, in ADU."""

    refused: int = 0
    nans: int = 0
    infinities: int = 0
    refused_extremes: tuple[float, float] = (math.inf, -math.inf)
    finite_extremes: tuple[float, float] = (math.inf, -math.inf)


def _survey(
    array: Array, transform: Transform, encoded_dtype: EncodedDType, out_of_range: OutOfRange | None
) -> _Survey:
    lowest, highest = held_range(transform, encoded_dtype)
    survey = _Survey()
    for x in _blocks(array):
        nan, infinite = np.isnan(x), np.isinf(x)
        finite = ~(nan | infinite)
        refused = nan if encoded_dtype[0] != "f" else np.zeros_like(nan)
        if out_of_range is None:
            refused = refused | (finite & ~((lowest <= x) & (x <= highest)))
            if encoded_dtype[0] != "f":
                refused |= infinite
        survey.refused += int(np.count_nonzero(refused))
        survey.nans += int(np.count_nonzero(nan))
        survey.infinities += int(np.count_nonzero(infinite))
        survey.refused_extremes = _widened(survey.refused_extremes, x[refused & ~nan])
        survey.finite_extremes = _widened(survey.finite_extremes, x[finite])
    return survey


def _blocks(array: Array) -> Iterator[Array]:
    """Yield the elements of an array as blocks of float64."""
    with np.nditer(
        [np.atleast_1d(array)],
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_dtypes=[np.float64],
        casting="same_kind",
        buffersize=BLOCK,
    ) as blocks:
        for block in blocks:
            yield cast("Array", block)


def _widened(extremes: tuple[float, float], x: Array) -> tuple[float, float]:
    return (min(extremes[0], float(x.min())), max(extremes[1], float(x.max()))) if x.size else extremes


def all_held(array: Array, transform: Transform, encoded_dtype: EncodedDType, out_of_range: OutOfRange | None) -> bool:
    """Return whether each value of an array has a code."""
    lowest, highest = held_range(transform, encoded_dtype)
    if lowest > highest:
        return array.size == 0
    if array.size == 0 or (lowest <= float(array.min()) and float(array.max()) <= highest):
        return True
    return _survey(array, transform, encoded_dtype, out_of_range).refused == 0


def out_of_range_error(
    array: Array, transform: Transform, encoded_dtype: EncodedDType, out_of_range: OutOfRange | None
) -> ValueError:
    """Return the error that names the values without a code, the range that codes hold, and the ways out."""
    survey = _survey(array, transform, encoded_dtype, out_of_range)
    floats_only = survey.nans or survey.infinities
    wider = narrowest_dtype(
        transform, *survey.finite_extremes, ("float32", "float64") if floats_only else ENCODED_DTYPES
    )
    ways_out = [] if wider is None else [f"encoded_dtype={wider!r}, which holds them"]
    if survey.nans and encoded_dtype[0] != "f":
        problem = f"{survey.nans} of {array.size} values are NaN, which has no {encoded_dtype} code"
        ways_out.append("a number in place of NaN")
    else:
        parameters = (
            f"with zero_level={transform.zero_level:g}, conversion_gain={transform.conversion_gain:g}, "
            f"beta={transform.beta:g}"
        )
        if survey.refused:
            lowest, highest = map(_adu, survey.refused_extremes)
            problem = (
                f"{survey.refused} of {array.size} values are out of range: {lowest} to {highest} ADU, where "
                f"{encoded_dtype} codes hold {_held_in_words(transform, encoded_dtype, array.dtype)}, {parameters}"
            )
            ways_out.append("out_of_range='clamp', which stores the nearest code")
        else:  # to clamp needs an input that is in range
            problem = f"no input has a code that {encoded_dtype} holds, {parameters}"
            ways_out.append("other parameters")
    return ValueError(f"{problem}. Use {', or '.join(ways_out)}.")


def _held_in_words(transform: Transform, encoded_dtype: EncodedDType, dtype: np.dtype[Any]) -> str:
    lowest, highest = held_range(transform, encoded_dtype)
    if dtype.kind != "f":
        info = np.iinfo(dtype)
        lowest = math.ceil(max(lowest, info.min)) if lowest <= info.max else math.inf
        highest = math.floor(min(highest, info.max)) if highest >= info.min else -math.inf
    return f"{_adu(lowest)} to {_adu(highest)} ADU" if lowest <= highest else f"no {dtype}"


def _adu(x: float) -> str:
    return f"{x:.0f}" if x == round(x, 0) and abs(x) < 1e15 else f"{x:g}"
