"""What is common to encoding and decoding: memory layouts, `out`, bytes, wrong input, memory, threads."""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import other_threads
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from processes import TIMEOUT
from strategies import CODE_DTYPES, REAL_DTYPES, Parameters

from anscombe_transform import decode, encode
from anscombe_transform.transform import tables

Array = npt.NDArray[Any]


def read_only(a: Array) -> Array:
    a = a.copy()
    a.flags.writeable = False
    return a


def unaligned(a: Array) -> Array:
    moved = np.empty(a.nbytes + 1, "u1")[1:].view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=2)[::2, :, ::3],
    "reversed": lambda a: a[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "transposed": lambda a: a.transpose(1, 2, 0).copy().transpose(2, 0, 1),
    "cut out": lambda a: np.pad(a, 2)[2:-2, 2:-2, 2:-2],
    "broadcast": lambda a: np.broadcast_to(a[:, :1, :1], a.shape),
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": read_only,
    "unaligned": unaligned,
    "0-d": lambda a: a[1, 1, 1].reshape(()),
    "empty": lambda a: a[:, :0],
    "6-d": lambda a: a.reshape(1, 2, -1, *a.shape[1:], 1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", REAL_DTYPES)
@pytest.mark.parametrize("encoded_dtype", ["uint8", "int32", "float64"])
def test_every_memory_layout_is_encoded_and_decoded(layout: str, dtype: str, encoded_dtype: str) -> None:
    x = LAYOUTS[layout](np.random.default_rng(0).integers(0, 127, (4, 50, 60)).astype(dtype))
    y = reference.unrounded_code(x, 20, 1.5)
    codes = encode(x, zero_level=20, conversion_gain=1.5, encoded_dtype=encoded_dtype)
    np.testing.assert_array_equal(codes, y if encoded_dtype == "float64" else np.rint(y))
    assert codes.shape == x.shape
    plain = decode(codes.ravel(), zero_level=20, conversion_gain=1.5, decoded_dtype=dtype).reshape(x.shape)
    for decoded_dtype in (np.dtype(dtype), np.dtype(dtype).newbyteorder()):
        laid_out = codes if layout in ("0-d", "empty", "6-d") else LAYOUTS[layout](codes)
        decoded = decode(laid_out, zero_level=20, conversion_gain=1.5, decoded_dtype=decoded_dtype)
        assert decoded.dtype == decoded_dtype
        np.testing.assert_array_equal(decoded, plain)


def test_lists_and_numbers_are_encoded() -> None:
    np.testing.assert_array_equal(encode([[0, 1], [2, 3]], zero_level=0, conversion_gain=1), [[0, 2], [4, 5]])
    assert encode(3.0, zero_level=0, conversion_gain=1).shape == ()


@pytest.mark.parametrize("layout", ["C", "Fortran", "strided", "reversed"])
def test_out_is_filled_and_returned(layout: str) -> None:
    x = np.random.default_rng(0).integers(0, 1000, (4, 5, 6)).astype("int16")
    out = LAYOUTS[layout](np.zeros(x.shape, "uint8"))
    assert encode(x, zero_level=20, conversion_gain=1.5, out=out) is out
    np.testing.assert_array_equal(out, encode(x, zero_level=20, conversion_gain=1.5))
    back = LAYOUTS[layout](np.zeros(x.shape, ">i2"))
    assert decode(out, zero_level=20, conversion_gain=1.5, decoded_dtype=">i2", out=back) is back
    np.testing.assert_array_equal(back, decode(out, zero_level=20, conversion_gain=1.5, decoded_dtype="int16"))


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float16", ">i2"])
def test_out_is_untouched_where_encoding_is_refused(dtype: str) -> None:
    x = np.zeros(100_000, dtype)
    x[-1] = -100
    out = np.full(x.shape, 7, "uint8")
    with pytest.raises(ValueError, match="1 of 100000 values are out of range: -100 to -100 ADU"):
        encode(x, zero_level=0, conversion_gain=1, out=out)
    assert (out == 7).all()


def test_out_with_floating_point_codes_takes_nan_and_infinities() -> None:
    x = np.array([np.nan, np.inf, 1.0])
    out = np.empty(3, "float32")
    encode(x, zero_level=0, conversion_gain=1, encoded_dtype="float32", out=out)
    np.testing.assert_array_equal(out[:2], x[:2].astype("float32"))


def test_a_wrong_out_is_refused() -> None:
    x = np.zeros((4, 5), "int16")
    parameters: Parameters = {"zero_level": 0, "conversion_gain": 1}
    with pytest.raises(ValueError, match=r"out must have shape \(4, 5\) and dtype uint8, not \(5, 4\) and uint8"):
        encode(x, out=np.empty((5, 4), "uint8"), **parameters)
    with pytest.raises(ValueError, match=r"dtype uint8, not .* int8"):
        encode(x, out=np.empty((4, 5), "int8"), **parameters)
    with pytest.raises(ValueError, match="out is read-only"):
        encode(x, out=read_only(np.empty((4, 5), "uint8")), **parameters)
    with pytest.raises(ValueError, match="out overlaps"):
        encode(x, out=x.view("uint8")[:, :5], **parameters)
    with pytest.raises(TypeError, match="out must be a NumPy array, not list"):
        encode(x, out=[], **parameters)  # type: ignore[arg-type, unused-ignore]
    with pytest.raises(ValueError, match=r"dtype int16, not .* int32"):
        decode(x.astype("uint8"), decoded_dtype="int16", out=np.empty((4, 5), "int32"), **parameters)


@pytest.mark.parametrize("dtype", ["bool", "complex64", "datetime64[s]", "object", "U3", "longdouble"])
def test_an_array_that_is_not_of_real_numbers_is_refused(dtype: str) -> None:
    with pytest.raises(TypeError, match="must be of integers or floats of at most 64 bits"):
        encode(np.zeros(3, dtype), zero_level=0, conversion_gain=1)
    with pytest.raises(ValueError, match="decoded_dtype must be an integer or floating-point dtype"):
        decode(np.zeros(3, "uint8"), zero_level=0, conversion_gain=1, decoded_dtype=dtype)


def test_a_masked_array_is_refused() -> None:
    x = np.ma.masked_less(np.array([1, 2, 3]), 2)
    with pytest.raises(TypeError, match=r"array is masked.*array\.filled\(value\)"):
        encode(x, zero_level=0, conversion_gain=1)


@pytest.mark.parametrize("encoded_dtype", CODE_DTYPES)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_decoded_as_little_endian_codes(encoded_dtype: str, kind: Callable[[bytes], Any]) -> None:
    codes = np.array([0, 1, 2, 100], np.dtype(encoded_dtype).newbyteorder("<"))
    parameters: Parameters = {"zero_level": 20, "conversion_gain": 1.5, "decoded_dtype": "float32"}
    decoded = decode(kind(codes.tobytes()), encoded_dtype=encoded_dtype, **parameters)
    np.testing.assert_array_equal(decoded, decode(codes, **parameters))


def test_a_memoryview_of_codes_is_decoded_as_the_array_that_it_views() -> None:
    codes = np.array([131, 132], ">u2")
    parameters: Parameters = {"zero_level": 100, "conversion_gain": 2.5, "decoded_dtype": "int16"}
    np.testing.assert_array_equal(decode(memoryview(codes), **parameters), decode(codes, **parameters))  # type: ignore[arg-type, unused-ignore]
    with pytest.raises(ValueError, match="codes are float64, but encoded_dtype is uint8"):
        decode(memoryview(codes.astype("float64")), encoded_dtype="uint8", **parameters)  # type: ignore[arg-type, unused-ignore]


def test_codes_that_are_not_what_they_are_said_to_be_are_refused() -> None:
    parameters: Parameters = {"zero_level": 0, "conversion_gain": 1, "decoded_dtype": "int16"}
    with pytest.raises(ValueError, match="encoded_dtype must be given to decode bytes"):
        decode(b"abc", **parameters)
    with pytest.raises(ValueError, match="multiple of element size"):
        decode(b"abc", encoded_dtype="uint16", **parameters)
    with pytest.raises(ValueError, match="codes are uint8, but encoded_dtype is int8"):
        decode(np.zeros(3, "uint8"), encoded_dtype="int8", **parameters)
    with pytest.raises(TypeError, match="codes are of int64, but must be of uint8, int8,"):
        decode([1, 2, 3], **parameters)


@pytest.mark.parametrize("dtype", ["int16", ">i2", "int32", "float16", "float32", "float64"])
def test_no_temporary_of_the_size_of_the_chunk_is_made(dtype: str) -> None:
    x = np.ones((8, 512, 1024), dtype)[:, :, ::2]
    parameters: Parameters = {"zero_level": 0, "conversion_gain": 1}
    codes = encode(x[:1], **parameters)  # tables are in place from here on
    decode(codes, decoded_dtype=dtype, **parameters)
    tracemalloc.start()
    codes = encode(x, **parameters)
    assert tracemalloc.get_traced_memory()[1] < codes.nbytes + 1_000_000
    tracemalloc.reset_peak()
    decoded = decode(codes, decoded_dtype=dtype, **parameters)
    assert tracemalloc.get_traced_memory()[1] < codes.nbytes + decoded.nbytes + 1_000_000
    tracemalloc.stop()


@given(st.floats(1.0, 2.0))
def test_threads_share_tables_that_are_built_once(conversion_gain: float) -> None:
    x = np.random.default_rng(0).integers(0, 1000, (64, 100)).astype("int16")
    built: list[str] = []
    build = tables._all_elements

    def counted(dtype: str) -> Array:
        built.append(dtype)
        return build(dtype)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(8) as pool:
        patch.setattr(tables, "_all_elements", counted)
        codes = list(pool.map(lambda row: encode(row, zero_level=3, conversion_gain=conversion_gain), x))
        decoded = list(
            pool.map(
                lambda row: decode(row, zero_level=3, conversion_gain=conversion_gain, decoded_dtype="int16"), codes
            )
        )
    assert sorted(built) in ([], ["int16", "uint8"])
    np.testing.assert_array_equal(codes, reference.code(x, 3, conversion_gain))
    assert (np.abs(np.array(decoded) - x.astype("int32")) <= reference.largest_error(x, 3, conversion_gain)).all()


@pytest.mark.parametrize(("dtype", "encoded_dtype"), [("int16", "uint8"), ("int32", "int32")])
def test_other_threads_run_while_large_arrays_are_encoded_and_decoded(dtype: str, encoded_dtype: str) -> None:
    """They are looked up, or computed."""
    x = np.full(1 << 20, 20, dtype)
    parameters: Parameters = {"zero_level": 0, "conversion_gain": 1}
    codes = encode(x, encoded_dtype=encoded_dtype, **parameters)
    assert other_threads.run_during(lambda: encode(x, encoded_dtype=encoded_dtype, **parameters))
    assert other_threads.run_during(lambda: decode(codes, decoded_dtype=dtype, **parameters))


FORK = """
import os, threading, numpy
from anscombe_transform import encode
from anscombe_transform.transform import tables

build, building, done = tables._all_elements, threading.Event(), threading.Event()

def slow(dtype):
    building.set()
    done.wait()
    return build(dtype)

tables._all_elements = slow
thread = threading.Thread(target=encode, args=[numpy.zeros(1, "int16")], kwargs=dict(zero_level=0, conversion_gain=1))
thread.start()
building.wait()
child = os.fork()
if child == 0:
    tables._all_elements = build
    encode(numpy.zeros(1, "int16"), zero_level=1, conversion_gain=1)
    os._exit(0)
status = os.waitpid(child, 0)[1]
done.set()
thread.join()
assert status == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_that_was_forked_while_a_table_was_built_builds_its_own() -> None:
    subprocess.run([sys.executable, "-P", "-c", FORK], check=True, timeout=TIMEOUT)


def test_tables_take_bounded_memory() -> None:
    x = np.zeros(1, "int16")
    tracemalloc.start()
    for i in range(200):
        codes = encode(x, zero_level=i, conversion_gain=1, encoded_dtype="float64")
        encode(x, zero_level=i, conversion_gain=1, encoded_dtype="uint16")
        decode(codes.astype("uint16"), zero_level=i, conversion_gain=1, decoded_dtype="float64")
    assert tracemalloc.get_traced_memory()[0] < 64 * 2**20
    tracemalloc.stop()
