"""One process at a time writes to a place; who comes second is told who is there, and since when."""

import json
import os
import platform
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE, is_stored, make_unfinished
from stored import memory_url

from anscombe_transform import compress
from anscombe_transform.storage.location import Location

DEAD = 2**22 + 1
"""The number of no process: it is above the largest that Linux gives."""


class Stop(BaseException):
    """Ends a run where it is raised."""


@pytest.fixture(params=["folder", "URL"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return memory_url() if request.param == "URL" else tmp_path / "movie.zarr"


def marker_at(place: Any) -> dict[str, Any]:
    text = Location.parse(place).get("unfinished.json")
    assert text is not None
    marker: dict[str, Any] = json.loads(text)
    return marker


def set_writer(place: Any, **writer: Any) -> None:
    marker = marker_at(place) | {"writer": writer}
    Location.parse(place).set("unfinished.json", json.dumps(marker).encode())


def during_writing(do: Any) -> Any:
    """Return a progress function that does something once, when the first block is written."""
    todo = [do]

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "Writing" and done and todo:
            todo.pop()()

    return progress


@pytest.mark.usefixtures("blocks_of_two_frames")
@pytest.mark.parametrize("replaces", [False, True], ids=["a new array", "an array that replaces another"])
def test_a_second_writer_is_refused_whatever_it_asks_for(output: Any, replaces: bool) -> None:
    if replaces:
        compress(MOVIE[:9], output, **GIVEN)
    refused: list[str] = []

    def second() -> None:
        every: tuple[dict[str, Any], ...] = ({"overwrite": True}, {"resume": True}, {})
        for options in every:
            with pytest.raises(ValueError, match=rf"by process {os.getpid()} on {platform.node()}, since 20") as raised:
                compress(MOVIE[::-1], output, **GIVEN, **options)
            refused.append(str(raised.value))

    compress(MOVIE, output, **GIVEN, chunks=2, overwrite=replaces, progress=during_writing(second))
    assert len(refused) == 3
    assert all("wait for it, or stop it" in message for message in refused)
    is_stored(MOVIE, output)


def test_of_writers_that_begin_at_once_one_finishes_and_the_others_are_refused(tmp_path: Path) -> None:
    for attempt in range(10):
        output, barrier = tmp_path / f"{attempt}.zarr", threading.Barrier(3)

        def write(number: int, output: Path = output, barrier: threading.Barrier = barrier) -> str:
            barrier.wait()
            try:
                compress(MOVIE + np.int16(number), output, **GIVEN, encoded_dtype="int16")
            except ValueError as error:
                return str(error)
            return ""

        with ThreadPoolExecutor(3) as pool:
            messages = list(pool.map(write, range(3)))
        assert not list(tmp_path.glob("*.lock"))
        assert messages.count("") == 1, messages
        is_stored(MOVIE + np.int16(messages.index("")), output)


def test_what_has_the_name_of_the_lock_stays_and_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "a.zarr.lock").write_bytes(b"precious")
    (tmp_path / "b.zarr.lock").mkdir()
    for name in ("a.zarr", "b.zarr"):
        compress(MOVIE, tmp_path / name, **GIVEN)
        is_stored(MOVIE, tmp_path / name)
    assert (tmp_path / "a.zarr.lock").read_bytes() == b"precious"
    assert (tmp_path / "b.zarr.lock").is_dir()


@pytest.mark.usefixtures("blocks_of_two_frames")
def test_an_interrupted_writer_gives_its_place_free(output: Any) -> None:
    def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        compress(MOVIE, output, **GIVEN, chunks=2, progress=during_writing(stop))
    assert "writer" not in marker_at(output)
    compress(MOVIE, output, **GIVEN, chunks=2, resume=True)
    is_stored(MOVIE, output)


@pytest.mark.skipif(os.name != "posix", reason="whether a process runs is not asked elsewhere")
@pytest.mark.parametrize("host", ["here", "elsewhere"])
@pytest.mark.parametrize("seen", [0, 600])
@pytest.mark.parametrize("process", [os.getpid(), DEAD], ids=["runs", "does not run"])
def test_the_place_of_a_writer_that_was_killed_can_be_taken(output: Any, host: str, seen: int, process: int) -> None:
    """It was killed if it has no process on this machine any more, or if it has told nothing for long."""
    compress(MOVIE, output, **GIVEN)
    make_unfinished(output)
    told = (datetime.now(UTC) - timedelta(seconds=seen)).isoformat()
    set_writer(
        output, id="a", host=platform.node() if host == "here" else "lab7", process=process, since=told, seen=told
    )
    if seen or (host == "here" and process == DEAD):
        compress(MOVIE, output, **GIVEN, resume=True)
        is_stored(MOVIE, output)
    else:
        with pytest.raises(ValueError, match=f"is being written by process {process} on "):
            compress(MOVIE, output, **GIVEN, resume=True)


@pytest.mark.parametrize("writer", [{}, {"seen": "yesterday", "process": 1}, {"seen": "2020-01-01", "process": "x"}])
def test_a_writer_that_says_nothing_of_use_is_none(output: Any, writer: dict[str, Any]) -> None:
    compress(MOVIE, output, **GIVEN)
    make_unfinished(output)
    set_writer(output, **writer)
    compress(MOVIE, output, **GIVEN, resume=True)
    is_stored(MOVIE, output)


@pytest.mark.usefixtures("blocks_of_two_frames")
def test_a_writer_whose_place_was_taken_does_not_finish(output: Any) -> None:
    def take() -> None:
        set_writer(output, id="another", host="lab7", process=1, since="2026-01-01", seen="2026-01-01")

    with pytest.raises(OSError, match="is not finished here: process 1 on lab7, since 2026-01-01 has taken it over"):
        compress(MOVIE, output, **GIVEN, chunks=2, progress=during_writing(take))
    assert marker_at(output)["writer"]["id"] == "another"
    with pytest.raises(FileNotFoundError):
        zarr.open(str(output), mode="r")
