"""Programs in processes that have imported already what they need: they begin at once, where a new Python takes 2 s."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import dask
from processes import TIMEOUT

_ONE_AT_A_TIME = threading.Lock()
"""To start a process is to ask for the status of all others, which only one thread gets."""

IS_POSSIBLE = "forkserver" in multiprocessing.get_all_start_methods()

# Not this package, of which rich's console looks at environment variables when it is imported.
PACKAGES = (
    *("dask.array", "distributed", "fsspec", "h5py", "imagecodecs", "jinja2", "matplotlib.backends.backend_agg"),
    *("matplotlib.figure", "numcodecs", "ome_zarr_models.v05.image", "rich.progress", "s3fs", "tifffile", "typer"),
    "zarr",
)


class Process:
    """Runs the module `line[0]` as ``python -m`` does, and has what the tests use of `subprocess.Popen`.

    What it prints is appended to the files `stdout` and `stderr`. It has these environment variables and no others.
    """

    def __init__(
        self, line: Sequence[str | Path], cwd: Path, variables: dict[str, str], stdout: Path, stderr: Path
    ) -> None:
        self.args = [str(word) for word in line]
        self._streams = stdout, stderr
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(PACKAGES))
        self._process = context.Process(target=_become, args=(self.args, cwd, variables, self._streams))
        with _ONE_AT_A_TIME:
            self._process.start()

    @property
    def returncode(self) -> int | None:
        with _ONE_AT_A_TIME:
            return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float = TIMEOUT) -> int:
        end = time.monotonic() + timeout
        while (status := self.returncode) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.01)
        return status

    def communicate(self, timeout: float = TIMEOUT) -> tuple[str, str]:
        self.wait(timeout)
        stdout, stderr = (stream.read_text(encoding="utf-8") for stream in self._streams)
        return stdout, stderr


def _become(line: list[str], cwd: Path, variables: dict[str, str], streams: tuple[Path, Path]) -> None:
    for number, stream in enumerate(streams, start=1):
        file = os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may have it ignored
    os.environ.clear()
    os.environ.update(variables)
    dask.config.refresh()  # takes its settings from environment variables
    os.chdir(cwd)
    sys.argv = list(line)
    runpy.run_module(line[0], run_name="__main__", alter_sys=True)
