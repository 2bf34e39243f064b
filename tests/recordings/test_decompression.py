"""Compressed movies that are written as other software reads them."""

import json
import os
import platform
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr
from small_disk import small_disk  # noqa: F401 - a fixture
from stored import contents, memory_url

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, compress, decompress, open_movie
from anscombe_transform._files import whole_file
from anscombe_transform.recordings import decompression
from anscombe_transform.simulate import simulate_movie
from anscombe_transform.storage.draft import finished
from anscombe_transform.storage.location import Location

Movie = npt.NDArray[Any]

MOVIE: Movie = simulate_movie((20, 40, 50))
GIVEN: dict[str, Any] = {"zero_level": 100, "conversion_gain": 40}

OUTPUTS = ["movie.npy", "movie.tif", "movie.ome.tif", "movie.zarr"]
FILES = OUTPUTS[:3]

READERS: dict[str, Callable[[Path], Any]] = {
    ".npy": np.load,
    ".tif": tifffile.imread,
    ".tiff": tifffile.imread,
    ".zarr": lambda path: zarr.open_array(path, mode="r")[...],
    "": lambda path: zarr.open_array(path, mode="r")[...],
}


def read(path: Path) -> Movie:
    """Return what other software reads."""
    return np.asarray(READERS[path.suffix.lower()](path))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    compress(MOVIE, tmp_path / "store", **GIVEN, chunks=3)
    return tmp_path / "store"


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let blocks be a chunk each, as if the movie were large."""
    monkeypatch.setattr(decompression, "_BLOCK_SIZE", 1)


def values(store: str | Path) -> Movie:
    return np.asarray(zarr.open_array(str(store), mode="r")[...])


@pytest.mark.parametrize("output", [*OUTPUTS, "movie.TIFF", "movie.ome.tiff", "movie"])
@pytest.mark.parametrize(
    "options", [{}, {"zarr_format": 2}, {"chunks": 4, "shards": 8}, {"chunks": (3, 7, 50)}], ids=str
)
def test_what_is_written_is_what_zarr_reads(tmp_path: Path, output: str, options: dict[str, Any]) -> None:
    compress(MOVIE, tmp_path / "store", **GIVEN, **options)
    result = decompress(tmp_path / "store", tmp_path / output)
    written = read(tmp_path / output)
    np.testing.assert_array_equal(written, values(tmp_path / "store"))
    assert written.dtype == "int16"
    assert (result.output, result.shape, result.dtype) == (str(tmp_path / output), MOVIE.shape, "int16")
    assert result.size == MOVIE.nbytes
    assert json.loads(json.dumps(result.to_dict()))["output"] == result.output
    assert dict(result.table())["Written to"] == result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["store", output])


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("output", OUTPUTS)
def test_blocks_follow_each_other_and_progress_rises_to_all_bytes(tmp_path: Path, store: Path, output: str) -> None:
    calls: list[tuple[int, int]] = []
    decompress(store, tmp_path / output, progress=lambda *call: calls.append(call))
    np.testing.assert_array_equal(read(tmp_path / output), values(store))
    done = [call[0] for call in calls]
    assert {call[1] for call in calls} == {MOVIE.nbytes}
    assert done == sorted(set(done))
    assert done[-1] == MOVIE.nbytes
    if output in FILES:
        assert len(done) == 7


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("frames", [slice(3, 11), slice(None, None, 3), slice(-1, None)], ids=str)
def test_some_frames_are_written(tmp_path: Path, store: Path, output: str, frames: slice) -> None:
    result = decompress(store, tmp_path / output, frames=frames)
    expected = values(store)[frames]
    np.testing.assert_array_equal(read(tmp_path / output).reshape(expected.shape), expected)
    assert result.shape == expected.shape


def test_urls_are_read_and_written(tmp_path: Path, store: Path) -> None:
    first, second = memory_url(), memory_url()
    compress(MOVIE, first, **GIVEN)
    decompress(first, second)
    decompress(first, tmp_path / "movie.npy")
    decompress(store, f"file://{tmp_path}/other.zarr")
    for written in (values(second), read(tmp_path / "movie.npy"), values(tmp_path / "other.zarr")):
        np.testing.assert_array_equal(written, values(store))


def test_an_array_without_the_codec_has_the_same_chunks(tmp_path: Path, store: Path) -> None:
    """Its attributes say where it is from."""
    decompress(store, tmp_path / "plain.zarr")
    array = zarr.open_array(tmp_path / "plain.zarr", mode="r")
    assert array.metadata.zarr_format == 3
    assert array.chunks == (3, 40, 50)
    assert array.filters == ()
    story: Any = array.attrs["anscombe_transform"]
    assert story["input"]["name"] == "store"
    assert "parameters" not in story


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "uint32", "int32", "int64", "float16", "float32", "float64"]
)
@pytest.mark.parametrize("output", ["movie.npy", "movie.tif", "movie.zarr"])
def test_movies_of_every_dtype_are_written(tmp_path: Path, dtype: str, output: str) -> None:
    movie = (MOVIE // 32).clip(0, 127).astype(dtype)
    compress(movie, tmp_path / "store", zero_level=3, conversion_gain=1.25)
    decompress(tmp_path / "store", tmp_path / output)
    written = read(tmp_path / output)
    assert written.dtype == dtype
    np.testing.assert_array_equal(written, values(tmp_path / "store"))


@pytest.mark.parametrize("dtype", ["int64", "float16"])
def test_a_dtype_that_ome_does_not_know_is_a_clear_error(tmp_path: Path, dtype: str) -> None:
    """Nothing is written."""
    compress(MOVIE.astype(dtype), tmp_path / "store", **GIVEN)
    with pytest.raises(ValueError, match=dtype):
        decompress(tmp_path / "store", tmp_path / "movie.ome.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_movie_of_one_frame_is_written(tmp_path: Path, output: str) -> None:
    compress(MOVIE[:1], tmp_path / "store", **GIVEN)
    decompress(tmp_path / "store", tmp_path / output)
    written = read(tmp_path / output)
    np.testing.assert_array_equal(written.reshape(1, 40, 50), values(tmp_path / "store"))


@pytest.mark.parametrize("output", ["movie.tif", "movie.ome.tif"])
def test_a_tiff_file_is_a_bigtiff_only_if_the_movie_is_too_large(
    tmp_path: Path, store: Path, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for largest, is_big in ((MOVIE.nbytes, False), (MOVIE.nbytes - 1, True)):
        monkeypatch.setattr(decompression, "_LARGEST_TIFF", largest)
        decompress(store, tmp_path / output, overwrite=True)
        with tifffile.TiffFile(tmp_path / output) as file:
            assert file.is_bigtiff == is_big
            assert file.is_ome == (output == "movie.ome.tif")
        np.testing.assert_array_equal(read(tmp_path / output), values(store))


def test_a_tiff_file_has_room_for_its_directories() -> None:
    """Its offsets of 32 bits end at 4 GiB."""
    assert 0.95 * 2**32 < decompression._LARGEST_TIFF < 2**32 - 2**24


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A compressed movie of which frame rate and pixel size are known."""
    metadata = {
        "axes": "TYX",
        "TimeIncrement": 1 / 15.5,
        "TimeIncrementUnit": "s",
        "PhysicalSizeX": 0.25,
        "PhysicalSizeY": 0.5,
    }
    tifffile.imwrite(tmp_path / "movie.tif", MOVIE, ome=True, photometric="minisblack", metadata=metadata)
    compress(tmp_path / "movie.tif", tmp_path / "store", **GIVEN)
    (tmp_path / "movie.tif").unlink()
    return tmp_path / "store"


