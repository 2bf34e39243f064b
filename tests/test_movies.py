"""The files and folders that a movie is opened from."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anscombe_transform.movies import open_movie

MOVIE = np.random.default_rng(0).integers(-50, 4000, (6, 8, 10)).astype("int16")
OTHER = MOVIE[:, ::2] + np.int16(1)


def read(path: Path, key: str | None = None) -> npt.NDArray[Any]:
    return np.asarray(open_movie(path, key)[:])


def grouped(path: Path, zarr_format: Any, **arrays: npt.NDArray[Any]) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    for name, array in arrays.items():
        group.create_array(name, data=array)
    return path


@pytest.mark.parametrize("dtype", ["int16", ">i2", "uint8", "float32"])
def test_a_npy_file_is_mapped_rather_than_loaded(tmp_path: Path, dtype: str) -> None:
    movie = MOVIE.astype(dtype)
    np.save(tmp_path / "movie.npy", movie)
    opened = open_movie(tmp_path / "movie.npy")
    assert isinstance(opened, np.memmap)
    assert not opened.flags.writeable
    assert opened.dtype == dtype
    np.testing.assert_array_equal(opened, movie)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_only_array_of_an_npz_file_needs_no_key_and_one_of_several_does(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "one.npz", movie=MOVIE)
    save(tmp_path / "two.npz", movie=MOVIE, other=OTHER)
    np.testing.assert_array_equal(read(tmp_path / "one.npz"), MOVIE)
    np.testing.assert_array_equal(read(tmp_path / "one.npz", "movie"), MOVIE)
    np.testing.assert_array_equal(read(tmp_path / "two.npz", "other"), OTHER)
    with pytest.raises(ValueError, match=r"one.npz has no array 'other': choose with --key from movie$"):
        open_movie(tmp_path / "one.npz", "other")
    with pytest.raises(ValueError, match=r"two.npz has several arrays: choose with --key from movie, other$"):
        open_movie(tmp_path / "two.npz")
    with pytest.raises(ValueError, match=r"two.npz has no array 'third': choose with --key from movie, other$"):
        open_movie(tmp_path / "two.npz", "third")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_zarr_array_is_opened_without_being_read(tmp_path: Path, zarr_format: Any) -> None:
    array = zarr.create_array(
        tmp_path / "movie.zarr",
        shape=MOVIE.shape,
        chunks=(2, 8, 10),
        dtype=MOVIE.dtype,
        zarr_format=zarr_format,
    )
    array[...] = MOVIE
    opened = open_movie(tmp_path / "movie.zarr")
    assert isinstance(opened, zarr.Array)
    assert opened.read_only
    np.testing.assert_array_equal(opened[2:4], MOVIE[2:4])


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_only_array_of_a_zarr_group_needs_no_key_and_one_of_several_does(tmp_path: Path, zarr_format: Any) -> None:
    one = grouped(tmp_path / "one", zarr_format, movie=MOVIE)
    two = grouped(tmp_path / "two", zarr_format, movie=MOVIE, other=OTHER)
    np.testing.assert_array_equal(read(one), MOVIE)
    np.testing.assert_array_equal(read(one, "movie"), MOVIE)
    np.testing.assert_array_equal(read(two, "other"), OTHER)
    with pytest.raises(ValueError, match=r"two has several arrays: choose with --key from movie, other$"):
        open_movie(two)
    with pytest.raises(ValueError, match=r"two has no array 'third': choose with --key from movie, other$"):
        open_movie(two, "third")


def test_a_key_for_what_is_a_single_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    zarr.create_array(tmp_path / "movie.zarr", data=MOVIE)
    for name in ("movie.npy", "movie.zarr"):
        with pytest.raises(ValueError, match=f"{name} is a single array: leave out --key movie"):
            open_movie(tmp_path / name, "movie")


def test_a_file_or_group_without_arrays_says_that_it_has_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "empty.npz")
    for path in (tmp_path / "empty.npz", grouped(tmp_path / "empty", 3)):
        for key in (None, "movie"):
            with pytest.raises(ValueError, match=r"empty.* has no array"):
                open_movie(path, key)


@pytest.mark.parametrize("shape", [(), (10,), (8, 10), (1, 6, 8, 10), (0, 8, 10), (6, 0, 10), (6, 8, 0)])
def test_an_array_that_is_no_movie_is_refused_whatever_it_is_in(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, "int16")
    np.save(tmp_path / "array.npy", array)
    np.savez(tmp_path / "array.npz", array)
    zarr.create_array(tmp_path / "array.zarr", shape=shape, dtype="int16")
    for suffix in ("npy", "npz", "zarr"):
        with pytest.raises(ValueError, match=r"of shape \(.*\), but a movie has \(time, y, x\)"):
            open_movie(tmp_path / f"array.{suffix}")


def test_a_folder_that_is_no_zarr_array_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is a folder, but not a Zarr array: give that, or a \.npy or \.npz file"):
        open_movie(tmp_path)


@pytest.mark.parametrize("name", ["movie.tif", "movie", "movie.npz"])
def test_a_file_of_another_format_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"II*\0" + bytes(1000))
    with pytest.raises(ValueError, match=rf"{name} is not a whole \.npz file"):
        open_movie(tmp_path / name)


@pytest.mark.parametrize("name", ["absent.npy", "absent.npz", "absent"])
def test_a_file_that_is_not_there_is_an_oserror_that_names_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=name):
        open_movie(tmp_path / name)


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    objects = np.full((2, 8, 8), None, object)
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "objects.npz", objects)
    objects.dump(tmp_path / "pickled.npz")
    for name in ("objects.npy", "objects.npz", "pickled.npz"):
        with pytest.raises(ValueError, match=rf"{name}|allow_pickle=False"):
            open_movie(tmp_path / name)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Whole files by name."""
    folder = tmp_path_factory.mktemp("files")
    np.save(folder / "movie.npy", MOVIE)
    np.savez(folder / "movie.npz", movie=MOVIE)
    np.savez_compressed(folder / "compressed.npz", movie=MOVIE)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["movie.npy", "movie.npz", "compressed.npz"])
