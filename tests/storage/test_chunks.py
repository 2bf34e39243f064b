"""How many chunks of an array are stored, and how large they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import memory_url

from anscombe_transform.storage import chunks
from anscombe_transform.storage.chunks import stored_chunks
from anscombe_transform.storage.location import Location

KEYS: list[dict[str, Any]] = [
    {},
    {"zarr_format": 2},
    {"chunk_key_encoding": {"name": "default", "separator": "."}},
    {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
    {"shards": (4, 6, 5)},
]


@pytest.mark.parametrize("keys", KEYS, ids=str)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_chunks_are_counted_as_they_are_in_the_store(
    tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Any], data: st.DataObject
) -> None:
    for place in (str(tmp_path_factory.mktemp("counted") / "a"), memory_url()):
        array = zarr.create_array(
            place, name="b", shape=(9, 12, 7), chunks=(2, 6, 5), dtype="int16", overwrite=True, **keys
        )
        unit = array.shards or array.chunks
        regions = st.tuples(*(st.integers(0, size - 1) for size in array.shape))
        written = data.draw(st.sets(regions, max_size=12))
        for pixel in written:
            array[pixel] = 1
        (Path(place) / "b/notes.txt").write_text("1") if "://" not in place else None
        places = {tuple(at // step for at, step in zip(pixel, unit, strict=True)) for pixel in written}
        found = stored_chunks(Location.parse(place), array, "b")
        assert (found.count, found.every) == (len(places), 1)
        assert found.total == np.prod([-(-size // step) for size, step in zip(array.shape, unit, strict=True)])
        if "://" not in place:
            files = [path for path in Path(place, "b").rglob("*") if path.is_file() and path.name != "notes.txt"]
            assert found.size == sum(path.stat().st_size for path in files)


def test_of_very_many_files_some_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders that are missing are known all the same, and what lacks a file in its folder is predicted."""
    monkeypatch.setattr(chunks, "_LOOKED_AT", 10)
    array = zarr.create_array(tmp_path, shape=(100, 2), chunks=(1, 2), dtype="int16")
    array[...] = 1
    found = stored_chunks(Location.parse(tmp_path), array, "")
    assert (found.count, found.total, found.every) == (100, 100, 10)
    assert found.size == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    for number in range(30):
        (tmp_path / f"c/{number}/0").unlink()
        (tmp_path / f"c/{number}").rmdir()
    assert stored_chunks(Location.parse(tmp_path), array, "").count == 70
    for number in range(30, 100):
        os.truncate(tmp_path / f"c/{number}/0", 0)
    assert stored_chunks(Location.parse(tmp_path), array, "").count == 0


def test_a_folder_that_is_not_there_has_no_chunks(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a", shape=(100, 2), chunks=(1, 2), dtype="int16")
    assert stored_chunks(Location.parse(tmp_path / "b"), array, "").count == 0
