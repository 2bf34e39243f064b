"""What anscombe-transform 1.0.0 gets wrong is right here, each fault as one test, in arrays in a store on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import reference
import zarr
from fresh_process import read_in_a_fresh_process
from pipelines import pipeline  # noqa: F401 - each test runs with each pipeline

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3

Array = npt.NDArray[Any]
Format = Literal[2, 3]

both_formats = pytest.mark.parametrize("zarr_format", [2, 3])


def create(path: Path, like: Array, zarr_format: Format, *, fill_value: int = 0, **parameters: Any) -> zarr.Array[Any]:
    """Create an array of two chunks for a movie, with the codec as its filter."""
    codec: AnscombeTransformV2 | AnscombeTransformV3
    if zarr_format == 2:
        codec = AnscombeTransformV2(**parameters, decoded_dtype=like.dtype)
    else:
        codec = AnscombeTransformV3(**parameters)
    return zarr.create_array(
        path,
        shape=like.shape,
        chunks=(len(like) // 2, *like.shape[1:]),
        dtype=like.dtype,
        filters=[codec],
        fill_value=fill_value,
        zarr_format=zarr_format,
    )


def reread(path: Path) -> Array:
    return np.asarray(zarr.open_array(path, mode="r")[...])


def chunks_in(path: Path) -> list[str]:
    return [file.name for file in path.rglob("*") if file.is_file() and not file.name.startswith((".z", "zarr.json"))]


def poisson_movie(photons: float, z: float, g: float, dtype: str) -> Array:
    counts = np.random.default_rng(1).poisson(photons, (20, 32, 32))
    return np.asarray(np.rint(z + g * counts), dtype)


def assert_within_the_bound(read: Array, written: Array, z: float, g: float, beta: float = 0.5) -> None:
    """Check that integers are read as written but for half their code's interval and the rounding to integers."""
    assert read.dtype == written.dtype
    error = np.abs(read.astype(np.float64) - written.astype(np.float64))
    assert np.all(error <= reference.largest_error(written, z, g, beta))


@both_formats
def test_the_example_of_the_guide_reads_back_within_the_bound(zarr_format: Format, tmp_path: Path) -> None:
    """Its inputs are around 50."""
    movie = np.random.default_rng(1).poisson(50, (20, 32, 32)).astype("int16")
    create(tmp_path / "a", movie, zarr_format, zero_level=100, conversion_gain=2.5)[...] = movie
    assert_within_the_bound(reread(tmp_path / "a"), movie, 100, 2.5)


@both_formats
@pytest.mark.parametrize("gain", [0.3, 1.0, 2.5, 3.2])
def test_integers_read_back_within_the_bound_where_codes_are_skipped(
    gain: float, zarr_format: Format, tmp_path: Path
) -> None:
    """This holds for every integer that has a code; one with a code of its own comes back as it was."""
    movie = np.arange(2**15, dtype="int16").reshape(8, 64, 64)
    create(tmp_path / "a", movie, zarr_format, zero_level=100, conversion_gain=gain, encoded_dtype="uint16")[...] = (
        movie
    )
    read = reread(tmp_path / "a")
    assert_within_the_bound(read, movie, 100, gain)
    alone = np.diff(reference.code(np.arange(-1, 2**15 + 1), 100, gain)) > 0
    np.testing.assert_array_equal(read.ravel()[alone[:-1] & alone[1:]], movie.ravel()[alone[:-1] & alone[1:]])
    bright = movie >= 100
    error = np.abs(read[bright].astype(np.float64) - movie[bright])
    assert np.all(error <= 0.30 * reference.noise(movie[bright], 100, gain) + 0.5)


