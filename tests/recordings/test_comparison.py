"""What is compared with the movie when it is read back: nothing right is refused, nothing wrong passes."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import CODE_DTYPES, INTEGER_CODE_DTYPES, INTEGER_DTYPES, REAL_DTYPES, Parameters, inputs, parameters

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, decode, encode
from anscombe_transform.codecs.configuration import CodecParameters
from anscombe_transform.recordings.comparison import Comparer, Comparison

Array = npt.NDArray[Any]

Z, G = 100.0, 40.0


def codec_for(parameters: Parameters, encoded_dtype: str, out_of_range: Any = None) -> CodecParameters:
    return AnscombeTransformV3(**parameters, encoded_dtype=encoded_dtype, out_of_range=out_of_range)


def read_back(values: Array, parameters: Parameters, encoded_dtype: str, out_of_range: Any = None) -> Array:
    codes = encode(values, **parameters, encoded_dtype=encoded_dtype, out_of_range=out_of_range)
    return decode(codes, **parameters, decoded_dtype=values.dtype)


LARGE: Parameters = {"zero_level": -1e6, "conversion_gain": 0.3, "beta": 1.7}


def are_within_precision(values: Array, parameters: Parameters, encoded_dtype: str) -> bool:
    """Return whether float64 holds the squares of the values, and float32, if codes have it, their codes."""
    if not (np.abs(values.astype("float64")) < 1e100).all():
        return False
    z, g, beta = (parameters[name] for name in ("zero_level", "conversion_gain", "beta"))
    return encoded_dtype != "float32" or bool((np.abs(reference.unrounded_code(values, z, g, beta)) < 1 << 22).all())


def movie(dtype: npt.DTypeLike = "int16", shape: tuple[int, ...] = (20, 30, 40)) -> Array:
    random = np.random.default_rng(0)
    return (Z + G * random.poisson(8, shape) + 10 * random.standard_normal(shape)).astype(dtype)


@given(st.data(), parameters(), st.sampled_from(CODE_DTYPES), st.sampled_from(REAL_DTYPES), st.booleans())
def test_what_the_codec_gives_back_passes(
    data: st.DataObject, parameters: Parameters, encoded_dtype: str, dtype: str, big_endian: bool
) -> None:
    values = data.draw(inputs(np.dtype(dtype).newbyteorder() if big_endian else dtype))
    assume(are_within_precision(values, parameters, encoded_dtype))
    try:
        stored = read_back(values, parameters, encoded_dtype)
    except ValueError:
        assume(False)
        raise
    verification = Comparer(codec_for(parameters, encoded_dtype))
    comparison = verification.compare(values, stored)
    assert comparison.count == values.size
    assert comparison.nbytes == values.nbytes
    assert comparison.clamped == 0
    expected = verification.expected(values)
    assert expected.dtype == values.dtype
    np.testing.assert_array_equal(expected, stored)


@pytest.mark.parametrize("size", [4.22170139e15, 1e17, 1e50])
@pytest.mark.parametrize("parameters", [{"zero_level": 0.0, "conversion_gain": 2.5, "beta": 0.5}, LARGE])
def test_numbers_of_which_float64_cannot_hold_half_may_come_back_rounded(size: float, parameters: Parameters) -> None:
    values = -np.random.default_rng(0).uniform(size / 4, size, 1000)
    Comparer(codec_for(parameters, "float64")).compare(values, read_back(values, parameters, "float64"))


@given(st.data(), parameters(), st.sampled_from(CODE_DTYPES), st.sampled_from(REAL_DTYPES))
def test_what_the_codec_gives_back_of_clamped_values_passes_too(
    data: st.DataObject, parameters: Parameters, encoded_dtype: str, dtype: str
) -> None:
    values = data.draw(inputs(dtype))
    assume(are_within_precision(values, parameters, encoded_dtype))
    verification = Comparer(codec_for(parameters, encoded_dtype, "clamp"))
    try:
        verification.nearest_held(0, values.dtype)
    except ValueError:
        assume(False)  # no value of the dtype has a code
    comparison = verification.compare(values, read_back(values, parameters, encoded_dtype, "clamp"))
    assert comparison.clamped == np.count_nonzero(~held(values, parameters, encoded_dtype))
    assert comparison.count == values.size


def held(values: Array, parameters: Parameters, encoded_dtype: str) -> npt.NDArray[np.bool_]:
    """Return of each value by itself whether encoding it is no error."""

    def is_held(value: Any) -> bool:
        try:
            encode(value, **parameters, encoded_dtype=encoded_dtype)
        except ValueError:
            return False
        return True

    return np.array([is_held(value) for value in values.ravel()], bool).reshape(values.shape)


@given(
    st.integers(0, 2**32 - 1),
    parameters(),
    st.sampled_from(INTEGER_CODE_DTYPES),
    st.sampled_from([*INTEGER_DTYPES, "float32", "float64"]),
    st.sampled_from([-1, 1]),
)
def test_one_wrong_value_among_many_does_not_pass(
    seed: int, parameters: Parameters, encoded_dtype: str, dtype: str, sign: int
) -> None:
    """Two intervals of the widest code that there is in the array, and of rounding, are beyond what any may have."""
    z, g, beta = (parameters[name] for name in ("zero_level", "conversion_gain", "beta"))
    random = np.random.default_rng(seed)
    photons = random.poisson(20, 40_000)
    ends = (-math.inf, math.inf) if dtype[0] == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    exact = z + g * photons
    assume(ends[0] <= exact.min() and exact.max() <= ends[1])
    values = exact.astype(dtype)
    place = int(random.integers(values.size))
    try:
        stored = read_back(values, parameters, encoded_dtype)
    except ValueError:
        assume(False)
        raise
    verification = Comparer(codec_for(parameters, encoded_dtype))
    verification.compare(values, stored)
    u = max(0.0, float(values[place]) - z) / g
    widest = beta * (1 + beta)
    precision = 1e-5 * float(np.abs(values).max()) if dtype == "float32" else 0
    error = math.ceil(2 + precision + 2 * g * math.sqrt(u + 3 / 8) * widest + 4 * math.sqrt(u + 3 / 8))
    wrong = float(values[place]) + sign * error
    assume(ends[0] <= wrong <= ends[1])
    stored[place] = wrong
    with pytest.raises(ValueError, match=r"\d"):
        verification.compare(values, stored)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "float32", "float64"])
def test_errors_are_told_in_standard_deviations_of_the_noise_of_each_pixel(dtype: str) -> None:
    values = np.maximum(movie(dtype), np.array(Z, dtype))
    parameters = {"zero_level": Z, "conversion_gain": G, "beta": 0.5}
    stored = read_back(values, parameters, "uint8")
    comparison = Comparer(codec_for(parameters, "uint8")).compare(values, stored)
    errors = (stored.astype("float64") - values) / reference.noise(values, Z, G)
    assert comparison.largest_error == pytest.approx(np.abs(errors).max(), rel=1e-4)
    assert comparison.added_noise == pytest.approx((errors**2).mean(), rel=1e-4)
    assert comparison.largest_error < 0.30 + 0.5 / (G * math.sqrt(3 / 8))


def test_comparisons_of_parts_make_that_of_the_whole() -> None:
    values = movie()
    parameters = {"zero_level": Z, "conversion_gain": G}
    verification = Comparer(codec_for(parameters, "uint8", "clamp"))
    values[3, 5:9] = -30_000
    stored = read_back(values, parameters, "uint8", "clamp")
    whole = verification.compare(values, stored)
    parts = [verification.compare(values[i : i + 7], stored[i : i + 7]) for i in range(0, 20, 7)]
    merged = parts[0].merge(parts[1]).merge(parts[2])
    assert (merged.nbytes, merged.count, merged.clamped) == (whole.nbytes, whole.count, whole.clamped)
    assert whole.clamped == 4 * 40
    assert merged.largest_square == whole.largest_square
    assert merged.sum_of_squares == pytest.approx(whole.sum_of_squares)


def test_clamped_values_are_counted_and_left_out_of_the_errors() -> None:
    parameters = {"zero_level": Z, "conversion_gain": G}
    values = movie()
    verification = Comparer(codec_for(parameters, "uint8", "clamp"))
    before = verification.compare(values, read_back(values, parameters, "uint8", "clamp"))
    values[0, 0, :10] = -30_000
    values[1, 1, :5] = -32_768
    after = verification.compare(values, read_back(values, parameters, "uint8", "clamp"))
    assert (before.clamped, after.clamped) == (0, 15)
    assert after.largest_error <= 0.30 + 0.5 / (G * math.sqrt(3 / 8))


def test_a_clamped_value_passes_where_codes_are_denser_than_integers() -> None:
    """The last code stands for no integer there, and decodes to one whose own code is beyond it."""
    parameters = {"zero_level": 0.0, "conversion_gain": 0.5}
    values = np.arange(-128, 128, dtype="int8")
    stored = read_back(values, parameters, "int8", "clamp")
    comparison = Comparer(codec_for(parameters, "int8", "clamp")).compare(values, stored)
    assert comparison.clamped == np.count_nonzero(~held(values, parameters, "int8"))


def test_a_clamped_value_that_is_not_the_nearest_does_not_pass() -> None:
    parameters = {"zero_level": Z, "conversion_gain": G}
    values = movie()
    values[0, 0, 0] = -30_000
    verification = Comparer(codec_for(parameters, "uint8", "clamp"))
    stored = read_back(values, parameters, "uint8", "clamp")
    stored[0, 0, 0] = 500
    with pytest.raises(ValueError, match=r"\d"):
        verification.compare(values, stored)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("encoded_dtype", ["float32", "float64"])
@pytest.mark.parametrize("out_of_range", [None, "clamp"])
def test_nan_and_infinities_that_float_codes_keep_pass(dtype: str, encoded_dtype: str, out_of_range: Any) -> None:
    parameters = {"zero_level": Z, "conversion_gain": G}
    values = movie("float64").clip(0, 1000).astype(dtype)
    values[0, 0, 0] = np.nan
    values[0, 0, 1:3] = np.inf, -np.inf
    stored = read_back(values, parameters, encoded_dtype, out_of_range)
    np.testing.assert_array_equal(stored[0, 0, :3], values[0, 0, :3])
    comparison = Comparer(codec_for(parameters, encoded_dtype, out_of_range)).compare(values, stored)
    assert comparison.clamped == 0
    assert comparison.largest_error < 0.01 if dtype != "float16" else comparison.largest_error < 0.1
    assert math.isfinite(comparison.added_noise)


@pytest.mark.parametrize(("before", "after"), [(np.nan, 0), (5, np.nan), (np.inf, 5), (5, np.inf), (np.inf, -np.inf)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nan_and_infinities_that_come_back_as_others_do_not_pass(dtype: str, before: float, after: float) -> None:
    values = movie("float64").clip(0, 1000).astype(dtype)
    stored = values.copy()
    values[3, 4, 5], stored[3, 4, 5] = before, after
    with pytest.raises(ValueError, match=r"."):
        Comparer(codec_for({"zero_level": Z, "conversion_gain": G}, "float32")).compare(values, stored)


@pytest.mark.parametrize("dtype", REAL_DTYPES)
def test_without_a_codec_every_value_has_to_come_back_as_it_was(dtype: str) -> None:
    values = movie("float64").clip(0, 127).astype(dtype)
    comparison = Comparer().compare(values, values.copy())
    assert comparison == Comparison(values.nbytes, values.size, 0, 0.0, 0.0)
    assert Comparer().expected(values) is values
    stored = values.copy()
    stored[19, 29, 39] -= 1
    with pytest.raises(ValueError, match=r"."):
        Comparer().compare(values, stored)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_without_a_codec_nan_comes_back_as_nan(dtype: str) -> None:
    values = movie("float64").clip(0, 127).astype(dtype)
    values[0, 0, 0] = np.nan
    Comparer().compare(values, values.copy())
    stored = values.copy()
    stored[0, 0, 0] = 0
    with pytest.raises(ValueError, match=r"."):
        Comparer().compare(values, stored)


@pytest.mark.parametrize("codec_class", [AnscombeTransformV2, AnscombeTransformV3])
@given(parameters(), st.sampled_from(INTEGER_CODE_DTYPES), st.sampled_from(REAL_DTYPES), st.integers(-5000, 70_000))
def test_the_nearest_value_that_is_held_can_be_encoded(
    codec_class: Any, parameters: Parameters, encoded_dtype: str, dtype: str, value: int
) -> None:
    """No value that is nearer can."""
    limits = np.iinfo(dtype) if dtype[0] != "f" else np.iinfo("int16")
    assume(limits.min <= value <= limits.max)
    given = np.array(value, dtype)
    codec = codec_class(**parameters, encoded_dtype=encoded_dtype)
    try:
        nearest = Comparer(codec).nearest_held(value, np.dtype(dtype))
    except ValueError:
        assume(False)  # no value of the dtype has a code
        raise
    assert held(np.array(nearest, dtype), parameters, encoded_dtype)
    if held(given, parameters, encoded_dtype):
        assert nearest == given
    elif dtype[0] != "f":
        towards = 1 if value > nearest else -1
        assert not held(np.array(int(nearest) + towards, dtype), parameters, encoded_dtype)
