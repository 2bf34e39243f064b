"""The command `anscombe-transform info`, run as a user runs it."""

import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import command
import numpy as np
import pytest
import tifffile
import zarr
from command import refused, rows, succeeded

from anscombe_transform import compress
from anscombe_transform.recordings.description import describe

run = partial(command.run, "info")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with compressed arrays, one of which is not finished, and with what is none."""
    folder = tmp_path_factory.mktemp("compressed")
    photons = np.random.default_rng(0).poisson(np.linspace(2, 60, 64), (60, 48, 64))
    movie = (100 + 5 * photons).astype("uint16")
    tifffile.imwrite(folder / "movie.tif", movie, imagej=True, metadata={"axes": "TYX", "finterval": 0.08})
    compress(folder / "movie.tif", folder / "movie.zarr", chunks=5, shards=10, compressor="gzip")
    given: dict[str, Any] = {"zero_level": 100, "conversion_gain": 5, "chunks": (6, 16, 32), "beta": 1}
    compress(movie, folder / "format_2.zarr", zarr_format=2, encoded_dtype="int16", out_of_range="clamp", **given)
    compress(movie, folder / "image.ome.zarr", ome=True, **given)
    command.leave_unfinished(folder / "unfinished.zarr")
    zarr.create_array(folder / "plain.zarr", data=movie)
    (folder / "notes").mkdir()
    (folder / "notes" / "thoughts.txt").write_text("something")
    return folder


def test_the_table_says_what_the_array_is(folder: Path) -> None:
    printed = rows(succeeded(run("movie.zarr", cwd=folder)))
    assert printed == describe(folder / "movie.zarr").table()
    values = dict(printed)
    assert values["Array"] == f"{folder / 'movie.zarr'}, Zarr format 3"
    assert values["Finished"] == "yes"
    assert values["Movie"] == "60 x 48 x 64 uint16, 369 kB"
    assert values["Conversion gain"].startswith("5.0")
    assert " ± " in values["Zero level"]
    assert values["Source"] == "estimated from 60 frames"
    assert values["Chunks"] == "5 x 48 x 64 in shards of 10 x 48 x 64"
    assert values["Stored chunks"] == "6 of 6"
    assert "gzip" in values["Compressor"].lower()
    assert values["Frame rate"] == "12.5 Hz"
    assert values["From"] == "movie.tif"


@pytest.mark.parametrize("name", ["movie.zarr", "format_2.zarr", "image.ome.zarr"])
def test_json_is_all_that_it_prints_and_agrees_with_the_array(folder: Path, name: str) -> None:
    printed = json.loads(succeeded(run(name, "--json", cwd=folder)))
    assert printed == command.as_json(describe(folder / name).to_dict())
    array = zarr.open(folder / name / "0" if "ome" in name else folder / name, mode="r")
    assert isinstance(array, zarr.Array)
    codec = array.filters[0]
    for key in ("zero_level", "conversion_gain", "beta", "encoded_dtype", "out_of_range"):
        assert printed[key] == getattr(codec, key)
    assert (printed["zarr_format"], tuple(printed["chunks"])) == (array.metadata.zarr_format, array.chunks)
    assert (tuple(printed["shape"]), printed["dtype"]) == (array.shape, array.dtype.name)
    assert printed["stored_size"] == sum(map(len, command.files(folder / name).values())) - (
        (folder / name / "zarr.json").stat().st_size if "ome" in name else 0
    )
    lowest, highest = printed["held_range"]
    values = np.asarray(array)
    assert lowest < values.min() < values.max() < highest


def test_the_status_is_1_if_the_array_is_not_finished(folder: Path) -> None:
    result = run("unfinished.zarr", cwd=folder)
    assert (result.returncode, result.stderr) == (1, "")
    printed = dict(rows(result.stdout))
    assert printed["Finished"].startswith("no: ")
    stored, _, of = printed["Stored chunks"].partition(" of ")
    assert (int(stored) < 60, of) == (True, "60")
    result = run("unfinished.zarr", "--json", cwd=folder)
    assert (result.returncode, result.stderr) == (1, "")
    assert json.loads(result.stdout)["finished"] is False


def test_the_status_is_1_if_chunks_are_missing(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "movie.zarr", tmp_path / "movie.zarr")
    next(path for path in (tmp_path / "movie.zarr" / "c").rglob("*") if path.is_file()).unlink()
    result = run("movie.zarr", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (1, "")
    assert re.fullmatch(r"yes, but 1 of \d+ chunks are missing now", dict(rows(result.stdout))["Finished"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("absent.zarr",), "absent.zarr is not there"),
        (("notes",), "notes is not a Zarr array"),
        (("movie.tif",), "movie.tif is not a Zarr array"),
        (("plain.zarr",), "plain.zarr.* was not compressed by this package: it has no anscombe-v1 filter"),
        (("movie.zarr", "--key", "0"), "movie.zarr is a single array: leave out --key 0"),
        (("image.ome.zarr", "--key", "1"), "image.ome.zarr has no array '1': give the name of one as --key: 0"),
        (("movie.zarr", "--storage-option", "anon=true"), "movie.zarr is a local folder, which has no storage options"),
    ],
)
def test_what_is_no_such_array_gets_one_clear_line_and_status_2(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    refused(run(*arguments, cwd=folder, COLUMNS="40"), message)
