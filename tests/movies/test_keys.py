"""Files with several movies, channels or planes, of which a key chooses one."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest
import tifffile
import zarr
from movie_formats import MOVIE, OTHER, SCANIMAGE, Array, write_nwb, write_ome_zarr, write_pages, write_tiff, write_zarr

from anscombe_transform.movies.opening import open_movie


def series_of_two_shapes(path: Path) -> None:
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(MOVIE, photometric="minisblack")
        tiff.write(OTHER, photometric="minisblack")


def two_datasets(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.update({"movie": MOVIE, "folder/other": OTHER, "image": MOVIE[0]})


def two_channels(path: Path, **options: Any) -> None:
    write_tiff(path, np.stack([MOVIE, MOVIE + np.int16(1)], 1), **options)


def two_zarr_arrays(path: Path, zarr_format: Any = 3) -> None:
    for name, array in (("movie", MOVIE), ("a/other", OTHER)):
        write_zarr(path, array, name, zarr_format=zarr_format)


def two_channels_of_ome_zarr(path: Path) -> None:
    write_ome_zarr(path, MOVIE, 3)
    array = zarr.create_array(path, name="0", shape=(11, 2, 1, 20, 24), dtype="int16", overwrite=True)
    array[:] = np.stack([MOVIE, MOVIE + np.int16(1)], 1)[:, :, None]


CHOICES: list[tuple[str, Callable[[Path], None], str, Array, str]] = [
    (
        "two.npz",
        lambda path: np.savez(path, movie=MOVIE, other=OTHER),
        "other",
        OTHER,
        r"two.npz has several arrays: give the name of one as key: movie \(11, 20, 24\), other \(11, 10, 24\)$",
    ),
    (
        "3.zarr",
        two_zarr_arrays,
        "a/other",
        OTHER,
        r"3.zarr has several arrays: give the name of one as key: a/other \(11, 10, 24\), movie \(11, 20, 24\)$",
    ),
    (
        "2.zarr",
        lambda path: two_zarr_arrays(path, 2),
        "a/other",
        OTHER,
        r"2.zarr has several arrays: give the name of one as key: a/other \(11, 10, 24\), movie \(11, 20, 24\)$",
    ),
    (
        "two.h5",
        two_datasets,
        "folder/other",
        OTHER,
        r"has several datasets: give the name of one as key: movie \(11, 20, 24\), folder/other \(11, 10, 24\)$",
    ),
    (
        "two.nwb",
        lambda path: write_nwb(path, MOVIE, "acquisition/TwoPhotonSeries", "processing/ophys/OnePhotonSeries2"),
        "OnePhotonSeries2",
        MOVIE,
        r"two.nwb has several imaging series: give the name of one as key: "
        r"acquisition/TwoPhotonSeries \(11, 24, 20\), "
        r"processing/ophys/OnePhotonSeries2 \(11, 24, 20\)$",
    ),
    (
        "two.tif",
        series_of_two_shapes,
        "series=1",
        OTHER,
        r"two.tif has 2 series: choose one, such as key='series=0': series=0 .*, series=1",
    ),
    (
        "channels.tif",
        lambda path: two_channels(path, imagej=True, metadata={"axes": "TCYX"}),
        "C=1",
        MOVIE + np.int16(1),
        r"^channels.tif has 2 channels \(channel_0, channel_1\), choose one, such as channel=0: a movie is ",
    ),
    (
        "channels.ome.tif",
        lambda path: two_channels(path, metadata={"axes": "TCYX"}, compression="zlib"),
        "c=1,series=0",
        MOVIE + np.int16(1),
        "such as channel=0: a movie is",
    ),
    (
        "scanimage.tif",
        lambda path: write_pages(
            path,
            np.stack([MOVIE, MOVIE + np.int16(1)], 1).reshape(-1, 20, 24),
            bigtiff=True,
            metadata=None,
            **SCANIMAGE,
        ),
        "C=1",
        MOVIE + np.int16(1),
        "scanimage.tif has 2 channels .* such as channel=0: a movie is",
    ),
    (
        "volumes.ome.tif",
        lambda path: write_tiff(
            path,
            np.stack([MOVIE + np.int16(i) for i in range(6)], 1).reshape(11, 2, 3, 20, 24),
            metadata={"axes": "TCZYX"},
        ),
        "Z=2, C=1",
        MOVIE + np.int16(5),
        "2 channels .* such as channel=0, and 3 planes, choose one, such as plane=0: a movie is",
    ),
    ("channels.zarr", two_channels_of_ome_zarr, "C=1", MOVIE + np.int16(1), "2 channels .* such as channel=0: a movie"),
]


@pytest.mark.parametrize(("name", "write", "key", "expected", "message"), CHOICES, ids=lambda value: value)
def test_of_several_movies_the_key_chooses_one(
    tmp_path: Path, name: str, write: Callable[[Path], None], key: str, expected: Array, message: str
) -> None:
    write(tmp_path / name)
    movie = open_movie(tmp_path / name, key)
    np.testing.assert_array_equal(movie[:], expected)
    assert movie.key is not None
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie))[1:3, 5], expected[1:3, 5])
    with pytest.raises(ValueError, match=message):
        open_movie(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "key", "message"),
    [
        ("c.npy", "movie", "c.npy is a single array: leave out key='movie'$"),
        ("3.zarr", "movie", "3.zarr is a single array: leave out key='movie'$"),
        ("stored.npz", "other", r"stored.npz has no array 'other': give the name of one as key: movie \(11, 20, 24\)$"),
        ("group.zarr", "other", r"group.zarr has no array 'other': give the name of one as key: a/b \(11, 20, 24\)$"),
        (
            "plain.h5",
            "other",
            r"plain.h5 has no dataset 'other': give the name of one as key: movie \(11, 20, 24\)$",
        ),
        (
            "plain.h5",
            "first",
            r"plain.h5: first has the shape \(20, 24\), but a movie has at least three axes, \(time, y, x\)$",
        ),
        (
            "series.nwb",
            "other",
            "series.nwb has no imaging series 'other': give the name of one as key: acquisition/TwoPhoton",
        ),
        ("imagej.tif", "C=1", "imagej.tif .* key='C=1' is too large"),
        ("plain.tif", "C=0", "plain.tif .* key='C=0' chooses nothing"),
        ("plain.tif", "series=1", "plain.tif has 1 series, .* there is no 1"),
        ("plain.tif", "movie", "key='movie' is not understood: in a TIFF file, give series=NUMBER"),
        ("plain.tif", "T=-1", "key='T=-1' is not understood"),
    ],
)
def test_a_key_that_is_not_there_is_refused(movie_files: dict[str, Path], name: str, key: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_movie(movie_files[name], key)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("stored.npz", "movie"),
        ("group.zarr", "a/b"),
        ("group.zarr", "/a/b/"),
        ("group.zarr", "a"),
        ("ome-3.zarr", "0"),
        ("chunked.hdf5", "a/b"),
        ("chunked.hdf5", "/a/b"),
        ("series.nwb", "TwoPhotonSeries"),
        ("series.nwb", "/acquisition/TwoPhotonSeries"),
        ("series.nwb", "acquisition/TwoPhotonSeries/data"),
        ("plain.tif", "series=0"),
    ],
)
def test_a_key_may_be_given_where_there_is_no_choice(movie_files: dict[str, Path], name: str, key: str) -> None:
    np.testing.assert_array_equal(open_movie(movie_files[name], key)[:], MOVIE)