@both_formats
def test_a_value_beyond_the_last_code_is_an_error(zarr_format: Format, tmp_path: Path) -> None:
    """Its chunk is not stored."""
    movie = poisson_movie(300, 0, 2.5, "int16")
    array = create(tmp_path / "a", movie, zarr_format, zero_level=0, conversion_gain=2.5)
    movie[3, 4, 5] = 20_000
    assert reference.code(20_000, 0, 2.5) > 255
    with pytest.raises(ValueError, match=r"1 of 10240 values are out of range: 20000 to 20000 ADU.*'uint16'.*'clamp'"):
        array[: len(movie) // 2] = movie[: len(movie) // 2]
    assert chunks_in(tmp_path / "a") == []
    np.testing.assert_array_equal(reread(tmp_path / "a"), 0)


@both_formats
def test_a_value_beyond_the_last_code_leaves_the_chunk_as_it_was(zarr_format: Format, tmp_path: Path) -> None:
    movie = poisson_movie(300, 0, 2.5, "int16")
    array = create(tmp_path / "a", movie, zarr_format, zero_level=0, conversion_gain=2.5)
    array[...] = movie
    before = reread(tmp_path / "a")
    with pytest.raises(ValueError, match="20000 to 20000 ADU"):
        array[3, 4, 5] = 20_000
    np.testing.assert_array_equal(reread(tmp_path / "a"), before)


@both_formats
def test_a_value_beyond_the_last_code_comes_back_as_the_brightest_when_clamped(
    zarr_format: Format, tmp_path: Path
) -> None:
    z, g = 0, 2.5
    movie = poisson_movie(300, z, g, "int16")
    movie[3, 4, 5] = 20_000
    array = create(tmp_path / "a", movie, zarr_format, zero_level=z, conversion_gain=g, out_of_range="clamp")
    array[...] = movie
    read = reread(tmp_path / "a")
    held = movie < 20_000
    assert_within_the_bound(read[held], movie[held], z, g)
    assert reference.inverse(254.5, z, g) <= read[3, 4, 5] <= reference.inverse(255.5, z, g)


def test_uint8_codes_of_a_zero_level_below_0_are_refused(tmp_path: Path) -> None:
    """The error names int8, and is raised when the array is created."""
    movie = np.zeros((4, 8, 8), "int16")
    with pytest.raises(ValueError, match=r"fill value, 0, cannot be encoded.*encoded_dtype='int8'"):
        create(tmp_path / "a", movie, 3, zero_level=-200, conversion_gain=80)


@both_formats
def test_inputs_near_0_above_a_zero_level_below_0_are_an_error_that_names_int8(
    zarr_format: Format, tmp_path: Path
) -> None:
    movie = np.arange(256, dtype="int16").reshape(4, 8, 8)
    movie[2:] += 500
    assert reference.code(0, -200, 80) == -4
    array = create(tmp_path / "a", movie, zarr_format, zero_level=-200, conversion_gain=80, fill_value=500)
    with pytest.raises(ValueError, match=r"128 of 128 values are out of range: 0 to 127 ADU.*encoded_dtype='int8'"):
        array[...] = movie
    assert len(chunks_in(tmp_path / "a")) < 2


@both_formats
def test_inputs_near_0_above_a_zero_level_below_0_stay_dark_when_clamped(zarr_format: Format, tmp_path: Path) -> None:
    z, g = -200, 80
    movie = np.arange(1024, dtype="int16").reshape(4, 16, 16)
    array = create(tmp_path / "a", movie, zarr_format, zero_level=z, conversion_gain=g, out_of_range="clamp")
    array[...] = movie
    read = reread(tmp_path / "a")
    clamped = reference.code(movie, z, g) < 0
    assert clamped[0, 0, 0]
    assert np.all((reference.inverse(-0.5, z, g) <= read[clamped]) & (read[clamped] <= reference.inverse(0.5, z, g)))
    assert_within_the_bound(read[~clamped], movie[~clamped], z, g)


@both_formats
def test_int8_codes_of_a_zero_level_below_0_are_within_the_bound(zarr_format: Format, tmp_path: Path) -> None:
    """These are inputs near 0, above the zero level."""
    z, g = -200, 80
    movie = np.arange(1024, dtype="int16").reshape(4, 16, 16)
    array = create(tmp_path / "a", movie, zarr_format, zero_level=z, conversion_gain=g, encoded_dtype="int8")
    array[...] = movie
    assert_within_the_bound(reread(tmp_path / "a"), movie, z, g)


@both_formats
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_inputs_read_back_within_half_the_interval_of_their_code(
    dtype: str, zarr_format: Format, tmp_path: Path
) -> None:
    z, g = 10.5, 2.5
    counts = np.random.default_rng(1).poisson(50, (20, 32, 32))
    movie = (z + g * counts + np.random.default_rng(2).normal(0, 3, counts.shape)).astype(dtype)
    create(tmp_path / "a", movie, zarr_format, zero_level=z, conversion_gain=g)[...] = movie
    read = reread(tmp_path / "a")
    assert read.dtype == movie.dtype
    error = np.abs(read.astype(np.float64) - movie)
    half_the_interval = reference.largest_error(movie, z, g) - 0.5
    assert np.all(error <= half_the_interval + 4 * np.spacing(movie))


@pytest.mark.parametrize(
    ("zarr_format", "encoded_dtype"), [(2, "int8"), (2, "int16"), (2, "int32"), (3, "int8")]
)  # Zarr V3 has no arrays of 8 bits with wider codes
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_inputs_of_8_bits_read_back_within_the_bound(
    encoded_dtype: str, dtype: str, zarr_format: Format, tmp_path: Path
) -> None:
    z, g = 5, 5
    info = np.iinfo(dtype)
    movie = np.arange(info.min, info.max + 1).astype(dtype).reshape(4, 8, 8)
    array = create(tmp_path / "a", movie, zarr_format, zero_level=z, conversion_gain=g, encoded_dtype=encoded_dtype)
    array[...] = movie
    assert_within_the_bound(reread(tmp_path / "a"), movie, z, g)


@both_formats
@pytest.mark.parametrize(("dtype", "brightest"), [("uint16", 65_535), ("int32", 1_000_000)])
def test_inputs_above_32767_read_back_within_the_bound(
    dtype: str, brightest: int, zarr_format: Format, tmp_path: Path
) -> None:
    movie = np.linspace(0, brightest, 4096).astype(dtype).reshape(4, 32, 32)
    array = create(tmp_path / "a", movie, zarr_format, zero_level=100, conversion_gain=2.5, encoded_dtype="uint16")
    array[...] = movie
    assert_within_the_bound(reread(tmp_path / "a"), movie, 100, 2.5)


@both_formats
@pytest.mark.parametrize("dtype", ["uint16", "int32"])
def test_inputs_above_32767_are_an_error_where_they_have_no_code(
    dtype: str, zarr_format: Format, tmp_path: Path
) -> None:
    z, g = 0, 9
    movie = np.full((4, 8, 8), 1000, dtype)
    movie[1, 2, 3] = 65_535
    assert reference.code(32_767, z, g) <= 255 < reference.code(65_535, z, g)
    array = create(tmp_path / "a", movie, zarr_format, zero_level=z, conversion_gain=g)
    with pytest.raises(ValueError, match="1 of 128 values are out of range: 65535 to 65535 ADU"):
        array[...] = movie


@both_formats
@pytest.mark.parametrize("beta", [0.25, 1.0, 2.0])
def test_beta_is_accepted_and_sets_the_width_of_the_codes(beta: float, zarr_format: Format, tmp_path: Path) -> None:
    z, g = 100, 2.5
    movie = poisson_movie(50, z, g, "int16")
    array = create(
        tmp_path / "a", movie, zarr_format, zero_level=z, conversion_gain=g, beta=beta, encoded_dtype="int16"
    )
    array[...] = movie
    read = reread(tmp_path / "a")
    assert_within_the_bound(read, movie, z, g, beta)
    assert np.unique(read).size == np.unique(reference.code(movie, z, g, beta)).size
    opened = zarr.open_array(tmp_path / "a", mode="r")
    (codec,) = opened.filters
    assert isinstance(codec, AnscombeTransformV2 | AnscombeTransformV3)
    assert codec.beta == beta


@pytest.mark.parametrize("decoded_dtype", ["uint8", "uint16", "int32", "int64", "float32", ">i2"])
@pytest.mark.parametrize("encoded_dtype", ["int16", "uint16", "int32"])
def test_v2_arrays_of_other_dtypes_than_the_defaults_can_be_read_back(
    encoded_dtype: str, decoded_dtype: str, tmp_path: Path
) -> None:
    z, g = 10, 0.5
    movie = np.arange(256).astype(decoded_dtype).reshape(4, 8, 8)
    assert reference.code(255, z, g) != reference.code(255, z, g).astype("int8")
    create(tmp_path / "a", movie, 2, zero_level=z, conversion_gain=g, encoded_dtype=encoded_dtype)[...] = movie
    stored = json.loads((tmp_path / "a" / ".zarray").read_text())["filters"][0]
    assert (stored["encoded_dtype"], stored["decoded_dtype"]) == (encoded_dtype, decoded_dtype)
    assert_within_the_bound(reread(tmp_path / "a"), movie, z, g)


@both_formats
def test_a_fresh_process_opens_an_array_without_importing_the_package(zarr_format: Format, tmp_path: Path) -> None:
    movie = poisson_movie(50, 0, 12.5, "int16")
    create(tmp_path / "a", movie, zarr_format, zero_level=0, conversion_gain=12.5)[...] = movie
    (read,) = read_in_a_fresh_process(tmp_path, tmp_path / "a")
    assert_within_the_bound(read, movie, 0, 12.5)


@pytest.mark.parametrize("gain", [0, 0.0, -0.0, -2.5])
@pytest.mark.parametrize("codec", [AnscombeTransformV2, AnscombeTransformV3])
def test_a_conversion_gain_of_0_or_below_is_refused(
    codec: type[AnscombeTransformV2] | type[AnscombeTransformV3], gain: float
) -> None:
    """When the codec is constructed."""
    with pytest.raises(ValueError, match=f"conversion_gain must be above 0 ADU per photon, not {float(gain)!r}"):
        codec(zero_level=0, conversion_gain=gain)
