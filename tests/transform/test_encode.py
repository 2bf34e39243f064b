"""Encoding against the formulas of the format, written down again in `reference`."""

import re

import numpy as np
import numpy.typing as npt
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import CODE_DTYPES, INTEGER_CODE_DTYPES, REAL_DTYPES, Parameters, byte_orders, inputs, parameters

from anscombe_transform import encode
from anscombe_transform.transform.arrays import encode_array
from anscombe_transform.transform.parameters import Transform


def judged(x: npt.NDArray[np.generic], parameters: Parameters) -> npt.NDArray[np.float64]:
    z, g, beta = parameters["zero_level"], parameters["conversion_gain"], parameters["beta"]
    return reference.unrounded_code(x, z, g, beta)


def limits(encoded_dtype: str) -> tuple[float, float]:
    info = np.finfo(encoded_dtype) if encoded_dtype.startswith("f") else np.iinfo(encoded_dtype)
    return float(info.min), float(info.max)


@given(st.data(), st.sampled_from(REAL_DTYPES), st.sampled_from(CODE_DTYPES), parameters())
def test_codes_are_those_of_the_formula(
    data: st.DataObject, dtype: str, encoded_dtype: str, parameters: Parameters
) -> None:
    """Or an error says which inputs have none."""
    x = data.draw(inputs(data.draw(byte_orders(dtype))))
    y = judged(x, parameters)
    expected = y if encoded_dtype.startswith("f") else np.rint(y)
    smallest, largest = limits(encoded_dtype)
    outside = ~((smallest <= expected) & (expected <= largest))
    if outside.any():
        with pytest.raises(ValueError, match=f"^{outside.sum()} of {x.size} values are out of range"):
            encode(x, encoded_dtype=encoded_dtype, **parameters)
    else:
        codes = encode(x, encoded_dtype=encoded_dtype, **parameters)
        assert codes.dtype == encoded_dtype
        assert codes.shape == x.shape
        np.testing.assert_array_equal(codes, expected.astype(encoded_dtype))


@given(st.data(), st.sampled_from(REAL_DTYPES), st.sampled_from(INTEGER_CODE_DTYPES), parameters())
def test_clamping_gives_the_nearest_code(
    data: st.DataObject, dtype: str, encoded_dtype: str, parameters: Parameters
) -> None:
    x = data.draw(inputs(dtype))
    codes = encode(x, encoded_dtype=encoded_dtype, out_of_range="clamp", **parameters)
    expected = np.clip(np.rint(judged(x, parameters)), *limits(encoded_dtype))
    np.testing.assert_array_equal(codes, expected.astype(encoded_dtype))


@pytest.mark.parametrize("dtype", ["int16", "uint16"])
@pytest.mark.parametrize("encoded_dtype", CODE_DTYPES)
@given(parameters())
@settings(max_examples=8)
def test_every_16_bit_input_has_the_code_of_the_formula(dtype: str, encoded_dtype: str, parameters: Parameters) -> None:
    check_all_inputs(dtype, encoded_dtype, parameters)


@pytest.mark.slow
@given(st.sampled_from(["int16", "uint16"]), st.sampled_from(CODE_DTYPES), parameters())
@settings(max_examples=1500)
def test_all_codes_are_right_for_many_parameters(dtype: str, encoded_dtype: str, parameters: Parameters) -> None:
    check_all_inputs(dtype, encoded_dtype, parameters)


def check_all_inputs(dtype: str, encoded_dtype: str, parameters: Parameters) -> None:
    """Compare the code of every 16-bit input with the formula."""
    x = np.arange(1 << 16, dtype="uint16").view(dtype)
    expected = judged(x, parameters)
    if not encoded_dtype.startswith("f"):
        expected = np.clip(np.rint(expected), *limits(encoded_dtype))
    codes = encode(x, encoded_dtype=encoded_dtype, out_of_range="clamp", **parameters)
    np.testing.assert_array_equal(codes, expected.astype(encoded_dtype))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "int64", "float32", "float64"])
@given(parameters(), st.integers(0, 2000))
def test_the_paths_of_all_dtypes_agree(dtype: str, parameters: Parameters, size: int) -> None:
    x = np.random.default_rng(size).integers(0, 128, size)
    expected = encode(x.astype("uint32"), encoded_dtype="int32", **parameters)
    np.testing.assert_array_equal(encode(x.astype(dtype), encoded_dtype="int32", **parameters), expected)


@given(parameters())
def test_for_a_zero_level_of_0_or_more_the_input_0_has_code_0(parameters: Parameters) -> None:
    parameters["zero_level"] = abs(parameters["zero_level"])
    assert encode(np.zeros((), "int16"), **parameters) == 0


@given(st.sampled_from(INTEGER_CODE_DTYPES), st.sampled_from(["float16", "float32", "float64"]), parameters())
def test_infinities_are_out_of_range_of_integer_codes(encoded_dtype: str, dtype: str, parameters: Parameters) -> None:
    x = np.array([-np.inf, np.inf], dtype)
    with pytest.raises(ValueError, match=r"2 of 2 values are out of range: -inf to inf ADU.*'float32'"):
        encode(x, encoded_dtype=encoded_dtype, **parameters)
    clamped = encode(x, encoded_dtype=encoded_dtype, out_of_range="clamp", **parameters)
    np.testing.assert_array_equal(clamped, np.array(limits(encoded_dtype)).astype(encoded_dtype))


