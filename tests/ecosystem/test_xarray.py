"""What xarray writes with the codec and reads, and what it reads of arrays that `compress` has written."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE, G, Z
from processes import TIMEOUT

from anscombe_transform import (
    AnscombeTransformV2,
    AnscombeTransformV3,
    PhotonPredictV2,
    PhotonPredictV3,
    compress,
    decode,
    encode,
    open_recording,
    verify,
)

da = pytest.importorskip("dask.array")
xarray = pytest.importorskip("xarray")

CHUNKS = (10, 64, 64)
FILTERS: dict[int, list[Any]] = {
    2: [AnscombeTransformV2(Z, G), PhotonPredictV2(CHUNKS)],
    3: [AnscombeTransformV3(Z, G), PhotonPredictV3()],
}
EXPECTED = decode(encode(MOVIE, **GIVEN), **GIVEN, decoded_dtype="int16")

READ = """
import sys
import xarray
movie = xarray.open_zarr(sys.argv[1], consolidated=False, chunks=None)["movie"]
print(int(movie[3].sum()), movie.attrs["units"])
"""


def dataset(movie: Any = MOVIE) -> Any:
    """Return a movie with times, with attributes of its own and of the dataset."""
    variables = {"movie": (("t", "y", "x"), movie, {"units": "ADU"})}
    return xarray.Dataset(variables, coords={"t": np.arange(len(movie)) / 30}, attrs={"mouse": "M1"})


def write(data: Any, path: Path, zarr_format: int = 3) -> None:
    encoding = {"movie": {"filters": FILTERS[zarr_format], "chunks": CHUNKS}}
    data.to_zarr(path, encoding=encoding, zarr_format=zarr_format, consolidated=False)


@pytest.mark.parametrize("zarr_format", FILTERS)
@pytest.mark.parametrize("lazy", [False, True], ids=["NumPy", "Dask"])
def test_a_dataset_comes_back_with_axes_times_and_attributes(zarr_format: int, lazy: bool, tmp_path: Path) -> None:
    write(dataset(da.from_array(MOVIE, chunks=CHUNKS) if lazy else MOVIE), tmp_path / "a.zarr", zarr_format)
    array: Any = zarr.open_array(tmp_path / "a.zarr/movie", mode="r")
    assert (array.metadata.zarr_format, len(array.filters)) == (zarr_format, 2)
    read = xarray.open_zarr(tmp_path / "a.zarr", consolidated=False)
    xarray.testing.assert_identical(read.compute(), dataset(EXPECTED))
    assert read["movie"].chunks == ((10,) * 4, (64,), (64,))


@pytest.mark.parametrize("zarr_format", FILTERS)
def test_a_process_reads_it_that_never_imports_this_package(zarr_format: int, tmp_path: Path) -> None:
    write(dataset(), tmp_path / "a.zarr", zarr_format)
    line = [sys.executable, "-W", "error", "-c", READ, str(tmp_path / "a.zarr")]
    printed = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, timeout=TIMEOUT)
    assert (printed.stdout, printed.stderr) == (f"{EXPECTED[3].sum(dtype='int64')} ADU\n", "")


def test_frames_are_appended_along_time(tmp_path: Path) -> None:
    whole = dataset()
    write(whole.isel(t=slice(0, 20)), tmp_path / "a.zarr")
    whole.isel(t=slice(20, None)).to_zarr(tmp_path / "a.zarr", append_dim="t", consolidated=False)
    np.testing.assert_array_equal(xarray.open_zarr(tmp_path / "a.zarr", consolidated=False)["movie"], EXPECTED)


def test_a_part_is_written_with_the_same_codec_and_a_computed_movie_without(tmp_path: Path) -> None:
    """For xarray keeps the encoding of what it has read until something is computed from it."""
    write(dataset(), tmp_path / "a.zarr")
    read = xarray.open_zarr(tmp_path / "a.zarr", consolidated=False)
    read.isel(t=slice(0, 20)).to_zarr(tmp_path / "part.zarr", consolidated=False)
    (read / 2).to_zarr(tmp_path / "half.zarr", consolidated=False)
    part: Any = zarr.open_array(tmp_path / "part.zarr/movie", mode="r")
    half: Any = zarr.open_array(tmp_path / "half.zarr/movie", mode="r")
    assert [type(codec) for codec in part.filters] == [AnscombeTransformV3, PhotonPredictV3]
    np.testing.assert_array_equal(part[...], EXPECTED[:20])
    assert half.filters == ()
    np.testing.assert_array_equal(half[...], EXPECTED / 2)


def test_what_xarray_wrote_is_a_recording_and_can_be_verified(tmp_path: Path) -> None:
    write(dataset(), tmp_path / "a.zarr")
    np.testing.assert_array_equal(open_recording(tmp_path / "a.zarr")[0][...], EXPECTED)
    assert verify(tmp_path / "a.zarr/movie").is_whole


def test_a_single_array_is_opened_from_a_group_around_it(tmp_path: Path) -> None:
    """By itself, xarray refuses it."""
    zarr.create_group(tmp_path / "session.zarr")
    compress(MOVIE, tmp_path / "session.zarr/movie", **GIVEN)
    with pytest.raises(zarr.errors.ContainsArrayError):
        xarray.open_zarr(tmp_path / "session.zarr/movie", consolidated=False)
    movie = xarray.open_zarr(tmp_path / "session.zarr", consolidated=False)["movie"]
    assert movie.dims == ("t", "y", "x")
    np.testing.assert_array_equal(movie, EXPECTED)
    around = xarray.DataArray(da.from_zarr(str(tmp_path / "session.zarr/movie")), dims=("t", "y", "x"))
    np.testing.assert_array_equal(around.mean("t"), EXPECTED.mean(axis=0))
