"""Processes that estimate parameters from a movie, with this package or with the release 1.0.0.

As a script, it estimates once per line of input, and answers each with a line of JSON. Its arguments are the name of a
function of ``anscombe_transform.estimate``, and the path of the movie: a Zarr array, which is read from disk, or a .npy
file, which is loaded into memory first.
"""

import contextlib
import importlib
import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr


class Worker:
    """A process that has a movie, and calls an estimator on it whenever this is called."""

    def __init__(self, python: Path, function: str, movie: Path) -> None:
        self._command = [str(python), "-I", __file__, function, str(movie)]
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self) -> dict[str, float]:
        """Return what the worker answers: parameters, their errors and peak memory."""
        print(file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline() if self._process.stdout else ""
        if not answer:
            raise RuntimeError(f"the worker ended without an answer: {self._command}")
        return dict(json.loads(answer))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()


def peak_memory() -> int:
    """Return the largest resident memory so far, in bytes; since the last reset, where there is such a thing."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        if found:
            return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(function: str, path: str) -> None:
    estimator = getattr(importlib.import_module("anscombe_transform.estimate"), function)
    movie: Any = np.load(path) if path.endswith(".npy") else zarr.open_array(path, mode="r")
    for _ in sys.stdin:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        before = peak_memory()
        estimate = estimator(movie)
        peak = peak_memory() - before
        values = estimate if isinstance(estimate, dict) else vars(estimate)
        numbers = {name: float(value) for name, value in values.items() if isinstance(value, float)}
        print(json.dumps(numbers | {"peak_memory": peak}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
