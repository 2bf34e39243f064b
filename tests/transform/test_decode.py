"""Decoding against brute force over all inputs, and the guarantees of the format."""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import (
    CODE_DTYPES,
    INTEGER_CODE_DTYPES,
    INTEGER_DTYPES,
    REAL_DTYPES,
    Parameters,
    byte_orders,
    inputs,
    logarithmic,
    parameters,
)

from anscombe_transform import decode, encode


def arguments(parameters: Parameters) -> tuple[float, float, float]:
    return parameters["zero_level"], parameters["conversion_gain"], parameters["beta"]


def clipped(x: npt.NDArray[np.float64], dtype: str) -> npt.NDArray[Any]:
    info = np.iinfo(dtype)
    return np.clip(np.rint(x), float(info.min), float(info.max)).astype(dtype)


TABLE_DTYPES = ("int8", "uint8", "int16", "uint16")

# With these, the limits between codes are integers, and only rounding errors tell on which side they fall.
LIMITS_ARE_INTEGERS: list[Parameters] = [
    {"zero_level": 0.0, "conversion_gain": 8.0, "beta": 4 * np.sqrt(3 / 8)},
    {"zero_level": 30000.0, "conversion_gain": 2.0, "beta": 1 / np.sqrt(3 / 8)},
    {"zero_level": -700.0, "conversion_gain": 14.0, "beta": 1 / np.sqrt(3 / 8)},
]


@pytest.mark.parametrize("dtype", TABLE_DTYPES)
@pytest.mark.parametrize("encoded_dtype", INTEGER_CODE_DTYPES)
@given(parameters())
@example(LIMITS_ARE_INTEGERS[0])
@example(LIMITS_ARE_INTEGERS[1])
@example(LIMITS_ARE_INTEGERS[2])
@settings(max_examples=15)
def test_a_code_decodes_to_the_middle_of_all_integers_that_have_it(
    dtype: str, encoded_dtype: str, parameters: Parameters
) -> None:
    check_middles(dtype, encoded_dtype, parameters)


@pytest.mark.slow
@given(st.sampled_from(TABLE_DTYPES), st.sampled_from(INTEGER_CODE_DTYPES), parameters())
@settings(max_examples=3000)
def test_middles_are_right_for_many_parameters(dtype: str, encoded_dtype: str, parameters: Parameters) -> None:
    check_middles(dtype, encoded_dtype, parameters)


def check_middles(dtype: str, encoded_dtype: str, parameters: Parameters) -> None:
    """Compare what each code decodes to with the mean of all the integers that it stands for."""
    info = np.iinfo(dtype)
    everything = np.arange(info.min, info.max + 1)
    codes = reference.code(everything, *arguments(parameters))
    existing, first, count = np.unique(codes, return_index=True, return_counts=True)
    sums = 2 * everything[first] + count - 1
    middles = np.rint(sums / 2).astype(dtype)  # to even; halves of such integers are exact
    limits = np.iinfo(encoded_dtype)
    held = (limits.min <= existing) & (existing <= limits.max)
    decoded = decode(existing[held].astype(encoded_dtype), decoded_dtype=dtype, **parameters)
    np.testing.assert_array_equal(decoded, middles[held])


@pytest.mark.parametrize("dtype", INTEGER_DTYPES)
@given(st.data(), st.sampled_from(INTEGER_CODE_DTYPES), parameters(gains=logarithmic(1e-2, 2.0)))
@settings(max_examples=40)
def test_a_code_that_no_integer_has_decodes_to_the_rounded_and_clipped_inverse(
    dtype: str, data: st.DataObject, encoded_dtype: str, parameters: Parameters
) -> None:
    limits = np.iinfo(encoded_dtype)
    near = st.integers(max(-500, int(limits.min)), 127)
    codes = data.draw(hnp.arrays(encoded_dtype, st.integers(1, 20), elements=near))
    left, middle, right = (reference.inverse(codes + d, *arguments(parameters)) for d in (-0.5, 0.0, 0.5))
    info = np.iinfo(dtype)
    unused = np.floor(right - 1e-6) < np.ceil(left + 1e-6)
    unused &= np.rint(left) != np.rint(right)  # an edge may be an integer to within the rounding error
    unused |= (left > float(info.max) + 1) | (right < float(info.min) - 1)
    unused &= np.abs(middle - np.floor(middle) - 0.5) > 1e-6
    decoded = decode(codes, decoded_dtype=dtype, **parameters)
    expected = clipped(middle, dtype)
    np.testing.assert_array_equal(decoded[unused], expected[unused])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@given(st.data(), st.sampled_from(INTEGER_CODE_DTYPES), parameters())
