"""The memory that `encode` and `decode` take above their input and output."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform import decode, encode
from benchmarks.work.resident_memory import peak_memory, reset_peak_memory


def encoding(movie: str, pixels: int, given: bool, parameters: dict[str, Any]) -> Callable[[], int]:
    """Prepare to encode that many pixels; the answer is the peak memory above input and output, in bytes.

    The output is memory that was touched before if it is `given`; it is subtracted if not.
    """
    part = np.load(movie).ravel()
    return measured(partial(encode, **parameters), repeated(part, pixels), np.dtype(parameters["encoded_dtype"]), given)


def decoding(movie: str, pixels: int, given: bool, parameters: dict[str, Any]) -> Callable[[], int]:
    """Prepare to decode that many pixels; the answer is as that of `encoding`."""
    part = np.load(movie).ravel()
    codes = repeated(np.asarray(encode(part, **parameters)), pixels)
    return measured(partial(decode, decoded_dtype=part.dtype.name, **parameters), codes, part.dtype, given)


def repeated(part: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Return an array of copies of `part`, without the memory that `numpy.resize` takes on the way."""
    whole = np.empty(size, part.dtype)
    for start in range(0, size, part.size):
        whole[start : start + part.size] = part[: size - start]
    return whole


def measured(
    function: Callable[..., object], array: npt.NDArray[Any], dtype: np.dtype[Any], given: bool
) -> Callable[[], int]:
    output = np.ones(array.size if given else 0, dtype)
    arguments = {"out": output} if given else {}
    small = array[:1000]
    function(small, **({"out": output[:1000]} if given else {}))  # imports, tables and code come into memory

    def measure() -> int:
        reset_peak_memory()
        before = peak_memory()
        result = function(array, **arguments)
        peak = peak_memory() - before
        assert isinstance(result, np.ndarray)
        return max(0, peak - (0 if given else result.nbytes))

    return measure
