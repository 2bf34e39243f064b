"""How precise float64 is for the codes of extreme parameters, judged with 60 decimal digits, and what is refused."""

import math
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from exact import Exact
from hypothesis import given
from hypothesis import strategies as st
from strategies import CODE_DTYPES, REAL_DTYPES, Parameters, logarithmic

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, decode, encode
from anscombe_transform.transform.arrays import encode_array
from anscombe_transform.transform.parameters import CODE_LIMIT, Transform

Array = npt.NDArray[Any]

LIMITS = {"float32": 2.0**36, "float64": CODE_LIMIT * 0.49}
"""Of the code of the zero level and of the slope: for float32, beyond these a code can move, as the format says."""

ROUNDING = 2.0**-50
"""Rounding errors of encoding and decoding together, relative to the code of the zero level and the slope."""


@st.composite
def extreme_parameters(draw: st.DrawFn, lowest: float, highest: float) -> Parameters:
    """The code of the zero level, or the slope, has a magnitude between the two."""
    largest = draw(logarithmic(lowest, highest))
    smaller = largest * draw(st.floats(0, 1)) if draw(st.booleans()) else draw(st.floats(0.5, 50))
    offset, slope = (largest, smaller) if draw(st.booleans()) else (smaller, largest)
    beta, gain = 1 / max(slope, 0.01) / math.sqrt(3 / 8), draw(logarithmic(1e-3, 1e4))
    zero_level = draw(st.sampled_from([-1, 1])) * offset * gain * beta * math.sqrt(3 / 8)
    return {"zero_level": zero_level, "conversion_gain": gain, "beta": beta}


def inputs_of_codes(parameters: Parameters, codes: list[float], dtype: str) -> Array:
    exact = Exact(**parameters)
    limit = float(np.finfo(dtype).max)
    x = np.array([float(exact.inverse(Decimal(code))) for code in codes], np.float64)
    return x[np.abs(x) <= limit].astype(dtype)


codes_to_try = st.lists(st.floats(-(2.0**31) + 2, 2.0**31 - 2) | st.floats(-1000, 1000), min_size=1, max_size=20)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data(), tried=codes_to_try)
def test_up_to_the_limit_floats_keep_their_codes_and_are_within_the_bound(
    dtype: str, data: st.DataObject, tried: list[float]
) -> None:
    parameters = data.draw(extreme_parameters(1.0, LIMITS[dtype]))
    x = inputs_of_codes(parameters, tried, dtype)
    codes = encode(x, encoded_dtype="int32", out_of_range="clamp", **parameters)
    inside = np.abs(codes.astype(np.int64)) < 2**31 - 1
    x, codes = x[inside], codes[inside]
    decoded = decode(codes, decoded_dtype=dtype, **parameters)
    np.testing.assert_array_equal(encode(decoded, encoded_dtype="int32", **parameters), codes)
    exact = Exact(**parameters)
    for value, code, read in zip(x.tolist(), codes.tolist(), decoded.tolist(), strict=True):
        rounding = Decimal(ROUNDING) * (abs(exact.offset) + exact.slope + abs(code))
        assert abs(exact.code(value) - code) <= Decimal("0.5") + rounding
        spacing = Decimal(float(np.spacing(np.array(max(abs(value), abs(read)), dtype))))
        bound = exact.half_width(code) * (1 + 2 * rounding) + spacing / 2
        assert abs(Decimal(read) - Decimal(value)) <= bound


@given(st.sampled_from(CODE_DTYPES), st.sampled_from(REAL_DTYPES), extreme_parameters(CODE_LIMIT * 1.001, 1e30))
def test_beyond_the_limit_nothing_is_encoded(encoded_dtype: str, dtype: str, parameters: Parameters) -> None:
    """The way out that the error names works."""
    x = np.zeros(3, dtype)
    options: dict[str, Any] = {"encoded_dtype": encoded_dtype, "out_of_range": "clamp"}
    codec = AnscombeTransformV2(**parameters, **options, decoded_dtype=dtype)
    with pytest.raises(ValueError, match=r"beyond 2\*\*49 codes are not precise: ") as caught:
        codec.encode(x)
    with pytest.raises(ValueError, match=re.escape(str(caught.value))):
        encode(x, **parameters, **options)
    slope = Exact(**parameters).slope
    name, value = re.findall(r"(zero_level|beta)=(\S+?),? ", f"{caught.value} ")[-1]
    assert name == ("beta" if slope > CODE_LIMIT else "zero_level")
    better = parameters | {"zero_level": 0.0, name: float(value)}
    Transform(**better).check_precision()


@given(st.sampled_from([-1, 1]), logarithmic(1e-3, 1e3), logarithmic(0.05, 4.0))
def test_the_limit_is_where_the_code_of_the_zero_level_reaches_2_to_the_49(sign: int, gain: float, beta: float) -> None:
    zero_level = sign * 2.0**49 * gain * beta * math.sqrt(3 / 8)
    encode(np.zeros(1), zero_level=zero_level * (1 - 1e-12), conversion_gain=gain, beta=beta, encoded_dtype="float64")
    with pytest.raises(ValueError, match=r"beyond 2\*\*49"):
        encode(np.zeros(1), zero_level=zero_level * (1 + 1e-12), conversion_gain=gain, beta=beta)


@pytest.mark.parametrize("zero_level", [2.0**51, -(2.0**51)])
@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_arrays_that_release_2_0_0_wrote_beyond_the_limit_are_read(
    tmp_path: Path, zarr_format: Any, dtype: str, zero_level: float
) -> None:
    """But no longer written to."""
    parameters: Parameters = {"zero_level": zero_level, "conversion_gain": 2.0, "beta": 0.5}
    make: Any = AnscombeTransformV2 if zarr_format == 2 else AnscombeTransformV3
    codec = make(**parameters, encoded_dtype="float64", decoded_dtype=dtype)
    options: dict[str, Any] = {"shape": (5,), "chunks": (5,), "dtype": dtype, "compressors": None}
    zarr.create_array(tmp_path / "a", filters=[codec], zarr_format=zarr_format, **options)
    codes = encode_array(np.arange(5, dtype=dtype), Transform(**parameters), "float64", None)
    (tmp_path / "a" / "c").mkdir(exist_ok=True)
    (tmp_path / "a" / ("0" if zarr_format == 2 else "c/0")).write_bytes(codes.astype("<f8").tobytes())
    array = zarr.open_array(tmp_path / "a", mode="r+")
    np.testing.assert_array_equal(array[...], decode(codes, decoded_dtype=dtype, **parameters))
    with pytest.raises(ValueError, match=r"beyond 2\*\*49"):
        array[2] = 3


@pytest.mark.parametrize("dtype", REAL_DTYPES)
def test_a_tiny_beta_is_refused_as_a_far_zero_level_is(dtype: str) -> None:
    """Codes near the zero level would be skipped."""
    with pytest.raises(ValueError, match=r"a photon has 1\.63e\+16 codes"):
        encode(np.zeros(3, dtype), zero_level=0, conversion_gain=1, beta=1e-16, encoded_dtype="float64")
