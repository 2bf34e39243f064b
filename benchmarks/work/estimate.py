"""Estimation of parameters from a movie."""

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import zarr

from benchmarks.work.resident_memory import peak_memory, reset_peak_memory


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
        seconds = time.perf_counter() - start
        values = found if isinstance(found, dict) else vars(found)
        numbers = {name: float(value) for name, value in values.items() if isinstance(value, float)}
        return numbers | {"seconds": seconds, "peak_memory": peak_memory() - before}

    return estimate
