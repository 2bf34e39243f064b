"""The files, folders and URLs that a movie is opened from."""

import json
import logging
import os
import pickle
import subprocess
import sys
import threading
import uuid
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask.array
import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices
from processes import TIMEOUT

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3
from anscombe_transform.movies.opening import MovieFile, open_movie

Array = npt.NDArray[Any]

MOVIE = np.random.default_rng(0).integers(-50, 4000, (11, 20, 24)).astype("int16")
OTHER = MOVIE[:, ::2] + np.int16(1)
SCANIMAGE = {
    "software": "SI.hChannels.channelSave = [1;2]\nSI.hRoiManager.scanFrameRate = 30.5\n"
    "SI.hScan2D.logAverageFactor = 2\nSI.hRoiManager.mroiEnable = false\n"
    "SI.hRoiManager.imagingFovUm = [-24 -10;24 -10;24 10;-24 10]",
    "description": "frameNumbers = 1",
}


def write_tiff(path: Path, movie: Array, **options: Any) -> None:
    tifffile.imwrite(path, movie, photometric="minisblack", **options)


def write_pages(path: Path, movie: Array, bigtiff: bool = False, **options: Any) -> None:
    """Write a page at a time, so that its directory and its pixels follow those of the one before."""
    with tifffile.TiffWriter(path, bigtiff=bigtiff) as tiff:
        for image in movie:
            tiff.write(image, contiguous=False, photometric="minisblack", **options)


def write_folder(path: Path, movie: Array) -> None:
    """Write files of one and of several images, of which every other one is compressed and of another byte order."""
    path.mkdir()
    for number, start in enumerate((0, 1, 2, 5, *range(6, len(movie)))):
        images = movie[start] if start != 2 else movie[2:5]
        kind: dict[str, Any] = {"compression": "zlib", "byteorder": ">"} if number % 2 else {}
        write_tiff(path / f"scan_{3 * number}.tif", images, **kind)
    (path / "._scan_0.tif").write_bytes(b"what macOS leaves")


