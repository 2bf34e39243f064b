"""The predicting codec in Zarr V3 arrays."""

import asyncio
import copy
import json
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from pipelines import pipeline  # noqa: F401 - each test runs with each pipeline
from prediction_rule import residuals_by_the_rule
from strategies import predictors
from zarr.buffer import default_buffer_prototype
from zarr.codecs import TransposeCodec
from zarr.core.array_spec import ArrayConfig, ArraySpec
from zarr.dtype import parse_dtype

from anscombe_transform import AnscombeTransformV3, PhotonPredictV3, Predictor
from anscombe_transform.transform.prediction import PREDICTED_DTYPES

CODES = np.random.default_rng(0).integers(10, 40, (7, 6, 9), "int8")


def specification(dtype: str, shape: tuple[int, ...], fill_value: Any = 3) -> ArraySpec:
    parsed = parse_dtype(np.dtype(dtype), zarr_format=3)
    config = ArrayConfig("C", True)
    return ArraySpec(shape, parsed, np.dtype(dtype).type(fill_value), config, default_buffer_prototype())


@pytest.mark.parametrize("predict_first", [False, True])
@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0), (0, 2, 1)])
def test_time_is_the_first_axis_of_what_the_codec_sees(order: tuple[int, ...], predict_first: bool) -> None:
    filters: list[Any] = [TransposeCodec(order=order), PhotonPredictV3()]
    expected = residuals_by_the_rule(np.ascontiguousarray(CODES.transpose(order)), Predictor())
    if predict_first:
        filters.reverse()
        expected = residuals_by_the_rule(CODES, Predictor()).transpose(order)
    store: dict[str, Any] = {}
    options: dict[str, Any] = {"shape": CODES.shape, "chunks": CODES.shape, "dtype": CODES.dtype}
    array = zarr.create_array(store, filters=filters, compressors=None, **options)
    array[...] = CODES
    assert store["c/0/0/0"].to_bytes() == expected.tobytes()
    np.testing.assert_array_equal(array[...], CODES)


def test_big_endian_values_are_predicted_as_the_others() -> None:
    codes = CODES.astype(">i2")
    array = zarr.create_array({}, shape=codes.shape, dtype=codes.dtype, filters=[PhotonPredictV3()])
    array[...] = codes
    np.testing.assert_array_equal(array[...], codes)


@given(predictors())
@settings(max_examples=20)
def test_metadata_and_pickle_and_copies_give_the_same_codec(predictor: Predictor) -> None:
    codec = PhotonPredictV3(predictor)
    metadata = json.loads(json.dumps(codec.to_dict()))
    read = PhotonPredictV3.from_dict(metadata)
    for same in (read, pickle.loads(pickle.dumps(codec)), copy.deepcopy(codec), eval(repr(codec))):
        assert same == codec
        assert hash(same) == hash(codec)
        assert same.to_dict() == metadata


@pytest.mark.parametrize("options", [{}, {"shards": (8, 6, 9)}])
def test_the_metadata_are_those_of_the_format(tmp_path: Path, options: dict[str, Any]) -> None:
    filters = [AnscombeTransformV3(100, 2.5), PhotonPredictV3(Predictor(bias=21, first_bias=-3, shift=2))]
    zarr.create_array(tmp_path, shape=CODES.shape, chunks=(4, 6, 9), dtype="int16", filters=filters, **options)
    codecs = json.loads((tmp_path / "zarr.json").read_text())["codecs"]
    if options:
        codecs = codecs[0]["configuration"]["codecs"]
    assert codecs[1] == {
        "name": "photon-predict-v1",
        "configuration": {
            "weights": [512, 1024, 512, 1024, 10240, 1024, 512, 1024, 512],
            "bias": 21,
            "first_weights": [2048] * 8,
            "first_bias": -3,
            "shift": 2,
        },
    }


def test_the_codec_is_frozen() -> None:
    with pytest.raises(AttributeError):
        PhotonPredictV3().predictor = Predictor()  # type: ignore[misc]


@pytest.mark.parametrize("wrong", [None, {"weights": [1] * 9}, (1,) * 9, Predictor])
def test_what_is_no_predictor_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="predictor must be a Predictor, not "):
        PhotonPredictV3(wrong)


@pytest.mark.parametrize("dtype", ["int32", "uint64", "float32"])
@pytest.mark.parametrize("options", [{}, {"shards": (8, 6, 9)}])
def test_codes_of_other_dtypes_are_refused(tmp_path: Path, dtype: str, options: dict[str, Any]) -> None:
    """When the array is created, or with older releases of Zarr, before anything is written to it."""

    def write(path: Path, *filters: Any) -> None:
        chosen: dict[str, Any] = {"shape": CODES.shape, "chunks": (4, 6, 9), "dtype": dtype, **options}
        zarr.create_array(path, filters=filters, **chosen)[...] = CODES + 100

    filters: list[list[Any]] = [[PhotonPredictV3()]]
    if dtype != "uint64":
        filters.append([AnscombeTransformV3(100, 2.5, encoded_dtype=dtype), PhotonPredictV3()])
    for number, chosen in enumerate(filters):
        path = tmp_path / str(number)
        with pytest.raises(
            ValueError, match=f"codes of dtype '{dtype}' cannot be predicted, only those of int8, uint8"
        ):
            write(path, *chosen)
        assert {file.name for file in path.rglob("*") if file.is_file()} <= {"zarr.json"}


def test_an_array_without_axes_is_refused() -> None:
    """When it is created, or with older releases of Zarr, when it is written."""
    with pytest.raises(ValueError, match="an array without axes has no frames to predict: leave the prediction out"):
        zarr.create_array({}, shape=(), dtype="uint8", filters=[PhotonPredictV3()])[...] = 3


@pytest.mark.parametrize("dtype", PREDICTED_DTYPES)
def test_the_specification_of_residuals_is_of_unsigned_integers(dtype: str) -> None:
    spec = specification(dtype, (3, 4))
    resolved = PhotonPredictV3().resolve_metadata(spec)
    assert resolved.shape == (3, 4)
    assert resolved.dtype.to_native_dtype() == f"u{np.dtype(dtype).itemsize}"
    assert resolved.fill_value == 0
    assert PhotonPredictV3().compute_encoded_size(24, spec) == 24


@pytest.mark.parametrize("work", ["encode", "decode"])
def test_the_event_loop_stays_free_during_long_work(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loop_moved_on = threading.Event()
    predict = Predictor._predict

    def waiting(*args: Any, **kwargs: Any) -> Any:
        assert loop_moved_on.wait(timeout=10), "the event loop was held up"
        return predict(*args, **kwargs)

    monkeypatch.setattr(Predictor, "_predict", waiting)
    spec = specification("uint8", (4, 256, 256))
    chunk = default_buffer_prototype().nd_buffer.from_numpy_array(np.ones(spec.shape, "uint8"))

    async def main() -> None:
        task = asyncio.ensure_future(getattr(PhotonPredictV3(), work)([(chunk, spec)]))
        await asyncio.sleep(0)
        loop_moved_on.set()
        await task

    asyncio.run(main())
