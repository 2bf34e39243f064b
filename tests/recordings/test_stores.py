"""Store objects of Zarr, as input and as output."""

from __future__ import annotations

import pickle
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import numpy as np
import obstore.store
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE
from servers import web_server
from stored import memory_url
from zarr.abc.store import Store
from zarr.storage import FsspecStore, LocalStore, MemoryStore, ObjectStore, WrapperStore, ZipStore

from anscombe_transform import compress, decompress, describe, open_movie, open_recording, verify

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(),
    "folder": lambda folder: LocalStore(folder / "a.zarr"),
    "fsspec": lambda _: FsspecStore.from_url(memory_url()),
    "obstore": lambda _: ObjectStore(obstore.store.MemoryStore()),
    "obstore folder": lambda folder: ObjectStore(obstore.store.LocalStore(str(folder / "a.zarr"), mkdir=True)),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return STORES[request.param](tmp_path)


def test_what_is_compressed_into_a_store_is_read_from_it(store: Any) -> None:
    result = compress(MOVIE, store, **GIVEN, chunks=8)
    array: Any = zarr.open_array(store, mode="r")
    assert describe(store).finished
    assert describe(store).stored_size == result.stored_size
    movie = open_movie(store)
    np.testing.assert_array_equal(movie[3:30, ::2], array[3:30, ::2])
    np.testing.assert_array_equal(open_recording(store)[0][5], array[5])


def test_what_is_finished_in_a_store_stays_whatever_is_asked_for(store: Any) -> None:
    compress(MOVIE, store, **GIVEN, chunks=8)
    before = zarr.open_array(store, mode="r")[:]
    with pytest.raises(ValueError, match="holds Zarr data"):
        compress(MOVIE[:10], store, **GIVEN)
    if not isinstance(store, LocalStore):  # which is a folder, that can be replaced
        with pytest.raises(ValueError, match="holds Zarr data, and in a store, new data cannot be written beside them"):
            compress(MOVIE[:10], store, **GIVEN, overwrite=True)
    assert compress(MOVIE, store, **GIVEN, chunks=8, resume=True).comparison is None
    np.testing.assert_array_equal(zarr.open_array(store, mode="r")[:], before)


def test_what_is_not_finished_in_a_store_is_overwritten(store: Any) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compress(MOVIE, store, **GIVEN, chunks=8, progress=stop)
    compress(MOVIE[:10], store, **GIVEN, chunks=5, overwrite=True)
    assert describe(store).shape == (10, *MOVIE.shape[1:])
    assert describe(store).all_chunks == describe(store).stored_chunks == 2


def test_a_movie_in_a_store_is_not_overwritten(store: Any) -> None:
    compress(MOVIE, store, **GIVEN)
    before = zarr.open_array(store, mode="r")[:]
    with pytest.raises(ValueError, match=r"is where the movie is|may be where the movie is|is in the memory"):
        compress(open_movie(store), store, **GIVEN, overwrite=True)
    np.testing.assert_array_equal(zarr.open_array(store, mode="r")[:], before)


def test_a_movie_in_a_store_is_compressed_and_decompressed_elsewhere(store: Any, tmp_path: Path) -> None:
    zarr.create_array(store, data=MOVIE, chunks=(8, 64, 64))
    compress(open_movie(store), tmp_path / "b.zarr", **GIVEN)
    again = MemoryStore()
    decompress(tmp_path / "b.zarr", again)
    read: Any = zarr.open_array(again, mode="r")
    np.testing.assert_array_equal(read[:], zarr.open_array(tmp_path / "b.zarr", mode="r")[:])
    decompress(again, tmp_path / "b.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), read[:])


@pytest.mark.parametrize("kind", ["folder", "obstore folder", "fsspec"])
def test_a_movie_in_a_store_is_opened_by_another_process(kind: str, tmp_path: Path) -> None:
    store = STORES[kind](tmp_path)
    zarr.create_array(store, data=MOVIE)
    again = pickle.loads(pickle.dumps(open_movie(store)))
    np.testing.assert_array_equal(again[:4], MOVIE[:4])


def test_options_and_workers_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="storage_options"):
        compress(MOVIE, MemoryStore(), **GIVEN, storage_options={"anon": True})
    with pytest.raises(ValueError, match="in the memory of one process"):
        compress(MOVIE, MemoryStore(), **GIVEN, scheduler="tcp://127.0.0.1:1")


@pytest.mark.parametrize("name", ["a.h5", "a.TIF", "a.ome.tiff", "a.avi", "a.zip", "a.npy"])
def test_a_folder_does_not_get_the_name_of_another_format(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"what is written there is a Zarr folder: .* such as a.*\.zarr"):
        compress(MOVIE, tmp_path / name, **GIVEN)
    assert not list(tmp_path.iterdir())
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN)
    with pytest.raises(ValueError, match="Zarr folder"):
        decompress(tmp_path / "a.zarr", tmp_path / "b.h5")
    assert not (tmp_path / "b.h5").exists()


