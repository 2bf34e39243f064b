"""Movies that come as arrays of Dask or xarray, in chunks of their own, which need not fit those that are stored."""

import math
import re
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.storage import LocalStore

from anscombe_transform import AnscombeTransformV3, compress, describe
from anscombe_transform.recordings import blocks

da = pytest.importorskip("dask.array")
xarray = pytest.importorskip("xarray")

MOVIE = (100 + 40 * np.random.default_rng(0).poisson(9, (24, 8, 6))).astype("int16")

GIVEN: dict[str, Any] = {"zero_level": 100, "conversion_gain": 40, "encoded_dtype": "uint8"}

EXPECTED = zarr.create_array({}, data=MOVIE, filters=[AnscombeTransformV3(100, 40)])[...]

WRAPPED: dict[str, Callable[[Any], Any]] = {
    "dask": lambda array: array,
    "xarray": lambda array: xarray.DataArray(array, dims=("t", "y", "x")),
    "sliced xarray": lambda array: xarray.DataArray(da.concatenate([array[:3], array]), dims=("t", "y", "x")).isel(
        t=slice(3, None)
    ),
}


@st.composite
def chunks_of(draw: st.DrawFn, length: int) -> tuple[int, ...]:
    """Sizes of chunks, some of them unequal, that make up an axis."""
    cuts = sorted(draw(st.sets(st.integers(1, length - 1), max_size=2)))
    return tuple(stop - start for start, stop in zip([0, *cuts], [*cuts, length], strict=True))


@st.composite
def chunks_and_objects(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of a chunk and of a shard of whole chunks, two or three of which make up the movie along an axis."""
    cut = draw(st.integers(0, 2))
    chunk, shard = list(MOVIE.shape), list(MOVIE.shape)
    number = draw(st.integers(1, 2))
    chunk[cut] = draw(st.integers(math.ceil(MOVIE.shape[cut] / 3 / number), math.ceil(MOVIE.shape[cut] / 2 / number)))
    shard[cut] = number * chunk[cut]
    return tuple(chunk), tuple(shard)


@pytest.fixture
def blocks_of_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each task write as little as it may, as if the frames were large."""
    monkeypatch.setattr(blocks, "_BLOCK_SIZE", 1)
    monkeypatch.setattr(blocks, "_LARGEST_BLOCK", 1)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return how often each object of a folder is written, by its key."""
    counts: Counter[str] = Counter()

    def counted(write: Any) -> Any:
        def write_and_count(store: LocalStore, key: str, value: Any) -> Any:
            counts[key] += 1
            return write(store, key, value)

        return write_and_count

    for name in ("set", "set_sync"):
        if hasattr(LocalStore, name):
            monkeypatch.setattr(LocalStore, name, counted(getattr(LocalStore, name)))
    return counts


@pytest.fixture
def load() -> Iterator[None]:
    """Let another thread compute again and again, and let threads take turns after every few instructions."""
    ended = threading.Event()
    values = np.random.default_rng(0).random(10_000)

    def compute() -> None:
        while not ended.wait(0.001):
            np.sort(values)

    other = threading.Thread(target=compute)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    other.start()
    yield
    ended.set()
    other.join()
    sys.setswitchinterval(interval)


@pytest.mark.slow
@pytest.mark.usefixtures("blocks_of_one_object", "load")
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wrap=st.sampled_from(list(WRAPPED)),
    chunks=st.tuples(*map(chunks_of, MOVIE.shape)),
    shapes=chunks_and_objects(),
    kind=st.sampled_from(["Zarr format 2", "Zarr format 3", "shards"]),
)
def test_movies_in_any_chunks_are_stored_right_and_each_object_is_written_once(
    wrap: str, chunks: Any, shapes: Any, kind: str, writes: Counter[str], tmp_path: Path
) -> None:
    chunk, object_shape = shapes
    stored: dict[str, Any] = {"chunks": object_shape}
    if kind == "shards":
        stored = {"chunks": chunk, "shards": object_shape}
    output = tmp_path / uuid4().hex
    writes.clear()
    movie = WRAPPED[wrap](da.from_array(MOVIE, chunks=chunks))
    compress(movie, output, **GIVEN, **stored, zarr_format=2 if kind == "Zarr format 2" else 3)
    read = zarr.open_array(output, mode="r")
    assert (read.chunks, read.shards) == (stored["chunks"], stored.get("shards"))
    np.testing.assert_array_equal(read[...], EXPECTED)
    assert set(writes.values()) == {1}
    objects = math.prod(math.ceil(length / size) for length, size in zip(MOVIE.shape, object_shape, strict=True))
    assert sum(bool(re.fullmatch(r"(c/)?\d+[./]\d+[./]\d+", key)) for key in writes) == objects


@pytest.mark.usefixtures("blocks_of_one_object")
@pytest.mark.parametrize("stored", [{"chunks": 10}, {"chunks": (5, 4, 3), "shards": (10, 4, 6)}])
def test_workers_write_each_object_once(stored: Any, writes: Counter[str], tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    movie = da.from_array(MOVIE, chunks=(1, 8, 6))
    with distributed.LocalCluster(n_workers=2, processes=False, dashboard_address=None) as cluster:
        compress(movie, tmp_path / "movie.zarr", **GIVEN, **stored, scheduler=cluster.scheduler_address)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "movie.zarr", mode="r")[...], EXPECTED)
    assert set(writes.values()) == {1}


def test_workers_compress_what_they_hold_if_they_are_told_to(tmp_path: Path) -> None:
    """Threads would find nothing there."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        for movie in (
            da.from_array(MOVIE, chunks=(5, 8, 6)).persist(),
            WRAPPED["xarray"](da.from_array(MOVIE).persist()),
        ):
            with pytest.raises(ValueError, match="the workers of a Dask cluster hold the movie: give scheduler='"):
                compress(movie, tmp_path / "movie.zarr", **GIVEN)
            assert not (tmp_path / "movie.zarr").exists()
            compress(movie, tmp_path / "movie.zarr", **GIVEN, scheduler=cluster.scheduler_address)
            np.testing.assert_array_equal(zarr.open_array(tmp_path / "movie.zarr", mode="r")[...], EXPECTED)
            shutil.rmtree(tmp_path / "movie.zarr")
        compress(da.from_array(MOVIE), tmp_path / "movie.zarr", **GIVEN)


