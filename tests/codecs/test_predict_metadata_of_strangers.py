"""Metadata of prediction that this package did not write: they are read as they are, or are one short error."""

from typing import Any

import numcodecs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strangers import JSON, SCALARS, assert_short, outcome

from anscombe_transform import PhotonPredictV2, PhotonPredictV3, Predictor

NAME = "photon-predict-v1"
RIGHT: dict[int, dict[str, Any]] = {
    2: PhotonPredictV2((7, 6, 9), "int16").get_config(),
    3: {"id": NAME, **PhotonPredictV3().to_dict()["configuration"]},
}
FIELDS = [(zarr_format, name) for zarr_format, fields in RIGHT.items() for name in fields if name != "id"]
LENGTHS = {"weights": 9, "first_weights": 8}

NUMBERS = st.integers(-40_000, 40_000) | st.integers(0, 9) | SCALARS | st.sampled_from([2**63, 1.0, 512.0, "512"])
VALUES = (
    NUMBERS
    | st.lists(NUMBERS, min_size=7, max_size=10)
    | st.lists(st.integers(-40_000, 40_000), min_size=8, max_size=9)
    | st.lists(NUMBERS, max_size=3)
    | st.sampled_from(["int8", "uint16", "int32", "<i2", ">i2", "UINT8", "\t", "x" * 5000])
    | JSON
)


def codec(zarr_format: int, fields: Any) -> Any:
    if zarr_format == 2:
        return numcodecs.get_codec(dict(fields))
    return PhotonPredictV3.from_dict({"name": NAME, "configuration": {k: v for k, v in fields.items() if k != "id"}})


def metadata_of(made: Any) -> Any:
    return made.get_config() if isinstance(made, PhotonPredictV2) else {"id": NAME, **made.to_dict()["configuration"]}


def is_of_the_format(name: str, value: Any) -> bool:
    """Return whether a field may have a value."""
    if name == "encoded_dtype":
        return value in ("int8", "uint8", "int16", "uint16")
    lowest, highest = {"chunks": (1, 2**63 - 1), "shift": (0, 7)}.get(name, (-(2**15), 2**15 - 1))
    numbers = [value]
    if name in {"chunks", *LENGTHS}:
        if not isinstance(value, list) or len(value) != LENGTHS.get(name, len(value)):
            return False
        numbers = value or [None]  # an array has an axis
    return all(type(number) is int and lowest <= number <= highest for number in numbers)


@given(st.sampled_from(FIELDS), VALUES)
@settings(max_examples=500)
def test_a_field_takes_the_values_of_the_format_alone(field: tuple[int, str], value: Any) -> None:
    zarr_format, name = field
    fields = RIGHT[zarr_format] | {name: value}
    made, error = outcome(lambda: codec(zarr_format, fields))
    assert (error is None) == is_of_the_format(name, value)
    if made is not None:
        assert metadata_of(made) == fields


@given(st.sampled_from(FIELDS), VALUES | st.just(10**5000) | st.just([10**5000] * 9))
@settings(max_examples=100)
def test_a_constructor_gives_a_codec_or_one_short_error(field: tuple[int, str], value: Any) -> None:
    name = field[1]
    arguments = {name: value}
    if name in ("chunks", "encoded_dtype"):
        made, error = outcome(lambda: PhotonPredictV2(**({"chunks": (7, 6, 9)} | arguments)))
    else:
        made, error = outcome(lambda: Predictor(**arguments))
    assert made is not None or name in str(error)


@given(JSON)
def test_metadata_that_are_no_configuration_are_refused(value: Any) -> None:
    for read in (
        PhotonPredictV2.from_config,
        PhotonPredictV3.from_dict,
        lambda value: PhotonPredictV3.from_dict({"name": NAME, "configuration": value}),
    ):
        with pytest.raises(ValueError, match="metadata") as caught:
            read(value)
        assert_short(caught.value)


@given(st.sampled_from([2, 3]), st.dictionaries(st.text() | st.just("x" * 5000), SCALARS, min_size=1, max_size=4))
def test_unknown_fields_are_refused(zarr_format: int, fields: dict[str, Any]) -> None:
    unknown = {name: value for name, value in fields.items() if name not in RIGHT[2]}
    if unknown:
        with pytest.raises(ValueError, match=f"{NAME} metadata have an unknown field, ") as caught:
            codec(zarr_format, RIGHT[zarr_format] | unknown)
        assert_short(caught.value)


@given(st.sampled_from([2, 3]), st.data())
def test_missing_fields_are_named(zarr_format: int, data: st.DataObject) -> None:
    names = sorted(RIGHT[zarr_format].keys() - {"id"})
    missing = data.draw(st.sets(st.sampled_from(names), min_size=1))
    with pytest.raises(ValueError, match=f"{NAME} metadata lack {' and '.join(sorted(missing))}: ") as caught:
        codec(zarr_format, {name: value for name, value in RIGHT[zarr_format].items() if name not in missing})
    assert_short(caught.value)


@pytest.mark.parametrize("name", ["anscombe-v1", "photon-predict-v2", None, 3, "x" * 5000])
def test_metadata_of_another_codec_are_refused(name: Any) -> None:
    with pytest.raises(ValueError, match=f"must have the name '{NAME}'") as caught:
        PhotonPredictV3.from_dict(PhotonPredictV3().to_dict() | {"name": name})
    assert_short(caught.value)
