"""The codec in Zarr V2 arrays and in numcodecs."""

import json
import pickle
from pathlib import Path
from typing import Any, Literal

import numcodecs
import numpy as np
import numpy.typing as npt
import pytest
import zarr
from fresh_process import read_in_a_fresh_process
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines import pipeline  # noqa: F401 - each test runs with each pipeline
from strategies import CODE_DTYPES, REAL_DTYPES, Parameters, parameters
from zarr.storage import MemoryStore

from anscombe_transform import AnscombeTransformV2, decode, encode

Z, G = 20, 2.5
BYTE_ORDERS: tuple[Literal["<", ">"], ...] = ("<", ">")


def movie(dtype: npt.DTypeLike = "int16", shape: tuple[int, ...] = (20, 30, 40)) -> npt.NDArray[Any]:
    return (Z + G * np.random.default_rng(0).poisson(8, shape)).astype(dtype)


def through_functions(x: npt.NDArray[Any], encoded_dtype: str = "uint8") -> npt.NDArray[Any]:
    codes = encode(x, zero_level=Z, conversion_gain=G, encoded_dtype=encoded_dtype)
    return decode(codes, zero_level=Z, conversion_gain=G, decoded_dtype=x.dtype)


@pytest.mark.parametrize("encoded_dtype", CODE_DTYPES)
@pytest.mark.parametrize("dtype", REAL_DTYPES)
def test_arrays_of_every_dtype_read_back_what_the_functions_give(dtype: str, encoded_dtype: str) -> None:
    """In both byte orders."""
    store = MemoryStore()
    for byte_order in BYTE_ORDERS if encoded_dtype in ("uint8", "int32") else BYTE_ORDERS[:1]:
        x = movie("int32", (4, 5, 6)).clip(0, 127).astype(np.dtype(dtype).newbyteorder(byte_order))
        codec = AnscombeTransformV2(Z, G, encoded_dtype=encoded_dtype, decoded_dtype=x.dtype)
        options: dict[str, Any] = {"chunks": (2, 5, 6), "dtype": x.dtype, "filters": [codec], "zarr_format": 2}
        array = zarr.create_array(store, shape=x.shape, overwrite=True, **options)
        array[...] = x
        read = np.asarray(zarr.open_array(store, mode="r")[...])
        np.testing.assert_array_equal(read, through_functions(x, encoded_dtype))
        assert read.dtype == x.dtype


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressor", [None, numcodecs.Zstd(3), numcodecs.Blosc("lz4")], ids=str)
def test_the_codec_is_a_filter_before_any_compressor(order: Any, compressor: Any) -> None:
    x = movie()
    array = zarr.create_array(
        {},
        shape=x.shape,
        chunks=(10, 30, 40),
        dtype=x.dtype,
        filters=[AnscombeTransformV2(Z, G)],
        compressors=compressor,
        order=order,
        zarr_format=2,
    )
    array[...] = x
    np.testing.assert_array_equal(array[...], through_functions(x))
    array[3:5, 7:, ::2] = 1000
    x[3:5, 7:, ::2] = 1000
    np.testing.assert_array_equal(array[...], through_functions(x))


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_codec_alone_is_a_compressor(order: Any) -> None:
    x = movie()
    codec = AnscombeTransformV2(Z, G)
    array = zarr.create_array(
        {}, shape=x.shape, chunks=(10, 30, 40), dtype=x.dtype, compressors=codec, order=order, zarr_format=2
    )
    array[...] = x
    np.testing.assert_array_equal(array[...], through_functions(x))


@given(
    parameters(), st.sampled_from(CODE_DTYPES), st.sampled_from([*REAL_DTYPES, ">i2"]), st.sampled_from([None, "clamp"])
)
@settings(max_examples=50)
def test_metadata_and_pickle_and_copies_give_the_same_codec(
    parameters: Parameters, encoded_dtype: str, decoded_dtype: str, out_of_range: Any
) -> None:
    codec = AnscombeTransformV2(
        **parameters, encoded_dtype=encoded_dtype, decoded_dtype=decoded_dtype, out_of_range=out_of_range
    )
    config = json.loads(json.dumps(codec.get_config()))
    for same in (numcodecs.get_codec(config), pickle.loads(pickle.dumps(codec)), eval(repr(codec))):
        assert same == codec
        assert hash(same) == hash(codec)
        assert same.get_config() == codec.get_config()
    assert ("out_of_range" in config) == (out_of_range is not None)


def test_the_metadata_are_those_of_the_format(tmp_path: Path) -> None:
    zarr.create_array(tmp_path, shape=(4,), dtype="int16", filters=[AnscombeTransformV2(100, 2.5)], zarr_format=2)
    assert json.loads((tmp_path / ".zarray").read_text())["filters"] == [
        {
            "id": "anscombe-v1",
            "zero_level": 100,
            "conversion_gain": 2.5,
            "beta": 0.5,
            "encoded_dtype": "uint8",
            "decoded_dtype": "int16",
        }
    ]


