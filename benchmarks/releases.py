"""Processes that work with this package, and with release 1.0.0, which has its name and so its own environment."""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

import numpy as np

from benchmarks.measuring import OURS, RELEASE, Comparison, Settings, Shape, console, in_turn, smooth_frames
from benchmarks.work import versions

P = ParamSpec("P")
T = TypeVar("T")

SERVE = """
import sys, types
benchmarks = types.ModuleType("benchmarks")
benchmarks.__path__ = [sys.argv[1]]
sys.modules["benchmarks"] = benchmarks
from benchmarks.work import serve
serve()
"""
"""It makes `benchmarks` alone importable: next to it lies this package, which must not be found by the release."""


def release_interpreter(folder: Path) -> Path:
    """Return the Python of the virtual environment in `folder` that has the release; make it in a new folder.

    Raises
    ------
    RuntimeError
        If it cannot be made, or the folder holds something else.
    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not (python.exists() and _version(python) == RELEASE):
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise RuntimeError(f"{folder} is no environment with anscombe-transform {RELEASE}: name a new folder")
        _make([sys.executable, "-m", "venv", str(folder)])
        install = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        # In the folder, what an interrupted pip leaves is removed with it.
        _make([*install, f"anscombe-transform=={RELEASE}", "zarr<3.2"], {**os.environ, "TMPDIR": str(folder)})
    return python


def _version(python: Path) -> str:
    ask = "import importlib.metadata; print(importlib.metadata.version('anscombe-transform'))"
    asked = subprocess.run([python, "-I", "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return asked.stdout.strip()


def _make(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        *_, reason = done.stdout.strip().splitlines() or ["no output"]
        raise RuntimeError(
            f"no environment with anscombe-transform {RELEASE} can be made: {reason}. "
            "Where there is one, name its folder with --environment"
        )


class WorkError(RuntimeError):
    """A piece of work failed in its process."""


class Worker:
    """A process of an interpreter, which prepares pieces of work and runs them when it is told to."""

    def __init__(self, python: Path) -> None:
        self._python = python
        # In a session of its own, Ctrl-C does not reach it: it is ended here.
        self._process = subprocess.Popen(
            [str(python), "-I", "-c", SERVE, str(Path(__file__).parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def prepare(self, work: Callable[P, Callable[[], T]], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
        """Return a function that has the process call what `work` returned there, and returns the answer.

        Arguments and answers must be such as JSON holds.

        Raises
        ------
        WorkError
            If `work` fails, and, from the function, if what it returned does.
        """
        number = self._ask(prepare=[work.__module__, work.__qualname__], args=args, kwargs=kwargs)
        return lambda: self._ask(run=number)

    def forget(self) -> None:
        """Have the process drop all that it prepared."""
        self._ask(forget=True)

    def _ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkError(f"a process of {self._python} ended, with status {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkError(answer["error"])
        return answer["answer"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True)
class Packages:
    """A worker with this package, and one with the release 1.0.0."""

    ours: Worker
    release: Worker
    rounds: int

    def both(self, work: Callable[P, Callable[[], T]], *args: P.args, **kwargs: P.kwargs) -> dict[str, Callable[[], T]]:
        """Prepare the work with each of the packages."""
        return {
            OURS: self.ours.prepare(work, *args, **kwargs),
            RELEASE: self.release.prepare(work, *args, **kwargs),
        }

    def compare(
        self, name: str, contenders: Mapping[str, Callable[[], float]], pixels: int | None = None, failure: str = ""
    ) -> Comparison:
        """Have all contenders do their work in turn, and drop what was prepared for it."""
        values = in_turn(contenders, self.rounds)
        self.ours.forget()
        self.release.forget()
        return Comparison(name, values, pixels=pixels, failure=failure)


@dataclass(frozen=True)
class Session:
    """What the sections of one run share."""

    settings: Settings
    folder: Path
    """For files that are needed no longer than the section."""
    own: Path
    """The Python of this package."""
    release: Path
    """The Python of the release 1.0.0."""
    recording: Path | None = None
    """A movie for the compressors."""

    @contextmanager
    def packages(self) -> Iterator[Packages]:
        """Yield both packages, and end their workers."""
        with Worker(self.own) as ours, Worker(self.release) as release:
            yield Packages(ours, release, self.settings.rounds)

    def save_movie(self, shape: Shape) -> str:
        """Return the path of a .npy file with a movie."""
        path = self.folder / "movie.npy"
        np.save(path, np.stack(list(smooth_frames(shape))))
        return str(path)

    def machine(self) -> dict[str, Any]:
        """Print and return what figures depend on: the processor, and the versions that each package works with."""
        with self.packages() as packages:
            software = {name: tell() for name, tell in packages.both(versions).items()}
        found = {"processor": _processor(), "processors": os.cpu_count(), "system": platform.system()}
        console.print("{processor}, {processors} processors, {system}".format(**found))
        for name, of_package in software.items():
            console.print(f"{name}: " + ", ".join(f"{package} {version}" for package, version in of_package.items()))
        console.print()
        return found | {"software": software}


def _processor() -> str:
    with suppress(OSError):
        model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        if model:
            return model[1]
    return platform.processor() or platform.machine()
