"""Versions of arrays with the codec in a repository of Icechunk."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE
from processes import TIMEOUT
from zarr.buffer import cpu

from anscombe_transform import compress, decode, decompress, describe, encode, open_recording, verify

icechunk = pytest.importorskip("icechunk")

EXPECTED = decode(encode(MOVIE, **GIVEN), **GIVEN, decoded_dtype="int16")

READ = """
import sys
import icechunk
import zarr
folder, snapshot = sys.argv[1:]
repository = icechunk.Repository.open(icechunk.local_filesystem_storage(folder))
array = zarr.open_array(repository.readonly_session(snapshot_id=snapshot).store, path="movie", mode="r")
print(int(array[3].sum()), len(array.filters), array.shape[0])
"""


def read_in_a_fresh_process(folder: Path, snapshot: str) -> str:
    line = [sys.executable, "-W", "error", "-c", READ, str(folder), snapshot]
    return subprocess.run(line, capture_output=True, text=True, check=True, cwd=folder.parent, timeout=TIMEOUT).stdout


def new_repository(folder: Path) -> Any:
    return icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder)))


def test_each_commit_is_read_by_a_process_that_never_imports_this_package(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN, chunks=10)
    compressed: Any = zarr.open_array(tmp_path / "a.zarr", mode="r")
    repository = new_repository(tmp_path / "repository")
    session = repository.writable_session("main")
    array: Any = zarr.create_array(
        session.store,
        name="movie",
        shape=(20, 64, 64),
        chunks=(10, 64, 64),
        dtype="int16",
        filters=compressed.filters,
    )
    array[:] = MOVIE[:20]
    first = session.commit("the first 20 frames")
    session = repository.writable_session("main")
    array = zarr.open_array(session.store, path="movie")
    array.append(MOVIE[20:])
    second = session.commit("the other 20 frames")
    total = EXPECTED[3].sum(dtype="int64")
    assert read_in_a_fresh_process(tmp_path / "repository", first) == f"{total} 2 20\n"
    assert read_in_a_fresh_process(tmp_path / "repository", second) == f"{total} 2 40\n"


def test_a_finished_array_is_copied_byte_by_byte_and_verified(tmp_path: Path) -> None:
    """This is how to bring what `compress` has written into a repository."""
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN, chunks=10)
    repository = new_repository(tmp_path / "repository")
    session = repository.writable_session("main")

    async def copy(folder: Path) -> None:
        for path in folder.rglob("*"):
            if path.is_file():
                await session.store.set(path.relative_to(folder).as_posix(), cpu.Buffer.from_bytes(path.read_bytes()))

    asyncio.run(copy(tmp_path / "a.zarr"))
    session.commit("as compressed")
    store = repository.readonly_session("main").store
    (channel,) = verify(store).channels
    assert channel.sha256 == channel.recorded_sha256
    assert verify(store, against=MOVIE).is_whole
    found = describe(store)
    assert found.is_whole
    assert found.stored_size == describe(tmp_path / "a.zarr").stored_size
    np.testing.assert_array_equal(open_recording(store)[0][...], EXPECTED)
    decompress(store, tmp_path / "a.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), EXPECTED)


@pytest.mark.parametrize("dry_run", [False, True])
def test_compress_refuses_to_write_into_a_repository(tmp_path: Path, dry_run: bool) -> None:
    """Icechunk takes the keys of Zarr alone, and `compress` keeps track of unfinished work under another."""
    session = new_repository(tmp_path / "repository").writable_session("main")
    with pytest.raises(ValueError, match=r"unfinished\.json: write it into a folder, and copy that") as caught:
        compress(MOVIE, session.store, **GIVEN, dry_run=dry_run)
    assert "\n" not in str(caught.value)
    assert not session.has_uncommitted_changes
    with pytest.raises(ValueError, match="is not there"):
        describe(session.store)
