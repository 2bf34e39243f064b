"""What the command on the page of a report says of the recording."""

from pathlib import Path

import numpy as np
import pytest

from anscombe_transform.cli.compress_words import words_of
from anscombe_transform.movies.opening import open_recording
from anscombe_transform.movies.recording import Recording
from anscombe_transform.report.command import Words, array_name, compress_call, compress_command
from anscombe_transform.transform.parameters import Transform


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    np.save(tmp_path / "movie.npy", np.zeros((3, 2, 4, 4), np.uint16))
    return open_recording(tmp_path / "movie.npy", axes="TCYX")


def test_options_that_were_given_are_passed_on(recording: Recording) -> None:
    words = words_of(
        ["a.tif", "b.tif"], recording, None, key="series=1", plane=0, frames=None, axes="TCYX", channel="channel_1"
    )
    assert words.inputs == ["a.tif", "b.tif"]
    options = {words.options[i]: words.options[i + 1] for i in range(0, len(words.options), 2)}
    assert options == {"--key": "series=1", "--plane": "0", "--axes": "TCYX", "--channel": "channel_1"}
    assert words.channel == "channel_1"


def test_the_page_shows_no_passwords(recording: Recording) -> None:
    """A page is there to be sent around; where dots stand, each reader puts in their own."""
    words = words_of(
        ["s3://user:pass@host/movie.zarr", "https://host/movie.zarr?signature=abc"],
        recording,
        ["anon=true", "secret=abc=d"],
        channel=None,
    )
    assert words.inputs == ["s3://...@host/movie.zarr", "https://host/movie.zarr?..."]
    assert words.options == ["--storage-option", "anon=true", "--storage-option", "secret=..."]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("recording.ome.tif", "recording.zarr"),
        ("day.3.NWB", "day.3.zarr"),
        ("session", "session.zarr"),
        ("movie.zarr", "movie_compressed.zarr"),
        ("/entry/movie", "movie.zarr"),
        ("/", "movie.zarr"),
    ],
)
def test_the_array_is_named_after_the_movie_and_never_the_same(name: str, expected: str) -> None:
    assert array_name(name) == expected


def test_the_array_of_a_channel_is_not_that_of_another() -> None:
    words = Words(["movie.zarr"], ["--channel", "red"], "red")
    line = compress_command(words, "movie.zarr", Transform(-1.25, 40, 0.5), "uint16")
    assert line == (
        "anscombe-transform compress movie.zarr movie_red.zarr --channel red --zero-level -1.25 --conversion-gain 40 "
        "--beta 0.5 --encoded-dtype uint16"
    )


def test_a_movie_without_a_name_is_called_movie() -> None:
    call = compress_call(None, Transform(100, 40, 0.5), "int8")
    assert call.endswith(
        "compress(movie, 'movie.zarr', zero_level=100, conversion_gain=40, beta=0.5, encoded_dtype='int8')"
    )
