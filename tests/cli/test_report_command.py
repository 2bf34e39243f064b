"""The command `anscombe-transform report`, run as a user runs it."""

import html
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import command
import numpy as np
import pytest
import tifffile
from command import refused, succeeded

from anscombe_transform.movies.opening import open_movie, open_recording
from anscombe_transform.report.report import make_report
from anscombe_transform.simulate import Detector, Scene, simulate_movie

run = partial(command.run, "report")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("movies")
    movie = simulate_movie((60, 64, 64), Scene(background=(3, 15), cells=(10, 60)), Detector(read_noise=30))
    tifffile.imwrite(folder / "movie.tif", movie, photometric="minisblack")
    np.save(folder / "constant.npy", np.full((20, 40, 40), 107, "int16"))
    return folder


def test_it_writes_one_page_that_needs_nothing_else(folder: Path, tmp_path: Path) -> None:
    printed = succeeded(run(folder / "movie.tif", cwd=tmp_path))
    assert command.rows(printed) == open_recording(folder / "movie.tif").table()
    assert printed.endswith("Written to report.html\n")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "movie.tif" in page
    addresses = re.findall(r"""(?:src|href|srcset|data|action)\s*=\s*["']?([^"'\s>]+)|url\(["']?([^"')]+)""", page)
    assert all(address.startswith(("data:", "#")) for found in addresses for address in found if address)
    assert page.count("data:image/") >= 3
    assert not re.search(r"<script[^>]+src|<link|@import", page)


def test_what_was_left_out_is_printed_and_on_the_page(folder: Path, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "whole.tif") as file:
        for frame in tifffile.imread(folder / "movie.tif"):
            file.write(frame, contiguous=False, photometric="minisblack", metadata=None)
    whole = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) * 3 // 4])
    (note,) = open_recording(tmp_path / "cut.tif", salvage=True).notes
    assert note.startswith("Left out: ")
    assert ("Note", note) in command.rows(succeeded(run("cut.tif", cwd=tmp_path, COLUMNS="400")))
    assert note in html.unescape((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_json_has_the_figures_of_the_page(folder: Path, tmp_path: Path) -> None:
    options = ("--output", "page.html", "--frames", "0:40", "--zero-level", "100", "--conversion-gain", "40")
    printed = json.loads(succeeded(run(folder / "movie.tif", *options, "--json", cwd=tmp_path)))
    movie: Any = open_movie(folder / "movie.tif", frames=slice(0, 40))
    expected = make_report(movie, tmp_path / "other.html", zero_level=100, conversion_gain=40)
    assert printed == command.as_json(expected.to_dict())
    assert printed["shape"] == [40, 64, 64]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["other.html", "page.html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("absent.tif",), "absent.tif does not exist"),
        (("constant.npy",), "movie has no noise"),
        (("movie.tif", "--zero-level", "100"), "zero.level and .*conversion.gain .*together"),
        (("movie.tif", "--output", "absent/page.html"), "page.html cannot be written: there is no folder .*absent"),
        (("movie.tif", "--frames", "70:80"), "movie.tif has 60 frames"),
    ],
)
def test_wrong_input_gets_one_clear_line_and_status_2(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    """No page is written."""
    before = command.files(folder)
    refused(run(*arguments, cwd=folder, COLUMNS="40"), message)
    assert command.files(folder) == before
