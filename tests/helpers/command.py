"""The command `anscombe-transform`, run as a user runs it."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import prepared
import pytest
from processes import TIMEOUT

from anscombe_transform import compress

COMMAND = Path(sys.executable).with_name("anscombe-transform")

Result = subprocess.CompletedProcess[str]
Running = subprocess.Popen[str] | prepared.Process


def variables_of(variables: dict[str, str]) -> dict[str, str]:
    """Return the environment of a command whose tables are wide."""
    return os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"} | variables


def run(*arguments: str | Path, cwd: Path, **variables: str) -> Result:
    """Return what comes of the command in the folder `cwd`, with these environment variables."""
    with started(*arguments, cwd=cwd, **variables) as process:
        return result_of(process)


def run_from_a_shell(*arguments: str | Path, cwd: Path, encoding: str = "utf-8") -> Result:
    """Return what comes of the command in a Python of its own, with standard streams of this encoding."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=cwd,
        env=variables_of({"PYTHONIOENCODING": encoding}),
        capture_output=True,
        encoding=encoding,
        timeout=TIMEOUT,
    )


def run_all(commands: Iterable[Sequence[str | Path]], cwd: Path, **variables: str) -> list[Result]:
    """Return what comes of several commands that have nothing to do with each other, two of which run at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda arguments: run(*arguments, cwd=cwd, **variables), commands))


@contextmanager
def started(*arguments: str | Path, cwd: Path, **variables: str) -> Iterator[Running]:
    """Start the command, in the very process that is yielded: a script may be run by another one; end it after use."""
    environment = variables_of(variables)
    with tempfile.TemporaryDirectory() as folder:
        process: Running
        if prepared.IS_POSSIBLE:
            streams = Path(folder, "stdout"), Path(folder, "stderr")
            process = prepared.Process(["anscombe_transform", *arguments], cwd, environment, *streams)
        else:
            program = [sys.executable, "-m", "anscombe_transform", *arguments]
            pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
            process = subprocess.Popen(program, cwd=cwd, env=environment, **pipes)
        try:
            yield process
        finally:
            process.kill()
            process.wait(TIMEOUT)


def result_of(process: Running) -> Result:
    """Wait for the end of a command, and return what came of it."""
    stdout, stderr = process.communicate(timeout=TIMEOUT)
    assert process.returncode is not None
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def succeeded(result: Result) -> str:
    """Assert that the command succeeded without a word on stderr, and return what it printed."""
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


RECORDING = {"Recording", "Files", "Frames", "Channels", "Planes", "Frame rate", "Pixel", "Note"}
"""The rows of the table that `compress` prints before its work begins."""


def refused(result: Result, message: str, status: int = 2) -> str:
    """Assert that there is one line on stderr, and on stdout at most what the recording is; return the line."""
    printed = [line for line in result.stdout.splitlines() if "│" in line]
    assert len(printed) == len(rows(result.stdout))
    assert {name for name, _ in rows(result.stdout)} <= RECORDING
    (line,) = result.stderr.strip().splitlines()
    assert re.match(f"Error: .*{message}", line), line
    assert result.returncode == status
    return line


def rows(text: str) -> list[tuple[str, str]]:
    """Return the names and values of a table."""
    return [(name.strip(), value.strip()) for name, value in re.findall(r"^│ (.+?) │ (.+?) │$", text, re.MULTILINE)]


def files(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files in a folder, by their paths in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def as_json(value: Any) -> Any:
    """Return a value as it is after it was written as JSON and read."""
    return json.loads(json.dumps(value))


def leave_unfinished(path: Path) -> None:
    """Begin an array at `path`, of a movie of which a late frame has a value without a code."""
    photons = np.random.default_rng(0).poisson(9.0, (600, 16, 16))
    photons[301] = 60_000  # is not among the frames that are looked at before the first chunk is written
    with pytest.raises(ValueError, match="out of range"):
        compress(photons.astype("uint16"), path, zero_level=0, conversion_gain=1, chunks=10)
