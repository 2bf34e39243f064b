"""Arrays of both Zarr formats whose codes are predicted, after the Anscombe transform and alone."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import numpy.typing as npt
import pytest
import zarr
from fresh_process import read_in_a_fresh_process
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pipelines import pipeline  # noqa: F401 - each test runs with each pipeline
from prediction_rule import residuals_by_the_rule
from strategies import predictors
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ZstdCodec

from anscombe_transform import (
    AnscombeTransformV2,
    AnscombeTransformV3,
    PhotonPredictV2,
    PhotonPredictV3,
    Predictor,
    decode,
    encode,
)
from anscombe_transform.transform.prediction import PREDICTED_DTYPES

Array = npt.NDArray[Any]

Z, G = 20, 2.5
COMPRESSORS: dict[int, list[Any]] = {
    2: [None, numcodecs.Zstd(1), numcodecs.Blosc("lz4", shuffle=numcodecs.Blosc.BITSHUFFLE), numcodecs.GZip(1)],
    3: [
        None,
        ZstdCodec(level=1),
        BloscCodec(cname="lz4", typesize=1, shuffle="bitshuffle"),
        [GzipCodec(), Crc32cCodec()],
    ],
}
LAYOUTS: dict[str, dict[str, Any]] = {
    "format 2": {"zarr_format": 2},
    "format 3": {},
    "shards": {"shards": (8, 12, 10)},
    "big-endian bytes": {"serializer": BytesCodec(endian="big")},
    "F order in memory": {"config": {"order": "F"}},
    "no chunk left out": {"config": {"write_empty_chunks": True}},
}


def create(
    store: Any,
    x: Array,
    chunks: tuple[int, ...],
    encoded_dtype: str | None = None,
    predictor: Predictor | None = None,
    **options: Any,
) -> Any:
    """Create an array like `x`, of codes in `encoded_dtype`, or whose values are the codes."""
    predictor = predictor or Predictor()
    filters: list[Any]
    if options.get("zarr_format") == 2:
        filters = [PhotonPredictV2(chunks, encoded_dtype or x.dtype.name, predictor)]
        if encoded_dtype:
            filters.insert(0, AnscombeTransformV2(Z, G, encoded_dtype, decoded_dtype=x.dtype))
    else:
        filters = [PhotonPredictV3(predictor)]
        if encoded_dtype:
            filters.insert(0, AnscombeTransformV3(Z, G, encoded_dtype))
    return zarr.create_array(store, shape=x.shape, chunks=chunks, dtype=x.dtype, filters=filters, **options)


def movie(dtype: npt.DTypeLike = "int16", shape: tuple[int, ...] = (20, 12, 10)) -> Array:
    return (Z + G * np.random.default_rng(0).poisson(8, shape)).astype(dtype)


def through_functions(x: Array, encoded_dtype: str = "uint8") -> Array:
    codes = encode(x, zero_level=Z, conversion_gain=G, encoded_dtype=encoded_dtype)
    return decode(codes, zero_level=Z, conversion_gain=G, decoded_dtype=x.dtype)


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@st.composite
def regions(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[slice, ...]:
    starts = [draw(st.integers(0, size - 1)) for size in shape]
    return tuple(slice(start, draw(st.integers(start + 1, size))) for start, size in zip(starts, shape, strict=True))


@pytest.mark.parametrize("zarr_format", [2, 3])
@given(data=st.data(), dtype=st.sampled_from(PREDICTED_DTYPES), predictor=predictors())
@settings(max_examples=50)
def test_what_is_written_is_read_again(zarr_format: int, data: st.DataObject, dtype: str, predictor: Predictor) -> None:
    """Whatever the axes, chunks, shards, compressor and fill value, and whichever parts are written and read."""
    shape = data.draw(hnp.array_shapes(max_dims=5, max_side=5))
    chunks = tuple(data.draw(st.integers(1, size + 1)) for size in shape)
    fill_value = data.draw(hnp.from_dtype(np.dtype(dtype)))
    options = {"compressors": data.draw(st.sampled_from(COMPRESSORS[zarr_format]))}
    if zarr_format == 3 and data.draw(st.booleans()):
        options["shards"] = tuple(size * data.draw(st.integers(1, 2)) for size in chunks)
    held = np.full(shape, fill_value, dtype)
    store: dict[str, Any] = {}
    array = create(store, held, chunks, None, predictor, fill_value=fill_value, zarr_format=zarr_format, **options)
    for _ in range(data.draw(st.integers(0, 3))):
        region = data.draw(regions(shape))
        part = data.draw(hnp.arrays(dtype, held[region].shape))
        array[region] = held[region] = np.asarray(part, order=data.draw(st.sampled_from("CF")))
    array = zarr.open_array(store, mode="r")
    region = data.draw(regions(shape))
    np.testing.assert_array_equal(array[region], held[region])
    read = np.asarray(array[...])
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, held)


@pytest.mark.parametrize("zarr_format", [2, 3])
@given(data=st.data(), dtype=st.sampled_from(PREDICTED_DTYPES), predictor=predictors())
@settings(max_examples=30)
def test_chunks_hold_the_residuals_of_the_rule(
    zarr_format: int, data: st.DataObject, dtype: str, predictor: Predictor
) -> None:
    """Little-endian, and those at the edges with the fill value behind the end of the array."""
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=5, max_side=4))
    chunks = tuple(data.draw(st.integers(1, size + 1)) for size in shape)
    codes = data.draw(hnp.arrays(dtype, shape))
    store: dict[str, Any] = {}
    options = {"zarr_format": zarr_format, "compressors": None, "fill_value": 7}
    create(store, codes, chunks, None, predictor, config={"write_empty_chunks": True}, **options)[...] = codes
    counts = [-(-size // chunk) for size, chunk in zip(shape, chunks, strict=True)]
    padding = [(0, n * chunk - size) for n, chunk, size in zip(counts, chunks, shape, strict=True)]
    padded = np.pad(codes, padding, constant_values=7)
    for place in itertools.product(*map(range, counts)):
        chunk = padded[tuple(slice(i * n, (i + 1) * n) for i, n in zip(place, chunks, strict=True))]
        residuals = residuals_by_the_rule(np.ascontiguousarray(chunk), predictor)
        key = ".".join(map(str, place)) if zarr_format == 2 else "/".join(map(str, ("c", *place)))
        assert store[key].to_bytes() == residuals.astype(f"<u{codes.itemsize}").tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("encoded_dtype", PREDICTED_DTYPES)
def test_predicted_codes_of_movies_read_back_what_the_functions_give(layout: str, encoded_dtype: str) -> None:
    for dtype, chunks in (("int16", (4, 6, 10)), ("float32", (4, 12, 5)), ("uint32", (8, 12, 10))):
        x = movie(dtype)
        array = create({}, x, chunks, encoded_dtype, **LAYOUTS[layout])
        array[...] = x
        np.testing.assert_array_equal(array[...], through_functions(x, encoded_dtype))
        array[3:5, 7:, ::2] = x[3:5, 7:, ::2] = 180
        np.testing.assert_array_equal(array[...], through_functions(x, encoded_dtype))


@pytest.mark.parametrize("layout", ["format 2", "format 3", "shards"])
def test_chunks_that_were_never_written_read_as_the_fill_value(layout: str) -> None:
    x = movie()
    array = create({}, x, (4, 12, 10), "uint8", fill_value=123, **LAYOUTS[layout])
    array[5:6] = x[5:6]
    expected = np.full_like(x, 123)
    expected[4:8] = through_functions(expected[4:8])
    expected[5] = through_functions(x[5])
    np.testing.assert_array_equal(array[...], expected)


@pytest.mark.parametrize("size", [32, 512])
@pytest.mark.parametrize("layout", ["format 2", "format 3"])
def test_batches_of_small_and_large_chunks_may_have_gaps(layout: str, size: int) -> None:
    x = movie("uint8", (6, size, size))
    with zarr.config.set({"codec_pipeline.batch_size": 4}):
        array = create({}, x, (1, size, size), fill_value=Z, **LAYOUTS[layout])
        array[2:5] = x[2:5]
        read = array[...]
    x[[0, 1, 5]] = Z
    np.testing.assert_array_equal(read, x)


@pytest.mark.parametrize("layout", ["format 2", "format 3", "shards"])
def test_a_failed_write_leaves_the_chunk_as_it_was(tmp_path: Path, layout: str) -> None:
    x = movie()
    array = create(tmp_path, x, (4, 12, 10), "uint8", **LAYOUTS[layout])
    array[...] = x
    before = files(tmp_path)
    with pytest.raises(ValueError, match="out of range"):
        array[2:4, 3:] = -5000
    assert files(tmp_path) == before


def test_a_process_that_never_imports_the_package_reads_the_arrays(tmp_path: Path) -> None:
    layouts = ["format 2", "format 3", "shards"]
    x, y = movie(), movie("uint16")
    for layout in layouts:
        create(tmp_path / layout, x, (4, 12, 10), "int8", **LAYOUTS[layout])[...] = x
        create(tmp_path / f"{layout}, codes alone", y, (4, 12, 10), **LAYOUTS[layout])[...] = y
    paths = [tmp_path / f"{layout}{of}" for of in ("", ", codes alone") for layout in layouts]
    for number, read in enumerate(read_in_a_fresh_process(tmp_path, *paths)):
        np.testing.assert_array_equal(read, through_functions(x, "int8") if number < len(layouts) else y)


@pytest.mark.parametrize("layout", ["format 2", "format 3"])
def test_threads_read_and_write_one_array_together(layout: str) -> None:
    x = movie("uint8", (64, 64, 64))
    array = create({}, x, (4, 64, 64), **LAYOUTS[layout])
    array[:32] = x[:32]

    def work(start: int) -> Array:
        array[start + 32 : start + 36] = x[start + 32 : start + 36]
        part: Array = array[start : start + 4]
        return part

    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(work, range(0, 32, 4)))
    np.testing.assert_array_equal(np.concatenate(parts), x[:32])
    np.testing.assert_array_equal(array[...], x)


@pytest.mark.parametrize("encoded_dtype", [None, "uint16"])
@pytest.mark.parametrize("layout", ["format 2", "format 3"])
@given(data=st.data(), dtype=st.sampled_from(PREDICTED_DTYPES), predictor=predictors())
@settings(max_examples=30)
def test_any_bytes_are_a_chunk_and_fewer_or_more_are_an_error(
    layout: str, encoded_dtype: str | None, data: st.DataObject, dtype: str, predictor: Predictor
) -> None:
    """Of codes alone, what they decode to gives the same bytes again."""
    x = movie("float32" if encoded_dtype else dtype, (3, 4, 5))
    store: dict[str, Any] = {}
    options = LAYOUTS[layout] | {"compressors": None}
    array = create(store, x, x.shape, encoded_dtype, predictor, config={"write_empty_chunks": True}, **options)
    array[...] = x
    (key,) = (key for key in store if key[-1] == "0")
    chunk = store[key]
    size = len(chunk)
    stored = data.draw(st.binary(min_size=size, max_size=size))
    store[key] = chunk.from_bytes(stored)
    read = np.asarray(array[...])
    assert (read.shape, read.dtype) == (x.shape, x.dtype)
    if encoded_dtype is None:
        array[...] = read
        assert store[key].to_bytes() == stored
    length = data.draw(st.integers(0, 2 * size).filter(lambda length: length != size))
    store[key] = chunk.from_bytes((2 * stored)[:length])
    with pytest.raises(ValueError, match=r"bytes|buffer size|reshape"):
        array[...]
