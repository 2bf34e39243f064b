"""Zarr arrays as movies: compressed ones, URLs, and metadata that are damaged or odd."""

import json
import pickle
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from movie_formats import MOVIE, write_zarr

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3
from anscombe_transform.movies.movie_file import MovieFile
from anscombe_transform.movies.opening import open_movie


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


def test_options_of_a_protocol_are_refused_where_there_is_none(movie_files: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match=r"c\.npy is not a URL"):
        open_movie(movie_files["c.npy"], storage_options={"anon": True})


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
