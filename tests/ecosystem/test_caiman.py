"""What CaImAn reads of files that `decompress` writes, and the memory map that it makes of an array."""

from pathlib import Path

import numpy as np
import pytest
from compressed_movies import GIVEN, MOVIE

from anscombe_transform import compress, decode, decompress, encode, open_movie

caiman = pytest.importorskip("caiman")

EXPECTED = decode(encode(MOVIE, **GIVEN), **GIVEN, decoded_dtype="int16")[:, :, :48]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("caiman") / "a.zarr"
    compress(MOVIE[:, :, :48], path, **GIVEN)
    return path


def test_it_reads_a_tiff_file(path: Path, tmp_path: Path) -> None:
    decompress(path, tmp_path / "a.tif")
    np.testing.assert_array_equal(caiman.load(str(tmp_path / "a.tif")), EXPECTED)


def test_it_maps_an_array_to_memory(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAIMAN_TEMP", str(tmp_path))
    mapped = caiman.save_memmap([open_movie(path)[:].astype("float32")], base_name="session", order="C")
    pixels, dims, frames = caiman.load_memmap(mapped)
    movie = np.reshape(pixels.T, (frames, *dims), order="F")
    np.testing.assert_allclose(movie, EXPECTED, atol=0.001)
