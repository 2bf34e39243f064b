"""The commands on a recording of several channels and planes, run as a user runs them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import command
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr
from command import refused, rows, succeeded

from anscombe_transform import compress, describe_recording, estimate_parameters, open_recording
from anscombe_transform.simulate import simulate_movie

GAINS = (5.0, 8.0)

CHANNELS = ("green", "red")


@pytest.fixture(scope="module")
def values() -> npt.NDArray[np.uint16]:
    """Two channels of different gain with two planes each, (time, plane, channel, y, x), as pages follow each other."""
    photons = np.random.default_rng(0).poisson(np.linspace(2, 60, 64), (60, 2, 2, 48, 64))
    return (100 + np.array(GAINS)[:, None, None] * photons).astype("uint16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, values: Any) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    metadata = {"axes": "TZCYX", "Channel": {"Name": list(CHANNELS)}}
    tifffile.imwrite(folder / "two.ome.tif", values, photometric="minisblack", metadata=metadata)
    tifffile.imwrite(folder / "pages.tif", values.reshape(-1, 48, 64), photometric="minisblack", metadata=None)
    np.save(folder / "unnamed.npy", values)
    compress(folder / "two.ome.tif", folder / "two.zarr")
    return folder


def test_compress_prints_what_the_recording_is_and_then_each_channel(folder: Path, tmp_path: Path) -> None:
    printed = rows(succeeded(command.run("compress", folder / "two.ome.tif", "two.zarr", cwd=tmp_path)))
    recording = open_recording(folder / "two.ome.tif")
    assert printed[: len(recording.table())] == recording.table()
    assert ("Channels", "2: green, red") in printed
    assert [value for name, value in printed if name == "Channel"] == list(CHANNELS)
    gains = [float(value.split()[0]) for name, value in printed if name == "Conversion gain"]
    np.testing.assert_allclose(gains, GAINS, rtol=0.05)
    assert command.files(tmp_path / "two.zarr") == command.files(folder / "two.zarr")


def test_json_is_all_that_is_printed(folder: Path, tmp_path: Path) -> None:
    options = ("--zero-level", "100,", "--conversion-gain", "5,", "--json")
    printed = json.loads(succeeded(command.run("compress", folder / "two.ome.tif", "a.zarr", *options, cwd=tmp_path)))
    assert [channel["name"] for channel in printed["channels"]] == list(CHANNELS)
    assert [channel["parameters"]["source"] for channel in printed["channels"]] == ["given", "estimated"]
    described = json.loads(succeeded(command.run("info", "a.zarr", "--json", cwd=tmp_path)))
    expected = [found.to_dict() for found in describe_recording(tmp_path / "a.zarr")]
    assert described == {"channels": command.as_json(expected)}


@pytest.mark.parametrize(
    ("name", "options"),
    [("pages.tif", ("--channels", "2", "--planes", "2")), ("unnamed.npy", ("--axes", "TZCYX"))],
)
def test_what_a_file_does_not_say_is_given(
    folder: Path, tmp_path: Path, values: npt.NDArray[Any], name: str, options: tuple[str, ...]
) -> None:
    given = ("--zero-level", "100", "--conversion-gain", "5", "--beta", "0.01", "--encoded-dtype", "float32")
    succeeded(command.run("compress", folder / name, "a.zarr", *options, *given, cwd=tmp_path))
    for number in range(2):
        array: Any = zarr.open_array(tmp_path / "a.zarr", path=f"channel_{number}", mode="r")
        np.testing.assert_array_equal(array[...], values[:, :, number])


def test_estimate_and_info_have_a_table_for_each_channel(folder: Path, tmp_path: Path) -> None:
    estimated = succeeded(command.run("estimate", "two.ome.tif", cwd=folder))
    for movie in open_recording(folder / "two.ome.tif"):
        assert set(estimate_parameters(movie).table()) <= set(rows(estimated))
    described = succeeded(command.run("info", "two.zarr", cwd=folder))
    for channel in describe_recording(folder / "two.zarr"):
        assert set(channel.table()) <= set(rows(described))
    for text in (estimated, described):
        assert text.index("green") < text.index("red")
    figures = json.loads(succeeded(command.run("estimate", "two.ome.tif", "--json", cwd=folder)))
    assert [channel["name"] for channel in figures["channels"]] == list(CHANNELS)


def test_estimate_shows_what_the_recording_is_if_it_has_several_planes(folder: Path) -> None:
    """Of a single plane without notes, there is nothing to show."""
    for chosen, shown in ((("--channel", "0"), True), (("--channel", "0", "--plane", "0"), False)):
        printed = rows(succeeded(command.run("estimate", "two.ome.tif", *chosen, cwd=folder)))
        assert (("Planes", "2") in printed) == (("Recording", "two.ome.tif") in printed) == shown


def test_pictures_and_pages_are_made_for_each_channel(folder: Path, tmp_path: Path) -> None:
    source = folder / "two.ome.tif"
    succeeded(command.run("estimate", source, "--plot", "curve.png", cwd=tmp_path))
    printed = succeeded(command.run("report", source, "--plane", "0", "--output", "page.html", cwd=tmp_path))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"curve_green.png", "curve_red.png", "page_green.html", "page_red.html"}
    assert all(name in printed for name in ("page_green.html", "page_red.html"))


def test_a_single_channel_is_treated_as_a_movie(folder: Path, tmp_path: Path) -> None:
    chosen = ("--channel", "red", "--plane", "1")
    succeeded(command.run("compress", folder / "two.ome.tif", "red.zarr", *chosen, cwd=tmp_path))
    assert zarr.open_array(tmp_path / "red.zarr", mode="r").ndim == 3
    succeeded(command.run("decompress", folder / "two.zarr", "red.npy", *chosen, cwd=tmp_path))
    array: Any = zarr.open_array(folder / "two.zarr", path="red", mode="r")
    np.testing.assert_array_equal(np.load(tmp_path / "red.npy"), array[:, 1])


def test_wrong_choices_get_one_line_that_names_what_there_is(folder: Path, tmp_path: Path) -> None:
    lines = {
        ("--channel", "blue"): "no channel 'blue'.*green, red",
        ("--channel", "2"): "no channel '?2'?: it has 2, from 0 on",
        ("--plane", "2"): "no plane 2: it has 2, from 0 on",
        ("--channels", "2"): "by its metadata: .*give both --channels N and --planes N",
        ("--axes", "TCYX"): "--axes TCYX",
        ("--zero-level", "1,2,3", "--conversion-gain", "1"): "--zero-level has 3 numbers for 2 channels",
        ("--zero-level", "1,x", "--conversion-gain", "1"): "--zero-level must be a number, or one for each channel",
    }
    for options, message in lines.items():
        refused(command.run("compress", folder / "two.ome.tif", "a.zarr", *options, cwd=tmp_path), message)
    refused(command.run("info", "two.zarr", "--key", "blue", cwd=folder), "blue")
    refused(command.run("compress", folder / "unnamed.npy", "a.zarr", cwd=tmp_path), "--axes TCZYX")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["itself", "hard link", "soft link"])
def test_no_page_or_picture_replaces_the_movie(tmp_path: Path, kind: str) -> None:
    tifffile.imwrite(tmp_path / "movie.tif", simulate_movie((60, 32, 32)))
    other = tmp_path / ("movie.tif" if kind == "itself" else "other.tif")
    if kind == "hard link":
        os.link(tmp_path / "movie.tif", other)
    elif kind == "soft link":
        other.symlink_to(tmp_path / "movie.tif")
    before = (tmp_path / "movie.tif").read_bytes()
    for arguments in (
        ("report", "movie.tif", "--output", other, "--overwrite"),
        ("estimate", "movie.tif", "--plot", other),
    ):
        refused(command.run(*arguments, cwd=tmp_path), "is where the movie is")
    assert (tmp_path / "movie.tif").read_bytes() == before
