"""A real two-photon recording through Zarr, where the environment variable ANSCOMBE_RECORDING names its file.

It is an .npz file with the array `movie`, (time, y, x), int16, of zero level 86 ADU and conversion gain 97 ADU per
photon.
"""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference
import zarr

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, estimate_parameters
from anscombe_transform.quality import measure_stabilized_noise

RECORDING = os.environ.get("ANSCOMBE_RECORDING")

pytestmark = pytest.mark.skipif(RECORDING is None, reason="ANSCOMBE_RECORDING does not name a recording")

Z, G = 86, 97


@pytest.fixture(scope="module")
def movie() -> npt.NDArray[np.int16]:
    with np.load(str(RECORDING)) as arrays:
        recording: npt.NDArray[np.int16] = arrays["movie"]
    assert recording.min() < 0
    assert recording.max() > 7000
    return recording


def create(path: Path, movie: npt.NDArray[np.int16], zarr_format: Any, encoded_dtype: str) -> Any:
    codec_class: Any = {2: AnscombeTransformV2, 3: AnscombeTransformV3}[zarr_format]
    return zarr.create_array(
        path,
        shape=movie.shape,
        chunks=(16, *movie.shape[1:]),
        dtype=movie.dtype,
        filters=[codec_class(Z, G, encoded_dtype=encoded_dtype)],
        zarr_format=zarr_format,
    )


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_uint8_refuses_it_and_names_a_dtype_that_holds_it(
    tmp_path: Path, movie: npt.NDArray[np.int16], zarr_format: int
) -> None:
    """With that dtype, every value comes back within the bound."""
    with pytest.raises(ValueError, match=r" ADU, where uint8 codes hold -14 to") as caught:
        create(tmp_path / "uint8", movie, zarr_format, "uint8")[...] = movie
    named = re.search(r"encoded_dtype='(\w+)'", str(caught.value))
    assert named is not None
    assert named[1] == "int8"
    create(tmp_path / "named", movie, zarr_format, named[1])[...] = movie
    read = np.asarray(zarr.open_array(tmp_path / "named", mode="r")[...])
    error = np.abs(read.astype("float64") - movie)
    assert (error <= reference.largest_error(movie, Z, G)).all()
    bright = movie >= Z
    assert (error[bright] <= 0.30 * reference.noise(movie[bright], Z, G) + 0.5).all()


def test_both_formats_store_and_return_the_same(tmp_path: Path, movie: npt.NDArray[np.int16]) -> None:
    arrays = [create(tmp_path / str(zarr_format), movie, zarr_format, "int8") for zarr_format in (2, 3)]
    for array in arrays:
        array[...] = movie
    np.testing.assert_array_equal(arrays[0][...], arrays[1][...])


def test_it_takes_less_than_a_third_of_its_size(tmp_path: Path, movie: npt.NDArray[np.int16]) -> None:
    array = create(tmp_path / "a", movie, 3, "int8")
    array[...] = movie
    assert array.nbytes_stored() < movie.nbytes / 3


@pytest.mark.parametrize("half", [0, 1])
def test_the_parameters_of_either_half_make_its_noise_uniform(movie: npt.NDArray[np.int16], half: int) -> None:
    frames = np.array_split(movie, 2)[half]
    estimate = estimate_parameters(frames)
    _, noise = measure_stabilized_noise(
        frames, zero_level=estimate.zero_level, conversion_gain=estimate.conversion_gain, bins=8
    )
    np.testing.assert_allclose(noise, 1, atol=0.05)
