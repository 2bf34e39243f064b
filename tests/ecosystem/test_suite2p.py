"""What suite2p reads of files that `decompress` writes, and frames that are handed over without such a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressed_movies import GIVEN, MOVIE

from anscombe_transform import compress, decode, decompress, encode, open_movie

suite2p = pytest.importorskip("suite2p")

pytestmark = pytest.mark.filterwarnings("ignore:The .warn. method is deprecated")

EXPECTED = decode(encode(MOVIE, **GIVEN), **GIVEN, decoded_dtype="int16")


def binaries(folder: Path, kind: str, **layout: Any) -> list[Any]:
    """Return the frames of each plane as suite2p has them after it has read the files in a folder."""
    settings = suite2p.default_settings()
    settings["run"] |= {"do_registration": 0, "do_detection": False}
    chosen = {"data_path": [str(folder)], "save_path0": str(folder), "input_format": kind, "keep_movie_raw": True}
    frames = []
    for place in suite2p.run_s2p(suite2p.default_db() | chosen | layout, settings):
        plane = np.load(place, allow_pickle=True).item()
        with suite2p.io.BinaryFile(plane["Ly"], plane["Lx"], plane["raw_file"]) as file:
            frames.append(np.array(file.data))
    return frames


def test_it_reads_a_tiff_file(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN)
    decompress(tmp_path / "a.zarr", tmp_path / "a.tif")
    (frames,) = binaries(tmp_path, "tif")
    np.testing.assert_array_equal(frames, EXPECTED)


def test_it_reads_each_plane_of_one_channel(tmp_path: Path) -> None:
    movie = MOVIE.reshape(10, 2, 2, 64, 64)  # time, channel, plane, y, x
    np.save(tmp_path / "raw.npy", movie)
    compress(tmp_path / "raw.npy", tmp_path / "a.zarr", axes="TCZYX", **GIVEN)
    decompress(tmp_path / "a.zarr", tmp_path / "a.tif", channel=1)
    planes = binaries(tmp_path, "tif", nplanes=2)
    for number, frames in enumerate(planes):
        np.testing.assert_array_equal(frames, EXPECTED.reshape(movie.shape)[:, 1, number])
    assert len(planes) == 2


def test_it_halves_values_of_uint16(tmp_path: Path) -> None:
    """Its own frames are int16."""
    compress(MOVIE.astype("uint16"), tmp_path / "a.zarr", **GIVEN)
    decompress(tmp_path / "a.zarr", tmp_path / "a.tif")
    (frames,) = binaries(tmp_path, "tif")
    np.testing.assert_array_equal(frames, EXPECTED // 2)


def test_frames_are_copied_into_its_binary_file(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN)
    movie = open_movie(tmp_path / "a.zarr")
    frames, height, width = movie.shape
    with suite2p.io.BinaryFile(height, width, str(tmp_path / "data.bin"), n_frames=frames, write=True) as file:
        for start in range(0, frames, 10):
            file[start : start + 10] = movie[start : start + 10]
    with suite2p.io.BinaryFile(height, width, str(tmp_path / "data.bin")) as file:
        np.testing.assert_array_equal(file.data, EXPECTED)
