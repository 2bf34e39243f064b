"""Movies that come as arrays of Dask or xarray, in chunks of their own, which need not fit those that are stored."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored import memory_url
from zarr.storage import FsspecStore

from anscombe_transform import AnscombeTransformV3, compress

da = pytest.importorskip("dask.array")
xarray = pytest.importorskip("xarray")

MOVIE = (100 + 40 * np.random.default_rng(0).poisson(9, (60, 24, 20))).astype("int16")

CODEC = AnscombeTransformV3(100, 40)

GIVEN: dict[str, Any] = {"zero_level": 100, "conversion_gain": 40, "encoded_dtype": "uint8"}

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
    cuts = sorted(draw(st.sets(st.integers(1, length - 1), max_size=8)))
    return tuple(stop - start for start, stop in zip([0, *cuts], [*cuts, length], strict=True))


def expected() -> Any:
    array = zarr.create_array({}, data=MOVIE, filters=[CODEC])
    return array[...]


@pytest.mark.parametrize("wrap", WRAPPED)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chunks=st.tuples(*map(chunks_of, MOVIE.shape)),
    stored=st.tuples(*(st.integers(length // 4, length) for length in MOVIE.shape)),
    shards=st.booleans(),
)
def test_chunks_of_any_size_are_stored_as_the_codec_alone_stores_them(
    wrap: str, chunks: Any, stored: tuple[int, int, int], shards: bool
) -> None:
    shard = (2 * stored[0], stored[1], 3 * stored[2]) if shards else None
    movie = WRAPPED[wrap](da.from_array(MOVIE, chunks=chunks))
    url = memory_url()
    compress(movie, url, **GIVEN, chunks=stored, shards=shard)
    read = zarr.open_array(FsspecStore.from_url(url), mode="r")
    assert (read.chunks, read.shards) == (stored, shard)
    np.testing.assert_array_equal(read[...], expected())


@pytest.mark.parametrize("wrap", WRAPPED)
def test_many_tasks_in_one_stored_chunk_do_not_overwrite_each_other(wrap: str, tmp_path: Path) -> None:
    """With a task for each frame, all of which write to one object, nearly every run loses frames."""
    movie = WRAPPED[wrap](da.from_array(MOVIE, chunks=(1, 24, 20)))
    for run in range(3):
        compress(movie, tmp_path / f"{run}.zarr", **GIVEN, chunks=60)
        np.testing.assert_array_equal(zarr.open_array(tmp_path / f"{run}.zarr", mode="r")[...], expected())


@pytest.mark.parametrize("chunks", [None, {}, {"t": 14}])
def test_an_array_that_xarray_reads_from_zarr_is_compressed(chunks: Any, tmp_path: Path) -> None:
    dataset = xarray.Dataset({"movie": (("t", "y", "x"), MOVIE)})
    dataset.to_zarr(tmp_path / "raw.zarr", consolidated=False, encoding={"movie": {"chunks": (7, 24, 20)}})
    movie = xarray.open_zarr(tmp_path / "raw.zarr", chunks=chunks, consolidated=False)["movie"]
    compress(movie, tmp_path / "movie.zarr", **GIVEN, chunks=5)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "movie.zarr", mode="r")[...], expected())
