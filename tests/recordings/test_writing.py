"""The blocks in which a movie is written, and stores that fail."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressed_movies import GIVEN, MOVIE, Movie, Spy, is_stored, nobody_can_open, opened
from hypothesis import given
from hypothesis import strategies as st
from stored import contents
from strategies import logarithmic

from anscombe_transform import compress, describe
from anscombe_transform.recordings.blocks import block_shape

SIZES = logarithmic(1, 60_000).map(round)
"""Of a movie along an axis."""


@given(
    st.tuples(SIZES, SIZES, SIZES),
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    st.sampled_from([1, 2, 4, 8]),
)
def test_blocks_have_whole_units_within_the_array_and_a_bounded_size(
    shape: tuple[int, ...], shares: tuple[float, ...], itemsize: int
) -> None:
    unit = tuple(max(1, round(size**share)) for size, share in zip(shape, shares, strict=True))
    block = block_shape(shape, unit, itemsize)
    units = [math.ceil(size / step) for size, step in zip(shape, unit, strict=True)]
    for size, step, most in zip(block, unit, units, strict=True):
        assert size % step == 0
        assert 1 <= size // step <= most
    of_unit = math.prod(unit) * itemsize
    assert math.prod(block) * itemsize <= max(1 << 28, of_unit)
    whole_frames = unit[0] * math.prod(units[1:]) * math.prod(unit[1:]) * itemsize
    if whole_frames <= 1 << 28:
        assert block[1:] == tuple(n * step for n, step in zip(units[1:], unit[1:], strict=True))
        assert math.prod(block) * itemsize <= max(1 << 24, whole_frames)


@pytest.mark.usefixtures("blocks_of_two_frames")
@pytest.mark.parametrize("shards", [(4, 64, 64), (16, 32, 64)])
def test_shards_are_written_whole_by_many_tasks(tmp_path: Path, shards: Any) -> None:
    compress(MOVIE, tmp_path / "a", **GIVEN, chunks=(2, 16, 64), shards=shards)
    is_stored(MOVIE, tmp_path / "a")
    assert opened(tmp_path / "a").shards == shards


@pytest.mark.usefixtures("blocks_of_two_frames")
@pytest.mark.parametrize("chunks", [40, 4, 1])
@pytest.mark.parametrize("resume", [False, True])
def test_progress_is_in_bytes_and_rises_to_all_of_them(tmp_path: Path, chunks: int, resume: bool) -> None:
    calls: list[tuple[str, int, int]] = []
    compress(MOVIE, tmp_path / "a", chunks=chunks, resume=resume, progress=lambda *call: calls.append(call))
    stages = list(dict.fromkeys(stage for stage, _, _ in calls))
    assert stages == ["Estimating", "Writing"]
    for stage in stages:
        done = [call[1] for call in calls if call[0] == stage]
        assert {call[2] for call in calls if call[0] == stage} == {MOVIE.nbytes}
        assert done == sorted(set(done))
        assert done[-1] == MOVIE.nbytes
    if chunks == 1:
        assert len([call for call in calls if call[0] == "Writing"]) > 10


def test_a_folder_that_cannot_be_written_to_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"precious")
    with pytest.raises(OSError, match="file"):
        compress(MOVIE, tmp_path / "file/a.zarr", **GIVEN)
    assert contents(tmp_path) == {"file": b"precious"}


@pytest.mark.usefixtures("blocks_of_two_frames")
def test_a_store_that_fails_later_is_an_oserror_that_names_frames(tmp_path: Path) -> None:
    """It also says that the array can be resumed, which works."""
    blocked = tmp_path / "a/c/3"

    class Sabotage(Spy):
        def __getitem__(self, index: Any) -> Movie:
            if (tmp_path / "a/unfinished.json").exists():
                blocked.parent.mkdir(exist_ok=True)
                blocked.write_bytes(b"no folder")
            return super().__getitem__(index)

    with pytest.raises(OSError, match="frames 30 to 39") as caught:
        compress(Sabotage(MOVIE), tmp_path / "a", **GIVEN, chunks=10)
    assert "resume" in " ".join(caught.value.__notes__)
    nobody_can_open(tmp_path / "a")
    blocked.unlink()
    compress(MOVIE, tmp_path / "a", **GIVEN, chunks=10, resume=True)
    is_stored(MOVIE, tmp_path / "a")


@pytest.mark.parametrize("change", ["deleted", "changed at its end", "changed at its beginning"])
def test_a_file_that_does_not_stay_as_it_is_while_it_is_read_is_an_error(
    tmp_path: Path, blocks_of_two_frames: None, change: str
) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)

    def interfere(stage: str, done: int, total: int) -> None:
        if stage == "Writing" and done and not (tmp_path / "done").exists():
            (tmp_path / "done").touch()
            other = MOVIE.copy()
            other[-1 if change.endswith("end") else 0, 0, 0] += 1
            (tmp_path / "movie.npy").unlink()
            if change != "deleted":
                np.save(tmp_path / "movie.npy", other)

    with pytest.raises((OSError, ValueError), match=r"movie\.npy|was changed while"):
        compress(tmp_path / "movie.npy", tmp_path / "a", **GIVEN, chunks=2, progress=interfere)
    assert not describe(tmp_path / "a").finished


def test_an_array_whose_values_do_not_stay_is_an_error(tmp_path: Path, blocks_of_two_frames: None) -> None:
    movie = MOVIE.copy()

    def interfere(stage: str, done: int, total: int) -> None:
        if done == total:
            movie[0] += 500

    with pytest.raises(OSError, match="frames 0 to 1 were stored, and have other values now"):
        compress(movie, tmp_path / "a", **GIVEN, chunks=2, progress=interfere)
    assert not describe(tmp_path / "a").finished
