"""Buckets of an S3 server on this machine, reached by s3fs and by obstore."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE
from servers import s3_server
from zarr.storage import FsspecStore, ObjectStore

from anscombe_transform import compress, decode, decompress, describe, encode, verify

pytest.importorskip("s3fs")
obstore = pytest.importorskip("obstore.store")
pytest.importorskip("moto.server")

EXPECTED = decode(encode(MOVIE, **GIVEN), **GIVEN, decoded_dtype="int16")


class Bucket(NamedTuple):
    """A bucket at an address."""

    url: str

    def options(self) -> dict[str, Any]:
        return {"key": "nobody", "secret": "nothing", "client_kwargs": {"endpoint_url": self.url}}

    def by_s3fs(self, path: str) -> FsspecStore:
        return FsspecStore.from_url(f"s3://bucket/{path}", storage_options={**self.options(), "asynchronous": True})

    def by_obstore(self, path: str) -> ObjectStore[Any]:
        store = obstore.S3Store(
            "bucket",
            prefix=path,
            endpoint=self.url,
            region="us-east-1",
            access_key_id="nobody",
            secret_access_key="nothing",
            client_options={"allow_http": True},
        )
        return ObjectStore(store)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with s3_server(tmp_path_factory.mktemp("server"), "bucket") as url:
        yield Bucket(url)


@pytest.mark.parametrize("library", ["s3fs", "obstore"])
def test_what_one_library_writes_both_read(bucket: Bucket, library: str, tmp_path: Path) -> None:
    stores = {"s3fs": bucket.by_s3fs, "obstore": bucket.by_obstore}
    path = f"by-{library}.zarr"
    result = compress(MOVIE, stores[library](path), **GIVEN, chunks=10, shards=20)
    for open_store in stores.values():
        store = open_store(path)
        np.testing.assert_array_equal(zarr.open_array(store, mode="r")[13:27, 5:40], EXPECTED[13:27, 5:40])
        assert describe(store).stored_size == result.stored_size
        assert verify(store).is_whole
        decompress(store, tmp_path / "a.npy", overwrite=True)
        np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), EXPECTED)


def test_a_url_with_options_is_the_same_place(bucket: Bucket) -> None:
    url, options = "s3://bucket/by-url.zarr", bucket.options()
    compress(MOVIE, url, **GIVEN, storage_options=options)
    np.testing.assert_array_equal(zarr.open_array(url, mode="r", storage_options=options)[...], EXPECTED)
    np.testing.assert_array_equal(zarr.open_array(bucket.by_obstore("by-url.zarr"), mode="r")[...], EXPECTED)


def test_xarray_and_dask_read_it_lazily(bucket: Bucket) -> None:
    xarray, da = pytest.importorskip("xarray"), pytest.importorskip("dask.array")
    zarr.create_group(bucket.by_obstore("session.zarr"))
    compress(MOVIE, bucket.by_obstore("session.zarr/movie"), **GIVEN, chunks=10)
    lazy = xarray.open_zarr(bucket.by_s3fs("session.zarr"), consolidated=False)["movie"]
    assert isinstance(lazy.data, da.Array)
    np.testing.assert_array_equal(lazy[5:15], EXPECTED[5:15])
