"""Parameters: every wrong one is refused where it enters."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from strategies import Parameters, parameters

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, decode, encode

RIGHT: dict[str, Any] = {"zero_level": 100, "conversion_gain": 2.5}

WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"zero_level": float("nan")}, ValueError, "zero_level must be finite, not nan"),
    ({"zero_level": 10**400}, ValueError, "zero_level must be finite"),
    ({"zero_level": "100"}, TypeError, "zero_level must be a real number, not '100'"),
    ({"zero_level": True}, TypeError, "zero_level must be a real number, not True"),
    ({"zero_level": np.zeros(3)}, TypeError, "zero_level must be a real number"),
    ({"zero_level": 1j}, TypeError, "zero_level must be a real number, not 1j"),
    ({"conversion_gain": 0}, ValueError, r"conversion_gain must be above 0 ADU per photon, not 0\.0"),
    ({"conversion_gain": -2.5}, ValueError, r"conversion_gain must be above 0 ADU per photon, not -2\.5"),
    ({"conversion_gain": float("inf")}, ValueError, "conversion_gain must be finite, not inf"),
    ({"conversion_gain": None}, TypeError, "conversion_gain must be a real number, not None"),
    ({"beta": 0}, ValueError, "beta must be above 0"),
    ({"beta": -0.5}, ValueError, "beta must be above 0"),
    ({"beta": float("nan")}, ValueError, "beta must be finite"),
    ({"beta": "fine"}, TypeError, "beta must be a real number"),
    ({"zero_level": 1e300, "conversion_gain": 1e-300}, ValueError, "numbers that float64 cannot hold"),
    ({"beta": 5e-324}, ValueError, "numbers that float64 cannot hold"),
    ({"encoded_dtype": "uint64"}, ValueError, "encoded_dtype must be one of uint8, int8, .*, not 'uint64'"),
    ({"encoded_dtype": "float16"}, ValueError, "encoded_dtype must be one of uint8"),
    ({"encoded_dtype": ">u2"}, ValueError, "encoded_dtype must be one of .* in native byte order, not '>u2'"),
    ({"encoded_dtype": "nonsense"}, ValueError, "encoded_dtype must be one of uint8, .*, not 'nonsense'"),
    ({"encoded_dtype": None}, ValueError, "encoded_dtype must be given"),
    ({"decoded_dtype": "complex64"}, ValueError, "decoded_dtype must be an integer or floating-point dtype"),
    ({"decoded_dtype": "bool"}, ValueError, "decoded_dtype must be an integer or floating-point dtype"),
    ({"decoded_dtype": "nonsense"}, ValueError, "decoded_dtype must be an integer .*, not 'nonsense'"),
    ({"out_of_range": "wrap"}, ValueError, "out_of_range must be None, .* or 'clamp', .* not 'wrap'"),
    ({"out_of_range": True}, ValueError, "out_of_range must be None"),
    ({"out_of_range": np.array(["clamp"])}, ValueError, "out_of_range must be None"),
]


@pytest.mark.parametrize("codec", [AnscombeTransformV2, AnscombeTransformV3])
@pytest.mark.parametrize(("wrong", "error", "message"), WRONG)
def test_a_codec_refuses_wrong_parameters_when_constructed(
    codec: Any, wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        codec(**(RIGHT | wrong))


@pytest.mark.parametrize(("wrong", "error", "message"), [w for w in WRONG if "decoded_dtype" not in w[0]])
def test_encode_refuses_wrong_parameters(wrong: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        encode(np.zeros(3, "int16"), **(RIGHT | wrong))


@pytest.mark.parametrize(
    ("wrong", "error", "message"), [w for w in WRONG if not {"out_of_range", "encoded_dtype"} & w[0].keys()]
)
def test_decode_refuses_wrong_parameters(wrong: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        decode(np.zeros(3, "uint8"), **(RIGHT | {"decoded_dtype": "int16"} | wrong))


def test_parameters_of_any_real_type_are_taken_as_floats() -> None:
    pairs: list[Any] = [(100, 2), (100.0, 2.0), (np.int16(100), np.float32(2)), (np.float64(100), np.uint8(2))]
    codecs = {AnscombeTransformV3(*pair) for pair in pairs}
    assert len(codecs) == 1
    assert type(codecs.pop().zero_level) is float


@given(parameters())
def test_codes_never_fall_as_the_input_rises(parameters: Parameters) -> None:
    x = np.linspace(-1e5, 1e5, 100_001)
    assert (np.diff(encode(x, encoded_dtype="float64", **parameters)) >= 0).all()
