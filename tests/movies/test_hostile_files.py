"""Files that tell of more than they have, that unpack to much more than they are, or that name files elsewhere."""

import json
import shutil
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from movie_formats import MOVIE, SCANIMAGE, ome_xml, write_nwb, write_pages, write_tiff

from anscombe_transform.movies import opening
from anscombe_transform.movies.opening import open_movie, open_recording

HUGE = st.one_of(st.integers(30_000_000, 1 << 40), st.integers(1 << 40, 1 << 62))


def write_npy_header(path: Path, shape: tuple[int, ...], content: bytes = b"") -> None:
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<u2", "fortran_order": False, "shape": shape})
        file.write(content)


def write_hdf5_shape(path: Path, shape: tuple[int, ...]) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("movie", shape, "u2", chunks=(1, 4, 4))


def write_zarr_shape(path: Path, shape: tuple[int, ...], zarr_format: Any) -> None:
    zarr.create_array(path, shape=(3, 4, 4), dtype="u2", chunks=(1, 4, 4), zarr_format=zarr_format)
    document = path / ("zarr.json" if zarr_format == 3 else ".zarray")
    document.write_text(json.dumps(json.loads(document.read_text()) | {"shape": shape}))


SHAPES: dict[str, Callable[[Path, tuple[int, ...]], None]] = {
    "movie.npy": write_npy_header,
    "movie.h5": write_hdf5_shape,
    "3.zarr": lambda path, shape: write_zarr_shape(path, shape, 3),
    "2.zarr": lambda path, shape: write_zarr_shape(path, shape, 2),
}


