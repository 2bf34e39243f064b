"""`encode` and `decode` of NumPy arrays, and what they are compared with."""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from anscombe_transform import decode, encode
from benchmarks.timing import timed, timed_once

Array = npt.NDArray[Any]
Step = tuple[Callable[..., object], Array]
"""A function, and what it is called with."""

AT_LEAST = 0.01
"""Seconds that a timing takes."""


class Pixels(TypedDict):
    """What to work on."""

    movie: str
    """The path of a .npy file, which is repeated, or cut, to the shape."""
    shape: Sequence[int]
    dtype: str
    parameters: dict[str, Any]
    """Those of `encode`, with `encoded_dtype`."""


def movie_of(pixels: Pixels, dtype: str | None = None) -> Array:
    return np.resize(np.load(pixels["movie"]), tuple(pixels["shape"])).astype(dtype or pixels["dtype"], copy=False)


def codes_of(pixels: Pixels) -> Array:
    """Return the codes of int16 input: 1.0.0 cannot encode all dtypes to which it can decode."""
    return encode(movie_of(pixels, "int16"), **pixels["parameters"])


def encode_step(pixels: Pixels) -> Step:
    return partial(encode, **pixels["parameters"]), movie_of(pixels)


def decode_step(pixels: Pixels) -> Step:
    return partial(decode, decoded_dtype=pixels["dtype"], **pixels["parameters"]), codes_of(pixels)


def memcpy_step(pixels: Pixels) -> Step:
    movie = movie_of(pixels)
    return partial(np.copyto, np.empty_like(movie)), movie


def take_step(pixels: Pixels) -> Step:
    return partial(np.take, np.zeros(1 << 16, pixels["parameters"]["encoded_dtype"])), movie_of(pixels)


def take_back_step(pixels: Pixels) -> Step:
    return partial(np.take, np.zeros(1 << 8, pixels["dtype"])), codes_of(pixels)


def sqrt_step(pixels: Pixels) -> Step:
    return np.sqrt, movie_of(pixels)


STEPS = {
    "encode": encode_step,
    "decode": decode_step,
    "memcpy": memcpy_step,
    "numpy.take": take_step,
    "numpy.take, back": take_back_step,
    "numpy.sqrt": sqrt_step,
}


def calling(step: str, pixels: Pixels) -> Callable[[], float]:
    """Prepare a step in one thread; the answer is the seconds of a call."""
    function, array = STEPS[step](pixels)
    return timed(partial(function, array), AT_LEAST)


def calling_with(instructions: str, step: str, pixels: Pixels) -> Callable[[], float]:
    """Prepare what `calling` does, with no more than an instruction set; 1.0.0 has no such choice."""
    from anscombe_transform._kernels.dispatch import INSTRUCTION_SETS, use_instructions

    call = calling(step, pixels)

    def run() -> float:
        use_instructions(instructions)
        seconds = call()
        use_instructions(INSTRUCTION_SETS[-1])
        return seconds

    return run


def calling_in_threads(step: str, pixels: Pixels, calls: int, threads: int) -> Callable[[], float]:
    """Prepare many calls of a step in a pool of threads; the answer is the seconds of all."""
    function, array = STEPS[step](pixels)
    arrays = [array.copy() for _ in range(min(calls, 8))]
    pool = ThreadPoolExecutor(threads)
    return timed(lambda: list(pool.map(function, itertools.islice(itertools.cycle(arrays), calls))))


def calling_again(step: str, pixels: Pixels, calls: int) -> Callable[[], float]:
    """Prepare many calls of a step, each with a chunk of its own; the answer is the seconds of all."""
    function, array = STEPS[step](pixels)
    chunks = [array.copy() for _ in range(calls)]
    return timed(lambda: [function(chunk) for chunk in chunks], AT_LEAST)


def calling_first(step: str, pixels: Pixels) -> Callable[[], float]:
    """Prepare a step that has parameters of its own at each run; the answer is the seconds of a call."""
    function, array = STEPS[step](pixels)
    zero_levels = itertools.count(pixels["parameters"]["zero_level"] + 0.001, 0.001)

    def call() -> float:
        return timed_once(partial(function, array, zero_level=next(zero_levels)))

    return call


def saving(step: str, pixels: Pixels, path: str) -> Callable[[], None]:
    """Prepare to write what a step returns to a .npy file."""
    function, array = STEPS[step](pixels)
    return lambda: np.save(path, np.asarray(function(array)))