@pytest.mark.parametrize("output", ["again.ome.tif", "again.zarr", "again.tif"])
@pytest.mark.parametrize(("frames", "rate"), [(None, 15.5), (slice(None, None, 2), 7.75)])
def test_frame_rate_and_pixel_size_survive(
    tmp_path: Path, recording: Path, output: str, frames: slice | None, rate: float
) -> None:
    decompress(recording, tmp_path / output, frames=frames)
    again = open_movie(tmp_path / output)
    assert again.pixel_size == pytest.approx((0.5, 0.25))
    if output != "again.tif":  # a plain TIFF file has no place for it that others agree on
        assert again.frame_rate == pytest.approx(rate)


def test_ome_xml_has_them_in_its_own_names_and_units(tmp_path: Path, recording: Path) -> None:
    decompress(recording, tmp_path / "again.ome.tif")
    with tifffile.TiffFile(tmp_path / "again.ome.tif") as file:
        pixels = tifffile.xml2dict(str(file.ome_metadata))["OME"]["Image"]["Pixels"]
    assert pixels["PhysicalSizeY"] == pytest.approx(0.5)
    assert pixels["PhysicalSizeX"] == pytest.approx(0.25)
    assert pixels.get("PhysicalSizeXUnit", "µm") == "µm"  # the default of OME
    assert pixels["TimeIncrement"] == pytest.approx(1 / 15.5)
    assert pixels["TimeIncrementUnit"] == "s"
    assert (pixels["SizeT"], pixels["SizeY"], pixels["SizeX"]) == (20, 40, 50)


