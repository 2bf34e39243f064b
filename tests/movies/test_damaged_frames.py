"""Recordings of which one frame is there, but cannot be read; and what is there of files that were cut off."""

import pickle
import re
import uuid
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

from anscombe_transform import compress, open_movie, open_recording
from anscombe_transform.movies.opening import without_damaged_frames

FRAMES, CHANNELS, HEIGHT, WIDTH = 12, 2, 16, 20
RECORDING = np.random.default_rng(2).poisson(20, (FRAMES, CHANNELS, HEIGHT, WIDTH)).astype("uint16") * 40 + 100
CHUNKS = (1, 1, HEIGHT, WIDTH)
PROPERTY = settings(max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
Place = tuple[Path, int, int]
"""The file, the first byte and the number of bytes of a compressed image."""


def write_tiff(path: Path, frame: int, channel: int) -> Place:
    with tifffile.TiffWriter(path, imagej=True) as tiff:
        tiff.write(RECORDING, metadata={"axes": "TCYX"}, compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[frame * CHANNELS + channel]
        return path, int(page.dataoffsets[0]), int(page.databytecounts[0])


def write_zarr(path: Path, frame: int, channel: int) -> Place:
    zarr.create_array(path, data=RECORDING, chunks=CHUNKS, dimension_names=["t", "c", "y", "x"], overwrite=True)
    chunk = path / "c" / str(frame) / str(channel) / "0" / "0"
    return chunk, 0, chunk.stat().st_size


def write_hdf5(path: Path, frame: int, channel: int) -> Place:
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("movie", data=RECORDING, chunks=CHUNKS, compression="gzip")
        for axis, label in zip(dataset.dims, "tcyx", strict=True):
            axis.label = label
        chunk = dataset.id.get_chunk_info_by_coord((frame, channel, 0, 0))
        return path, int(chunk.byte_offset), int(chunk.size)


FORMATS: dict[str, Callable[[Path, int, int], Place]] = {
    "movie.tif": write_tiff,
    "movie.zarr": write_zarr,
    "movie.h5": write_hdf5,
}


def damage(place: Place) -> None:
    path, start, size = place
    content = bytearray(path.read_bytes())
    content[start : start + size // 2] = bytes([255]) * (size // 2)
    path.write_bytes(content)


@pytest.mark.parametrize("name", FORMATS)
@given(frame=st.integers(0, FRAMES - 1), channel=st.integers(0, 1), start=st.integers(0, 3), step=st.integers(1, 3))
@PROPERTY
def test_the_frame_is_named_and_all_others_can_be_read(
    tmp_path: Path, name: str, frame: int, channel: int, start: int, step: int
) -> None:
    path = tmp_path / uuid.uuid4().hex / name
    path.parent.mkdir()
    damage(FORMATS[name](path, frame, channel))
    frames = range(FRAMES)[start::step]
    recording = open_recording(path, frames=slice(start, None, step), salvage=True)
    np.testing.assert_array_equal(recording[1 - channel][:], RECORDING[start::step, 1 - channel])
    whole = [number for number in frames if number != frame]
    if frame in frames:
        with pytest.raises((ValueError, OSError), match=rf"^{name}: frame {frame} cannot be read: ") as raised:
            recording[channel][:]
        first, last, *by = map(int, re.findall(r"\d+", re.findall(r"frames=slice\((.*?)\)", str(raised.value))[0]))
        advised = open_recording(path, frames=slice(first, last, *by))
        np.testing.assert_array_equal(advised[channel][:], RECORDING[first : last : by[0] if by else 1, channel])
    salvaged = without_damaged_frames(recording)
    for number in range(CHANNELS):
        np.testing.assert_array_equal(salvaged[number][:], RECORDING[whole, number])
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(salvaged[number]))[:], RECORDING[whole, number])
    assert any(f"Left out: frame {frame} of {FRAMES} is" in note for note in salvaged.notes) == (frame in frames)


@pytest.mark.parametrize("name", FORMATS)
def test_compress_leaves_it_out_if_it_may_and_says_so(tmp_path: Path, name: str) -> None:
    damage(FORMATS[name](tmp_path / name, 7, 0))
    output = tmp_path / "out.zarr"
    given: dict[str, Any] = {"zero_level": 100, "conversion_gain": 40}
    with pytest.raises((ValueError, OSError), match=f"{name}: frame 7 cannot be read"):
        compress(tmp_path / name, output, **given)
    stages = []
    compress(
        tmp_path / name,
        output,
        **given,
        salvage=True,
        overwrite=True,
        progress=lambda stage, done, total: stages.append((stage, done, total)),
    )
    assert [done for stage, done, total in stages if stage == "Checking" and done == total] == [RECORDING.nbytes]
    for movie, number in zip(open_recording(output), range(CHANNELS), strict=True):
        whole = np.delete(RECORDING[:, number], 7, axis=0)
        assert movie.shape == whole.shape
        assert np.abs(movie[:].astype(int) - whole).max() < 0.3 * 40 * np.sqrt(50)
    story: Any = zarr.open_group(output, mode="r").attrs["anscombe_transform"]
    assert any("frame 7 of 12 is missing or not whole" in note for note in story["input"]["notes"])


def test_a_recording_without_a_whole_frame_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "movie.npy"
    np.save(path, RECORDING[:, 0])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(
        ValueError, match=r"frames 0 to 11 of 12 are .*movie.npy is truncated: it has 200 of 7808 bytes"
    ):
        open_movie(path, salvage=True)


@given(share=st.floats(0.1, 1, exclude_max=True))
@PROPERTY
def test_the_whole_frames_of_a_truncated_npy_file_can_be_had(tmp_path: Path, share: float) -> None:
    path = tmp_path / "movie.npy"
    movie = RECORDING[:, 0]
    np.save(path, movie)
    content = path.read_bytes()[: int(share * path.stat().st_size)]
    path.write_bytes(content)
    whole = (len(content) - 128) // movie[0].nbytes
    if not whole:
        return
    with pytest.raises(ValueError, match=rf"movie.npy is truncated.*give frames=slice\(0, {whole}\)"):
        open_movie(path)
    np.testing.assert_array_equal(open_movie(path, salvage=True)[:], movie[:whole])
    np.testing.assert_array_equal(open_movie(path, frames=slice(0, whole))[:], movie[:whole])


@pytest.mark.parametrize("lost", ["a frame", "two rows"])
@pytest.mark.parametrize("select", [False, True], ids=["all of it", "a selection"])
def test_a_source_of_a_virtual_dataset_that_is_shorter_than_it_should_be(
    tmp_path: Path, lost: str, select: bool
) -> None:
    movie = RECORDING[:, 0]
    layout = h5py.VirtualLayout(movie.shape, "uint16")
    for number in range(3):
        part = movie[4 * number : 4 * number + 4]
        with h5py.File(tmp_path / f"part_{number}.h5", "w") as file:
            file["data"] = part if number != 1 else part[:3] if lost == "a frame" else part[:, :-2]
        source = h5py.VirtualSource(f"part_{number}.h5", "data", part.shape)
        layout[4 * number : 4 * number + 4] = source[0:4] if select else source
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file.create_virtual_dataset("movie", layout)
    left_out = [7] if lost == "a frame" else [4, 5, 6, 7]
    named = "frame 7 of 12 is" if lost == "a frame" else "frames 4 to 7 of 12 are"
    with pytest.raises(ValueError, match=rf"{named} missing or not whole: the virtual dataset movie of movie.h5"):
        open_movie(tmp_path / "movie.h5")
    salvaged = open_movie(tmp_path / "movie.h5", salvage=True)
    np.testing.assert_array_equal(salvaged[:], np.delete(movie, left_out, axis=0))
