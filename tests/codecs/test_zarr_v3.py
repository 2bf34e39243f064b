"""The codec in Zarr V3 arrays."""

import asyncio
import json
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference
import zarr
from fresh_process import read_in_a_fresh_process
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines import pipeline  # noqa: F401 - each test runs with each pipeline
from strategies import CODE_DTYPES, REAL_DTYPES, Parameters, parameters
from zarr.buffer import default_buffer_prototype
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec
from zarr.core.array_spec import ArrayConfig, ArraySpec
from zarr.dtype import parse_dtype
from zarr.storage import LocalStore, MemoryStore

from anscombe_transform import AnscombeTransformV3, decode, encode
from anscombe_transform.codecs import anscombe_zarr3

Z, G = 100, 2.5


def movie(dtype: npt.DTypeLike = "int16", shape: tuple[int, ...] = (20, 30, 40), seed: int = 0) -> npt.NDArray[Any]:
    return (Z + G * np.random.default_rng(seed).poisson(8, shape)).astype(dtype)


def create(store: Any, x: npt.NDArray[Any], codec: AnscombeTransformV3, **kwargs: Any) -> Any:
    kwargs = {"chunks": (10, 30, 40)} | kwargs
    return zarr.create_array(store, shape=x.shape, dtype=x.dtype, filters=[codec], **kwargs)


def through_functions(x: npt.NDArray[Any], **parameters: Any) -> npt.NDArray[Any]:
    codes = encode(x, zero_level=Z, conversion_gain=G, **parameters)
    parameters.pop("encoded_dtype", None)
    parameters.pop("out_of_range", None)
    return decode(codes, zero_level=Z, conversion_gain=G, decoded_dtype=x.dtype, **parameters)


@pytest.mark.parametrize("dtype", REAL_DTYPES)
@pytest.mark.parametrize("encoded_dtype", CODE_DTYPES)
def test_arrays_of_every_dtype_read_back_what_the_functions_give(dtype: str, encoded_dtype: str) -> None:
    store = MemoryStore()
    x = movie("int32", (4, 5, 6)).clip(0, 127).astype(dtype)
    codec = AnscombeTransformV3(0, G, encoded_dtype=encoded_dtype)
    if x.itemsize == 1 and np.dtype(encoded_dtype).itemsize > 1:
        with pytest.raises(ValueError, match=f"Zarr 3.1 cannot read {encoded_dtype} codes back in an array of {dtype}"):
            create(store, x, codec, chunks=(2, 5, 6))
        return
    create(store, x, codec, chunks=(2, 5, 6))[...] = x
    codes = encode(x, zero_level=0, conversion_gain=G, encoded_dtype=encoded_dtype)
    read = np.asarray(zarr.open_array(store, mode="r")[...])
    np.testing.assert_array_equal(read, decode(codes, zero_level=0, conversion_gain=G, decoded_dtype=dtype))
    assert read.dtype == dtype


@pytest.mark.parametrize(
    "options",
    [
        {"compressors": None},
        {"compressors": [GzipCodec(), Crc32cCodec()]},
        {"compressors": [ZstdCodec(level=3)]},
        {"compressors": [BloscCodec(cname="lz4", typesize=1)]},
        {"serializer": BytesCodec(endian="big")},
        {"shards": (20, 30, 40)},
        {"shards": (20, 60, 40), "chunks": (5, 15, 40)},
        {"config": {"order": "F"}},
        {"chunks": (7, 11, 13)},
        {"chunks": (1, 30, 40), "config": {"write_empty_chunks": True}},
    ],
    ids=str,
)
@pytest.mark.parametrize("encoded_dtype", ["uint8", "uint16", "float32"])
def test_the_codec_works_with_every_other_part_of_zarr(options: dict[str, Any], encoded_dtype: str) -> None:
    x = movie()
    array = create(MemoryStore(), x, AnscombeTransformV3(Z, G, encoded_dtype=encoded_dtype), **options)
    array[...] = x
    np.testing.assert_array_equal(array[...], through_functions(x, encoded_dtype=encoded_dtype))
    array[3:5, 7:, ::2] = 1000
    x[3:5, 7:, ::2] = 1000
    np.testing.assert_array_equal(array[...], through_functions(x, encoded_dtype=encoded_dtype))