@pytest.mark.parametrize("output", OUTPUTS)
def test_without_them_none_are_made_up(tmp_path: Path, store: Path, output: str) -> None:
    decompress(store, tmp_path / output)
    movie = open_movie(tmp_path / output)
    assert (movie.frame_rate, movie.pixel_size) == (None, None)


@pytest.mark.parametrize("output", OUTPUTS)
def test_what_is_there_already_is_replaced_only_if_that_is_wanted(tmp_path: Path, store: Path, output: str) -> None:
    decompress(store, tmp_path / output, frames=slice(3))
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path / output))}.*overwrite"):
        decompress(store, tmp_path / output)
    assert contents(tmp_path) == before
    decompress(store, tmp_path / output, overwrite=True)
    np.testing.assert_array_equal(read(tmp_path / output), values(store))


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path, store: Path, output: str) -> None:
    (tmp_path / output).mkdir()
    (tmp_path / output / "precious.txt").write_bytes(b"precious")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / output))):
        decompress(store, tmp_path / output, overwrite=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("output", FILES)
def test_a_file_in_a_folder_that_is_not_there_is_refused(tmp_path: Path, store: Path, output: str) -> None:
    with pytest.raises(ValueError, match="absent"):
        decompress(store, tmp_path / "absent" / output)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("output", ["store", "store/movie.npy", "store/movie.tif", "store/inside", "."])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_output_that_is_or_has_or_is_in_the_store_is_refused(
    tmp_path: Path, store: Path, output: str, overwrite: bool
) -> None:
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))):
        decompress(store, tmp_path / output, overwrite=overwrite)
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("output", FILES)
@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("failure", ["damaged chunk", "interrupt"])
def test_a_write_that_fails_leaves_neither_a_file_nor_a_part_of_one(
    tmp_path: Path, store: Path, output: str, there: bool, failure: str
) -> None:
    if there:
        decompress(store, tmp_path / output, frames=slice(2))
    if failure == "damaged chunk":
        (store / "c/5/0/0").write_bytes(b"\x9c\x9c\x9c")
    before = contents(tmp_path)

    def progress(done: int, total: int) -> None:
        if failure == "interrupt" and done > total / 2:
            raise KeyboardInterrupt

    expected = (ValueError, OSError) if failure == "damaged chunk" else KeyboardInterrupt
    with pytest.raises(expected, match=r"frame 15 cannot be read" if failure == "damaged chunk" else None):
        decompress(store, tmp_path / output, overwrite=there, progress=progress)
    assert contents(tmp_path) == before


def test_a_zarr_array_that_fails_cannot_be_opened(tmp_path: Path, store: Path) -> None:
    """Overwriting replaces it."""
    whole = (store / "c/5/0/0").read_bytes()
    (store / "c/5/0/0").write_bytes(b"\x9c\x9c\x9c")
    output = tmp_path / "plain.zarr"
    with pytest.raises((ValueError, OSError)) as caught:
        decompress(store, output)
    notes = " ".join(caught.value.__notes__)
    assert "overwrite" in notes
    assert "resume" not in notes
    with pytest.raises(FileNotFoundError):
        zarr.open_array(output, mode="r")
    (store / "c/5/0/0").write_bytes(whole)
    with pytest.raises(ValueError, match="overwrite"):
        decompress(store, output)
    decompress(store, output, overwrite=True)
    np.testing.assert_array_equal(read(output), values(store))


@pytest.mark.parametrize("output", ["movie.npy", "movie.zarr"])
@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_an_array_that_is_not_finished_is_refused_as_such(tmp_path: Path, output: str, kind: str) -> None:
    place = str(tmp_path / "store") if kind == "folder" else memory_url()
    compress(MOVIE, place, **GIVEN)
    location = Location.parse(place)
    draft = finished(location)
    assert draft is not None
    draft.begin()
    for key in draft.documents:
        location.delete(key)
    before = contents(place)
    with pytest.raises(ValueError, match="finish") as caught:
        decompress(place, tmp_path / output)
    assert place.rpartition("/")[2] in str(caught.value)
    assert contents(place) == before
    assert not (tmp_path / output).exists()


