"""Files that are no movies, and files that are not there: one line that names them."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest
import tifffile
import zarr
from movie_formats import MOVIE, write_hdf5, write_nwb, write_tiff

from anscombe_transform.movies.opening import open_movie


@pytest.mark.parametrize("shape", [(), (10,), (8, 10), (1, 6, 0, 8, 10), (0, 8, 10), (6, 0, 10), (6, 8, 0)])
def test_an_array_that_is_no_movie_is_refused_whatever_it_is_in(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, "int16")
    np.save(tmp_path / "array.npy", array)
    np.savez(tmp_path / "array.npz", array)
    zarr.create_array(tmp_path / "array.zarr", data=array)
    with h5py.File(tmp_path / "array.h5", "w") as file:
        file["array"] = array
    problem = "which holds no values" if 0 in shape else r"but a movie has at least three axes, \(time, y, x\)"
    for name in ("array.npy", "array.npz", "array.zarr", "array.h5"):
        with pytest.raises(ValueError, match=rf"{name}(: \w+)? has the shape \(.*\), {problem}$"):
            open_movie(tmp_path / name, "array" if name == "array.h5" else None)


@pytest.mark.parametrize("dtype", ["bool", "complex64", "S4", [("x", "i2")]])
def test_what_is_no_number_is_refused(tmp_path: Path, dtype: Any) -> None:
    np.save(tmp_path / "array.npy", np.zeros((6, 8, 10), dtype))
    with pytest.raises(ValueError, match=r"array.npy is of .*, but must be of integers or floats"):
        open_movie(tmp_path / "array.npy")


def write_text(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "of no use")


def write_session(path: Path) -> None:
    zarr.create_array(path / "day1.zarr", data=np.zeros((6, 8, 10)))
    with h5py.File(path / "day2.h5", "w") as file:
        file["movie"] = np.zeros((6, 8, 10))
    (path / "notes").mkdir()
    (path / "notes.txt").touch()


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "image.tif": (
        lambda path: write_tiff(path, MOVIE[0]),
        r"has the shape \(20, 24\), but a movie has at least three axes, \(time, y, x\)$",
    ),
    "rgb.tif": (
        lambda path: tifffile.imwrite(path, np.zeros((5, 20, 24, 3), "uint8"), photometric="rgb"),
        r"has images in color \(RGB\)",
    ),
    "samples.tif": (
        lambda path: write_tiff(path, np.zeros((5, 20, 24, 2), "uint8"), planarconfig="contig"),
        "has images in color .* S are colors",
    ),
    "palette.tif": (
        lambda path: tifffile.imwrite(
            path, MOVIE.astype("uint8"), photometric="palette", colormap=np.zeros((3, 256), "uint16")
        ),
        r"has images in color \(palette\)",
    ),
    "bool.tif": (lambda path: write_tiff(path, MOVIE > 0), "is of bool"),
    "complex.tif": (lambda path: write_tiff(path, MOVIE.astype("complex64")), "is of complex64"),
    "empty.tif": (lambda path: path.write_bytes(b""), "is not a whole TIFF file"),
    "head.tif": (lambda path: path.write_bytes(b"II*\0" + bytes(1000)), "is not a whole TIFF file"),
    "empty.h5": (lambda path: path.write_bytes(b""), "is not a whole HDF5 file"),
    "old.mat": (lambda path: path.write_bytes(b"MATLAB 5.0 MAT-file" * 100), "is not a whole HDF5 file .* -v7.3"),
    "images.h5": (
        lambda path: write_hdf5(path, MOVIE[0]),
        r"has no dataset of real numbers with three axes, .* it has first \(24,\), movie \(20, 24\)",
    ),
    "image.nwb": (lambda path: write_nwb(path, MOVIE[:1, 0, 0]), r"has the shape \(1,\), but a movie has at least"),
    "external.nwb": (
        lambda path: write_nwb(path, MOVIE, external=True),
        "has the frames of acquisition/TwoPhotonSeries in other files, open those: movie_0.avi, movie_1.avi",
    ),
    "none.nwb": (
        lambda path: write_nwb(path, MOVIE, "acquisition/Images"),
        "has no TwoPhotonSeries or OnePhotonSeries",
    ),
    "folder": (lambda path: path.mkdir(), "is a folder without a Zarr array or TIFF files: TIFF"),
    "session": (write_session, r"without .* TIFF files: give .*, such as .*session.day1\.zarr: day1\.zarr, day2\.h5$"),
    "movie.czi": (lambda path: path.write_bytes(b"ZISRAWFILE"), r"no format .* TIFF .*HDF5 .*NWB .*Zarr .*\.npy"),
    "empty": (lambda path: path.touch(), "no format that is known: TIFF"),
    "empty.npz": (lambda path: np.savez(path), "has no arrays"),
    "group.zarr": (lambda path: zarr.open_group(path, mode="w"), "has no arrays"),
    "objects.npy": (lambda path: np.save(path, np.full((2, 8, 8), None, object), allow_pickle=True), "Python objects"),
    "objects.npz": (lambda path: np.savez(path, np.full((2, 8, 8), None, object)), "Python objects"),
    "pickled.npz": (lambda path: np.full((2, 8, 8), None, object).dump(path), r"is not a whole \.npz file"),
    "text.npz": (write_text, r"is a \.zip file of other things than arrays"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_movie_is_refused(tmp_path: Path, name: str) -> None:
    """One line names it and says why."""
    write, message = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(ValueError, match=rf"{name}\b.*{message}") as raised:
        open_movie(tmp_path / name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["absent.npy", "absent.tif", "absent", "absent_*.tif", "absent.zarr"])
def test_an_absent_file_is_a_filenotfounderror_that_names_it(tmp_path: Path, name: str) -> None:
    for path in (str(tmp_path / name), [tmp_path / name]):
        with pytest.raises(FileNotFoundError) as raised:
            open_movie(path)
        assert name in str(raised.value)