@pytest.mark.parametrize("filters", [(0, 1), (1, 0)])
def test_the_codec_works_before_and_after_a_transposition(filters: tuple[int, int]) -> None:
    x = movie()
    codecs = [AnscombeTransformV3(Z, G), TransposeCodec(order=(2, 0, 1))]
    chosen = [codecs[i] for i in filters]
    array = zarr.create_array({}, shape=x.shape, chunks=(10, 30, 40), dtype=x.dtype, filters=chosen)
    array[...] = x
    np.testing.assert_array_equal(array[...], through_functions(x))


@pytest.mark.parametrize("options", [{}, {"shards": (20, 30, 40)}])
def test_the_pipeline_that_was_chosen_calls_the_codec(pipeline: str, options: dict[str, Any]) -> None:  # noqa: F811
    array = create(MemoryStore(), movie(), AnscombeTransformV3(Z, G), **options)
    opened: Any = zarr.AsyncArray(array.metadata, array.store_path)
    assert pipeline.endswith(type(opened.codec_pipeline).__name__)
    array[...] = movie()
    np.testing.assert_array_equal(array[...], through_functions(movie()))


def test_reading_writing_and_storing_again_never_drifts() -> None:
    x = movie()
    array = create({}, x, AnscombeTransformV3(Z, G))
    array[...] = x
    once = array[...]
    for _ in range(3):
        array[...] = array[...]
    np.testing.assert_array_equal(array[...], once)


@given(
    parameters(), st.sampled_from(CODE_DTYPES), st.sampled_from([None, *REAL_DTYPES]), st.sampled_from([None, "clamp"])
)
@settings(max_examples=50)
def test_metadata_and_pickle_and_copies_give_the_same_codec(
    parameters: Parameters, encoded_dtype: str, decoded_dtype: str | None, out_of_range: Any
) -> None:
    codec = AnscombeTransformV3(
        **parameters, encoded_dtype=encoded_dtype, decoded_dtype=decoded_dtype, out_of_range=out_of_range
    )
    metadata = json.loads(json.dumps(codec.to_dict()))
    for same in (AnscombeTransformV3.from_dict(metadata), pickle.loads(pickle.dumps(codec)), eval(repr(codec))):
        assert same == codec
        assert hash(same) == hash(codec)
        assert same.to_dict() == codec.to_dict()
    assert ("out_of_range" in metadata["configuration"]) == (out_of_range is not None)


def test_the_metadata_are_those_of_the_format() -> None:
    array = create({}, movie(), AnscombeTransformV3(100, 2.5))
    assert array.metadata.to_dict()["codecs"][0] == {
        "name": "anscombe-v1",
        "configuration": {
            "zero_level": 100,
            "conversion_gain": 2.5,
            "beta": 0.5,
            "encoded_dtype": "uint8",
            "decoded_dtype": "int16",
        },
    }