def ome_xml(files: Mapping[str, str], images: int, uuid_: str) -> str:
    """Return OME-XML of a set of files, by name and UUID, with two images each."""
    data = "".join(
        f'<TiffData FirstT="{t}" IFD="{t % 2}" PlaneCount="1"><UUID FileName="{name}">{identity}</UUID></TiffData>'
        for t in range(images)
        for name, identity in [list(files.items())[t // 2]]
    )
    return (
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid_}"><Image ID="Image:0"><Pixels '
        f'ID="Pixels:0" DimensionOrder="XYCZT" Type="int16" SizeX="24" SizeY="20" SizeC="1" SizeZ="1" SizeT="{images}">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
    )


def write_ome_set(path: Path, movie: Array, companion: str | None = None) -> None:
    """Write a set of OME-TIFF of two images in each file, with the metadata in all of them, or in one `companion`."""
    path.mkdir(exist_ok=True)
    files = {f"part_{i}.ome.tif": f"urn:uuid:{uuid.UUID(int=i)}" for i in range((len(movie) + 1) // 2)}
    elsewhere = (
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><BinaryOnly MetadataFile="{companion}"/></OME>'
    )
    for i, (name, identity) in enumerate(files.items()):
        here = companion is None or name == companion
        description = ome_xml(files, len(movie), identity) if here else elsewhere
        write_tiff(path / name, movie[2 * i : 2 * i + 2], description=description, metadata=None)
    if companion is not None and companion not in files:
        (path / companion).write_text(ome_xml(files, len(movie), "urn:uuid:companion"))


def write_zarr(path: Path | str, movie: Array, name: str | None = None, **options: Any) -> None:
    zarr.create_array(str(path), name=name, data=movie, **options)


def write_zarr_zip(path: Path, movie: Array) -> None:
    with zarr.storage.ZipStore(path, mode="w") as store:
        zarr.create_array(store, data=movie)


def write_ome_zarr(path: Path, movie: Array, zarr_format: Any) -> None:
    """Write an OME-Zarr with the axes TCZYX, of two levels."""
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    whole = movie[:, None, None]
    datasets = []
    for level, factor in enumerate((1, 2)):
        group.create_array(
            str(level), data=whole[..., ::factor, ::factor], chunks=(2, 1, 1, 20 // factor, 24 // factor)
        )
        scale = [50, 1, 1, 0.5 * factor, 250 * factor]
        datasets.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    units = {"t": "millisecond", "c": None, "z": "micrometer", "y": "micrometer", "x": "nanometer"}
    axes = [{"name": name} | ({"unit": unit} if unit else {}) for name, unit in units.items()]
    multiscales: Any = [{"axes": axes, "datasets": datasets}]
    group.attrs.update({"multiscales": multiscales} if zarr_format == 2 else {"ome": {"multiscales": multiscales}})


def write_hdf5(path: Path, movie: Array, name: str = "movie", attributes: Any = None, **options: Any) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset(name, data=movie, **options).attrs.update(attributes or {})
        file["first"] = movie[0]


def write_nwb(path: Path, movie: Array, *names: str, timestamps: bool = False, external: bool = False) -> None:
    """Write what a NWB file has of imaging series, by default of one."""
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.7.0"
        spacing = file.create_dataset("general/optophysiology/plane/grid_spacing", data=[0.5e-6, 2e-6])
        spacing.attrs["unit"] = "meters"
        file.create_dataset("processing/ophys/masks", data=np.ones((3, 20, 24)))
        for name in names or ("acquisition/TwoPhotonSeries",):
            series = file.create_group(name)
            series.attrs["neurodata_type"] = name.rpartition("/")[2].rstrip("2")
            series["imaging_plane"] = h5py.SoftLink("/general/optophysiology/plane")
            if external:
                series["data"] = np.zeros((0, 0, 0), "uint8")
                series["external_file"] = np.array(["movie_0.avi", "movie_1.avi"], h5py.string_dtype())
            else:
                series["data"] = movie
            if timestamps:
                series["timestamps"] = np.arange(len(movie)) * 0.05
            else:
                series.create_dataset("starting_time", data=0.0).attrs["rate"] = 20.0


FORMATS: dict[str, Callable[[Path, Array], None]] = {
    "c.npy": np.save,
    "fortran.npy": lambda path, movie: np.save(path, np.asfortranarray(movie)),
    "big-endian.npy": lambda path, movie: np.save(path, movie.astype(">i2")),
    "big-endian-fortran.npy": lambda path, movie: np.save(path, np.asfortranarray(movie.astype(">i2"))),
    "stored.npz": lambda path, movie: np.savez(path, movie=movie),
    "compressed.npz": lambda path, movie: np.savez_compressed(path, movie=movie),
    "compressed-fortran.npz": lambda path, movie: np.savez_compressed(path, movie=np.asfortranarray(movie)),
    "tifffile.tif": write_tiff,
    "plain.tif": lambda path, movie: write_tiff(path, movie, metadata=None),
    "big-endian.tif": lambda path, movie: write_tiff(path, movie, byteorder=">", bigtiff=True),
    "imagej.tif": lambda path, movie: write_tiff(path, movie, imagej=True, metadata={"axes": "TYX"}),
    "imagej-one-page.tif": lambda path, movie: write_tiff(
        path, movie, imagej=True, truncate=True, metadata={"axes": "ZYX"}
    ),
    "image-by-image.tif": write_pages,
    "pages.tif": lambda path, movie: write_pages(path, movie, bigtiff=True, metadata=None),
    "strips.tif": lambda path, movie: write_tiff(path, movie, rowsperstrip=7),
    "zlib.tif": lambda path, movie: write_tiff(path, movie, compression="zlib"),
    "lzw.tif": lambda path, movie: write_tiff(path, movie, compression="lzw", predictor=True, rowsperstrip=7),
    "zstd-tiles.tif": lambda path, movie: write_tiff(path, movie, compression="zstd", tile=(16, 16), byteorder=">"),
    "tiles.tif": lambda path, movie: write_pages(path, movie, tile=(16, 16), metadata=None),
    "ome.ome.tif": lambda path, movie: write_tiff(path, movie, metadata={"axes": "TYX"}, compression="zlib"),
    "scanimage.tif": lambda path, movie: write_pages(
        path, movie, bigtiff=True, metadata=None, software="SI.hChannels.channelSave = 1"
    ),
    "old-scanimage.tif": lambda path, movie: write_pages(
        path, movie, metadata=None, description="state.acq.frameRate=3.5\rstate.acq.savingChannel1=1"
    ),
    "folder": write_folder,
    "ome-set": write_ome_set,
    "plain.h5": write_hdf5,
    "chunked.hdf5": lambda path, movie: write_hdf5(
        path, movie.astype(">i2"), "a/b", chunks=(3, 10, 24), compression="gzip"
    ),
    "big-endian.h5": lambda path, movie: write_hdf5(path, movie.astype(">i2")),
    "matlab.mat": lambda path, movie: write_hdf5(path, movie.swapaxes(1, 2), attributes={"MATLAB_class": b"int16"}),
    "series.nwb": write_nwb,
    "3.zarr": lambda path, movie: write_zarr(path, movie, chunks=(4, 20, 10)),
    "2.zarr": lambda path, movie: write_zarr(path, movie.astype(">i2"), zarr_format=2),
    "shards.zarr": lambda path, movie: write_zarr(path, movie, chunks=(2, 10, 12), shards=(6, 20, 24)),
    "group.zarr": lambda path, movie: write_zarr(path, movie, "a/b"),
    "zarr.zip": write_zarr_zip,
    "ome-2.zarr": lambda path, movie: write_ome_zarr(path, movie, 2),
    "ome-3.zarr": lambda path, movie: write_ome_zarr(path, movie, 3),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The movie in each of the formats."""
    folder = tmp_path_factory.mktemp("files")
    for name, write in FORMATS.items():
        write(folder / name, MOVIE)
    return {name: folder / name for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
@given(index=basic_indices(MOVIE.shape, min_dims=0))
@settings(max_examples=15)
def test_any_index_gives_what_numpy_gives(files: dict[str, Path], name: str, index: Any) -> None:
    movie = open_movie(files[name])
    assert (movie.shape, movie.dtype, len(movie), movie.ndim) == (MOVIE.shape, np.dtype("int16"), len(MOVIE), 3)
    block = movie[index]
    assert block.dtype == "int16"
    np.testing.assert_array_equal(block, MOVIE[index], strict=True)


@pytest.mark.parametrize("name", FORMATS)
def test_a_movie_says_where_it_is_and_how_it_is_best_read(files: dict[str, Path], name: str) -> None:
    movie = open_movie(files[name])
    assert movie.name == name
    assert str(files[name]) in movie.locations or name == "ome-set"
    assert all(1 <= chunk <= length for chunk, length in zip(movie.chunks, movie.shape, strict=True))
    assert str(files[name].parent) not in repr(movie).replace(repr(movie.locations), "")


@pytest.mark.parametrize(
    ("name", "chunks"),
    [("3.zarr", (4, 20, 10)), ("shards.zarr", (2, 10, 12)), ("ome-3.zarr", (2, 20, 24)), ("chunked.hdf5", (3, 10, 24))],
)
def test_chunks_are_those_of_the_file(files: dict[str, Path], name: str, chunks: tuple[int, ...]) -> None:
    assert open_movie(files[name]).chunks == chunks
    assert open_movie(files[name], frames=slice(None, None, 3)).chunks == (max(1, chunks[0] // 3), *chunks[1:])


READ = """
import pickle, sys
import numpy
with open(sys.argv[1], "rb") as file:
    movies = pickle.load(file)
numpy.savez(sys.argv[2], **{name: movie[2:5] for name, movie in movies.items()})
"""


def test_pickled_movies_are_opened_again_by_a_process_that_runs_elsewhere(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files["c.npy"].parent)
    movies = {name: open_movie(name, frames=slice(1, 10, 2)) for name in FORMATS}
    movies |= {"pattern": open_movie("folder/scan_*.tif"), "sequence": open_movie(["plain.tif"])}
    for movie in movies.values():
        movie[0]  # opens what is opened late, which must not travel
    (tmp_path / "movies.pickle").write_bytes(pickle.dumps(movies))
    assert (tmp_path / "movies.pickle").stat().st_size < 400 * len(movies)
    command = [sys.executable, "-W", "error", "-c", READ, "movies.pickle", "read.npz"]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=TIMEOUT)
    assert (finished.returncode, finished.stderr) == (0, "")
    with np.load(tmp_path / "read.npz") as read:
        for name in movies:
            expected = MOVIE[2:5] if name in ("pattern", "sequence") else MOVIE[5:10:2]
            np.testing.assert_array_equal(read[name], expected)


def test_what_was_pickled_is_not_taken_for_a_file_that_has_changed(tmp_path: Path) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    pickled = pickle.dumps(open_movie(tmp_path / "movie.npy"))
    np.save(tmp_path / "movie.npy", MOVIE[:5])
    with pytest.raises(ValueError, match=r"movie.npy has changed: it was \(11, 20, 24\) int16, and is \(5, 20, 24\)"):
        pickle.loads(pickled)


@pytest.mark.parametrize(
    "name", ["c.npy", "compressed.npz", "lzw.tif", "zstd-tiles.tif", "folder", "chunked.hdf5", "plain.h5", "3.zarr"]
)
def test_many_threads_may_read_one_movie(files: dict[str, Path], name: str) -> None:
    movie = open_movie(files[name])
    ready = threading.Barrier(8)

    def read(worker: int) -> bool:
        ready.wait(10)
        return all(np.array_equal(movie[i : i + 3], MOVIE[i : i + 3]) for i in ((worker + j) % 11 for j in range(20)))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(8)))


def test_dask_and_numpy_take_a_movie_for_an_array(files: dict[str, Path]) -> None:
    movie = open_movie(files["lzw.tif"])
    blocks = dask.array.from_array(movie, chunks=(4, 20, 11))  # type: ignore[no-untyped-call, unused-ignore]
    np.testing.assert_array_equal(blocks.compute(scheduler="threads"), MOVIE)
    np.testing.assert_array_equal(np.asarray(movie), MOVIE, strict=True)
    assert np.asarray(movie, "float32").dtype == "float32"


@pytest.mark.parametrize("index", [11, -12, (0, 20), (0, 0, 0, 0), [1, 2], 1.5, "a", None])
def test_an_index_that_no_movie_has_is_an_indexerror(files: dict[str, Path], index: Any) -> None:
    with pytest.raises(IndexError):
        open_movie(files["c.npy"])[index]


@pytest.mark.parametrize("name", ["c.npy", "plain.tif", "zlib.tif"])
def test_a_slice_takes_no_more_memory_than_itself_and_one_image(tmp_path: Path, name: str) -> None:
    """In a process of its own, which also maps nothing into memory."""
    FORMATS[name](tmp_path / name, np.zeros((60, 512, 512), "int16"))
    code = (
        "import resource, sys; from anscombe_transform import open_movie; movie = open_movie(sys.argv[1])\n"
        "movie[0, :2]; before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for i in range(0, 60, 10): block = movie[i : i + 10]; del block\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    if sys.platform != "linux":
        pytest.skip("other systems count memory in other units")
    command: list[str | Path] = [sys.executable, "-P", "-c", code, tmp_path / name]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT).stdout
    assert int(printed) < 9000, "kB, of which 5120 are the block"


@pytest.mark.parametrize("frames", [slice(2, 5), slice(None, None, 3), slice(-4, None), slice(1, -1, 2), slice(0, 11)])
@pytest.mark.parametrize("name", ["c.npy", "zlib.tif", "chunked.hdf5"])
def test_frames_are_chosen_at_opening(files: dict[str, Path], name: str, frames: slice) -> None:
    movie = open_movie(files[name], frames=frames)
    expected = MOVIE[frames]
    assert movie.shape == expected.shape
    for index in (np.s_[:], np.s_[-1], np.s_[::2, 3:], np.s_[::-1]):
        np.testing.assert_array_equal(movie[index], expected[index])


@pytest.mark.parametrize(
    "frames", [slice(0, 12), slice(5, 5), slice(20, None), slice(-12, None), slice(None, None, -1), slice(0, 5, 0)]
)
def test_frames_that_are_not_there_are_refused(files: dict[str, Path], frames: slice) -> None:
    with pytest.raises(ValueError, match=r"c.npy has 11 frames, so slice\(.*\) is out of bounds, empty or backward"):
        open_movie(files["c.npy"], frames=frames)


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
        "two.npz has several arrays: choose one with its name as key, of movie, other",
    ),
    (
        "3.zarr",
        two_zarr_arrays,
        "a/other",
        OTHER,
        "3.zarr has several arrays: choose one with its name as key, of a/other, movie",
    ),
    (
        "2.zarr",
        lambda path: two_zarr_arrays(path, 2),
        "a/other",
        OTHER,
        "2.zarr has several arrays: choose one with its name as key, of a/other, movie",
    ),
    (
        "two.h5",
        two_datasets,
        "folder/other",
        OTHER,
        r"has several datasets: choose one with its name as key, of folder/other \(11, 10, 24\), movie \(11, 20, 24\)",
    ),
    (
        "two.nwb",
        lambda path: write_nwb(path, MOVIE, "acquisition/TwoPhotonSeries", "processing/ophys/OnePhotonSeries2"),
        "OnePhotonSeries2",
        MOVIE,
        r"two.nwb has several imaging series: choose one with its name as key, "
        r"of acquisition/TwoPhotonSeries \(11, 20, 24\), "
        r"processing/ophys/OnePhotonSeries2 \(11, 20, 24\)",
    ),
    (
        "two.tif",
        series_of_two_shapes,
        "series=1",
        OTHER,
        r"has several series: choose one with key='series=NUMBER', of 0 of QYX \(11, 20, 24\), 1 of QYX \(11, 10",
    ),
    (
        "channels.tif",
        lambda path: two_channels(path, imagej=True, metadata={"axes": "TCYX"}),
        "C=1",
        MOVIE + np.int16(1),
        r"channels.tif has the axes TCYX and the shape \(11, 2, 20, 24\), but a movie has \(time, y, x\): choose one, "
        r"such as key='C=0'",
    ),
    (
        "channels.ome.tif",
        lambda path: two_channels(path, metadata={"axes": "TCYX"}, compression="zlib"),
        "c=1,series=0",
        MOVIE + np.int16(1),
        "such as key='C=0'",
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
        r"the axes TCYX and the shape \(11, 2, 20, 24\)",
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
        "such as key='C=0,Z=0'",
    ),
    ("channels.zarr", two_channels_of_ome_zarr, "C=1", MOVIE + np.int16(1), r"the axes TCYX .* such as key='C=0'"),
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
        ("stored.npz", "other", "stored.npz has no array 'other': choose one with its name as key, of movie$"),
        ("group.zarr", "other", "group.zarr has no array 'other': choose one with its name as key, of a/b$"),
        (
            "plain.h5",
            "other",
            r"plain.h5 has no dataset 'other': choose one with its name as key, of movie \(11, 20, 24\)$",
        ),
        ("plain.h5", "first", r"plain.h5: first has the shape \(20, 24\), but a movie has three axes, \(time, y, x\)"),
        (
            "series.nwb",
            "other",
            "series.nwb has no imaging series 'other': choose one with its name as key, of acquisition/TwoPhoton",
        ),
        ("imagej.tif", "C=1", "imagej.tif .* key='C=1' is too large"),
        ("plain.tif", "C=0", "plain.tif .* key='C=0' chooses nothing"),
        ("plain.tif", "series=1", "plain.tif has 1 series, .* there is no 1"),
        ("plain.tif", "movie", "key='movie' is not understood: give AXIS=INDEX, such as C=0"),
        ("plain.tif", "T=-1", "key='T=-1' is not understood"),
    ],
)
def test_a_key_that_is_not_there_is_refused(files: dict[str, Path], name: str, key: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_movie(files[name], key)


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
def test_a_key_may_be_given_where_there_is_no_choice(files: dict[str, Path], name: str, key: str) -> None:
    np.testing.assert_array_equal(open_movie(files[name], key)[:], MOVIE)


@pytest.mark.parametrize("order", ["natural", "pattern", "sequence"])
def test_many_tiff_files_follow_each_other_in_time(files: dict[str, Path], order: str, monkeypatch: Any) -> None:
    folder = files["folder"]
    monkeypatch.chdir(folder.parent)
    if order == "sequence":
        paths = [folder / f"scan_{number}.tif" for number in (12, 6, 3)]
        movie = open_movie(paths)
        np.testing.assert_array_equal(movie[:], MOVIE[[6, 2, 3, 4, 1]])
        assert movie.locations == tuple(map(str, paths))
    else:
        movie = open_movie(folder if order == "natural" else "folder/scan_*.tif")
        np.testing.assert_array_equal(movie[:], MOVIE)


@pytest.mark.parametrize("companion", [None, "part_0.ome.tif", "part_3.ome.tif", "set.companion.ome"])
@pytest.mark.parametrize("opened", ["", "part_0.ome.tif", "part_2.ome.tif", "part_*.tif"])
def test_a_set_of_ome_tiff_is_opened_once_by_any_of_its_files(
    tmp_path: Path, companion: str | None, opened: str
) -> None:
    write_ome_set(tmp_path / "set", MOVIE, companion)
    movie = open_movie(f"{tmp_path}/set/{opened}")
    np.testing.assert_array_equal(movie[:], MOVIE)
    assert {str(path) for path in (tmp_path / "set").glob("*.tif")} <= set(movie.locations)


@pytest.mark.parametrize("companion", [None, "part_3.ome.tif"])
def test_a_set_of_ome_tiff_of_which_a_file_is_missing_is_refused(tmp_path: Path, companion: str | None) -> None:
    write_ome_set(tmp_path / "set", MOVIE, companion)
    (tmp_path / "set" / "part_3.ome.tif").unlink()
    for opened in ("", "part_0.ome.tif"):
        with pytest.raises((ValueError, FileNotFoundError), match=r"part_0.ome.tif .*part_3.ome.tif"):
            open_movie(tmp_path / "set" / opened)


def test_only_the_whole_resolution_of_a_pyramid_is_the_movie(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "pyramid.ome.tif") as tiff:
        options: Any = {"photometric": "minisblack", "tile": (16, 16), "compression": "zlib"}
        tiff.write(MOVIE, subifds=1, metadata={"axes": "TYX"}, **options)
        tiff.write(MOVIE[:, ::2, ::2], subfiletype=1, **options)
    np.testing.assert_array_equal(open_movie(tmp_path / "pyramid.ome.tif")[:], MOVIE)


@pytest.mark.parametrize("different", [MOVIE[0, :10], MOVIE[0].astype("uint16")], ids=["shape", "dtype"])
def test_files_that_differ_make_no_movie(tmp_path: Path, different: Array) -> None:
    write_tiff(tmp_path / "scan_2.tif", MOVIE[0])
    write_tiff(tmp_path / "scan_10.tif", different)
    for path in (tmp_path, str(tmp_path / "*.tif")):
        with pytest.raises(
            ValueError, match=r"scan_10.tif has images of shape \(.*\) and u?int16, but scan_2.tif, .* has"
        ):
            open_movie(path)


def write_volumes(path: Path) -> None:
    settings = (
        "SI.hRoiManager.scanFrameRate = 30\nSI.hRoiManager.scanVolumeRate = 10\nSI.hStackManager.enable = true\n"
        "SI.hStackManager.framesPerSlice = 1\nSI.hStackManager.numSlices = 3"
    )
    volumes = np.repeat(MOVIE, 3, axis=0)
    write_pages(path, volumes, bigtiff=True, metadata=None, software=settings)


def ome(**metadata: Any) -> Callable[[Path], None]:
    return lambda path: write_tiff(path, MOVIE, ome=True, metadata={"axes": "TYX"} | metadata)


def imagej(resolution: tuple[Any, Any] | None = None, **metadata: Any) -> Callable[[Path], None]:
    return lambda path: write_tiff(path, MOVIE, imagej=True, resolution=resolution, metadata={"axes": "TYX"} | metadata)


def own_attributes(path: Path) -> None:
    write_zarr(path, MOVIE, attributes={"anscombe_transform": {"frame_rate": 12.5, "pixel_size": [0.5, 0.6]}})


@pytest.mark.parametrize(
    ("name", "write", "key", "rate", "size"),
    [
        ("a.tif", ome(PhysicalSizeX=0.5, PhysicalSizeY=0.6, TimeIncrement=0.05), None, 20, (0.6, 0.5)),
        (
            "b.tif",
            ome(
                PhysicalSizeX=500,
                PhysicalSizeXUnit="nm",
                PhysicalSizeY=0.6,
                PhysicalSizeYUnit="\u00b5m",
                TimeIncrement=50,
                TimeIncrementUnit="ms",
            ),
            None,
            20,
            (0.6, 0.5),
        ),
        (
            "c.tif",
            ome(PhysicalSizeX=0.5, PhysicalSizeXUnit="pixel", PhysicalSizeY=0.6, TimeIncrement=0),
            None,
            None,
            None,
        ),
        ("d.tif", imagej((2, 2.5), unit="um", finterval=0.05), None, 20, (0.4, 0.5)),
        ("e.tif", imagej((2, 2.5), unit="micron", finterval=50, tunit="ms"), None, 20, (0.4, 0.5)),
        ("f.tif", imagej((2, 2.5), unit="\\u00B5m", fps=20), None, 20, (0.4, 0.5)),
        ("g.tif", imagej((20000, 25000), unit="cm"), None, None, (0.4, 0.5)),
        ("h.tif", imagej((2, 2.5), unit="pixel", finterval=float("inf")), None, None, None),
        ("i.tif", imagej(None, unit="um", fps=0), None, None, None),
        ("j.tif", imagej((72, 72), unit="inch"), None, None, None),
        ("k.tif", lambda path: write_tiff(path, MOVIE, resolution=(72, 72), resolutionunit="INCH"), None, None, None),
        ("l.tif", lambda path: write_tiff(path, MOVIE, resolution=(2, 2)), None, None, None),
        (
            "m.tif",
            lambda path: write_tiff(path, MOVIE, resolution=(2e4, 2e4), resolutionunit=3),
            None,
            None,
            (0.5, 0.5),
        ),
        (
            "n.tif",
            lambda path: write_pages(path, MOVIE[:10], bigtiff=True, metadata=None, **SCANIMAGE),
            "C=0",
            15.25,
            (1, 2),
        ),
        ("o.tif", write_volumes, "Z=1", 10, None),
        (
            "p.tif",
            lambda path: write_pages(
                path, MOVIE, metadata=None, description="state.acq.frameRate=3.5\r\nstate.acq.x=1"
            ),
            None,
            3.5,
            None,
        ),
        ("q.nwb", lambda path: write_nwb(path, MOVIE), None, 20, (2, 0.5)),
        ("r.nwb", lambda path: write_nwb(path, MOVIE, timestamps=True), None, 20, (2, 0.5)),
        ("s.zarr", lambda path: write_ome_zarr(path, MOVIE, 2), None, 20, (0.5, 0.25)),
        ("t.zarr", lambda path: write_ome_zarr(path, MOVIE, 3), "1", 20, (1, 0.5)),
        ("u.zarr", own_attributes, None, 12.5, (0.5, 0.6)),
        ("v.npy", lambda path: np.save(path, MOVIE), None, None, None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_frame_rate_and_pixel_size_are_those_of_the_file_where_it_has_them(
    tmp_path: Path, name: str, write: Callable[[Path], None], key: str | None, rate: float | None, size: Any
) -> None:
    write(tmp_path / name)
    movie = open_movie(tmp_path / name, key)
    assert movie.frame_rate == (None if rate is None else pytest.approx(rate))
    assert movie.pixel_size == (None if size is None else pytest.approx(size))
    halved = open_movie(tmp_path / name, key, frames=slice(None, None, 2))
    assert halved.frame_rate == (None if rate is None else pytest.approx(rate / 2))


@pytest.mark.parametrize("codec", ["v2", "v3"])
def test_an_array_that_this_package_compressed_is_a_movie(tmp_path: Path, codec: str) -> None:
    movie = np.abs(MOVIE)
    if codec == "v2":
        options: Any = {"zarr_format": 2, "filters": [AnscombeTransformV2(0.0, 2.5, "uint8", decoded_dtype="int16")]}
    else:
        options = {"filters": [AnscombeTransformV3(0.0, 2.5, "uint8")]}
    array = zarr.create_array(tmp_path / "movie.zarr", shape=movie.shape, dtype="int16", chunks=(4, 20, 24), **options)
    array[:] = movie
    np.testing.assert_array_equal(open_movie(tmp_path / "movie.zarr")[3:7], array[3:7])


def test_a_url_is_opened_by_fsspec_with_its_options() -> None:
    url = f"memory://{uuid.uuid4()}/movie.zarr"
    write_zarr(url, MOVIE, "a/b")
    movie = open_movie(url, storage_options={"skip_instance_cache": True})
    np.testing.assert_array_equal(movie[2:5, ::3], MOVIE[2:5, ::3])
    assert (movie.name, movie.key, movie.locations) == ("movie.zarr", "a/b", (url, f"{url}/a/b"))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie))[4], MOVIE[4])
    with pytest.raises(FileNotFoundError, match="memory://absent is not there"):
        open_movie("memory://absent")
    with pytest.raises(ValueError, match=r"absent://movie .*Protocol not known"):
        open_movie("absent://movie")


def test_options_of_a_protocol_are_refused_where_there_is_none(files: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match=r"c\.npy is no URL"):
        open_movie(files["c.npy"], storage_options={"anon": True})


@pytest.mark.parametrize("shape", [(), (10,), (8, 10), (1, 6, 8, 10), (0, 8, 10), (6, 0, 10), (6, 8, 0)])
def test_an_array_that_is_no_movie_is_refused_whatever_it_is_in(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, "int16")
    np.save(tmp_path / "array.npy", array)
    np.savez(tmp_path / "array.npz", array)
    zarr.create_array(tmp_path / "array.zarr", shape=shape, dtype="int16")
    with h5py.File(tmp_path / "array.h5", "w") as file:
        file["array"] = array
    for name in ("array.npy", "array.npz", "array.zarr", "array.h5"):
        with pytest.raises(
            ValueError,
            match=rf"{name}.* has the shape \(.*\), (but a movie has three axes, \(time, y, x\)|so no values)",
        ):
            open_movie(tmp_path / name, "array" if name == "array.h5" else None)


@pytest.mark.parametrize("dtype", ["bool", "complex64", "S4", [("x", "i2")]])
def test_what_is_no_number_is_refused(tmp_path: Path, dtype: Any) -> None:
    np.save(tmp_path / "array.npy", np.zeros((6, 8, 10), dtype))
    with pytest.raises(ValueError, match=r"array.npy is of .*, but must be of integers or floats"):
        open_movie(tmp_path / "array.npy")


def write_text(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "of no use")


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "image.tif": (
        lambda path: write_tiff(path, MOVIE[0]),
        r"has the shape \(20, 24\), but a movie has three axes, \(time, y, x\)",
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
    "volume.nwb": (lambda path: write_nwb(path, MOVIE[:, None]), r"has the shape \(11, 1, 20, 24\), but a movie has"),
    "external.nwb": (
        lambda path: write_nwb(path, MOVIE, external=True),
        "has the frames of acquisition/TwoPhotonSeries in other files, open those: movie_0.avi, movie_1.avi",
    ),
    "none.nwb": (
        lambda path: write_nwb(path, MOVIE, "acquisition/Images"),
        "has no TwoPhotonSeries or OnePhotonSeries",
    ),
    "folder": (lambda path: path.mkdir(), "is a folder without a Zarr array or TIFF files"),
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
def test_a_file_that_is_no_movie_is_refused_with_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    write, message = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(ValueError, match=rf"{name}\b.*{message}") as raised:
        open_movie(tmp_path / name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["absent.npy", "absent.tif", "absent", "absent_*.tif", "absent.zarr"])
def test_a_file_that_is_not_there_is_a_filenotfounderror_that_names_it(tmp_path: Path, name: str) -> None:
    for path in (str(tmp_path / name), [tmp_path / name]):
        with pytest.raises(FileNotFoundError) as raised:
            open_movie(path)
        assert name in str(raised.value)


def test_a_sequence_needs_files_that_can_follow_each_other(files: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="there is no path"):
        open_movie([])
    with pytest.raises(ValueError, match=r"c\.npy is not a TIFF file, and only TIFF files can make one movie together"):
        open_movie([files["plain.tif"], files["c.npy"]])


@pytest.mark.parametrize(
    ("package", "name"), [("tifffile", "plain.tif"), ("h5py", "plain.h5"), ("imagecodecs", "lzw.tif")]
)
def test_a_package_that_is_missing_is_named(files: dict[str, Path], package: str, name: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from anscombe_transform.movies.opening import open_movie"
    command: list[str | Path] = [sys.executable, "-P", "-c", f"{code}; open_movie(sys.argv[1])", files[name]]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    expected = f"{name} needs {package}: pip install 'anscombe-transform[cli]'"
    assert expected in finished.stderr
    assert "ModuleNotFoundError" in finished.stderr.splitlines()[-1]


def test_nothing_but_zarr_is_imported_to_open_an_array(files: dict[str, Path]) -> None:
    code = (
        "import sys; from anscombe_transform.movies.opening import open_movie; open_movie(sys.argv[1])[0]; "
        "print({'tifffile', 'h5py', 'imagecodecs', 'dask'} & set(sys.modules))"
    )
    command: list[str | Path] = [sys.executable, "-P", "-c", code, files["c.npy"]]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT)
    assert printed.stdout.strip() == "set()"


SINGLE = [
    name
    for name in FORMATS
    if name.endswith((".npy", ".npz", ".tif", ".h5", ".hdf5", ".nwb")) and not name.startswith("big-endian-")
]


@pytest.mark.parametrize("name", SINGLE)
@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=15, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_truncated_file_is_refused_when_it_is_opened(
    tmp_path: Path, files: dict[str, Path], capfd: Any, name: str, share: float
) -> None:
    """Except where nothing but the padding at the end is cut off, so that all frames are there."""
    content = files[name].read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    message = f"{name} is whole"
    try:
        movie = open_movie(tmp_path / name)
    except ValueError as error:
        message = str(error)
    else:
        np.testing.assert_array_equal(movie[:], MOVIE)
        assert share > 0.99
    assert name in message
    assert "\n" not in message
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", [name for name in SINGLE if name.endswith((".npy", ".npz", ".tif"))])
@given(data=st.data())
@settings(max_examples=15, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_an_error_of_one_line_if_it_can_be_told(
    tmp_path: Path, files: dict[str, Path], capfd: Any, name: str, data: st.DataObject
) -> None:
    """Where only pixels are damaged that are not compressed, nobody can tell."""
    content = bytearray(files[name].read_bytes())
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
def test_a_file_that_is_truncated_after_opening_is_an_error(files: dict[str, Path], tmp_path: Path, name: str) -> None:
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
        with pytest.raises((ValueError, OSError), match=rf"^{name}: frames 0 to 10 cannot be read: ") as raised:
            movie[:]
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("written", ["more", "fewer"])
def test_pages_that_do_not_fit_the_metadata_are_not_left_out_silently(tmp_path: Path, written: str) -> None:
    for name, options in {"o.ome.tif": {"metadata": None}, "i.tif": {"metadata": None}}.items():
        images = 4 if written == "more" else 20
        description = (
            ome_xml({}, 0, "urn:uuid:0")
            .replace('SizeT="0"', f'SizeT="{images}"')
            .replace("/></Pixels>", "/><TiffData/></Pixels>")
            if name == "o.ome.tif"
            else f"ImageJ=1.53\nimages={images}\nframes={images}\n"
        )
        write_tiff(tmp_path / name, MOVIE, description=description, **options)
        with pytest.raises(ValueError, match=rf"{name} is not a whole TIFF file"):
            open_movie(tmp_path / name)


def test_the_messages_of_tifffile_reach_who_asks_for_them_elsewhere(files: dict[str, Path], caplog: Any) -> None:
    content = files["pages.tif"].read_bytes()
    files["pages.tif"].with_name("cut.tif").write_bytes(content[:-3000])
    with pytest.raises(ValueError, match=r"cut\.tif"):
        open_movie(files["pages.tif"].with_name("cut.tif"))
    assert caplog.records == []
    logging.getLogger("tifffile").warning("seen")
    assert [record.message for record in caplog.records] == ["seen"]


@pytest.mark.parametrize("metadata", ["", "{", "{}", '{"zarr_format": 9, "node_type": "array"}'])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_zarr_metadata_are_an_error_of_one_line(tmp_path: Path, metadata: str) -> None:
    write_zarr(tmp_path / "movie.zarr", MOVIE)
    (tmp_path / "movie.zarr" / "zarr.json").write_text(metadata)
    with pytest.raises((ValueError, FileNotFoundError), match=r"movie\.zarr (is not|has no)") as raised:
        open_movie(tmp_path / "movie.zarr")
    assert "\n" not in str(raised.value)


ODD_AXES: list[Any] = [["x"], [1, 2, 3], [{}, {}, {}], ["t", "y", "x"]]
ODD_SCALES: list[Any] = [
    {},
    {"coordinateTransformations": [{"scale": ["a", None, 1]}]},
    {"coordinateTransformations": 1},
]
ODD = [[{"datasets": [{"path": "0"}], "axes": axes} | scale] for axes in ODD_AXES for scale in ODD_SCALES]
"""Metadata of pyramids that name an array, and for the rest are wrong."""


def test_odd_ome_zarr_metadata_are_no_reason_not_to_open_an_array(tmp_path: Path) -> None:
    for number, multiscales in enumerate(([], [{}], {}, "x", [{"datasets": []}], [{"datasets": [{"path": 1}]}], *ODD)):
        path = tmp_path / f"{number}.zarr"
        write_zarr(path, MOVIE, "0")
        content = json.loads((path / "zarr.json").read_text())
        (path / "zarr.json").write_text(json.dumps(content | {"attributes": {"multiscales": multiscales}}))
        assert isinstance(movie := open_movie(path), MovieFile)
        assert movie.shape == MOVIE.shape


def test_a_compressed_array_is_unpacked_once_for_all_that_read_it(
    tmp_path: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    movie = open_movie(files["compressed.npz"])
    again = pickle.loads(pickle.dumps(movie))
    movie[0]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    np.testing.assert_array_equal(again[:], MOVIE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("offset", "number"), [(8, 1), (10, 99)], ids=["encrypted", "of an unknown compression"])
def test_an_npz_file_that_python_cannot_unpack_is_refused(
    tmp_path: Path, files: dict[str, Path], offset: int, number: int
) -> None:
    content = bytearray(files["stored.npz"].read_bytes())
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