@pytest.mark.parametrize("mode", ["w", "a", "x"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_zip_file_is_not_written_and_the_way_around_works(mode: Any, dry_run: bool, tmp_path: Path) -> None:
    store = ZipStore(tmp_path / "a.zip", mode=mode)
    with pytest.raises(ValueError, match=r"does not delete anything.*: write it into a folder, and zip or copy that"):
        compress(MOVIE, store, **GIVEN, dry_run=dry_run)
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN)
    with pytest.raises(ValueError, match="does not delete anything"):
        decompress(tmp_path / "a.zarr", store)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "a.zarr")
    assert verify(tmp_path / "a.zip", against=MOVIE).is_whole


class _Wrapper(WrapperStore[Store]):
    def with_read_only(self, read_only: bool = False) -> Self:
        """Do what wrappers of Zarr 3.1 do not do yet."""
        return type(self)(self._store.with_read_only(read_only))


class KeysOfZarrAlone(_Wrapper):
    """Takes no other keys, as Icechunk does."""

    KEY = re.compile(r"(.+/)?(zarr\.json|\.z(array|attrs|group)|c(/\d+)*)")

    def __str__(self) -> str:
        return "<a store\nof several lines>"

    def _check(self, key: str) -> None:
        if not self.KEY.fullmatch(key):
            raise ValueError(f"invalid key {key}")

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        self._check(key)
        return await super().get(key, prototype, byte_range)

    async def exists(self, key: str) -> bool:
        self._check(key)
        return await super().exists(key)

    async def set(self, key: str, value: Any) -> None:
        self._check(key)
        await super().set(key, value)


@pytest.mark.parametrize("options", [{}, {"dry_run": True}, {"resume": True}, {"overwrite": True}], ids=str)
def test_a_store_without_a_place_for_the_marker_is_refused_and_says_what_to_do(options: dict[str, Any]) -> None:
    kept: dict[str, Any] = {}
    store = KeysOfZarrAlone(MemoryStore(kept))
    with pytest.raises(ValueError, match=r"unfinished\.json: write it into a folder, and copy that") as caught:
        compress(MOVIE, store, **GIVEN, **options)
    assert str(caught.value).startswith("<a store of several lines> takes the keys of Zarr alone")
    assert "\n" not in str(caught.value)
    assert not kept


def test_what_is_in_a_store_without_a_place_for_the_marker_is_read(tmp_path: Path) -> None:
    memory = MemoryStore()
    with pytest.raises(ValueError, match="is not there"):
        describe(KeysOfZarrAlone(memory))
    result = compress(MOVIE, memory, **GIVEN, chunks=8)
    store = KeysOfZarrAlone(memory)
    found = describe(store)
    assert (found.is_whole, found.stored_size) == (True, result.stored_size)
    assert verify(store, against=MOVIE).is_whole
    decompress(store, tmp_path / "a.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), open_movie(store)[:])
    with pytest.raises(ValueError, match="takes the keys of Zarr alone"):
        decompress(memory, KeysOfZarrAlone(MemoryStore()))


class ListsNothing(_Wrapper):
    """Lets nobody list what it has."""

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        raise PermissionError(prefix)
        yield ""


def test_of_a_store_that_lists_nothing_the_size_is_not_known() -> None:
    memory = MemoryStore()
    with pytest.raises(OSError, match="is finished, but cannot be listed now"):
        compress(MOVIE, ListsNothing(memory), **GIVEN)
    found = describe(ListsNothing(memory))
    assert found.is_whole
    assert found.stored_chunks is found.stored_size is None


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a folder on a web server."""
    pytest.importorskip("aiohttp")
    with web_server(tmp_path, lists=True) as address:
        yield f"http://{address}"


@pytest.mark.parametrize("of_store", [False, True])
def test_chunks_are_not_counted_by_the_links_of_a_web_server(url: str, of_store: bool, tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN, chunks=8)
    place: Any = f"{url}/a.zarr"
    if of_store:
        place = FsspecStore.from_url(place, read_only=True)
    found = describe(place)
    assert found.is_whole
    assert found.stored_chunks is found.stored_size is None
    assert ("Stored", "not known, as the store does not list what it has") in found.table()
    assert verify(place, against=MOVIE).is_whole


@pytest.mark.skipif(find_spec("gcsfs") is not None, reason="gcsfs is installed")
@pytest.mark.parametrize("work", [describe, verify, open_recording, lambda url: compress(MOVIE, url, **GIVEN)])
def test_a_missing_package_is_named_in_one_line_that_says_it_once(work: Callable[[str], object]) -> None:
    with pytest.raises(ModuleNotFoundError) as raised:
        work("gs://bucket/a.zarr")
    (message,) = str(raised.value).splitlines()
    assert message.startswith("gs://bucket/a.zarr cannot be reached: ")
    assert message.count("gs://") == 1
    assert "gcsfs" in message
