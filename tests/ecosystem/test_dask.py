"""Dask arrays on threads and on the processes of a cluster, reading and writing arrays with the codec."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE, G, Z

from anscombe_transform import AnscombeTransformV3, PhotonPredictV3, compress, decode, encode

da = pytest.importorskip("dask.array")

CHUNKS = (10, 64, 64)
FILTERS = [AnscombeTransformV3(Z, G), PhotonPredictV3()]
EXPECTED = decode(encode(MOVIE, **GIVEN), **GIVEN, decoded_dtype="int16")


@pytest.fixture(scope="module", params=["threads", pytest.param("processes", marks=pytest.mark.slow)])
def scheduler(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Return the address of a cluster of two processes, which then computes all Dask arrays; None for threads."""
    if request.param == "threads":
        yield None
        return
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        yield cluster.scheduler_address


def test_a_compressed_movie_is_computed_with(scheduler: str | None, tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN, chunks=10)
    movie = da.from_zarr(str(tmp_path / "a.zarr"))
    assert movie.chunks[0] == (10,) * 4
    np.testing.assert_array_equal(movie.mean(axis=0).compute(), EXPECTED.mean(axis=0))


@pytest.mark.filterwarnings("ignore:Sending large graph")
@pytest.mark.parametrize("way", ["to_zarr", "store"])
def test_a_dask_array_is_written_with_the_codec(way: str, scheduler: str | None, tmp_path: Path) -> None:
    movie = da.from_array(MOVIE, chunks=CHUNKS)
    path = tmp_path / "a.zarr"
    array: Any = zarr.create_array(path, shape=MOVIE.shape, dtype="int16", chunks=CHUNKS, filters=FILTERS)
    if way == "store":
        da.store(movie, array, lock=False)
    else:
        movie.to_zarr(array)
    assert len(list((path / "c").iterdir())) == 4
    np.testing.assert_array_equal(zarr.open_array(path, mode="r")[...], EXPECTED)


@pytest.mark.filterwarnings("ignore:Sending large graph")
def test_a_computation_is_compressed_where_it_is_computed(scheduler: str | None, tmp_path: Path) -> None:
    np.save(tmp_path / "raw.npy", MOVIE[::-1])
    raw = da.from_array(np.load(tmp_path / "raw.npy", mmap_mode="r"), chunks=CHUNKS)
    compress(raw[::-1], tmp_path / "a.zarr", **GIVEN, chunks=10, scheduler=scheduler)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "a.zarr", mode="r")[...], EXPECTED)