def test_missing_metadata_have_the_values_of_the_format() -> None:
    codec = numcodecs.get_codec({"id": "anscombe-v1", "zero_level": 100, "conversion_gain": 2.5})
    assert codec == AnscombeTransformV2(100, 2.5, encoded_dtype="uint8", decoded_dtype="int16", beta=0.5)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"zero_level": 1}, "lack conversion_gain"),
        ({"zero_level": 1, "conversion_gain": 1, "gamma": 2}, "an unknown field, .gamma."),
        ({"zero_level": 1, "conversion_gain": 0}, "must be above 0"),
    ],
)
def test_wrong_metadata_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        numcodecs.get_codec({"id": "anscombe-v1"} | config)


def test_the_codec_refuses_to_be_without_a_decoded_dtype() -> None:
    with pytest.raises(ValueError, match="decoded_dtype must be the dtype of the array"):
        AnscombeTransformV2(Z, G, decoded_dtype=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32", ">i2"])
def test_an_array_of_another_dtype_is_refused_before_anything_is_stored(tmp_path: Path, dtype: str) -> None:
    x = movie(dtype)
    array = zarr.create_array(
        tmp_path, shape=x.shape, chunks=x.shape, dtype=dtype, filters=[AnscombeTransformV2(Z, G)], zarr_format=2
    )
    with pytest.raises(ValueError, match=f"the array's dtype is {dtype}, .* make it '{dtype}'"):
        array[...] = x
    assert not list(tmp_path.glob("0*"))


def test_a_failed_write_leaves_the_chunk_as_it_was(tmp_path: Path) -> None:
    x = movie()
    array = zarr.create_array(
        tmp_path, shape=x.shape, chunks=x.shape, dtype=x.dtype, filters=[AnscombeTransformV2(Z, G)], zarr_format=2
    )
    array[...] = x
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match="out of range"):
        array[2:4, 3:] = -5000
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("encoded_dtype", ["int8", "uint16", "float64"])
def test_decode_fills_out_and_returns_it(encoded_dtype: str) -> None:
    x = movie().clip(0, 127)
    codec = AnscombeTransformV2(Z, G, encoded_dtype=encoded_dtype)
    codes = codec.encode(x)
    expected = through_functions(x, encoded_dtype)
    out: Any
    for out in (np.empty_like(x), np.empty_like(x, order="F"), bytearray(x.nbytes), np.empty(x.nbytes, "u1")):
        order: Any = "F" if isinstance(out, np.ndarray) and out.flags.f_contiguous and out.ndim == 3 else "C"
        assert codec.decode(np.asarray(codes, order=order).tobytes("A"), out=out) is out
        decoded = np.frombuffer(out, "int16") if isinstance(out, bytearray) else out.ravel("A").view("int16")
        np.testing.assert_array_equal(decoded.reshape(x.shape, order=order), expected)


def test_a_wrong_out_or_broken_bytes_are_refused() -> None:
    codec = AnscombeTransformV2(Z, G, encoded_dtype="uint16")
    codes = codec.encode(movie())
    with pytest.raises(ValueError, match="out has 10 bytes, but the result 48000"):
        codec.decode(codes, out=np.empty(5, "int16"))
    with pytest.raises(ValueError, match="3 bytes are not a whole number of uint16 codes"):
        codec.decode(b"abc")
    fixed = np.empty(codes.shape, "int16")
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        codec.decode(codes, out=fixed)


def test_codes_are_stored_little_endian() -> None:
    x = movie()
    codes = encode(x, zero_level=Z, conversion_gain=G, encoded_dtype="uint16")
    assert AnscombeTransformV2(Z, G, encoded_dtype="uint16").encode(x).tobytes() == codes.astype("<u2").tobytes()


@pytest.mark.parametrize("dtype", [">u2", "int16", "int64", "float32"])
def test_codes_of_another_dtype_are_refused(dtype: str) -> None:
    with pytest.raises(ValueError, match=f"the codes are {dtype}, but encoded_dtype is uint16"):
        AnscombeTransformV2(Z, G, encoded_dtype="uint16").decode(np.array([1, 131], dtype))


def test_a_masked_array_is_refused() -> None:
    with pytest.raises(TypeError, match="array is masked"):
        AnscombeTransformV2(Z, G).encode(np.ma.masked_less(movie(), 30))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_taken_as_an_array_of_decoded_dtype(kind: Any) -> None:
    x = movie()
    codec = AnscombeTransformV2(Z, G)
    np.testing.assert_array_equal(codec.encode(kind(x.tobytes())), codec.encode(x).ravel())


def test_a_process_that_never_imports_the_package_reads_the_array(tmp_path: Path) -> None:
    x = movie()
    array = zarr.create_array(
        tmp_path / "a",
        shape=x.shape,
        chunks=(10, 30, 40),
        dtype=x.dtype,
        filters=[AnscombeTransformV2(Z, G)],
        zarr_format=2,
    )
    array[...] = x
    (read,) = read_in_a_fresh_process(tmp_path, tmp_path / "a")
    np.testing.assert_array_equal(read, through_functions(x))
