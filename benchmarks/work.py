"""What runs in the processes of either release: calls of `encode` and `decode`, their memory, and estimates.

A function prepares a piece of work and returns it; it runs as often as the process is told to. Arguments and answers
are such as JSON holds. What is imported here is in the environment of release 1.0.0, too.
"""

import contextlib
import importlib
import itertools
import json
import mmap
import os
import platform
import re
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import zarr

from anscombe_transform import decode, encode

Array = npt.NDArray[Any]

AT_LEAST = 0.01
"""Seconds that a timing takes."""


def serve() -> None:
    """Take requests as lines of JSON, and answer each with one."""
    answers, sys.stdout = sys.stdout, sys.stderr
    prepared: list[Callable[[], Any]] = []
    for line in sys.stdin:
        try:
            reply = {"answer": _answer(json.loads(line), prepared)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=answers, flush=True)


def _answer(request: dict[str, Any], prepared: list[Callable[[], Any]]) -> Any:
    if "run" in request:
        return prepared[request["run"]]()
    if "forget" in request:
        prepared.clear()
        return None
    module, name = request["prepare"]
    work = getattr(importlib.import_module(module), name)
    prepared.append(work(*request["args"], **request["kwargs"]))
    return len(prepared) - 1


def versions() -> Callable[[], dict[str, str]]:
    """Prepare to tell the versions of Python and of packages."""
    packages = ("anscombe-transform", "numpy", "zarr", "numcodecs")
    return lambda: {"python": platform.python_version()} | {package: version(package) for package in packages}


def seconds(function: Callable[[], object], calls: int = 1) -> float:
    """Return the seconds that all calls take."""
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return time.perf_counter() - start


def timed(function: Callable[[], object]) -> Callable[[], float]:
    """Return a function that calls `function` as often as takes long enough, and returns the seconds per call.

    How often that is, is found out first, which also warms up.
    """
    function()
    calls = 1
    while seconds(function, calls) < AT_LEAST:
        calls *= 2
    return lambda: seconds(function, calls) / calls


class Pixels(TypedDict):
    """What to work on."""

    movie: str
    """The path of a .npy file, which is repeated, or cut, to the shape."""
    shape: Sequence[int]
    dtype: str
    parameters: dict[str, Any]
    """Those of `encode`, with `encoded_dtype`."""


def step_of(name: str, pixels: Pixels) -> tuple[Callable[..., object], Array]:
    """Return a function, and what it is called with."""
    parameters = pixels["parameters"]
    movie: Array = np.resize(np.load(pixels["movie"]), tuple(pixels["shape"]))
    if name in ("decode", "numpy.take, back"):
        codes = encode(movie, **parameters)  # of int16: 1.0.0 cannot encode all dtypes to which it can decode
        if name == "decode":
            return partial(decode, decoded_dtype=pixels["dtype"], **parameters), codes
        return partial(np.take, np.zeros(1 << 8, pixels["dtype"])), codes
    movie = movie.astype(pixels["dtype"], copy=False)
    functions: dict[str, Callable[..., object]] = {
        "encode": partial(encode, **parameters),
        "memcpy": partial(np.copyto, np.empty_like(movie)),
        "numpy.take": partial(np.take, np.zeros(1 << 16, parameters["encoded_dtype"])),
        "numpy.sqrt": np.sqrt,
    }
    return functions[name], movie


def calling(step: str, pixels: Pixels) -> Callable[[], float]:
    """Prepare a step in one thread; the answer is the seconds of a call."""
    function, array = step_of(step, pixels)
    return timed(lambda: function(array))


def calling_with(instructions: str, step: str, pixels: Pixels) -> Callable[[], float]:
    """Prepare what `calling` does, with no more than an instruction set; 1.0.0 has no such choice."""
    from anscombe_transform._kernels.dispatch import INSTRUCTION_SETS, use_instructions

    call = calling(step, pixels)

    def run() -> float:
        use_instructions(instructions)
        try:
            return call()
        finally:
            use_instructions(INSTRUCTION_SETS[-1])

    return run


def calling_in_threads(step: str, pixels: Pixels, calls: int, threads: int) -> Callable[[], float]:
    """Prepare many calls of a step in a pool of threads; the answer is the seconds of all."""
    function, array = step_of(step, pixels)
    arrays = [array.copy() for _ in range(min(calls, 8))]
    pool = ThreadPoolExecutor(threads)
    return timed(lambda: list(pool.map(function, itertools.islice(itertools.cycle(arrays), calls))))


def calling_again(step: str, pixels: Pixels, calls: int) -> Callable[[], float]:
    """Prepare many calls of a step, each with a chunk of its own; the answer is the seconds of all."""
    function, array = step_of(step, pixels)
    chunks = [array.copy() for _ in range(calls)]
    return timed(lambda: [function(chunk) for chunk in chunks])


def calling_first(step: str, pixels: Pixels) -> Callable[[], float]:
    """Prepare a step that has parameters of its own at each run; the answer is the seconds of a call."""
    function, array = step_of(step, pixels)
    zero_levels = itertools.count(pixels["parameters"]["zero_level"] + 0.001, 0.001)
    return lambda: seconds(partial(function, array, zero_level=next(zero_levels)))


def saving(step: str, pixels: Pixels, path: str) -> Callable[[], None]:
    """Prepare to write what a step returns to a .npy file."""
    function, array = step_of(step, pixels)
    return lambda: np.save(path, np.asarray(function(array)))


def taking_memory(step: str, pixels: Pixels, repeats: int, given: bool) -> Callable[[], int]:
    """Prepare a step on repeated pixels; the answer is the peak memory above input and output, in bytes.

    The output is memory that was touched before if it is `given`; it is subtracted if not.
    """
    function, part = step_of(step, pixels)
    array = np.resize(part, repeats * part.size)
    small = array[:1000]
    dtype = np.asarray(function(small)).dtype  # and imports, tables and code come into memory
    if given:
        output = np.ones(array.size, dtype)
        function(small, out=output[: small.size])
        function = partial(function, out=output)

    def measure() -> int:
        reset_peak_memory()
        before = peak_memory()
        result = function(array)
        peak = peak_memory() - before
        assert isinstance(result, np.ndarray)
        return max(0, peak - (0 if given else result.nbytes))

    return measure


def estimating(function: str, path: str) -> Callable[[], dict[str, float]]:
    """Prepare a function of ``anscombe_transform.estimate``, and a movie: a Zarr array, or a .npy file, loaded first.

    The answer has the seconds, the peak memory above that before, the parameters, and their errors if there are any.
    """
    estimator = getattr(importlib.import_module("anscombe_transform.estimate"), function)
    movie: Any = np.load(path) if path.endswith(".npy") else zarr.open_array(path, mode="r")

    def estimate() -> dict[str, float]:
        reset_peak_memory()
        before = peak_memory()
        start = time.perf_counter()
        found = estimator(movie)
        taken = {"seconds": time.perf_counter() - start, "peak_memory": peak_memory() - before}
        values = found if isinstance(found, dict) else vars(found)
        return taken | {name: float(value) for name, value in values.items() if isinstance(value, float)}

    return estimate


def reset_peak_memory() -> None:
    """Have the peak begin anew, where there is such a thing."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """Return the largest resident memory so far, in bytes; since the last reset, where there is such a thing."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        if found:
            return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def resolution() -> int:
    """Return by how many bytes the peak can be too small: Linux counts pages in batches, for each processor."""
    processors = os.cpu_count() or 1
    return max(32, 2 * processors) * processors * mmap.PAGESIZE
