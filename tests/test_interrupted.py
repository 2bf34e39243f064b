"""Compression that is killed, interrupted, or finds the disk full, and goes on later; in processes of its own."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import command
import numpy as np
import pytest
import zarr
from command import refused, rows, succeeded
from processes import TIMEOUT
from small_disk import make_larger, small_disk  # noqa: F401 - a fixture

from anscombe_transform import compress
from anscombe_transform.recordings.description import describe

pytestmark = pytest.mark.slow

Layout = dict[str, Any]

LAYOUTS: tuple[Layout, ...] = (
    {"chunks": (2, 128, 128)},
    {"chunks": (4, 128, 128), "shards": (8, 256, 256)},
    {"chunks": (2, 128, 256), "zarr_format": 2},
    {"chunks": (2, 256, 128), "ome": True},
)

GIVEN: Layout = {"zero_level": 100.0, "conversion_gain": 40.0, "encoded_dtype": "int8"}

UNFINISHED = "unfinished.json"

LIMIT = 30_000
"""Bytes of a file that may be written where that is limited: less than a shard has."""

WITH_LIMIT = f"""
import resource, runpy
resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}))
runpy.run_module("anscombe_transform", run_name="__main__", alter_sys=True)
"""


class Work(NamedTuple):
    """A movie to compress, and what should come of it in each layout, by path."""

    movie: Path
    expected: list[dict[str, bytes]]

    def arguments(self, number: int, output: Path) -> list[str | Path]:
        words: list[str | Path] = ["compress", self.movie, output]
        for name, value in (GIVEN | LAYOUTS[number]).items():
            words.append("--" + name.replace("_", "-"))
            if value is not True:
                words.append(",".join(map(str, value)) if isinstance(value, tuple) else str(value))
        return words


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder = tmp_path_factory.mktemp("whole")
    photons = np.random.default_rng(0).poisson(np.linspace(1, 30, 256), (40, 256, 256))
    movie = np.tile((100 + 40 * photons).astype("float64"), (2, 1, 1))
    movie[32:64] = 0  # a whole block is what Zarr reads where nothing was written
    np.save(folder / "movie.npy", movie)
    expected = []
    for number, layout in enumerate(LAYOUTS):
        # The name of an OME-NGFF image is that of its folder.
        compress(folder / "movie.npy", folder / f"{number}" / "movie.zarr", **GIVEN, **layout)
        expected.append(command.files(folder / f"{number}" / "movie.zarr"))
    return Work(folder / "movie.npy", expected)


def count_files(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def stop_when(process: command.Running, output: Path, count: int) -> None:
    """Kill a command when there are so many files."""
    while process.poll() is None and count_files(output) < count:
        time.sleep(0.005)
    process.kill()


def check_that_nobody_takes_it_for_finished(work: Work, number: int, output: Path) -> bool:
    """Return whether there is an array that is not finished, having asserted that it cannot be opened."""
    if not (output / UNFINISHED).exists():
        # The command was killed before it wrote anything, or after it was done.
        assert not output.exists() or list(output.iterdir()) == [] or command.files(output) == work.expected[number]
        return False
    with pytest.raises(FileNotFoundError):
        zarr.open(output, mode="r")
    assert not describe(output).finished
    with pytest.raises(ValueError, match="not finished: resume=True goes on with it"):
        compress(work.movie, output, **GIVEN, **LAYOUTS[number])
    return True


def test_resuming_after_a_kill_completes_the_same_files(tmp_path: Path, work: Work) -> None:
    """The files are those of a run that is not killed, whenever the kill comes."""
    moments = random.Random(0)

    def kill_and_resume(attempt: int) -> bool:
        number = attempt % len(LAYOUTS)
        output = tmp_path / str(attempt) / "movie.zarr"
        arguments = work.arguments(number, output)
        count = round(fractions[attempt] * len(work.expected[number]))
        with command.started(*arguments, cwd=tmp_path) as process:
            stop_when(process, output, count)
        was_unfinished = check_that_nobody_takes_it_for_finished(work, number, output)
        succeeded(command.run(*arguments, "--resume", cwd=tmp_path))
        assert command.files(output) == work.expected[number]
        shutil.rmtree(output)
        return was_unfinished

    fractions = [moments.random() for _ in range(6)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(kill_and_resume, range(len(fractions))))
    assert any(outcomes)


def test_the_command_resumes_after_several_kills(tmp_path: Path, work: Work) -> None:
    """Meanwhile it says that the array is not finished."""
    output = tmp_path / "movie.zarr"
    arguments = work.arguments(0, output)
    for fraction in (0.2, 0.5):
        count = round(fraction * len(work.expected[0]))
        with command.started(*arguments, "--resume", cwd=tmp_path) as process:
            stop_when(process, output, count)
    assert check_that_nobody_takes_it_for_finished(work, 0, output)
    description = command.run("info", output, cwd=tmp_path)
    assert (description.returncode, description.stderr) == (1, "")
    assert dict(rows(description.stdout))["Finished"].startswith("no: ")
    refused(command.run(*arguments, cwd=tmp_path), "movie.zarr holds an array that is not finished: --resume goes on")
    chunks = sorted((output / "c").rglob("*/*/*"))
    chunks[3].write_bytes(chunks[3].read_bytes()[:100])  # as after a power failure
    (chunks[3].parent / "0.0123.partial").write_bytes(b"what a killed process leaves")
    printed = dict(rows(succeeded(command.run(*arguments, "--resume", cwd=tmp_path))))
    assert printed["Read back"].endswith("all within the bound of the format")
    assert command.files(output) == work.expected[0]


@pytest.mark.parametrize("number", range(len(LAYOUTS)))
def test_resuming_finishes_an_array_of_which_only_the_marker_is_left(tmp_path: Path, work: Work, number: int) -> None:
    """As after a kill between the last metadata and the removal of the marker."""
    output = tmp_path / "movie.zarr"
    begun = tmp_path / "begun" / "movie.zarr"
    with command.started(*work.arguments(number, begun), cwd=tmp_path) as process:
        stop_when(process, begun, 2)
    for name, content in work.expected[number].items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_bytes(content)
    shutil.copy(begun / UNFINISHED, output / UNFINISHED)
    assert not describe(output).finished
    compress(work.movie, output, **GIVEN, **LAYOUTS[number], resume=True)
    assert command.files(output) == work.expected[number]


@pytest.mark.skipif(sys.platform == "win32", reason="a process of Windows gets no signals")
def test_ctrl_c_gets_one_line_and_status_130(tmp_path: Path, work: Work) -> None:
    """The array can be resumed."""
    interrupted = 0
    for attempt in range(10):
        output = tmp_path / str(attempt) / "movie.zarr"
        arguments = work.arguments(0, output)
        with command.started(*arguments, cwd=tmp_path) as process:
            while process.poll() is None and count_files(output) < 10 + 20 * (attempt % 3):
                time.sleep(0.005)
            process.send_signal(signal.SIGINT)
            result = command.result_of(process)
        if result.returncode == 0:  # it was done before the signal came
            continue
        refused(result, "Interrupted.*movie.zarr is not finished: --resume goes on with it", status=130)
        assert check_that_nobody_takes_it_for_finished(work, 0, output)
        succeeded(command.run(*arguments, "--resume", cwd=tmp_path))
        assert command.files(output) == work.expected[0]
        interrupted += 1
        if interrupted == 2:
            break
    assert interrupted


def test_a_kill_while_overwriting_leaves_the_old_array_or_the_new_one(tmp_path: Path, work: Work) -> None:
    """Whenever the kill comes, and what was begun can be finished."""
    moments = random.Random(1)
    old = np.load(work.movie, mmap_mode="r")[:24]

    def kill_and_resume(attempt: int) -> bool:
        number, output = attempt % len(LAYOUTS), tmp_path / str(attempt) / "movie.zarr"
        compress(old, output, **GIVEN)
        before = command.files(output)
        successor = output.with_name("movie.zarr.unfinished")
        arguments = work.arguments(number, output)
        with command.started(*arguments, "--overwrite", cwd=tmp_path) as process:
            stop_when(process, successor, round(fractions[attempt] * len(work.expected[number])))
        left = command.files(output)
        assert left in (before, work.expected[number])
        if successor.exists():
            succeeded(command.run(*arguments, "--resume", cwd=tmp_path))
        elif left == before:
            succeeded(command.run(*arguments, "--overwrite", cwd=tmp_path))
        assert command.files(output) == work.expected[number]
        assert not successor.exists()
        shutil.rmtree(output.parent)
        return left == before

    fractions = [moments.uniform(0, 1.05) for _ in range(12)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(kill_and_resume, range(len(fractions))))
    assert any(outcomes)


def limited(work: Work, output: Path) -> command.Result:
    """Return what comes of the command where files may have no more than `LIMIT` bytes."""
    return subprocess.run(
        [sys.executable, "-c", WITH_LIMIT, *work.arguments(1, output)],
        cwd=output.parent,
        env=command.variables_of({}),
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits of this kind")
def test_files_that_get_too_large_get_one_line_and_status_2(tmp_path: Path, work: Work) -> None:
    """The array can be resumed."""
    output = tmp_path / "movie.zarr"
    refused(limited(work, output), "frames [0-9]+ to [0-9]+ cannot be written: .*movie.zarr is not finished: --resume")
    assert check_that_nobody_takes_it_for_finished(work, 1, output)
    succeeded(command.run(*work.arguments(1, output), "--resume", cwd=tmp_path))
    assert command.files(output) == work.expected[1]


def test_a_full_disk_gets_one_line_and_status_2(small_disk: Path, work: Work) -> None:  # noqa: F811
    """With more room, resuming completes the array."""
    output = small_disk / "movie.zarr"
    arguments = work.arguments(0, output)
    line = refused(command.run(*arguments, cwd=small_disk), "cannot be written: .*No space left on device")
    assert "movie.zarr is not finished: --resume goes on with it" in line
    assert check_that_nobody_takes_it_for_finished(work, 0, output)
    assert count_files(output) > 20
    make_larger(small_disk)
    succeeded(command.run(*arguments, "--resume", cwd=small_disk))
    assert command.files(output) == work.expected[0]
