"""The command `anscombe-transform report`, run as a user runs it."""

import html
import json
import os
import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import command
import numpy as np
import pytest
import tifffile
from command import refused, succeeded

from anscombe_transform import describe
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
    guide = "https://github.com/datajoint/anscombe-transform/"
    assert all(address.startswith(("data:", "#", guide)) for found in addresses for address in found if address)
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
    others = {"command": printed["command"], "date": printed["date"]}
    assert printed == command.as_json(expected.to_dict() | others)
    source = folder / "movie.tif"
    assert shlex.split(printed["command"]) == [
        *("anscombe-transform", "compress", str(source), "movie.zarr", "--frames", "0:40"),
        *("--zero-level", "100", "--conversion-gain", "40", "--beta", "0.5"),
    ]
    assert printed["shape"] == [40, 64, 64]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["other.html", "page.html"]


def pasted(line: str, cwd: Path) -> None:
    """Run a line in a shell that finds the command."""
    path = os.pathsep.join([str(command.COMMAND.parent), os.environ["PATH"]])
    subprocess.run(["sh", "-c", line], cwd=cwd, env=os.environ | {"PATH": path}, check=True, capture_output=True)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("name", ['mouse 7\'s "$HOME" `best`; rm.tif', "-day 1.tif"])
def test_the_command_on_the_page_runs_when_it_is_pasted(folder: Path, tmp_path: Path, name: str) -> None:
    """Also where the name means something to a shell, or looks like an option, and with a negative zero level."""
    movie = tifffile.imread(folder / "movie.tif") - np.int16(150)
    tifffile.imwrite(tmp_path / name, movie, photometric="minisblack")
    given = ("./" + name) if name.startswith("-") else name
    figures = json.loads(succeeded(run(given, "--json", cwd=tmp_path)))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    (shown,) = re.findall("<pre>(.*)</pre>", page, re.DOTALL)
    line = html.unescape(re.sub("<[^>]*>", "", shown))
    assert line == figures["command"]
    pasted(line, tmp_path)
    (stored,) = tmp_path.glob("*.zarr")
    assert stored.name == name.replace(".tif", ".zarr")
    array = describe(stored)
    assert array.zero_level == pytest.approx(figures["zero_level"], rel=1e-5)
    assert array.zero_level < 0
    assert array.conversion_gain == pytest.approx(figures["conversion_gain"], rel=1e-5)
    assert array.encoded_dtype == figures["tradeoffs"][1]["encoded_dtype"]


def test_of_several_channels_each_page_has_the_command_for_its_channel(folder: Path, tmp_path: Path) -> None:
    movie = tifffile.imread(folder / "movie.tif")
    np.save(tmp_path / "two.npy", np.stack([movie, movie[::-1]], axis=1))
    printed = json.loads(succeeded(run("two.npy", "--axes", "TCYX", "--json", cwd=tmp_path)))
    for number, figures in enumerate(printed["channels"]):
        channel = f"channel_{number}"
        words = shlex.split(figures["command"])
        assert words[:4] == ["anscombe-transform", "compress", "two.npy", f"two_{channel}.zarr"]
        assert figures["channel"] == words[words.index("--channel") + 1] == channel
        page = (tmp_path / f"report_{channel}.html").read_text(encoding="utf-8")
        assert f"<dd>{channel}</dd>" in page
        succeeded(command.run(*words[1:], cwd=tmp_path))
    assert describe(tmp_path / "two_channel_1.zarr").conversion_gain == pytest.approx(40, rel=0.1)


def test_of_a_recording_that_is_not_whole_the_command_leaves_out_what_the_page_does(
    folder: Path, tmp_path: Path
) -> None:
    with tifffile.TiffWriter(tmp_path / "whole.tif") as file:
        for frame in tifffile.imread(folder / "movie.tif"):
            file.write(frame, contiguous=False, photometric="minisblack", metadata=None)
    whole = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) * 3 // 4])
    figures = json.loads(succeeded(run("cut.tif", "--json", cwd=tmp_path)))
    words = shlex.split(figures["command"])
    assert "--salvage" in words
    succeeded(command.run(*words[1:], cwd=tmp_path))
    assert describe(tmp_path / "cut.zarr").shape == tuple(figures["shape"])


def test_a_processed_movie_is_not_fit_and_gets_no_command(folder: Path, tmp_path: Path) -> None:
    movie = tifffile.imread(folder / "movie.tif").astype(np.float32)
    np.save(tmp_path / "averaged.npy", (movie[1:] + movie[:-1]) / 2)
    figures = json.loads(succeeded(run("averaged.npy", "--json", cwd=tmp_path)))
    assert figures["command"] is None
    assert figures["verdict"]["summary"].startswith("Not fit for compression with these parameters: the noise of ")
    assert "anscombe-transform compress" not in (tmp_path / "report.html").read_text(encoding="utf-8")


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