def test_floats_decode_to_the_middle_of_the_interval(
    dtype: str, data: st.DataObject, encoded_dtype: str, parameters: Parameters
) -> None:
    codes = data.draw(hnp.arrays(encoded_dtype, st.integers(0, 20)))
    left, right = (reference.inverse(codes + d, *arguments(parameters)) for d in (-0.5, 0.5))
    largest = float(np.finfo(dtype).max)
    expected = np.clip((left + right) / 2, -largest, largest)
    terms = np.abs(left) + np.abs(right) + abs(parameters["zero_level"]) + parameters["conversion_gain"]
    decoded = decode(codes, decoded_dtype=dtype, **parameters).astype("float64")
    precision = float(np.finfo(dtype).eps)
    assert (np.abs(decoded - expected) <= precision * np.abs(expected) + 1e-12 * terms + 1e-7).all()


@given(st.data(), st.sampled_from(REAL_DTYPES), st.sampled_from(["float32", "float64"]), parameters())
def test_floating_point_codes_decode_to_the_inverse(
    data: st.DataObject, dtype: str, encoded_dtype: str, parameters: Parameters
) -> None:
    codes = data.draw(hnp.arrays(encoded_dtype, st.integers(0, 20), elements=st.floats(-200, 200, width=32)))
    x = reference.inverse(codes, *arguments(parameters))
    decoded = decode(codes, decoded_dtype=dtype, **parameters)
    if dtype.startswith("f"):
        largest = float(np.finfo(dtype).max)
        expected = np.clip(x, -largest, largest).astype(dtype)
        np.testing.assert_allclose(decoded, expected, rtol=2 * float(np.finfo(dtype).eps), atol=1e-6)
    else:
        clear = np.abs(x - np.floor(x) - 0.5) > 1e-6
        np.testing.assert_array_equal(decoded[clear], clipped(x, dtype)[clear])


@given(st.data(), st.sampled_from(REAL_DTYPES), st.sampled_from(INTEGER_CODE_DTYPES), parameters())
def test_encoding_what_was_decoded_gives_the_same_codes(
    data: st.DataObject, dtype: str, encoded_dtype: str, parameters: Parameters
) -> None:
    x = data.draw(inputs(data.draw(byte_orders(dtype))))
    held = np.abs(reference.code(x, *arguments(parameters))) < 2.0 ** (8 * np.dtype(encoded_dtype).itemsize - 1)
    if encoded_dtype.startswith("u"):
        held &= reference.code(x, *arguments(parameters)) >= 0
    x = x[held]
    codes = encode(x, encoded_dtype=encoded_dtype, **parameters)
    decoded = decode(codes, decoded_dtype=x.dtype, **parameters)
    assert decoded.dtype == x.dtype
    np.testing.assert_array_equal(encode(decoded, encoded_dtype=encoded_dtype, **parameters), codes)


@given(st.data(), st.sampled_from(REAL_DTYPES), parameters())
def test_the_error_is_at_most_half_the_interval_and_the_rounding(
    data: st.DataObject, dtype: str, parameters: Parameters
) -> None:
    x = data.draw(inputs(dtype))
    x = x[np.abs(reference.code(x, *arguments(parameters))) < 2**31]
    decoded = decode(encode(x, encoded_dtype="int32", **parameters), decoded_dtype=dtype, **parameters)
    error = np.array([abs(Fraction(a) - Fraction(b)) for a, b in zip(x.tolist(), decoded.tolist(), strict=True)])
    bound = reference.largest_error(x, *arguments(parameters))
    if dtype.startswith("f"):
        bound += np.abs(x.astype("float64")) * float(np.finfo(dtype).eps) - 0.5
    terms = np.abs(x.astype("float64")) + abs(parameters["zero_level"]) + parameters["conversion_gain"]
    assert (error.astype("float64") <= bound + 1e-12 * terms).all()


@given(st.data(), st.sampled_from(INTEGER_DTYPES), parameters())
def test_with_beta_one_half_the_error_is_below_0_30_of_the_noise(
    data: st.DataObject, dtype: str, parameters: Parameters
) -> None:
    parameters["beta"] = 0.5
    z, g, _ = arguments(parameters)
    x = data.draw(inputs(dtype))
    x = x[(x >= z) & (np.abs(reference.code(x, z, g)) < 2**31)]
    decoded = decode(encode(x, encoded_dtype="int32", **parameters), decoded_dtype=dtype, **parameters)
    error = np.abs(decoded.astype("float64") - x.astype("float64"))
    assert (error <= 0.30 * reference.noise(x, z, g) + 0.5 + 1e-12 * np.abs(x.astype("float64"))).all()


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32"])
@given(parameters())
def test_decoding_is_exact_where_each_integer_has_a_code_of_its_own(dtype: str, parameters: Parameters) -> None:
    x = np.arange(0, 32768, dtype=dtype)
    codes = encode(x, encoded_dtype="int32", **parameters)
    alone = (np.diff(codes, prepend=-(2**31)) != 0) & (np.diff(codes, append=2**31 - 1) != 0)
    alone[[0, -1]] = False  # their neighbors are not part of this array
    decoded = decode(codes, decoded_dtype=dtype, **parameters)
    np.testing.assert_array_equal(decoded[alone], x[alone])


@given(st.sampled_from(CODE_DTYPES), st.sampled_from(REAL_DTYPES), st.binary(max_size=256), parameters())
@settings(max_examples=300)
def test_any_bytes_decode_to_values_of_the_dtype(
    encoded_dtype: str, dtype: str, corrupt: bytes, parameters: Parameters
) -> None:
    check_bytes(encoded_dtype, dtype, corrupt, parameters)


