"""Whether 1.0.0 returns the numbers that this package returns."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.session import Packages
from benchmarks.work.kernels import Pixels, saving
from benchmarks.worker import Worker, WorkError

ROUNDING = {"encode": 0, "decode": 1}
"""ADU, or codes, by which results may differ: 1.0.0 does not round the middle of an interval as this package does."""


def failure_of_peer(packages: Packages, step: str, pixels: Pixels, folder: Path) -> str:
    """Return in what way 1.0.0 does not do what this package does; nothing if it does."""
    ours = result(packages.ours, step, pixels, folder)
    try:
        theirs = result(packages.peer, step, pixels, folder)
    except WorkError as error:
        return f"fails: {error}"
    if theirs.dtype != ours.dtype:
        return f"wrong: a result of {theirs.dtype}"
    difference = np.abs(theirs.ravel().astype(float) - ours.ravel().astype(float)).max()
    return f"wrong: off by {difference:.3g}" if difference > ROUNDING[step] else ""


def result(worker: Worker, step: str, pixels: Pixels, folder: Path) -> npt.NDArray[Any]:
    path = folder / "result.npy"
    worker.prepare(saving, step, pixels, str(path))()
    returned: npt.NDArray[Any] = np.load(path)
    return returned
