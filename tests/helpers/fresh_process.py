"""Arrays as a process reads them that has only Zarr imported, with warnings as errors."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from processes import TIMEOUT

READ = """
import sys
import numpy
import zarr
results, *paths = sys.argv[1:]
assert "anscombe_transform" not in sys.modules
for number, path in enumerate(paths):
    numpy.save(f"{results}/{number}.npy", zarr.open_array(path, mode="r")[...])
"""


def read_in_a_fresh_process(results: Path, *paths: Path) -> list[npt.NDArray[Any]]:
    """Return what the process reads from the arrays at `paths`, by way of files in the folder `results`."""
    command = [sys.executable, "-P", "-W", "error", "-c", READ, str(results), *map(str, paths)]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=results, timeout=TIMEOUT)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    return [np.load(results / f"{number}.npy") for number in range(len(paths))]
