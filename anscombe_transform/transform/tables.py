"""Lookup tables for 8- and 16-bit data: the loops of `_kernels`, run once over every possible element."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from anscombe_transform._kernels import anscombe
from anscombe_transform._kernels.lookup import lookup
from anscombe_transform.transform.parameters import EncodedDType, Transform
from anscombe_transform.transform.ranges import held_range

TABLE_DTYPES = frozenset({"int8", "uint8", "int16", "uint16"})
"""The dtypes whose elements can index a table, in native byte order."""

_UNSIGNED = {size: np.dtype(f"u{size}") for size in (1, 2, 4, 8)}

_T = TypeVar("_T")


class EncodingTable(NamedTuple):
    """The codes of all elements of a dtype, in the order of their bits read as an unsigned integer.

    Elements from `first` on, `held` in number and counted modulo the length of the table, have a code of their own.
    """

    codes: npt.NDArray[Any]
    first: int
    held: int


def _built_once(build: Callable[..., _T]) -> Callable[..., _T]:
    """Keep the last 32 results, of at most 512 KiB each, and let no two threads build the same one."""
    lock = Lock()
    cached = lru_cache(maxsize=32)(build)

    def renew_lock() -> None:
        nonlocal lock
        lock = Lock()

    if hasattr(os, "register_at_fork"):  # another thread may hold the lock at that moment, and the child has no other
        os.register_at_fork(after_in_child=renew_lock)

    @wraps(build)
    def locked(*key: Hashable) -> _T:
        with lock:
            return cached(*key)

    return locked


@_built_once
def encoding_table(transform: Transform, input_dtype: str, encoded_dtype: EncodedDType) -> EncodingTable:
    """Return the codes of all elements of `input_dtype`, those out of range with the nearest code that there is."""
    inputs = _all_elements(input_dtype).astype(np.float64)
    lowest, highest = held_range(transform, encoded_dtype)
    codes = np.empty(inputs.size, encoded_dtype)
    kernel(anscombe.encode, "float64", encoded_dtype)(inputs, codes, True, lowest, highest, *transform.coefficients)
    info = np.iinfo(input_dtype)
    first, last = max(math.ceil(lowest), info.min), min(math.floor(highest), info.max)
    return EncodingTable(as_unsigned(codes), first % inputs.size, max(0, last - first + 1))


@_built_once
def decoding_table(transform: Transform, encoded_dtype: EncodedDType, decoded_dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return the values of all codes of `encoded_dtype`, in the order of their bits read as an unsigned integer.

    The values have `decoded_dtype`, byte order included, seen as unsigned integers.
    """
    codes = _all_elements(encoded_dtype).astype(np.int32)
    values = np.empty(codes.size, loop_dtype(decoded_dtype))
    kernel(anscombe.decode, "int32", values.dtype.name)(codes, values, largest(decoded_dtype), *transform.coefficients)
    return as_unsigned(values.astype(decoded_dtype))


@_built_once
def decoding_pairs(transform: Transform, encoded_dtype: EncodedDType, decoded_dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return the values of all pairs of 8-bit codes, as `decoding_table` has those of single codes.

    A pair lies in memory as its codes do, and so do its values: both are seen as one unsigned integer.
    """
    table = decoding_table(transform, encoded_dtype, decoded_dtype)
    codes = np.arange(1 << 16, dtype=np.uint16).view(np.uint8)
    values = np.empty(codes.size, table.dtype)
    kernel(lookup, "uint8", table.dtype.name)(codes, table, values, 0, 255)
    return values.view(_UNSIGNED[2 * values.itemsize])


def kernel(fused: Callable[..., _T], *dtypes: str) -> Callable[..., _T]:
    """Return the version of a fused function of `_kernels` for these dtypes."""
    names = {"float32": "float", "float64": "double"}
    specialized: Callable[..., _T] = fused["|".join(names.get(d, f"{d}_t") for d in dtypes)]  # type: ignore[index]
    return specialized


def loop_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which the kernels read or write elements of `dtype`: native, and float64 for float16."""
    return np.dtype(np.float64) if dtype.name == "float16" else dtype.newbyteorder("=")


def largest(dtype: np.dtype[Any]) -> float:
    """Return the largest finite value of a floating-point dtype; meaningless for others."""
    return float(np.finfo(dtype).max) if dtype.kind == "f" else 0.0


def as_unsigned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the same memory as unsigned integers of the same size."""
    return array.view(_UNSIGNED[array.itemsize])


def _all_elements(dtype: str) -> npt.NDArray[Any]:
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    return np.arange(1 << (8 * unsigned.itemsize), dtype=unsigned).view(dtype)