def test_missing_metadata_have_the_values_of_the_format() -> None:
    configuration: Any = {"zero_level": 100, "conversion_gain": 2.5}
    for name in ("anscombe-v1", "anscombe-transform"):
        codec = AnscombeTransformV3.from_dict({"name": name, "configuration": configuration})
        assert codec == AnscombeTransformV3(100, 2.5, encoded_dtype="uint8", decoded_dtype=None, beta=0.5)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"name": "anscombe-v2", "configuration": {"zero_level": 1, "conversion_gain": 1}}, "not 'anscombe-v2'"),
        ({"name": "anscombe-v1", "configuration": {"zero_level": 1}}, "lack conversion_gain"),
        (
            {"name": "anscombe-v1", "configuration": {"zero_level": 1, "conversion_gain": 1, "gamma": 2}},
            "an unknown field, .gamma.",
        ),
        ({"name": "anscombe-v1", "configuration": {"zero_level": 1, "conversion_gain": 0}}, "must be above 0"),
        ({"name": "anscombe-v1"}, "configuration"),
    ],
)
def test_wrong_metadata_are_refused(metadata: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AnscombeTransformV3.from_dict(metadata)


def test_the_codec_is_frozen() -> None:
    with pytest.raises(AttributeError):
        AnscombeTransformV3(Z, G).beta = 1.0  # type: ignore[misc]


def test_an_array_of_another_dtype_than_decoded_dtype_is_refused(tmp_path: Path) -> None:
    """When it is created."""
    with pytest.raises(ValueError, match="the array's dtype is int16, but decoded_dtype is float32"):
        create(tmp_path / "a", movie(), AnscombeTransformV3(Z, G, decoded_dtype="float32"))
    assert not [path for path in (tmp_path / "a").rglob("*") if path.is_file()]


@pytest.mark.parametrize("dtype", ["bool", "complex64", "U4"])
def test_an_array_that_is_not_of_real_numbers_is_refused_when_created(dtype: str) -> None:
    with pytest.raises(ValueError, match="the array's dtype must be an integer or floating-point dtype"):
        zarr.create_array({}, shape=(4,), dtype=dtype, filters=[AnscombeTransformV3(Z, G)])


@pytest.mark.parametrize("options", [{}, {"shards": (20, 30, 40)}])
def test_a_fill_value_that_cannot_be_encoded_is_refused(options: dict[str, Any]) -> None:
    """When the array is created."""
    with pytest.raises(ValueError, match=r"fill value, -5000, cannot be encoded.*encoded_dtype='int16'"):
        create({}, movie(), AnscombeTransformV3(Z, G), fill_value=-5000, **options)
    with pytest.raises(ValueError, match="fill value, nan, cannot be encoded"):
        create({}, movie("float32"), AnscombeTransformV3(Z, G), fill_value=np.nan, **options)
    create({}, movie("float32"), AnscombeTransformV3(Z, G, encoded_dtype="float32"), fill_value=np.nan, **options)
    create({}, movie(), AnscombeTransformV3(Z, G, out_of_range="clamp"), fill_value=-5000, **options)


@pytest.mark.parametrize("options", [{}, {"shards": (20, 30, 40)}])
def test_an_array_without_a_code_for_0_can_be_created(tmp_path: Path, options: dict[str, Any]) -> None:
    """If its fill value has one; Zarr asks for 0 within shards."""
    codec = AnscombeTransformV3(zero_level=-3.25, conversion_gain=0.5, encoded_dtype="uint16", beta=0.25)
    create(tmp_path / "a", movie() + 20, codec, fill_value=20, **options)[...] = movie() + 20
    expected = decode(
        encode(movie() + 20, zero_level=-3.25, conversion_gain=0.5, encoded_dtype="uint16", beta=0.25),
        zero_level=-3.25,
        conversion_gain=0.5,
        beta=0.25,
        decoded_dtype="int16",
    )
    np.testing.assert_array_equal(np.asarray(zarr.open_array(tmp_path / "a", mode="r")), expected)


def test_xarray_writes_floats_as_the_message_on_its_fill_value_says(tmp_path: Path) -> None:
    """The fill value that xarray gives to arrays of floats is NaN, which has no integer code."""
    xarray = pytest.importorskip("xarray")
    x = movie("float32")
    dataset = xarray.Dataset({"movie": (("t", "y", "x"), x)})

    def written(encoded_dtype: str, **encoding: Any) -> Any:
        codec = AnscombeTransformV3(Z, G, encoded_dtype=encoded_dtype)
        options: dict[str, Any] = {"zarr_format": 3, "consolidated": False}
        dataset.to_zarr(tmp_path, mode="w", encoding={"movie": {"filters": [codec]} | encoding}, **options)
        return xarray.open_zarr(tmp_path, consolidated=False)["movie"].to_numpy()

    with pytest.raises(ValueError, match=r"encoded_dtype='float32'.*Or create the array with another fill_value"):
        written("uint8")
    np.testing.assert_allclose(written("float32"), x, rtol=1e-5)
    np.testing.assert_array_equal(written("uint8", fill_value=0), through_functions(x, encoded_dtype="uint8"))


def test_chunks_that_were_never_written_read_as_the_fill_value() -> None:
    array = create({}, movie(), AnscombeTransformV3(Z, G), fill_value=123)
    array[:3] = 500
    assert (array[10:] == 123).all()
    assert (array[3:10] == through_functions(np.array(123, "int16"))).all()


@pytest.mark.parametrize("encoded_dtype", ["uint8", "int32"])
@pytest.mark.parametrize("size", [32, 512])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_batches_of_small_and_large_chunks_may_have_gaps(batch_size: int, size: int, encoded_dtype: str) -> None:
    x = movie(shape=(6, size, size))
    with zarr.config.set({"codec_pipeline.batch_size": batch_size}):
        array = create({}, x, AnscombeTransformV3(Z, G, encoded_dtype), chunks=(1, size, size), fill_value=Z)
        array[2:5] = x[2:5]
        read = array[...]
    expected = np.full_like(x, Z)
    expected[2:5] = through_functions(x[2:5], encoded_dtype=encoded_dtype)
    np.testing.assert_array_equal(read, expected)


def test_the_specification_of_codes_has_their_dtype_and_fill_value() -> None:
    """That is the code of the fill value of the array."""
    spec = ArraySpec(
        (3, 4),
        parse_dtype(np.dtype("int16"), zarr_format=3),
        np.int16(600),
        ArrayConfig("C", True),
        default_buffer_prototype(),
    )
    codec = AnscombeTransformV3(Z, G, encoded_dtype="uint16")
    resolved = codec.resolve_metadata(spec)
    assert resolved.shape == (3, 4)
    assert resolved.dtype.to_native_dtype() == "uint16"
    assert resolved.fill_value == reference.code(600, Z, G)
    assert codec.compute_encoded_size(24, spec) == 24
    assert AnscombeTransformV3(Z, G).compute_encoded_size(24, spec) == 12


def test_a_failed_write_leaves_the_chunk_as_it_was(tmp_path: Path) -> None:
    x = movie()
    array = create(tmp_path / "a", x, AnscombeTransformV3(Z, G), chunks=x.shape)
    array[...] = x
    before = {p: p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()}
    for wrong in (np.full_like(x, -32768), np.where(x == x.max(), np.int16(-5000), x)):
        with pytest.raises(ValueError, match="out of range"):
            array[...] = wrong
        with pytest.raises(ValueError, match="out of range"):
            array[2:4, 3:] = wrong.min()
    assert {p: p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()} == before


def test_of_many_chunks_only_those_that_can_be_encoded_are_written(tmp_path: Path) -> None:
    x = movie(shape=(8, 30, 40))
    array = create(tmp_path / "a", x, AnscombeTransformV3(Z, G), chunks=(1, 30, 40))
    array[...] = x
    before = array[...]
    wrong = movie(shape=x.shape, seed=1)
    wrong[5, 7, 7] = -5000
    with pytest.raises(ValueError, match="1 of 1200 values are out of range: -5000 to -5000 ADU"):
        array[...] = wrong
    after, expected = array[...], through_functions(np.where(wrong < 0, np.int16(0), wrong))
    np.testing.assert_array_equal(after[5], before[5])
    for frame in (0, 1, 2, 3, 4, 6, 7):
        assert (after[frame] == before[frame]).all() or (after[frame] == expected[frame]).all()


def test_a_process_that_never_imports_the_package_reads_the_array(tmp_path: Path) -> None:
    """With and without shards."""
    x = movie()
    create(tmp_path / "a", x, AnscombeTransformV3(Z, G))[...] = x
    create(tmp_path / "b", x, AnscombeTransformV3(Z, G), shards=(20, 30, 40))[...] = x
    for read in read_in_a_fresh_process(tmp_path, tmp_path / "a", tmp_path / "b"):
        np.testing.assert_array_equal(read, through_functions(x))


def test_threads_read_and_write_one_array_together(tmp_path: Path) -> None:
    x = movie(shape=(64, 64, 64))
    array = create(LocalStore(tmp_path / "a"), x, AnscombeTransformV3(Z, G), chunks=(4, 64, 64))
    starts = range(0, 64, 4)

    def write(start: int) -> None:
        array[start : start + 4] = x[start : start + 4]

    def read(start: int) -> npt.NDArray[Any]:
        part: npt.NDArray[Any] = array[start : start + 4]
        return part

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, starts))
        parts = list(pool.map(read, starts))
    np.testing.assert_array_equal(np.concatenate(parts), through_functions(x))


