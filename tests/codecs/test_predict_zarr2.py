"""The predicting codec in Zarr V2 arrays and in numcodecs."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from prediction_rule import residuals_by_the_rule
from strategies import predictors

from anscombe_transform import AnscombeTransformV2, PhotonPredictV2, Predictor
from anscombe_transform.transform.prediction import PREDICTED_DTYPES

CODES = np.random.default_rng(0).integers(10, 40, (7, 6, 9), "int16")
CODEC = PhotonPredictV2(CODES.shape, "int16")


@given(predictors(), st.sampled_from(PREDICTED_DTYPES), st.lists(st.integers(1, 999), min_size=1, max_size=5))
@settings(max_examples=20)
def test_metadata_and_pickle_and_copies_give_the_same_codec(
    predictor: Predictor, encoded_dtype: str, chunks: list[int]
) -> None:
    codec = PhotonPredictV2(chunks, encoded_dtype, predictor)
    config = json.loads(json.dumps(codec.get_config()))
    for same in (
        numcodecs.get_codec(config),
        pickle.loads(pickle.dumps(codec)),
        copy.deepcopy(codec),
        eval(repr(codec)),
    ):
        assert same == codec
        assert hash(same) == hash(codec)
        assert same.get_config() == config


def test_the_metadata_are_those_of_the_format(tmp_path: Path) -> None:
    filters: list[Any] = [
        AnscombeTransformV2(100, 2.5),
        PhotonPredictV2((4, 6, 9), predictor=Predictor(bias=21, shift=2)),
    ]
    zarr.create_array(tmp_path, shape=(7, 6, 9), chunks=(4, 6, 9), dtype="int16", filters=filters, zarr_format=2)
    assert json.loads((tmp_path / ".zarray").read_text())["filters"][1] == {
        "id": "photon-predict-v1",
        "chunks": [4, 6, 9],
        "encoded_dtype": "uint8",
        "weights": [512, 1024, 512, 1024, 10240, 1024, 512, 1024, 512],
        "bias": 21,
        "first_weights": [2048] * 8,
        "first_bias": 20,
        "shift": 2,
    }


def test_the_codec_is_frozen() -> None:
    with pytest.raises(AttributeError):
        CODEC.encoded_dtype = "uint8"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"chunks": 50}, TypeError, r"chunks must be the shape of a chunk, such as \(50, 512, 512\), not 50"),
        ({"chunks": "123"}, TypeError, "chunks must be the shape of a chunk"),
        ({"chunks": (1.0, 2)}, TypeError, "chunks must be the shape of a chunk"),
        ({"chunks": (True, 2)}, TypeError, "chunks must be the shape of a chunk"),
        ({"chunks": (0, 2)}, ValueError, "chunks must be the shape of a chunk"),
        ({"chunks": (-1, 2)}, ValueError, "chunks must be the shape of a chunk"),
        ({"chunks": ()}, ValueError, "chunks must be the shape of a chunk"),
        ({"encoded_dtype": "int32"}, ValueError, "codes of dtype 'int32' cannot be predicted, only those of int8"),
        ({"encoded_dtype": "float32"}, ValueError, "codes of dtype 'float32' cannot be predicted"),
        ({"encoded_dtype": ">i2"}, ValueError, "codes of dtype '>i2' cannot be predicted"),
        ({"encoded_dtype": np.int16}, TypeError, "encoded_dtype must be the name of a dtype"),
        ({"predictor": {"shift": 3}}, TypeError, "predictor must be a Predictor, not dict"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PhotonPredictV2(**({"chunks": (4, 6, 9)} | arguments))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"chunks": (7, 6, 3)},
            r"has the shape \(7, 6, 3\) and the dtype int16, and the codec was made for \(7, 6, 9\)",
        ),
        ({"dtype": "uint16"}, "the dtype uint16, and the codec was made for .* and int16"),
        ({"dtype": "int32"}, "the dtype int32, and the codec was made for .* and int16"),
        ({"dtype": ">i2"}, "only little-endian codes can be predicted: create the array with dtype='<i2'"),
        ({"order": "F"}, "only chunks in C order can be predicted: create the array with order='C'"),
    ],
)
def test_an_array_that_the_codec_was_not_made_for_is_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    """Before anything is stored."""
    given_options: dict[str, Any] = {"shape": CODES.shape, "chunks": CODES.shape, "dtype": CODES.dtype} | options
    array = zarr.create_array(tmp_path, filters=[CODEC], zarr_format=2, **given_options)
    with pytest.raises(ValueError, match=message):
        array[...] = CODES
    assert not list(tmp_path.glob("0*"))


def test_residuals_are_stored_little_endian() -> None:
    expected = residuals_by_the_rule(CODES, Predictor()).astype("<u2")
    assert CODEC.encode(CODES).tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_residuals_are_taken_as_bytes_of_any_kind(kind: Any) -> None:
    np.testing.assert_array_equal(CODEC.decode(kind(CODEC.encode(CODES).tobytes())), CODES)


def test_decode_fills_out_and_returns_it() -> None:
    residuals = CODEC.encode(CODES)
    out: Any
    for out in (np.empty_like(CODES), bytearray(CODES.nbytes), np.empty(CODES.nbytes, "u1")):
        assert CODEC.decode(residuals, out=out) is out
        np.testing.assert_array_equal(np.frombuffer(out, "<i2"), CODES.ravel())


def test_a_wrong_out_or_number_of_bytes_is_refused() -> None:
    residuals = CODEC.encode(CODES)
    with pytest.raises(ValueError, match="out has 10 bytes, but the result 756"):
        CODEC.decode(residuals, out=np.empty(5, "int16"))
    fixed = np.empty_like(CODES)
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        CODEC.decode(residuals, out=fixed)
    for length in (0, 755, 757):
        with pytest.raises(ValueError, match=rf"a chunk has {length} bytes .* chunks of \(7, 6, 9\) have 756"):
            CODEC.decode((2 * residuals.tobytes())[:length])
