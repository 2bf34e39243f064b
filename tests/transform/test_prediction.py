"""Prediction of codes against the rule of the format, written down once more in NumPy."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from prediction_rule import residuals_by_the_rule
from strategies import predictors

from anscombe_transform._kernels.dispatch import INSTRUCTION_SETS, use_instructions
from anscombe_transform.transform.prediction import PREDICTED_DTYPES, Predictor

Array = npt.NDArray[Any]


@st.composite
def movies(draw: st.DrawFn, dtype: str) -> Array:
    """Return codes of shape (time, y, x), some of whose frames may be constant."""
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 6), st.integers(1, 37)))
    info = np.iinfo(dtype)
    limits = draw(st.sampled_from([(info.min, info.max), (0, 25), (info.max - 3, info.max)]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    codes: Array = random.integers(*limits, shape, dtype, endpoint=True)
    for frame in draw(st.lists(st.integers(0, shape[0] - 1), max_size=3)):
        codes[frame] = draw(st.integers(*limits))
    return codes


@pytest.mark.parametrize("instructions", INSTRUCTION_SETS)
@pytest.mark.parametrize("dtype", PREDICTED_DTYPES)
@given(data=st.data(), predictor=predictors())
@settings(max_examples=60)
def test_residuals_follow_the_rule_and_lose_nothing(
    instructions: str, dtype: str, data: st.DataObject, predictor: Predictor
) -> None:
    codes = data.draw(movies(dtype))
    use_instructions(instructions)
    try:
        residuals = predictor.residuals(codes)
        restored = predictor.codes(residuals, dtype)
    finally:
        use_instructions(INSTRUCTION_SETS[-1])
    np.testing.assert_array_equal(residuals, residuals_by_the_rule(codes, predictor))
    assert restored.dtype == dtype
    np.testing.assert_array_equal(restored, codes)


@pytest.mark.parametrize("dtype", PREDICTED_DTYPES)
@given(data=st.data())
def test_codes_of_any_shape_and_layout_come_back(dtype: str, data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5))
    codes = data.draw(hnp.arrays(np.dtype(dtype).newbyteorder(data.draw(st.sampled_from("<>"))), shape))
    codes = codes.transpose(data.draw(st.permutations(range(codes.ndim))))
    residuals = Predictor().residuals(codes)
    assert residuals.shape == codes.shape
    restored = Predictor().codes(residuals, dtype)
    assert restored.dtype == dtype
    assert restored.shape == codes.shape
    np.testing.assert_array_equal(restored, codes)


@given(codes=movies("uint8"), planes=st.integers(2, 3))
def test_planes_are_predicted_by_themselves(codes: Array, planes: int) -> None:
    stacked = np.stack([np.roll(codes, plane, axis=2) for plane in range(planes)], axis=1)
    residuals = Predictor().residuals(stacked)
    for plane in range(planes):
        np.testing.assert_array_equal(residuals[:, plane], Predictor().residuals(stacked[:, plane]))


@given(residuals=hnp.arrays(st.sampled_from(["uint8", "uint16"]), (3, 4, 5)), predictor=predictors())
def test_any_bytes_are_residuals_of_some_codes(residuals: Array, predictor: Predictor) -> None:
    codes = predictor.codes(residuals, residuals.dtype)
    np.testing.assert_array_equal(predictor.residuals(codes), residuals)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"weights": (1,) * 8}, ValueError, "weights must be 9 integers, not 8"),
        ({"first_weights": "12345678"}, TypeError, "first_weights must be a sequence of 8 integers, not str"),
        ({"weights": (1,) * 8 + (2**15,)}, ValueError, "weights must be from -32768 to 32767, not 32768"),
        ({"bias": 0.5}, TypeError, "bias must be an integer, not float"),
        ({"shift": True}, TypeError, "shift must be an integer, not bool"),
        ({"shift": 8}, ValueError, "shift must be from 0 to 7, not 8"),
    ],
)
def test_what_cannot_be_weights_is_refused(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Predictor(**given)


@pytest.mark.parametrize(
    ("codes", "error", "message"),
    [
        (
            np.zeros((2, 3), "float32"),
            ValueError,
            "codes of dtype 'float32' cannot be predicted, only those of int8, uint8",
        ),
        (np.zeros((2, 3), "int64"), ValueError, "codes of dtype 'int64'"),
        (np.ma.zeros((2, 3), "uint8"), TypeError, "codes are masked"),
        ([[1, 2, 3]], TypeError, "codes must be a NumPy array, not list"),
    ],
)
def test_what_cannot_be_codes_is_refused(codes: Array, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Predictor().residuals(codes)


@pytest.mark.parametrize(("dtype", "of_codes"), [("uint8", "int16"), ("int8", "int8"), ("uint32", "int32")])
def test_residuals_of_another_dtype_than_that_of_the_codes_are_refused(dtype: str, of_codes: str) -> None:
    with pytest.raises(ValueError, match=f"residuals of {dtype} are not those of {of_codes} codes"):
        Predictor().codes(np.zeros((2, 3), dtype), of_codes)