@pytest.mark.parametrize(
    ("work", "dtype", "encoded_dtype"), [("encode", "int16", "uint8"), ("decode", "int32", "int32")]
)
def test_the_event_loop_stays_free_during_long_work(
    work: str, dtype: str, encoded_dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large chunk is encoded, or its values are computed."""
    codec = AnscombeTransformV3(Z, G, encoded_dtype)
    shape = (4, 512, 512)
    spec = ArraySpec(
        shape,
        parse_dtype(np.dtype(dtype), zarr_format=3),
        np.dtype(dtype).type(0),
        ArrayConfig("C", True),
        default_buffer_prototype(),
    )
    chunk = default_buffer_prototype().nd_buffer.from_numpy_array(np.ones(shape, dtype))
    loop_moved_on = threading.Event()
    name = f"{work}_array"
    real: Callable[..., Any] = getattr(anscombe_zarr3, name)

    def waiting(*args: Any) -> Any:
        assert loop_moved_on.wait(timeout=10), "the event loop was held up"
        return real(*args)

    monkeypatch.setattr(anscombe_zarr3, name, waiting)

    async def main() -> None:
        task = asyncio.ensure_future(getattr(codec, work)([(chunk, spec)]))
        await asyncio.sleep(0)
        loop_moved_on.set()
        await task

    asyncio.run(main())
