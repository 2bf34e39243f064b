"""What is where the output shall be: it is refused and stays, or is overwritten if it is Zarr data."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from compressed_movies import GIVEN, MOVIE, make_something, make_unfinished
from stored import contents, memory_url

from anscombe_transform import compress
from anscombe_transform.storage.location import Location

ZARR_DATA = ["array", "array of format 2", "group", "group of format 2"]
OTHER_THINGS = ["file", "folder with files"]


@pytest.mark.parametrize("kind", [*ZARR_DATA, *OTHER_THINGS])
def test_what_is_there_already_is_refused_and_stays(tmp_path: Path, kind: str) -> None:
    make_something(kind, tmp_path / "a")
    before = contents(tmp_path)
    refused: list[tuple[dict[str, Any], str]] = [
        ({}, str(tmp_path / "a")),
        ({"dry_run": True}, str(tmp_path / "a")),
        ({"overwrite": True, "resume": True}, "resume"),
        ({"resume": True}, str(tmp_path / "a")),
    ]
    for options, named in refused:
        with pytest.raises(ValueError, match=re.escape(named)):
            compress(MOVIE, tmp_path / "a", **GIVEN, **options)
        assert contents(tmp_path) == before


def test_an_unfinished_array_is_refused_with_the_ways_to_go_on(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a", **GIVEN)
    make_unfinished(tmp_path / "a")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"resume.*overwrite"):
        compress(MOVIE, tmp_path / "a", **GIVEN)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", [*ZARR_DATA, "unfinished"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_overwriting_leaves_nothing_of_zarr_data(tmp_path: Path, kind: str, zarr_format: Any) -> None:
    if kind == "unfinished":
        compress(MOVIE, tmp_path / "a", **GIVEN, chunks=1, zarr_format=5 - zarr_format)
        make_unfinished(tmp_path / "a")
    else:
        make_something(kind, tmp_path / "a")
    (tmp_path / "beside.txt").write_bytes(b"precious")
    compress(MOVIE, tmp_path / "a", **GIVEN, overwrite=True, zarr_format=zarr_format)
    compress(MOVIE, tmp_path / "expected", **GIVEN, zarr_format=zarr_format)
    assert contents(tmp_path / "a") == contents(tmp_path / "expected")
    assert (tmp_path / "beside.txt").read_bytes() == b"precious"


KILLED_WITH_THE_FIRST_FILE = """
import os, pathlib, sys
import numpy as np
from anscombe_transform import compress
pathlib.Path.replace = lambda *_: os._exit(9)
compress(np.zeros((2, 8, 8), "int16"), sys.argv[1], zero_level=0, conversion_gain=1)
"""


@pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}], ids=str)
def test_what_is_left_of_a_kill_at_the_first_file_is_in_nobodys_way(tmp_path: Path, options: dict[str, Any]) -> None:
    killed = subprocess.run([sys.executable, "-P", "-c", KILLED_WITH_THE_FIRST_FILE, tmp_path / "a"], check=False)
    assert killed.returncode == 9
    assert [path.suffix for path in (tmp_path / "a").iterdir()] == [".partial"]
    compress(MOVIE, tmp_path / "a", **GIVEN, **options)
    compress(MOVIE, tmp_path / "expected", **GIVEN)
    assert contents(tmp_path / "a") == contents(tmp_path / "expected")


@pytest.mark.parametrize("damaged", [b"[", b"[]", b"\xff", b'{"path": "", "documents": {}}'])
def test_another_file_with_the_name_of_the_marker_is_left_alone(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/unfinished.json").write_bytes(damaged)
    for resume in (True, False):
        with pytest.raises(ValueError, match=re.escape(str(tmp_path / "a"))):
            compress(MOVIE, tmp_path / "a", **GIVEN, resume=resume, overwrite=not resume)
    assert (tmp_path / "a/unfinished.json").read_bytes() == damaged


@pytest.mark.parametrize("kind", OTHER_THINGS)
def test_overwriting_never_deletes_anything_but_zarr_data(tmp_path: Path, kind: str) -> None:
    make_something(kind, tmp_path / "a")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "a"))):
        compress(MOVIE, tmp_path / "a", **GIVEN, overwrite=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}], ids=str)
@pytest.mark.parametrize(
    ("movie", "output"),
    [
        ("in.zarr", "in.zarr"),
        ("in.zarr", "in.zarr/inside"),
        ("in.zarr", "."),
        ("in.zarr", "link.zarr"),
        ("group.zarr", "group.zarr/b"),
        ("group.zarr/a", "group.zarr"),
        ("movie.npy", "movie.npy"),
        ("movie.npy", "."),
        ("stack", "stack"),
        ("stack", "stack/a"),
        ("stack/*.tif", "stack"),
    ],
)
def test_an_output_that_overlaps_the_movie_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, movie: str, output: str, options: dict[str, Any]
) -> None:
    """It is the movie, contains it, or is inside it; the movie stays as it was."""
    monkeypatch.chdir(tmp_path)
    zarr.create_array("in.zarr", data=MOVIE)
    Path("link.zarr").symlink_to("in.zarr")
    zarr.create_group("group.zarr").create_array("a", data=MOVIE)
    np.save("movie.npy", MOVIE)
    Path("stack").mkdir()
    for frame in range(3):
        tifffile.imwrite(f"stack/{frame}.tif", MOVIE[frame], photometric="minisblack")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / output) if output != "." else str(tmp_path))):
        compress(movie, output, **GIVEN, **options)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}], ids=str)
@pytest.mark.parametrize("kind", ["array", "array in a group", "array in memory"])
def test_a_zarr_array_is_not_overwritten_by_what_comes_of_it(
    tmp_path: Path, options: dict[str, Any], kind: str
) -> None:
    place: Any = memory_url() if kind == "array in memory" else tmp_path / "in.zarr"
    store = Location.parse(place).store()
    if kind == "array in a group":
        zarr.create_group(store)
    movie = zarr.create_array(store, name="a" if kind == "array in a group" else None, data=MOVIE)
    before = contents(place)
    with pytest.raises(ValueError, match=r"in\.zarr|movie\.zarr"):
        compress(movie, place, **GIVEN, **options)
    assert contents(place) == before


@pytest.mark.parametrize("options", [{}, {"dry_run": True}], ids=str)
def test_beside_the_movie_is_a_place_for_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    zarr.create_array("movie", data=MOVIE)
    before = contents("movie")
    for output in ("movie2", "movie.zarr", "mov"):
        assert compress("movie", output, **GIVEN, **options).output == str(tmp_path / output)
    assert contents("movie") == before
