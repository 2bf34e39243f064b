"""Metadata that this package did not write: what the format allows is read, and all else is one short error."""

import json
import math
from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strangers import JSON, SCALARS, assert_short, outcome
from strategies import CODE_DTYPES, REAL_DTYPES

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3

RIGHT: dict[str, Any] = {
    "zero_level": 100,
    "conversion_gain": 2.5,
    "beta": 0.5,
    "encoded_dtype": "uint8",
    "decoded_dtype": "int16",
}
BIG_ENDIAN = (">i2", ">u2", ">i4", ">u4", ">i8", ">u8", ">f2", ">f4", ">f8")
CHOICES = {
    (2, "encoded_dtype"): CODE_DTYPES,
    (2, "decoded_dtype"): (*REAL_DTYPES, *BIG_ENDIAN),
    (2, "out_of_range"): ("clamp",),
    (3, "encoded_dtype"): CODE_DTYPES,
    (3, "decoded_dtype"): REAL_DTYPES,
    (3, "out_of_range"): ("clamp",),
}

WRONG_NAMES = (
    *("<i2", "i2", "=i2", "|u1", "int", "float", "bool", "object", "complex64", "float128", "INT16", "int16 ", "wrap"),
    *("mlb2,<)b", "\t", "i2,i2", "(2,)i2", "2i2", "", "x" * 5000, "1e5", "100"),
)
SPELLINGS = st.sampled_from([*REAL_DTYPES, *BIG_ENDIAN, "clamp", *WRONG_NAMES])


def codec(zarr_format: int, configuration: Any) -> Any:
    if zarr_format == 2:
        return AnscombeTransformV2.from_config(configuration)
    return AnscombeTransformV3.from_dict({"name": "anscombe-v1", "configuration": configuration})


@given(st.sampled_from(list(CHOICES)), JSON | SPELLINGS)
@settings(max_examples=300)
def test_a_field_of_names_takes_those_of_the_format_alone(field: tuple[int, str], value: Any) -> None:
    zarr_format, name = field
    configuration = RIGHT | {name: value}
    if isinstance(value, str) and value in CHOICES[field]:
        assert getattr(codec(zarr_format, configuration), name) == value
    else:
        with pytest.raises(ValueError, match=f"^{name} in anscombe-v1 metadata must be one of .*, not ") as caught:
            codec(zarr_format, configuration)
        assert_short(caught.value)


@given(st.sampled_from([2, 3]), st.sampled_from(["zero_level", "conversion_gain", "beta"]), JSON | SPELLINGS)
@settings(max_examples=200)
def test_a_field_of_numbers_takes_finite_numbers_alone(zarr_format: int, name: str, value: Any) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    usable = is_number and abs(value) <= 1e150 and (name == "zero_level" or value >= 1e-150)
    unusable = not is_number or not -1e308 < value < 1e308 or (name != "zero_level" and value <= 0)
    made, error = outcome(lambda: codec(zarr_format, RIGHT | {name: value}))
    if made is None:
        assert not usable
        assert type(error) is (ValueError if is_number else TypeError)
    else:
        assert not unusable
        assert getattr(made, name) == value or math.isclose(getattr(made, name), value)


@given(
    st.sampled_from([AnscombeTransformV2, AnscombeTransformV3]),
    st.sampled_from([*RIGHT, "out_of_range"]),
    JSON | SPELLINGS | st.just(10**5000) | st.just([10**5000]),
)
@settings(max_examples=200)
def test_a_constructor_gives_a_codec_or_one_short_error(maker: Any, name: str, value: Any) -> None:
    made, error = outcome(lambda: maker(**(RIGHT | {name: value})))
    if made is None:
        assert name in str(error) or "numbers that float64 cannot hold" in str(error)
    elif name.endswith("dtype") and value is not None:
        assert np.dtype(getattr(made, name)).newbyteorder("=") == np.dtype(value).newbyteorder("=")


@given(JSON | SPELLINGS)
def test_metadata_that_are_no_configuration_are_refused(value: Any) -> None:
    for read in (AnscombeTransformV2.from_config, AnscombeTransformV3.from_dict, lambda value: codec(3, value)):
        with pytest.raises(ValueError, match=r"metadata|the codec's name") as caught:
            read(value)
        assert_short(caught.value)


@given(st.sampled_from([2, 3]), st.dictionaries(st.text() | st.just("x" * 5000), SCALARS, min_size=1, max_size=4))
def test_unknown_fields_are_refused(zarr_format: int, fields: dict[str, Any]) -> None:
    unknown = {name: value for name, value in fields.items() if name not in {*RIGHT, "out_of_range", "id"}}
    if unknown:
        with pytest.raises(ValueError, match="metadata have an unknown field, ") as caught:
            codec(zarr_format, RIGHT | unknown)
        assert_short(caught.value)


@pytest.mark.parametrize("name", ["zero_level", "conversion_gain"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_metadata_without_a_parameter_are_refused(zarr_format: int, name: str) -> None:
    configuration = {field: value for field, value in RIGHT.items() if field != name}
    with pytest.raises(ValueError, match=f"anscombe-v1 metadata lack {name}: ") as caught:
        codec(zarr_format, configuration)
    assert_short(caught.value)


@pytest.mark.parametrize(("stored", "encoded_dtype"), [("u1", "uint8"), ("<u2", "uint16"), ("short", "int16")])
def test_dtypes_that_1_0_0_stored_as_they_were_given_to_it_are_read(stored: str, encoded_dtype: str) -> None:
    fields = {"zero_level": 100, "conversion_gain": 2.5, "encoded_dtype": stored, "decoded_dtype": "i2"}
    assert codec(3, fields).encoded_dtype == encoded_dtype


@pytest.mark.parametrize("name", ["encoded_dtype", "decoded_dtype"])
@pytest.mark.parametrize("value", ["mlb2,<)b", "\t", "x" * 5000, "object", None, 3, ["int16"], {"a": 1}])
def test_dtypes_that_1_0_0_cannot_have_stored_are_refused(name: str, value: Any) -> None:
    fields = {"zero_level": 100, "conversion_gain": 2.5, "encoded_dtype": "uint8", "decoded_dtype": "int16"}
    with pytest.raises(ValueError, match=f"^{name} must be ") as caught:
        codec(3, fields | {name: value})
    assert_short(caught.value)


@given(JSON)
def test_a_document_of_numcodecs_is_read_or_refused(value: Any) -> None:
    config = json.loads(json.dumps({"id": "anscombe-v1", **RIGHT, "beta": value}))
    outcome(lambda: numcodecs.get_codec(config))
