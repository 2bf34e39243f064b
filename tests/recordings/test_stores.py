"""Store objects of Zarr, as input and as output."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import obstore.store
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE
from stored import memory_url
from zarr.abc.store import Store
from zarr.storage import FsspecStore, LocalStore, MemoryStore, ObjectStore

from anscombe_transform import compress, decompress, describe, open_movie, open_recording

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
