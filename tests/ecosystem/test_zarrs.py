"""The codec pipeline of zarrs-python, which is written in Rust and does not know this package's codecs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE

from anscombe_transform import compress, decode, decompress, encode

zarrs = pytest.importorskip("zarrs")

EXPECTED = decode(encode(MOVIE, **GIVEN), **GIVEN, decoded_dtype="int16")
UNKNOWN = "Array is unsupported by ZarrsCodecPipeline: codec anscombe-v1 is not supported"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zarrs") / "a.zarr"
    compress(MOVIE, path, **GIVEN, chunks=10)
    return path


@pytest.fixture(autouse=True)
def pipeline() -> Iterator[None]:
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        yield


def test_it_warns_and_has_zarr_read_the_array(path: Path) -> None:
    with pytest.warns(UserWarning, match=UNKNOWN):
        array = zarr.open_array(path, mode="r")
    np.testing.assert_array_equal(array[...], EXPECTED)


def test_it_warns_and_has_zarr_write_the_array(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=UNKNOWN):
        compress(MOVIE, tmp_path / "a.zarr", **GIVEN)
    with zarr.config.set({"codec_pipeline.path": "zarr.core.codec_pipeline.BatchedCodecPipeline"}):
        np.testing.assert_array_equal(zarr.open_array(tmp_path / "a.zarr", mode="r")[...], EXPECTED)


def test_it_refuses_the_array_if_it_has_been_told_to_be_strict(path: Path) -> None:
    with zarr.config.set({"codec_pipeline.strict": True}), pytest.raises(Exception) as raised:  # noqa: PT011
        zarr.open_array(path, mode="r")
    assert type(raised.value).__name__ == "UnsupportedMetadataError"
    assert UNKNOWN.endswith(str(raised.value.__cause__))


def test_it_reads_what_decompress_writes_without_a_word(path: Path, tmp_path: Path) -> None:
    with zarr.config.set({"codec_pipeline.path": "zarr.core.codec_pipeline.BatchedCodecPipeline"}):
        decompress(path, tmp_path / "plain.zarr")
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "plain.zarr", mode="r")[...], EXPECTED)
