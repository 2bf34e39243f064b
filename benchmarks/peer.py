"""The release 1.0.0, which has the import name of this package and so needs an environment of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

RELEASE = "1.0.0"

_VERSION = "import importlib.metadata; print(importlib.metadata.version('anscombe-transform'))"


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
        _run([sys.executable, "-m", "venv", str(folder)])
        install = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        # In the folder, what an interrupted pip leaves is removed with it.
        _run([*install, f"anscombe-transform=={RELEASE}", "zarr<3.2"], {**os.environ, "TMPDIR": str(folder)})
    return python


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        *_, reason = done.stdout.strip().splitlines() or ["no output"]
        raise RuntimeError(
            f"no environment with anscombe-transform {RELEASE} can be made: {reason}. "
            "Where there is one, name its folder with --environment"
        )


def _version(python: Path) -> str:
    asked = subprocess.run([python, "-I", "-c", _VERSION], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return asked.stdout.strip()
