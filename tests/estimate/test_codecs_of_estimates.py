"""The codec that an estimate makes: the narrowest codes that hold the movie with headroom."""

import itertools
from typing import Any

import numpy as np
import pytest
import reference
import zarr
from estimates import HEIGHT, MOVIE, WIDTH, Array, estimate_as, estimate_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import logarithmic

from anscombe_transform import ParameterEstimate, encode, estimate_parameters


def is_held(x: list[float], encoded_dtype: str, zero_level: float, conversion_gain: float, beta: float) -> bool:
    try:
        encode(x, zero_level=zero_level, conversion_gain=conversion_gain, encoded_dtype=encoded_dtype, beta=beta)
    except ValueError:
        return False
    return True


@given(
    zero_level=st.floats(-1000, 1000),
    conversion_gain=logarithmic(0.1, 1000),
    range_in_photons=st.tuples(st.floats(-9, 2), logarithmic(0.1, 1e6)),
    dtype=st.sampled_from(["int8", "uint8", "int16", ">i2", "uint16", "int32", "float32", "float64"]),
    beta=st.sampled_from([None, 0.25, 1.0]),
    zarr_format=st.sampled_from([2, 3]),
)
def test_the_codec_has_the_narrowest_codes_that_hold_the_movie_with_headroom(
    zero_level: float,
    conversion_gain: float,
    range_in_photons: tuple[float, float],
    dtype: str,
    beta: float | None,
    zarr_format: Any,
) -> None:
    info = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    smallest, largest = float(info.min), float(info.max)
    lowest, highest = sorted(
        min(max(zero_level + conversion_gain * u, smallest), largest) for u in np.cumsum(range_in_photons)
    )
    options = {} if beta is None else {"beta": beta}
    estimate = estimate_of(
        zero_level=zero_level,
        conversion_gain=conversion_gain,
        lowest=lowest,
        highest=highest,
        dtype=np.dtype(dtype),
    )
    codec = estimate.codec(zarr_format, **options)
    noise = float(reference.noise(max(lowest, zero_level), zero_level, conversion_gain))
    above = max(highest, zero_level + 2 * (highest - zero_level))
    needed = [max(smallest, lowest - 3 * noise), min(largest, above)]
    fitting = (
        name
        for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
        if is_held(needed, name, zero_level, conversion_gain, beta or 0.5)
    )
    assert codec.encoded_dtype == next(fitting)
    assert (codec.zero_level, codec.conversion_gain) == (zero_level, conversion_gain)
    assert codec.beta == (beta or 0.5)


@given(logarithmic(0.01, 1000), st.sampled_from(["float32", "float64"]))
def test_codes_become_wider_exactly_where_the_movie_with_headroom_needs_it(gain: float, dtype: str) -> None:
    """Three standard deviations of the noise below, twice the signal above."""
    zero = 5 * gain
    below_0, above_255 = reference.inverse([-0.5, 255.5], zero, gain)
    lowest = below_0 + 3 * reference.noise(zero, zero, gain)
    highest = zero + (above_255 - zero) / 2
    for outside, encoded_dtypes in ((-1e-3, ("uint8", "uint8")), (1e-3, ("int8", "uint16"))):
        ranges = ((lowest - outside * gain, zero + gain), (lowest + gain, highest + outside * gain))
        for (low, high), encoded_dtype in zip(ranges, encoded_dtypes, strict=True):
            estimate = estimate_of(
                zero_level=zero, conversion_gain=gain, lowest=low, highest=high, dtype=np.dtype(dtype)
            )
            assert estimate.codec().encoded_dtype == encoded_dtype


