"""Files that are truncated, damaged, or packed in a way that cannot be unpacked."""

import os
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from movie_formats import FORMATS, MOVIE

from anscombe_transform.movies.opening import open_movie

SINGLE = [
    name
    for name in FORMATS
    if name.endswith((".npy", ".npz", ".tif", ".h5", ".hdf5", ".nwb")) and not name.startswith("big-endian-")
]


@pytest.mark.parametrize("name", SINGLE)
@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=15, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_truncated_file_is_refused_when_it_is_opened(
    tmp_path: Path, movie_files: dict[str, Path], capfd: Any, name: str, share: float
) -> None:
    """Except where nothing but the padding at the end is cut off, so that all frames are there."""
    content = movie_files[name].read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    message = f"{name} is whole"
    try:
        movie = open_movie(tmp_path / name)
    except ValueError as error:
        message = str(error)
    else:
        np.testing.assert_array_equal(movie[:], MOVIE)
        assert movie.notes or share > 0.99
    assert name in message
    assert "\n" not in message
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", [name for name in SINGLE if name.endswith((".npy", ".npz", ".tif"))])
@given(data=st.data())
@settings(max_examples=15, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_an_error_of_one_line_if_it_can_be_told(
    tmp_path: Path, movie_files: dict[str, Path], capfd: Any, name: str, data: st.DataObject
) -> None:
    """Where only pixels are damaged that are not compressed, nobody can tell."""
    content = bytearray(movie_files[name].read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1) | st.integers(0, 300))] ^= data.draw(st.integers(1, 255))
    (tmp_path / name).write_bytes(content)
    message = name
    try:
        open_movie(tmp_path / name)[:]
    except (ValueError, OSError, RuntimeError, ModuleNotFoundError) as error:
        message = str(error)
    assert name in message
    assert "\n" not in message
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["c.npy", "fortran.npy", "stored.npz", "plain.tif", "zlib.tif", "folder"])
def test_a_file_that_is_truncated_after_opening_is_an_error(
    movie_files: dict[str, Path], tmp_path: Path, name: str
) -> None:
    FORMATS[name](tmp_path / name, MOVIE)
    movie = open_movie(tmp_path / name)
    path = tmp_path / name / "scan_15.tif" if name == "folder" else tmp_path / name
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises((ValueError, OSError), match=rf"{name}.*truncated"):
        movie[:]


def test_a_damaged_chunk_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    for name in ("zlib.tif", "compressed.npz", "3.zarr", "chunked.hdf5"):
        FORMATS[name](tmp_path / name, MOVIE)
        movie = open_movie(tmp_path / name)
        path = tmp_path / name / "c" / "1" / "0" / "0" if name == "3.zarr" else tmp_path / name
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 40] = bytes(40)
        path.write_bytes(content)
        with pytest.raises((ValueError, OSError), match=rf"^{name}: frame [0-9]+ cannot be read: ") as raised:
            movie[:]
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("offset", "number"), [(8, 1), (10, 99)], ids=["encrypted", "of an unknown compression"])
def test_an_npz_file_that_python_cannot_unpack_is_refused(
    tmp_path: Path, movie_files: dict[str, Path], offset: int, number: int
) -> None:
    content = bytearray(movie_files["stored.npz"].read_bytes())
    content[content.rindex(b"PK\1\2") + offset] = number
    (tmp_path / "movie.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"movie.npz is not a whole \.npz file"):
        open_movie(tmp_path / "movie.npz")


def test_a_filter_of_hdf5_that_is_not_installed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "movie.h5"
    with h5py.File(path, "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((11, 20, 24))
        properties.set_filter(h5py.h5z.FILTER_SHUFFLE)
        space = h5py.h5s.create_simple(MOVIE.shape)
        h5py.h5d.create(file.id, b"movie", h5py.h5t.NATIVE_INT16, space, properties)
    content = path.read_bytes()
    at = content.index(b"shuffle")
    (tmp_path / "other.h5").write_bytes(content[: at - 8] + (31999).to_bytes(2, "little") + content[at - 6 :])
    with pytest.raises(
        ModuleNotFoundError, match=r"other.h5: movie is compressed by the HDF5 filter 31999, .*hdf5plugin"
    ):
        open_movie(tmp_path / "other.h5")
