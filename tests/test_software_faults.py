"""Errors from inside other packages that are no word on the data: whom they are blamed on."""

import pickle
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import pytest
import tifffile
import zarr

from anscombe_transform import compress, describe, open_movie
from anscombe_transform._faults import FAULTS, SoftwareFault, software_fault
from anscombe_transform.movies.formats.tiff import pages as tiff_pages
from anscombe_transform.movies.raw import RawFrames

MOVIE = np.random.default_rng(0).integers(0, 4000, (6, 16, 16)).astype("int16")


def failing(kind: type[Exception]) -> Any:
    def fail(*_: object, **__: object) -> NoReturn:
        raise kind("'Series' object\nhas no 'axes'")

    return fail


@pytest.mark.parametrize("kind", FAULTS)
def test_a_whole_tiff_is_not_called_damaged_where_tifffile_has_changed(
    kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "movie.tif", MOVIE, photometric="minisblack")
    monkeypatch.setattr(tiff_pages, "_kind_of", failing(kind))
    with pytest.raises(SoftwareFault) as raised:
        open_movie(tmp_path / "movie.tif")
    message = str(raised.value)
    assert "movie.tif" in message
    assert "is not a whole TIFF file" not in message
    assert f"{kind.__name__}: 'Series' object has no 'axes'" in message
    assert f"anscombe-transform {version('anscombe-transform')}" in message
    assert isinstance(raised.value.__cause__, kind)


def test_the_package_in_which_it_was_raised_is_named_with_its_version(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "movie.tif", MOVIE, photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "movie.tif") as tif, pytest.raises(TypeError) as raised:
        tif.asarray(out=cast("Any", 7))
    fault = software_fault("movie.tif cannot be read", raised.value)
    assert isinstance(pickle.loads(pickle.dumps(fault)), SoftwareFault)
    assert re.search(rf"tifffile {re.escape(version('tifffile'))}|numpy {re.escape(version('numpy'))}", str(fault))


@pytest.mark.parametrize("kind", FAULTS)
def test_frames_that_could_not_be_read_are_not_called_damaged(
    kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    monkeypatch.setattr(RawFrames, "read", failing(kind))
    movie = open_movie(tmp_path / "movie.npy")
    with pytest.raises(SoftwareFault, match=r"movie\.npy: frames 2 to 3 cannot be read .*may lie in the software"):
        movie[2:4]


@pytest.mark.parametrize("kind", FAULTS)
def test_an_array_of_zarr_is_not_called_damaged(
    kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compress(MOVIE, tmp_path / "movie.zarr", zero_level=0, conversion_gain=10)
    monkeypatch.setattr(zarr, "open_array", failing(kind))
    for call in (open_movie, describe):
        with pytest.raises(SoftwareFault, match=r"movie\.zarr cannot be opened .*may lie in the software"):
            call(tmp_path / "movie.zarr")
