"""One movie in files of every format that can be opened."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr

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
                series["data"] = movie.swapaxes(1, 2) if movie.ndim > 2 else movie  # (time, x, y)
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


@pytest.fixture(scope="session")
def movie_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The movie in each of the formats."""
    folder = tmp_path_factory.mktemp("files")
    for name, write in FORMATS.items():
        write(folder / name, MOVIE)
    return {name: folder / name for name in FORMATS}
