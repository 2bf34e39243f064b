"""The release 1.0.0, which has the import name of this package and so needs an environment of its own."""

import subprocess
import sys
from pathlib import Path

RELEASE = "1.0.0"

_VERSION = "import importlib.metadata; print(importlib.metadata.version('anscombe-transform'))"


def release_interpreter(folder: Path) -> Path:
    """Return the Python of the virtual environment in `folder` that has the release; make it if it is not there.

    Raises
    ------
    RuntimeError
        If it cannot be made.
    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not (python.exists() and _version(python) == RELEASE):
        _run([sys.executable, "-m", "venv", str(folder)])
        install = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _run([*install, f"anscombe-transform=={RELEASE}", "zarr<3.2"])
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        *_, reason = done.stdout.strip().splitlines() or ["no output"]
        raise RuntimeError(
            f"no environment with anscombe-transform {RELEASE} can be made: {reason}. "
            "Where there is one, name its folder with --environment"
        )


def _version(python: Path) -> str:
    asked = subprocess.run([python, "-I", "-c", _VERSION], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return asked.stdout.strip()
