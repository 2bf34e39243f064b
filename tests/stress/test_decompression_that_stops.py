"""Decompression that is killed, or finds the disk full, and is done again; in processes of its own."""

import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import command
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr
from command import refused, succeeded
from small_disk import make_larger, small_disk  # noqa: F401 - a fixture

from anscombe_transform import compress

pytestmark = pytest.mark.slow

OUTPUTS = ("movie.npy", "movie.tif", "movie.ome.tif", "plain.zarr")
KILLS = 12


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a compressed movie of 5 MB, and what comes of it in each format."""
    folder = tmp_path_factory.mktemp("compressed")
    photons = np.random.default_rng(0).poisson(np.linspace(1, 30, 256), (40, 256, 256))
    movie = (100 + 40 * photons).astype("int16")
    compress(movie, folder / "movie.zarr", zero_level=100, conversion_gain=40, chunks=(2, 128, 256))
    done = command.run_all([("decompress", "movie.zarr", f"whole/{name}") for name in OUTPUTS[3:]], folder)
    (folder / "whole").mkdir(exist_ok=True)
    done += command.run_all([("decompress", "movie.zarr", f"whole/{name}") for name in OUTPUTS[:3]], folder)
    for result in done:
        succeeded(result)
    return folder


def values(output: Path) -> npt.NDArray[Any]:
    """Return the movie in a file or array: each OME-TIFF has an identifier of its own beside it."""
    if output.suffix == ".npy":
        return np.asarray(np.load(output))
    return np.asarray(zarr.open_array(output, mode="r") if output.suffix == ".zarr" else tifffile.imread(output))


def nothing_looks_whole_but_is_not(output: Path, expected: npt.NDArray[Any]) -> None:
    """Assert that there is no file, nor an array that can be opened, or else the whole movie."""
    try:
        found = values(output)
    except FileNotFoundError:
        return
    np.testing.assert_array_equal(found, expected)


def test_a_kill_leaves_nothing_that_looks_whole_and_it_can_be_done_again(compressed: Path, tmp_path: Path) -> None:
    """Whenever the kill comes."""
    moments = random.Random(0)

    def kill_and_do_again(attempt: int) -> bool:
        name = OUTPUTS[attempt % len(OUTPUTS)]
        output = tmp_path / str(attempt) / name
        output.parent.mkdir()
        with command.started("decompress", compressed / "movie.zarr", output, cwd=tmp_path) as process:
            until = delays[attempt] + time.monotonic()
            while process.poll() is None and not (any(output.parent.iterdir()) and time.monotonic() > until):
                time.sleep(0.001)
            process.kill()
        was_killed = process.returncode != 0
        nothing_looks_whole_but_is_not(output, expected)
        succeeded(command.run("decompress", compressed / "movie.zarr", output, "--overwrite", cwd=tmp_path))
        np.testing.assert_array_equal(values(output), expected)
        shutil.rmtree(output.parent)
        return was_killed

    expected = values(compressed / "whole" / "movie.npy")
    delays = [moments.uniform(0, 0.3) for _ in range(KILLS)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(kill_and_do_again, range(KILLS)))
    assert any(outcomes)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_full_disk_gets_one_line_and_with_more_room_it_can_be_done_again(
    compressed: Path,
    small_disk: Path,  # noqa: F811
    name: str,
) -> None:
    output = small_disk / name
    refused(command.run("decompress", compressed / "movie.zarr", output, cwd=small_disk), "")
    with pytest.raises(FileNotFoundError):
        values(output)
    make_larger(small_disk)
    succeeded(command.run("decompress", compressed / "movie.zarr", output, "--overwrite", cwd=small_disk))
    np.testing.assert_array_equal(values(output), values(compressed / "whole" / name))