@given(share=st.floats(0, 1, exclude_max=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_truncated_file_is_not_taken_for_a_movie(
    tmp_path: Path, files: dict[str, bytes], name: str, share: float
) -> None:
    content = files[name]
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=rf"{name} is not a whole \.np[yz] file .*: numpy.savez? writes them$"):
        open_movie(tmp_path / name)


def test_a_damaged_header_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    for name in ("movie.npy", "movie.npz"):
        (tmp_path / name).write_bytes(files[name].replace(b"(6, 8, 10)", b"(6, 8, 10("))
        with pytest.raises(ValueError, match=rf"{name} is not a whole \.np[yz] file"):
            open_movie(tmp_path / name)


@pytest.mark.parametrize(("offset", "number"), [(8, 1), (10, 99)], ids=["encrypted", "of an unknown compression"])
def test_an_npz_file_that_python_cannot_unpack_is_refused(
    tmp_path: Path, files: dict[str, bytes], offset: int, number: int
) -> None:
    content = bytearray(files["movie.npz"])
    content[content.rindex(b"PK\1\2") + offset] = number
    (tmp_path / "movie.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"movie.npz is not a whole \.npz file"):
        open_movie(tmp_path / "movie.npz")


def test_a_damaged_compressed_array_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    content = bytearray(files["compressed.npz"])
    content[100:200] = bytes(100)
    (tmp_path / "damaged.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged.npz is not a whole \.npz file"):
        open_movie(tmp_path / "damaged.npz")


def test_a_zip_file_of_other_things_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("readme.txt", "nothing of use")
    with pytest.raises(ValueError, match=r"other.npz"):
        open_movie(tmp_path / "other.npz", "movie")
    with pytest.raises(ValueError, match=r"other.npz"):
        open_movie(tmp_path / "other.npz")


@pytest.mark.parametrize("metadata", ["", "{", "{}", '{"zarr_format": 9, "node_type": "array"}'])
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_damaged_zarr_metadata_are_an_error_that_the_command_line_turns_into_one_line(
    tmp_path: Path, metadata: str
) -> None:
    zarr.create_array(tmp_path / "movie.zarr", data=MOVIE)
    (tmp_path / "movie.zarr" / "zarr.json").write_text(metadata)
    with pytest.raises(ValueError, match=r"\S"):
        open_movie(tmp_path / "movie.zarr")