def test_an_array_whose_shape_is_not_known_is_refused_and_can_be_worked_out(tmp_path: Path) -> None:
    movie = da.from_array(MOVIE, chunks=5)
    movie = movie[movie.sum((1, 2)) > 0]
    with pytest.raises(ValueError, match=r"nan.*movie\.compute_chunk_sizes\(\)"):
        compress(movie, tmp_path / "movie.zarr", **GIVEN)
    assert not (tmp_path / "movie.zarr").exists()
    compress(movie.compute_chunk_sizes(), tmp_path / "movie.zarr", **GIVEN)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "movie.zarr", mode="r")[...], EXPECTED)


@pytest.mark.parametrize(
    ("movie", "message"),
    [
        (lambda lazy: da.ma.masked_where(lazy > 800, lazy), "movie is masked, and masks are not supported"),
        (
            lambda lazy: lazy.map_blocks(lambda block: block + 0.5, dtype="int16"),
            r"movie says that it is of int16, but has blocks of float64: .*movie\.astype\('int16'\)",
        ),
    ],
    ids=["masked", "another dtype"],
)
def test_blocks_that_are_not_what_the_array_says_are_refused(movie: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=message):
        compress(movie(da.from_array(MOVIE, chunks=5)), tmp_path / "a.zarr", zero_level=100, conversion_gain=40)
    assert not describe(tmp_path / "a.zarr").finished


@pytest.mark.parametrize("chunks", [None, {}, {"t": 14}])
def test_an_array_that_xarray_reads_from_zarr_is_compressed(chunks: Any, tmp_path: Path) -> None:
    dataset = xarray.Dataset({"movie": (("t", "y", "x"), MOVIE)})
    dataset.to_zarr(tmp_path / "raw.zarr", consolidated=False, encoding={"movie": {"chunks": (7, 8, 6)}})
    movie = xarray.open_zarr(tmp_path / "raw.zarr", chunks=chunks, consolidated=False)["movie"]
    compress(movie, tmp_path / "movie.zarr", **GIVEN, chunks=5)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "movie.zarr", mode="r")[...], EXPECTED)