@pytest.mark.parametrize("name", SHAPES)
@given(length=HUGE, axis=st.integers(0, 2))
@settings(max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_shape_that_the_file_cannot_hold_is_refused_before_memory_is_taken(
    tmp_path: Path, name: str, length: int, axis: int
) -> None:
    shape = [3, 4, 4]
    shape[axis] = length
    for path in tmp_path.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    SHAPES[name](tmp_path / name, tuple(shape))
    with pytest.raises(ValueError, match=rf"{name}.*(by its metadata|missing|whole|truncated)"):
        open_recording(tmp_path / name)


@pytest.mark.parametrize("sizes", [[0, 4, 4], [1, 4, -4], [1, 4, "4"], [1, 4, 1 << 70]])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_chunks_of_no_size_are_refused(tmp_path: Path, sizes: list[Any], zarr_format: Any) -> None:
    zarr.create_array(tmp_path / "movie.zarr", data=MOVIE, zarr_format=zarr_format)
    document = tmp_path / "movie.zarr" / ("zarr.json" if zarr_format == 3 else ".zarray")
    found = json.loads(document.read_text())
    if zarr_format == 3:
        found["chunk_grid"]["configuration"]["chunk_shape"] = sizes
    else:
        found["chunks"] = sizes
    document.write_text(json.dumps(found))
    with pytest.raises(ValueError, match=r"movie\.zarr .*chunks of the shape .*at least 1"):
        open_recording(tmp_path / "movie.zarr")


def test_chunks_that_nobody_can_count_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file.create_dataset("movie", (1000, 10**6, 10**6), "u2", chunks=(1, 1, 1))
    with pytest.raises(ValueError, match=r"movie\.h5 has 10+ chunks of \(1, 1, 1\) by its metadata"):
        open_recording(tmp_path / "movie.h5")


def write_zip(path: Path, name: str, content: bytes, size: int) -> None:
    """Write a zip file whose only member has another size by its directory."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    changed = bytearray(path.read_bytes())
    place = changed.rindex(b"PK\1\2") + 24
    changed[place : place + 4] = struct.pack("<I", size)
    path.write_bytes(changed)


def test_an_npz_that_unpacks_to_much_more_than_it_is_is_refused(tmp_path: Path) -> None:
    write_npy_header(tmp_path / "start.npy", (320, 512, 1024), bytes(1 << 20))
    write_zip(tmp_path / "movie.npz", "movie.npy", (tmp_path / "start.npy").read_bytes(), 1 << 29)
    with pytest.raises(ValueError, match=r"movie\.npz: movie would unpack from .* kB to 537 MB, which no recording"):
        open_recording(tmp_path / "movie.npz")


def test_a_header_that_claims_to_be_long_is_not_read_as_a_whole(tmp_path: Path) -> None:
    content = b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + bytes(1 << 24)
    write_zip(tmp_path / "movie.npz", "movie.npy", content, len(content))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"movie\.npz is not a whole \.npz file"):
            open_recording(tmp_path / "movie.npz")
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_a_zip_of_zarr_with_a_member_that_unpacks_to_much_more_is_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "movie.zarr.zip", "zarr.json", b"{}", 1 << 29)
    with pytest.raises(ValueError, match=r"movie\.zarr\.zip: zarr\.json would unpack from"):
        open_recording(tmp_path / "movie.zarr.zip")


def test_a_compressed_array_for_which_there_is_no_space_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "movie.npz", movie=MOVIE)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 10, 0))  # type: ignore[attr-defined, unused-ignore]
    with pytest.raises(OSError, match=r"movie\.npz unpacks to 10\.7 kB, but .* has no more than 0 B left"):
        open_recording(tmp_path / "movie.npz")


def test_a_chunk_of_hdf5_that_unpacks_to_much_more_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        movie = file.create_dataset("movie", (2, 1 << 15, 1 << 14), "u1", chunks=(1, 1 << 15, 1 << 14), compression=9)
        for frame in range(2):
            movie.id.write_direct_chunk((frame, 0, 0), zlib.compress(bytes(1 << 20)))
    with pytest.raises(ValueError, match=r"a chunk of .*movie\.h5: movie would unpack from .* to 537 MB"):
        open_recording(tmp_path / "movie.h5")


def write_large_page(path: Path, height: int, width: int) -> None:
    """Write a TIFF file of one page that tells of so many pixels, in one compressed strip of few bytes."""
    strip = zlib.compress(bytes(1000))
    tags = [(256, width), (257, height), (258, 8), (259, 8), (262, 1), (273, 200), (277, 1), (278, height)]
    tags.append((279, len(strip)))
    entries = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags)
    start = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    path.write_bytes(start.ljust(200, b"\0") + strip)


@pytest.mark.parametrize("size", [60_000, (1 << 31) - 1])
def test_a_page_that_tells_of_more_pixels_than_it_can_unpack_to_is_refused(tmp_path: Path, size: int) -> None:
    write_large_page(tmp_path / "movie.tif", size, size)
    with pytest.raises(ValueError, match=r"movie\.tif: the page at byte 8 would unpack from 17 B to"):
        open_recording(tmp_path / "movie.tif")


def test_a_strip_that_unpacks_to_more_than_its_pixels_is_an_error(tmp_path: Path) -> None:
    write_tiff(tmp_path / "movie.tif", MOVIE, compression="zlib", metadata=None)
    with tifffile.TiffFile(tmp_path / "movie.tif") as tiff:
        tags = tiff.pages[1].tags  # type: ignore[union-attr, unused-ignore]
        places = [tags[code].valueoffset for code in (273, 279)]
    strip = zlib.compress(bytes(1 << 20))
    content = bytearray((tmp_path / "movie.tif").read_bytes())
    for place, value in zip(places, (len(content), len(strip)), strict=True):
        content[place : place + 4] = struct.pack("<I", value)
    (tmp_path / "movie.tif").write_bytes(content + strip)
    movie = open_movie(tmp_path / "movie.tif")
    with pytest.raises(ValueError, match=r"movie\.tif: frame 1 cannot be read"):
        movie[:]


def test_only_some_of_very_many_timestamps_are_read(tmp_path: Path) -> None:
    write_nwb(tmp_path / "movie.nwb", MOVIE, timestamps=True)
    with h5py.File(tmp_path / "movie.nwb", "r+") as file:
        series = file["acquisition/TwoPhotonSeries"]
        del series["timestamps"]
        times = series.create_dataset("timestamps", (10**12,), "f8", chunks=(1000,))
        times[:200_000] = np.arange(200_000) / 30
    assert open_movie(tmp_path / "movie.nwb").frame_rate == pytest.approx(30)


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside.raw", "within/inside.raw", ".."])
def test_values_of_hdf5_in_other_folders_are_not_read(tmp_path: Path, name: str) -> None:
    """Whatever can be read on this machine would become pixels. Those of a source of a virtual dataset neither."""
    path = tmp_path / "movie.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("movie", (3, 8, 8), "u1", external=[(name, 0, 192)])
    layout = h5py.VirtualLayout((3, 8, 8), "u1")
    layout[:] = h5py.VirtualSource("movie.h5", "movie", (3, 8, 8))
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("movie", layout)
    for given_path in (path, tmp_path / "virtual.h5"):
        with pytest.raises(ValueError, match=r"movie\.h5 has the values of movie in .*, outside of its own folder"):
            open_recording(given_path)


OUTSIDE = ["../outside.tif", "{folder}/outside.tif", r"..\outside.tif", "..", "/", "../../.."]


def binary_only(name: str) -> str:
    return (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<BinaryOnly MetadataFile="{name}" UUID="urn:uuid:0"/></OME>'
    )


def write_prairie_view(folder: Path, names: list[str]) -> None:
    frames = "".join(
        f'<Frame relativeTime="{i}"><File channel="1" page="1" filename="{name}"/></Frame>'
        for i, name in enumerate(names)
    )
    (folder / "scan.xml").write_text(f'<PVScan><Sequence type="TSeries">{frames}</Sequence></PVScan>')


def write_micro_manager(folder: Path, names: list[str]) -> None:
    images = {f"FrameKey-{i}-0-0": {"FileName": name} for i, name in enumerate(names)}
    (folder / "metadata.txt").write_text(json.dumps({"Summary": {}} | images))


def write_ndtiff(folder: Path, names: list[str]) -> None:
    entries = []
    for time, name in enumerate(names):
        for text in (json.dumps({"time": time}), name):
            entries.append(struct.pack("<I", len(text)) + text.encode())
        entries.append(struct.pack("<8I", 8, 24, 20, 1, 0, 0, 0, 0))
    (folder / "NDTiff.index").write_bytes(b"".join(entries))


def write_ome(folder: Path, names: list[str]) -> None:
    files = {name: f"urn:uuid:{i}" for i, name in enumerate(names)}
    write_tiff(folder / names[0], MOVIE[:2], description=ome_xml(files, 4, "urn:uuid:0"), metadata=None)


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("write", [write_prairie_view, write_micro_manager, write_ndtiff, write_ome])
def test_no_file_outside_the_folder_of_a_set_is_read(
    tmp_path: Path, write: Callable[[Path, list[str]], None], name: str
) -> None:
    """What is called the same within the folder is meant."""
    write_tiff(tmp_path / "outside.tif", MOVIE[:1], metadata=None)
    folder = tmp_path / "set"
    folder.mkdir()
    write_tiff(folder / "a.tif", MOVIE[:1], metadata=None)
    write(folder, ["a.tif", name.format(folder=tmp_path)])
    with pytest.raises(ValueError, match=r"(outside\.tif|\?) is not there"):
        open_recording(folder / "a.tif")
    recording = open_recording(folder / "a.tif", salvage=True)
    assert all(Path(location).parent == folder for location in recording[0].locations)


@pytest.mark.parametrize("name", [*OUTSIDE, "movie.ome.tif", "", "."])
def test_metadata_outside_the_folder_or_in_the_file_itself_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "set").mkdir()
    path = tmp_path / "set" / "movie.ome.tif"
    write_tiff(tmp_path / "outside.tif", MOVIE[:2], metadata=None)
    write_tiff(path, MOVIE[:2], description=binary_only(name.format(folder=tmp_path)), metadata=None)
    with pytest.raises((ValueError, FileNotFoundError), match=r"movie\.ome\.tif .*(is missing|in itself)"):
        open_recording(path)


@pytest.mark.parametrize("path", ["../outside.zarr", "a/../../outside.zarr", r"..\outside.zarr"])
def test_no_array_outside_a_group_is_read(tmp_path: Path, path: str) -> None:
    zarr.create_array(tmp_path / "outside.zarr", data=MOVIE)
    group = zarr.create_group(tmp_path / "movie.zarr")
    datasets: list[Any] = [{"path": path, "coordinateTransformations": []}]
    attributes: list[dict[str, Any]] = [
        {"ome": {"multiscales": [{"axes": [{"name": name} for name in "tyx"], "datasets": datasets}]}},
        {"anscombe_transform": {"channels": [{"name": "a", "path": path}]}},
    ]
    for chosen in attributes:
        group.attrs.put(chosen)
        with pytest.raises(ValueError, match=r"names the path .*, which leads out of it"):
            open_recording(tmp_path / "movie.zarr")


def test_an_array_without_a_shape_is_no_obstacle_for_others_in_its_group(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "movie.zarr")
    group.create_array("a", data=MOVIE)
    shapes: list[Any] = [[None, 20, 24], None, "abc", {}]
    for i, shape in enumerate(shapes):
        group.create_array(f"b{i}", data=MOVIE)
        document = tmp_path / "movie.zarr" / f"b{i}" / "zarr.json"
        document.write_text(json.dumps(json.loads(document.read_text()) | {"shape": shape}))
    np.testing.assert_array_equal(open_movie(tmp_path / "movie.zarr")[:], MOVIE)


def test_links_of_nwb_that_lead_to_themselves_lead_nowhere(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "movie.zarr", zarr_format=2)
    group.attrs["nwb_version"] = "2.7.0"
    series = group.create_group("acquisition/TwoPhotonSeries")
    series.attrs["neurodata_type"] = "TwoPhotonSeries"
    series.attrs["zarr_link"] = [{"name": "data", "source": ".", "path": "/acquisition/TwoPhotonSeries/data"}]
    with pytest.raises(ValueError, match="no data in acquisition/TwoPhotonSeries"):
        open_recording(tmp_path / "movie.zarr")


@pytest.mark.parametrize("kind", [KeyError, IndexError, RecursionError, struct.error, ZeroDivisionError, OverflowError])
def test_an_error_that_nobody_thought_of_names_the_file_and_how_to_report_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def fail(*_: object) -> None:
        raise kind("out of luck")

    monkeypatch.setattr(opening, "open_path", fail)
    with pytest.raises(RuntimeError, match=rf"movie\.npy cannot be opened \({kind.__name__}: .*please report this"):
        open_recording(tmp_path / "movie.npy")


def test_a_name_in_hdf5_that_is_no_text_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file["group/other"] = 1
        file["group/movie"] = MOVIE
    content = (tmp_path / "movie.h5").read_bytes()
    (tmp_path / "movie.h5").write_bytes(content.replace(b"other\0", b"oth\xa3r\0"))
    with pytest.raises(ValueError, match=r"movie\.h5 is not a whole HDF5 file"):
        open_recording(tmp_path / "movie.h5")


def test_a_page_of_scanimage_without_a_size_is_refused(tmp_path: Path) -> None:
    write_pages(tmp_path / "movie.tif", MOVIE, False, metadata=None, **SCANIMAGE)
    content = bytearray((tmp_path / "movie.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "movie.tif", is_scanimage=False) as tiff:
        for page in tiff.pages:
            place = page.aspage().tags[257].valueoffset
            content[place : place + 4] = bytes(4)
    (tmp_path / "movie.tif").write_bytes(content)
    with pytest.raises(ValueError, match=r"movie\.tif"):
        open_recording(tmp_path / "movie.tif")