@pytest.mark.slow
@given(st.sampled_from(CODE_DTYPES), st.sampled_from(REAL_DTYPES), st.binary(max_size=2048), parameters())
@settings(max_examples=4000)
def test_many_bytes_decode_to_values_of_the_dtype(
    encoded_dtype: str, dtype: str, corrupt: bytes, parameters: Parameters
) -> None:
    check_bytes(encoded_dtype, dtype, corrupt, parameters)


def check_bytes(encoded_dtype: str, dtype: str, corrupt: bytes, parameters: Parameters) -> None:
    """Decode bytes that nobody encoded."""
    corrupt = corrupt[: len(corrupt) // 8 * 8]
    decoded = decode(corrupt, encoded_dtype=encoded_dtype, decoded_dtype=dtype, **parameters)
    assert decoded.dtype == dtype
    assert decoded.shape == (len(corrupt) // np.dtype(encoded_dtype).itemsize,)
    if not encoded_dtype.startswith("f"):
        assert np.isfinite(decoded).all()


@given(st.sampled_from(INTEGER_DTYPES), parameters())
def test_nan_codes_decode_to_the_zero_level(dtype: str, parameters: Parameters) -> None:
    decoded = decode(np.array([np.nan]), decoded_dtype=dtype, **parameters)
    np.testing.assert_array_equal(decoded, clipped(np.array([parameters["zero_level"]]), dtype))


@pytest.mark.parametrize("dtype", INTEGER_DTYPES)
@pytest.mark.parametrize("codes", [np.array([-(2**31), 2**31 - 1], "int32"), np.array([-1e38, 1e38], "float32")])
def test_codes_beyond_an_integer_dtype_decode_to_its_ends(dtype: str, codes: npt.NDArray[Any]) -> None:
    decoded = decode(codes, zero_level=0, conversion_gain=1e12, decoded_dtype=dtype)
    assert decoded.tolist() == [np.iinfo(dtype).min, np.iinfo(dtype).max]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("encoded_dtype", ["float32", "float64"])
def test_finite_codes_beyond_the_dtype_decode_to_its_ends(dtype: str, encoded_dtype: str) -> None:
    codes = np.array([-1e38, 1e38], encoded_dtype)
    decoded = decode(codes, zero_level=0, conversion_gain=1e300, decoded_dtype=dtype)
    largest = np.finfo(dtype).max
    np.testing.assert_array_equal(decoded, [-largest, largest])


def test_float16_never_overflows_when_decoded() -> None:
    x = np.array([65504, -65504], "float16")
    codes = encode(x, zero_level=0, conversion_gain=3000, encoded_dtype="int8")
    decoded = decode(codes, zero_level=0, conversion_gain=3000, decoded_dtype="float16")
    assert np.isfinite(decoded).all()


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_values_that_float64_cannot_hold_decode_to_the_exact_middle(dtype: str) -> None:
    parameters: Parameters = {"zero_level": 0.0, "conversion_gain": 1e9, "beta": 0.5}
    code = np.array([40000], "int32")
    middle = int(decode(code, decoded_dtype=dtype, **parameters)[0])

    def has_code(x: int) -> bool:
        return bool(reference.code(np.array(x, dtype), *arguments(parameters)) == code[0])

    def end(inside: int, outside: int) -> int:
        while abs(outside - inside) > 1:
            between = (inside + outside) // 2
            inside, outside = (between, outside) if has_code(between) else (inside, between)
        return inside

    assert has_code(middle)
    assert middle > 2**53
    assert middle == round(Fraction(end(middle, 0) + end(middle, 2**63 - 1), 2))


@pytest.mark.parametrize("dtype", REAL_DTYPES)
@pytest.mark.parametrize("encoded_dtype", ["int8", "uint8"])
@given(parameters(), st.data())
@settings(max_examples=4)
def test_many_codes_decode_as_each_does_alone(
    dtype: str, encoded_dtype: str, parameters: Parameters, data: st.DataObject
) -> None:
    """Also if there is an odd number of them, and wherever they and their values lie."""
    pixels = data.draw(st.integers(0, 3)) + (1 << data.draw(st.sampled_from([10, 18])))
    starts = data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    decoded = np.dtype(dtype).newbyteorder(data.draw(st.sampled_from("<>")))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    codes = random.integers(0, 256, starts[0] + pixels, "uint8")[starts[0] :].view(encoded_dtype)
    all_codes = np.arange(256, dtype="uint8").view(encoded_dtype)
    expected = decode(all_codes, decoded_dtype=decoded, **parameters)[codes.view("uint8")]
    memory = np.zeros(starts[1] + pixels + 1, decoded)
    decode(codes, decoded_dtype=decoded, out=memory[starts[1] : -1], **parameters)
    assert memory[starts[1] : -1].tobytes() == expected.tobytes()
    assert not memory[: starts[1]].any()
    assert not memory[-1]