def test_headroom_ends_where_the_dtype_of_the_movie_does() -> None:
    dim: dict[str, Any] = {"zero_level": 86.0, "conversion_gain": 97.0, "lowest": 10.0, "highest": 2000.0}
    assert estimate_of(**dim, dtype=np.dtype("int16")).codec().encoded_dtype == "int8"
    assert estimate_of(**dim, dtype=np.dtype("uint16")).codec().encoded_dtype == "uint8"
    bright: dict[str, Any] = {"zero_level": 0.0, "conversion_gain": 0.07, "lowest": 1.0, "highest": 250.0}
    assert estimate_of(**bright, dtype=np.dtype("uint16")).codec().encoded_dtype == "uint16"
    assert estimate_of(**bright, dtype=np.dtype("uint8")).codec().encoded_dtype == "uint8"


def detected(dtype: str) -> Array:
    """Return a movie with read noise, and with values below its zero level if the dtype has them."""
    random = np.random.default_rng(0)
    zero, gain = (10, 0.8) if dtype in ("int8", "uint8") else (20, 9)
    signal = zero + gain * random.poisson(np.linspace(0, 50, WIDTH), MOVIE.shape) + random.normal(0, gain, MOVIE.shape)
    if np.dtype(dtype).kind == "f":
        return signal.astype(dtype)
    limits = np.iinfo(dtype)
    return signal.round().clip(limits.min, limits.max).astype(dtype)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", ">i2", "uint16", "int32", "float32", "float64"])
def test_a_movie_comes_back_from_its_codec_within_the_bound(dtype: str) -> None:
    """The bound is that of the format: half the interval of a code, and rounding."""
    movie = detected(dtype)
    estimate = estimate_parameters(movie)
    formats: list[Any] = [2, 3]
    for zarr_format, beta in itertools.product(formats, (0.5, 1.0)):
        codec: Any = estimate.codec(zarr_format, beta=beta)
        array = zarr.create_array(
            {},
            shape=movie.shape,
            chunks=(20, HEIGHT, WIDTH),
            dtype=movie.dtype,
            filters=[codec],
            zarr_format=zarr_format,
        )
        array[...] = movie
        read = np.asarray(array[...])
        assert read.dtype == movie.dtype
        bound = reference.largest_error(movie, estimate.zero_level, estimate.conversion_gain, beta)
        assert (np.abs(read.astype("float64") - movie) <= bound).all()
        assert array.nbytes_stored() < 0.9 * movie.nbytes


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_movies_of_8_bits_get_codes_of_8_bits(dtype: str) -> None:
    estimate = estimate_parameters(detected(dtype))
    assert {np.dtype(estimate.codec(2).encoded_dtype).itemsize, np.dtype(estimate.codec(3).encoded_dtype).itemsize} == {
        1
    }


def test_the_codec_of_zarr_v2_is_for_the_dtype_of_the_movie() -> None:
    for dtype in ("int16", "uint16", ">i2", "float32"):
        codec = estimate_as(dtype).codec(zarr_format=2)
        assert np.dtype(codec.decoded_dtype) == np.dtype(dtype)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_other_parameters_of_the_codec_can_be_given(zarr_format: Any, estimate: ParameterEstimate) -> None:
    codec = estimate.codec(zarr_format, encoded_dtype="int32", beta=0.2, out_of_range="clamp", decoded_dtype="uint16")
    assert codec.encoded_dtype == "int32"
    assert codec.beta == 0.2
    assert codec.out_of_range == "clamp"
    assert codec.decoded_dtype == "uint16"


@pytest.mark.parametrize("zarr_format", [1, 4, "3", None])
def test_there_are_only_codecs_for_zarr_formats_2_and_3(zarr_format: Any, estimate: ParameterEstimate) -> None:
    with pytest.raises(ValueError, match=f"^zarr_format must be 2 or 3, not {zarr_format!r}"):
        estimate.codec(zarr_format)


@pytest.mark.parametrize("wrong", [{"beta": 0}, {"encoded_dtype": "int64"}, {"out_of_range": "wrap"}])
def test_options_that_the_codec_does_not_allow_are_refused(wrong: dict[str, Any], estimate: ParameterEstimate) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name} must be"):
        estimate.codec(**wrong)
