"""What a power cut may leave, files that are empty, cut, or full of zeros, is made whole by resuming."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from compressed_movies import GIVEN, MOVIE, make_unfinished
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import contents

from anscombe_transform import compress, verify

LAYOUTS: list[dict[str, Any]] = [{"chunks": 5}, {"chunks": 5, "zarr_format": 2}, {"chunks": 5, "shards": 10}]


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_resuming_completes_to_equal_bytes_whatever_was_lost(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, Any], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    compress(MOVIE, folder / "whole", **GIVEN, **options)
    compress(MOVIE, folder / "a", **GIVEN, **options)
    make_unfinished(folder / "a")
    files = sorted(path for path in (folder / "a").rglob("*") if path.is_file())
    for path in data.draw(st.lists(st.sampled_from(files), unique=True)):
        size = path.stat().st_size
        left = data.draw(st.integers(0, size - 1))
        path.write_bytes(path.read_bytes()[:left] + b"\0" * data.draw(st.sampled_from([0, size - left])))
    compress(MOVIE, folder / "a", **GIVEN, **options, resume=True)
    assert contents(folder / "a") == contents(folder / "whole")
    assert verify(folder / "a", against=MOVIE).is_whole


@pytest.mark.parametrize("left", [b"", b"\0" * 100, b'{\n  "note": "Wh'])
@pytest.mark.parametrize("again", [{"overwrite": True}, {"resume": True}], ids=str)
@pytest.mark.parametrize("options", LAYOUTS, ids=str)
def test_an_array_whose_marker_was_lost_can_be_resumed_and_overwritten(
    tmp_path: Path, left: bytes, again: dict[str, Any], options: dict[str, Any]
) -> None:
    compress(MOVIE, tmp_path / "a", **GIVEN, **options)
    whole = contents(tmp_path / "a")
    make_unfinished(tmp_path / "a")
    (tmp_path / "a/unfinished.json").write_bytes(left)
    with pytest.raises(ValueError, match="not finished"):
        compress(MOVIE, tmp_path / "a", **GIVEN, **options)
    compress(MOVIE, tmp_path / "a", **GIVEN, **options, **again)
    assert contents(tmp_path / "a") == whole


def test_a_successor_whose_marker_was_lost_is_resumed(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "whole", **GIVEN)
    compress(MOVIE[:20], tmp_path / "a", **GIVEN)
    compress(MOVIE, tmp_path / "a.unfinished", **GIVEN)
    make_unfinished(tmp_path / "a.unfinished")
    (tmp_path / "a.unfinished/unfinished.json").write_bytes(b"")
    compress(MOVIE, tmp_path / "a", **GIVEN, resume=True)
    assert contents(tmp_path / "a") == contents(tmp_path / "whole")
    assert not (tmp_path / "a.unfinished").exists()


def test_chunks_are_on_the_disk_before_the_metadata_say_that_all_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folders that have their names are, too, and the marker goes last."""
    flushed: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    if not Path("/proc/self/fd").exists():
        pytest.skip("only Linux tells which file a descriptor is of")
    monkeypatch.setattr(os, "fsync", noted)
    compress(MOVIE, tmp_path / "a", **GIVEN, chunks=10)
    chunks = [str(tmp_path / f"a/c/{number}/0/0") for number in range(4)]
    metadata = str(tmp_path / "a/zarr.json")
    for chunk in chunks:
        for place in (chunk, *(str(parent) for parent in Path(chunk).parents if tmp_path in (parent, *parent.parents))):
            assert place in flushed[: flushed.index(metadata)]
    assert str(tmp_path / "a") in flushed[flushed.index(metadata) :]