@pytest.mark.parametrize("out_of_range", [None, "clamp"])
@pytest.mark.parametrize("encoded_dtype", INTEGER_CODE_DTYPES)
def test_nan_has_no_integer_code_not_even_when_clamping(encoded_dtype: str, out_of_range: None) -> None:
    x = np.array([1.0, np.nan, 2.0, np.nan])
    with pytest.raises(ValueError, match=r"^2 of 4 values are NaN.*encoded_dtype='float32'"):
        encode(x, zero_level=0, conversion_gain=1, encoded_dtype=encoded_dtype, out_of_range=out_of_range)


@pytest.mark.parametrize("encoded_dtype", ["float32", "float64"])
def test_floating_point_codes_keep_nan_and_infinities(encoded_dtype: str) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 5.0])
    codes = encode(x, zero_level=0, conversion_gain=1, encoded_dtype=encoded_dtype)
    np.testing.assert_array_equal(np.isnan(codes), np.isnan(x))
    np.testing.assert_array_equal(codes[1:3], x[1:3])


def test_a_finite_input_beyond_float32_codes_is_out_of_range_of_them() -> None:
    with pytest.raises(ValueError, match=r"1 of 1 values are out of range.*encoded_dtype='float64'"):
        encode(-1e300, zero_level=0, conversion_gain=1, encoded_dtype="float32")


@given(st.data(), st.sampled_from(["int16", "uint16", "int32", "float32"]), parameters())
def test_the_dtype_that_the_error_names_is_the_narrowest_that_holds_the_input(
    data: st.DataObject, dtype: str, parameters: Parameters
) -> None:
    x = data.draw(inputs(dtype))
    codes = np.rint(judged(x, parameters))
    fitting = [
        d for d in INTEGER_CODE_DTYPES if x.size == 0 or limits(d)[0] <= codes.min() <= codes.max() <= limits(d)[1]
    ]
    for encoded_dtype in set(INTEGER_CODE_DTYPES) - set(fitting):
        with pytest.raises(ValueError, match="out of range") as caught:
            encode(x, encoded_dtype=encoded_dtype, **parameters)
        named = re.search(r"encoded_dtype='(\w+)'", str(caught.value))
        assert named is not None
        if fitting:
            assert np.dtype(named[1]).itemsize == min(np.dtype(d).itemsize for d in fitting)
        encode(x, encoded_dtype=named[1], **parameters)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
@given(st.integers(1, 50_000), st.data())
def test_one_value_out_of_range_is_found_wherever_it_is(dtype: str, size: int, data: st.DataObject) -> None:
    x = np.full(size, 20, dtype)
    x[data.draw(st.integers(0, size - 1))] = 100
    with pytest.raises(ValueError, match=f"^1 of {size} values are out of range: 100 to 100 ADU"):
        encode(x, zero_level=0, conversion_gain=0.02, encoded_dtype="int8", beta=0.9)


def test_the_error_gives_the_count_the_extremes_the_range_and_the_ways_out() -> None:
    x = np.array([-43, -15, -14, 0, 7554], "int16")
    with pytest.raises(ValueError, match="out of range") as caught:
        encode(x, zero_level=86, conversion_gain=97)
    message = str(caught.value)
    assert "2 of 5 values are out of range: -43 to -15 ADU" in message
    assert "uint8 codes hold -14 to 32767 ADU" in message
    assert "encoded_dtype='int8'" in message
    assert "out_of_range='clamp'" in message


@given(st.sampled_from(REAL_DTYPES), st.sampled_from(INTEGER_CODE_DTYPES), parameters())
def test_the_range_in_the_error_is_exactly_what_can_be_encoded(
    dtype: str, encoded_dtype: str, parameters: Parameters
) -> None:
    with pytest.raises(ValueError, match="out of range") as caught:
        encode(np.array([-np.inf, np.inf]), encoded_dtype=encoded_dtype, **parameters)
    held = re.search(r"codes hold (\S+) to (\S+) ADU", str(caught.value))
    assert held is not None
    lowest, highest = float(held[1]), float(held[2])
    margin = 1e-5 * max(abs(lowest), abs(highest), parameters["conversion_gain"])
    encode(np.array([lowest + margin, highest - margin]), encoded_dtype=encoded_dtype, **parameters)
    for x in (lowest - margin, highest + margin):
        with pytest.raises(ValueError, match="out of range"):
            encode(x, encoded_dtype=encoded_dtype, **parameters)


@pytest.mark.parametrize("step", [1, 2])
def test_clamping_to_a_dtype_that_holds_no_input_is_refused(step: int) -> None:
    """`out` is left as it was."""
    out = np.full(20, 7, "uint8")
    hopeless = Transform(zero_level=1e17, conversion_gain=0.3, beta=0.3)
    with pytest.raises(ValueError, match=r"no input has a code that uint8 holds, with zero_level=1e\+17"):
        encode_array(np.zeros(20)[::step], hopeless, "uint8", "clamp", out[::step])
    assert (out == 7).all()
