"""The command `anscombe-transform decompress`, run as a user runs it."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import command
import numpy as np
import numpy.typing as npt
import pytest
import reference
import tifffile
import zarr
from command import refused, rows, succeeded
from processes import TIMEOUT

from anscombe_transform import compress
from anscombe_transform.quality import measure_errors

Movie = npt.NDArray[Any]

run = partial(command.run, "decompress")

RECORDING = os.environ.get("ANSCOMBE_RECORDING")

READ_WITHOUT_THE_PACKAGE = """
import sys
import numpy
import zarr
array = zarr.open_array(sys.argv[1], mode="r")
numpy.save(sys.argv[2], array[...])
assert "anscombe_transform" not in sys.modules
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with compressed arrays, one of which is not finished and one damaged, and what they were from."""
    folder = tmp_path_factory.mktemp("compressed")
    photons = np.random.default_rng(0).poisson(np.linspace(2, 60, 64), (60, 48, 64))
    metadata = {"axes": "TYX", "TimeIncrement": 0.04, "TimeIncrementUnit": "s"}
    metadata |= {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.75}
    tifffile.imwrite(folder / "movie.ome.tif", (100 + 5 * photons).astype("uint16"), metadata=metadata)
    compress(folder / "movie.ome.tif", folder / "movie.zarr", chunks=(7, 32, 64))
    command.leave_unfinished(folder / "unfinished.zarr")
    shutil.copytree(folder / "movie.zarr", folder / "damaged.zarr")
    (folder / "damaged.zarr" / "c" / "3" / "0" / "0").write_bytes(b"damaged")
    (folder / "notes").mkdir()
    (folder / "notes" / "thoughts.txt").write_text("something")
    (folder / "taken.tif").write_text("something")
    return folder


@pytest.fixture(scope="module")
def stored(folder: Path) -> Movie:
    """Return what Zarr reads from the compressed array."""
    return np.asarray(zarr.open_array(folder / "movie.zarr", mode="r"))


@pytest.mark.parametrize("name", ["movie.tif", "movie.TIFF", "movie.ome.tif", "movie.npy"])
def test_a_file_has_what_zarr_reads(folder: Path, tmp_path: Path, stored: Movie, name: str) -> None:
    printed = dict(rows(succeeded(run(folder / "movie.zarr", name, cwd=tmp_path))))
    assert printed["Written to"] == str(tmp_path / name)
    assert printed["Movie"].startswith("60 x 48 x 64 uint16")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    read = np.load(tmp_path / name) if name.endswith(".npy") else tifffile.imread(tmp_path / name)
    assert read.dtype == stored.dtype
    np.testing.assert_array_equal(read, stored)


def test_a_zarr_array_needs_this_package_no_more(folder: Path, tmp_path: Path, stored: Movie) -> None:
    """It has what Zarr reads from the compressed array."""
    succeeded(run(folder / "movie.zarr", "plain.zarr", cwd=tmp_path))
    array = zarr.open_array(tmp_path / "plain.zarr", mode="r")
    assert (array.filters, array.chunks, array.dtype) == ((), (7, 32, 64), stored.dtype)
    read = [sys.executable, "-P", "-W", "error", "-c", READ_WITHOUT_THE_PACKAGE, "plain.zarr", "plain.npy"]
    subprocess.run(read, cwd=tmp_path, check=True, timeout=TIMEOUT)
    np.testing.assert_array_equal(np.load(tmp_path / "plain.npy"), stored)


def test_frame_rate_and_pixel_size_reach_other_software(folder: Path, tmp_path: Path) -> None:
    described = dict(rows(succeeded(command.run("info", folder / "movie.zarr", cwd=tmp_path))))
    assert (described["Frame rate"], described["Pixel"]) == ("25 Hz", "0.75 by 0.5 µm")
    succeeded(run(folder / "movie.zarr", "again.ome.tif", cwd=tmp_path))
    with tifffile.TiffFile(tmp_path / "again.ome.tif") as file:
        assert file.ome_metadata is not None
        attributes = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (attributes["SizeT"], attributes["SizeY"], attributes["SizeX"]) == (60, 48, 64)
    assert attributes["TimeIncrement"] == pytest.approx(0.04)
    assert (attributes["PhysicalSizeY"], attributes["PhysicalSizeX"]) == (0.75, 0.5)


def test_frames_are_chosen_and_json_says_what_was_written(folder: Path, tmp_path: Path, stored: Movie) -> None:
    printed = json.loads(succeeded(run(folder / "movie.zarr", "a.npy", "--frames", "10:30:3", "--json", cwd=tmp_path)))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), stored[10:30:3])
    assert printed.pop("seconds") > 0
    assert printed == {
        "output": str(tmp_path / "a.npy"),
        "shape": [7, 48, 64],
        "dtype": "uint16",
        "size": 7 * 48 * 64 * 2,
    }


def test_what_is_there_stays_until_overwrite_is_asked_for(folder: Path, tmp_path: Path, stored: Movie) -> None:
    for name in ("a.tif", "a.zarr"):
        succeeded(run(folder / "movie.zarr", name, "--frames", "0:5", cwd=tmp_path))
        before = command.files(tmp_path)
        refused(run(folder / "movie.zarr", name, cwd=tmp_path), f"{name} .*--overwrite")
        refused(run(folder / "damaged.zarr", "a.tif", "--overwrite", cwd=tmp_path), "damaged.zarr")
        assert command.files(tmp_path) == before
        succeeded(run(folder / "movie.zarr", name, "--overwrite", cwd=tmp_path))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), stored)
    np.testing.assert_array_equal(np.asarray(zarr.open_array(tmp_path / "a.zarr", mode="r")), stored)


REFUSED = {
    "absent.zarr OUT.tif": "absent.zarr",
    "unfinished.zarr OUT.tif": "unfinished.zarr .*not finished",
    "damaged.zarr OUT.npy": "damaged.zarr: frame [0-9]+ cannot be read",
    "damaged.zarr OUT.tif": "damaged.zarr: frame [0-9]+ cannot be read",
    "notes OUT.tif": "notes",
    "movie.zarr taken.tif": "taken.tif exists already: --overwrite replaces it",
    "movie.zarr absent/OUT.tif": "OUT.tif cannot be written: there is no folder .*absent",
    "movie.zarr OUT.npy --frames 60:70": "movie.zarr has 60 frames",
    "movie.zarr OUT.npy --key 0": "movie.zarr is a single array: leave out --key 0",
    "movie.zarr movie.zarr --overwrite": "movie.zarr is where the movie is",
    "movie.zarr movie.zarr/OUT.npy": "is where the movie is",
}


@pytest.fixture(scope="module")
def refusals(folder: Path) -> dict[str, command.Result]:
    before = command.files(folder)
    results = command.run_all([["decompress", *arguments.split()] for arguments in REFUSED], folder, COLUMNS="40")
    assert command.files(folder) == before
    return dict(zip(REFUSED, results, strict=True))


@pytest.mark.parametrize("arguments", REFUSED)
def test_wrong_input_gets_one_clear_line_and_status_2(refusals: dict[str, command.Result], arguments: str) -> None:
    """All files are left as they were."""
    refused(refusals[arguments], REFUSED[arguments])


@pytest.mark.skipif(RECORDING is None, reason="ANSCOMBE_RECORDING does not name a recording")
def test_a_real_recording_comes_back_from_two_formats_within_the_bound(tmp_path: Path) -> None:
    with np.load(str(RECORDING)) as arrays:
        recording: Movie = arrays["movie"]
    tifffile.imwrite(tmp_path / "movie.tif", recording, photometric="minisblack", compression="zlib")
    chunks = ("--chunks", "32,-1,-1", "--json")
    results = command.run_all(
        [
            ("compress", Path(str(RECORDING)).absolute(), "from_npz.zarr", "--key", "movie", *chunks),
            ("compress", "movie.tif", "from_tif.zarr", *chunks),
        ],
        tmp_path,
    )
    printed = [json.loads(succeeded(result)) for result in results]
    back = [("decompress", f"{name}.zarr", f"{name}.npy") for name in ("from_npz", "from_tif")]
    for result in command.run_all(back, tmp_path):
        succeeded(result)
    decoded: Movie = np.load(tmp_path / "from_npz.npy")
    np.testing.assert_array_equal(decoded, np.load(tmp_path / "from_tif.npy"))
    assert printed[0]["parameters"] == printed[1]["parameters"]
    parameters = printed[0]["parameters"]
    z, g = parameters["zero_level"], parameters["conversion_gain"]
    assert parameters["source"] == "estimated"
    assert g == pytest.approx(97, rel=0.2)
    assert printed[0]["ratio"] > 3
    errors = measure_errors(recording, decoded, zero_level=z, conversion_gain=g)
    assert errors.within_bound
    assert printed[0]["largest_error"] == pytest.approx(errors.largest_noise, rel=1e-3)
    assert (np.abs(decoded.astype(float) - recording) <= reference.largest_error(recording, z, g) + 1e-9).all()