def test_a_store_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises((ValueError, OSError), match="absent"):
        decompress(tmp_path / "absent.zarr", tmp_path / "movie.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output", ["out.npy", "out.tif", "out.zarr"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_arrays_that_this_package_did_not_compress_are_written_too(
    tmp_path: Path, output: str, zarr_format: Any
) -> None:
    zarr.create_array(tmp_path / "plain", data=MOVIE, chunks=(6, 20, 50), zarr_format=zarr_format)
    decompress(tmp_path / "plain", tmp_path / output)
    np.testing.assert_array_equal(read(tmp_path / output), MOVIE)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_arrays_that_were_written_with_the_codec_alone_are_written_too(tmp_path: Path, zarr_format: Any) -> None:
    codec_class: Any = {2: AnscombeTransformV2, 3: AnscombeTransformV3}[zarr_format]
    array = zarr.create_array(
        tmp_path / "by_hand", shape=MOVIE.shape, dtype="int16", filters=[codec_class(100, 40)], zarr_format=zarr_format
    )
    array[...] = MOVIE
    decompress(tmp_path / "by_hand", tmp_path / "movie.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "movie.npy"), array[...])


def test_of_a_group_the_only_array_is_written_or_the_one_that_is_chosen(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "image", **GIVEN, ome=True)
    decompress(tmp_path / "image", tmp_path / "movie.npy")
    expected = np.asarray(zarr.open_array(tmp_path / "image", path="0", mode="r")[...])
    np.testing.assert_array_equal(np.load(tmp_path / "movie.npy"), expected)

    group = zarr.create_group(tmp_path / "group")
    for number in range(2):
        group.create_array(str(number), data=MOVIE + number)
    with pytest.raises(ValueError, match=r"0.*1"):
        decompress(tmp_path / "group", tmp_path / "other.npy")
    decompress(tmp_path / "group", tmp_path / "other.npy", key="1")
    np.testing.assert_array_equal(np.load(tmp_path / "other.npy"), MOVIE + 1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell which processes run")
@pytest.mark.parametrize("output", ["movie.tif", "movie[1].npy"])
def test_what_a_killed_process_left_is_deleted_by_the_next_one(store: Path, tmp_path: Path, output: str) -> None:
    """But not what running processes, or those of other machines, write, nor anything else."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = f"{zlib.crc32(platform.node().encode()):08x}"
    left = tmp_path / f"{output}.{here}-{ended.pid}-0123abcd.partial"
    others = [
        tmp_path / f"{output}.{here}-{os.getpid()}-0123abcd.partial",
        tmp_path / f"{output}.00000000-{ended.pid}-0123abcd.partial",
        tmp_path / f"{output}.{here}-{10**30}-0123abcd.partial",
        tmp_path / f"{output}.{here}-x-0123abcd.partial",
        tmp_path / f"other.tif.{here}-{ended.pid}-0123abcd.partial",
        tmp_path / f"{output}.partial",
    ]
    for path in (left, *others):
        path.write_bytes(b"half")
    decompress(store, tmp_path / output)
    assert not left.exists()
    assert {path for path in tmp_path.iterdir() if path.suffix == ".partial"} == {*others}


def test_the_name_of_what_is_not_whole_yet_tells_the_process(tmp_path: Path) -> None:
    """So that the next process finds it."""
    with whole_file(tmp_path / "movie.tif") as partial:
        partial.touch()
        process = partial.name.split("-")[-2]
        assert int(process) == os.getpid()
        with whole_file(tmp_path / "movie.tif") as other:
            other.touch()
            assert partial.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["movie.tif"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits of this kind")
@pytest.mark.parametrize("output", ["movie.npy", "movie.tif", "movie.ome.tif"])
def test_a_disk_without_space_is_called_so(store: Path, tmp_path: Path, output: str) -> None:
    """Nothing is left of the file."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, before[1]))
    try:
        with pytest.raises(OSError, match=r"movie\..* cannot be written: there is no space left in "):
            decompress(store, tmp_path / output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_full_disk_is_called_so(small_disk: Path, tmp_path: Path, output: str) -> None:  # noqa: F811
    movie = np.random.default_rng(0).integers(100, 60_000, (40, 128, 128)).astype("uint16")
    compress(movie, tmp_path / "movie.zarr", **GIVEN)
    with pytest.raises(OSError, match=r"(?i)no space left"):
        decompress(tmp_path / "movie.zarr", small_disk / output)
    assert not (small_disk / output).is_file()
