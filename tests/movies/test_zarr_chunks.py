"""Zarr arrays of which chunks are not stored: Zarr reads the fill value there, which here no frame has."""

import pickle
import shutil
import uuid
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limited_filesystem import serve

from anscombe_transform import compress
from anscombe_transform.movies.formats.zarr.opening import open_zarr
from anscombe_transform.movies.opening import open_movie, open_recording, without_damaged_frames

FILL = 65535
MOVIE = np.random.default_rng(4).integers(0, 4000, (20, 6, 8)).astype("uint16")
KEYS: dict[str, dict[str, Any]] = {
    "3": {},
    "3 with dots": {"chunk_key_encoding": {"name": "default", "separator": "."}},
    "3 as 2": {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    "2": {"zarr_format": 2},
    "2 with slashes": {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
}
PROPERTY = settings(max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(store: Any, data: st.DataObject, name: str | None = None, **options: Any) -> np.ndarray[Any, Any]:
    """Write some chunks of the movie, and return which of its frames Zarr reads the fill value in."""
    chunks = tuple(data.draw(st.integers(1, length)) for length in MOVIE.shape)
    if data.draw(st.booleans()) and options.get("zarr_format") != 2:
        options["shards"] = tuple(chunk * data.draw(st.integers(1, 3)) for chunk in chunks)
    array = zarr.create_array(
        store, name=name, shape=MOVIE.shape, chunks=chunks, dtype="uint16", fill_value=FILL, overwrite=True, **options
    )
    for _ in range(data.draw(st.integers(1, 8))):
        here = tuple(
            slice(start, start + chunk)
            for length, chunk in zip(MOVIE.shape, chunks, strict=True)
            for start in [data.draw(st.sampled_from(range(0, length, chunk)))]
        )
        array[here] = MOVIE[here]
    lacks: np.ndarray[Any, Any] = (np.asarray(array[:]) == FILL).any(axis=(1, 2))
    return lacks


def check(path: Path | str, lacks: np.ndarray[Any, Any]) -> None:
    missing = open_zarr(path, None).missing
    np.testing.assert_array_equal(np.zeros(len(lacks), bool) if missing is None else missing.images, lacks)
    if not lacks.all():
        np.testing.assert_array_equal(open_movie(path, salvage=True)[:], MOVIE[~lacks])


@pytest.mark.parametrize("keys", KEYS)
@given(data=st.data())
@PROPERTY
def test_chunks_and_shards_that_are_not_stored_are_missing(tmp_path: Path, keys: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([None, "a/movie"]))
    shutil.rmtree(tmp_path / "movie.zarr", ignore_errors=True)
    check(tmp_path / "movie.zarr", write(tmp_path / "movie.zarr", data, name, **KEYS[keys]))


@pytest.mark.parametrize("keys", ["3", "2"])
@given(data=st.data())
@PROPERTY
def test_they_are_missing_in_zip_files_too(tmp_path: Path, keys: str, data: st.DataObject) -> None:
    shutil.rmtree(tmp_path / "movie.zarr", ignore_errors=True)
    lacks = write(tmp_path / "movie.zarr", data, **KEYS[keys])
    (tmp_path / "movie.zip").unlink(missing_ok=True)
    shutil.make_archive(str(tmp_path / "movie"), "zip", tmp_path, "movie.zarr")
    check(tmp_path / "movie.zip", lacks)


@given(data=st.data())
@PROPERTY
def test_they_are_missing_at_urls_that_can_be_listed(data: st.DataObject) -> None:
    url = f"memory://{uuid.uuid4().hex}/movie.zarr"
    check(url, write(url, data, data.draw(st.sampled_from([None, "a/movie"]))))


def test_a_chunk_that_is_not_stored_is_named_with_ways_out(tmp_path: Path) -> None:
    path = tmp_path / "movie.zarr"
    zarr.create_array(path, data=MOVIE, chunks=(5, 6, 8), fill_value=0)
    (path / "c" / "2" / "0" / "0").unlink()
    message = (
        r"^movie.zarr: frames 10 to 14 of 20 are missing or not whole: chunks of movie.zarr are not stored: 1 of 4, "
        r"first the one that begins at \(10, 0, 0\) \(where they are meant to hold nothing but the fill value 0, open "
        r"the array with zarr, and give it instead of its path\); give frames=slice\(0, 10\) or others that are whole, "
        r"or salvage=True"
    )
    with pytest.raises(ValueError, match=message):
        open_movie(path)
    np.testing.assert_array_equal(open_movie(path, frames=slice(0, 10))[:], MOVIE[:10])


def test_in_an_array_that_zarr_has_opened_chunks_that_are_not_stored_have_the_fill_value(tmp_path: Path) -> None:
    recording = np.random.default_rng(1).poisson(9, (4, 2, 3, 6, 8)).astype("uint16")
    recording[1, 1, 1] = 0
    array = zarr.create_array(
        tmp_path / "a.zarr", data=recording, chunks=(1, 1, 1, 6, 8), dimension_names=["t", "c", "z", "y", "x"]
    )
    with pytest.raises(ValueError, match=r"fill value 0, open the array with zarr, and give it instead of its path"):
        open_recording(tmp_path / "a.zarr")
    opened = open_recording(array)
    for number in range(2):
        np.testing.assert_array_equal(opened[number][:], recording[:, number])
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(opened[number]))[:], recording[:, number])
    given: dict[str, Any] = {"zero_level": 0, "conversion_gain": 1, "encoded_dtype": "int16", "beta": 0.01}
    compress(array, tmp_path / "all.zarr", **given)
    compress(array, tmp_path / "one.zarr", **given, channel=0, plane=2)
    np.testing.assert_array_equal(open_recording(tmp_path / "all.zarr")[1][:], recording[:, 1])
    np.testing.assert_array_equal(open_recording(tmp_path / "one.zarr")[0][:], recording[:, 0, 2])
    with pytest.raises(ValueError, match="is where the movie is"):
        compress(array, tmp_path / "a.zarr", **given, overwrite=True)


def test_a_chunk_that_vanishes_after_opening_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "movie.zarr"
    for shards, frame in ((None, 9), ((10, 6, 8), 10)):
        zarr.create_array(path, data=MOVIE, chunks=(5, 6, 8), shards=shards, overwrite=True)
        movie = open_movie(path)
        (path / "c" / "1" / "0" / "0").unlink()
        with pytest.raises(ValueError, match=rf"^movie.zarr: frame {frame} cannot be read: the chunk c/1/0/0 is not "):
            movie[9:13]


def test_where_chunks_cannot_be_listed_reading_one_that_is_not_stored_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zarr.create_array(tmp_path / "movie.zarr", data=MOVIE, chunks=(5, 6, 8))
    (tmp_path / "movie.zarr" / "c" / "2" / "0" / "0").unlink()
    movie = open_movie(serve(tmp_path, monkeypatch))
    np.testing.assert_array_equal(movie[:10], MOVIE[:10])
    with pytest.raises(ValueError, match=r"movie.zarr: frame 10 cannot be read: the chunk c/2/0/0 is not stored"):
        movie[9:13]
    salvaged = without_damaged_frames(open_recording(serve(tmp_path, monkeypatch), salvage=True))
    np.testing.assert_array_equal(salvaged[0][:], np.delete(MOVIE, range(10, 15), axis=0))


def test_a_group_that_cannot_be_listed_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlisted = serve(tmp_path, monkeypatch)
    zarr.create_array(tmp_path / "movie.zarr", name="a", data=MOVIE, zarr_format=2)
    message = (
        r"movie.zarr may not be read: .* may not be listed \(nobody .*\): give the path of an array as key, such as"
    )
    with pytest.raises(PermissionError, match=message):
        open_movie(unlisted)
    np.testing.assert_array_equal(open_movie(unlisted, "a")[:], MOVIE)
    zarr.consolidate_metadata(tmp_path / "movie.zarr")
    np.testing.assert_array_equal(open_movie(unlisted)[:], MOVIE)


def test_a_shard_that_is_cut_off_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "movie.zarr"
    zarr.create_array(path, data=MOVIE, chunks=(5, 6, 8), shards=(10, 6, 8))
    shard = path / "c" / "1" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:20])
    with pytest.raises(
        ValueError, match=r"movie.zarr is not a whole Zarr array or group \(the shard c/1/0/0 is truncated\)$"
    ):
        open_movie(path)


def test_a_zip_file_may_hold_its_folder_or_several(tmp_path: Path) -> None:
    """Also what macOS adds is no obstacle."""
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name, movie in (("one", MOVIE), ("other", MOVIE[:7])):
            zarr.create_array(tmp_path / f"{name}.zarr", data=movie)
            for file in (tmp_path / f"{name}.zarr").rglob("*"):
                if file.is_file():
                    archive.write(file, Path("data") / file.relative_to(tmp_path))
        archive.writestr("__MACOSX/data/._one.zarr", b"")
    with pytest.raises(ValueError, match=r"two.zip has several arrays: give the name of one as key: one.zarr \(20, 6"):
        open_movie(tmp_path / "two.zip")
    np.testing.assert_array_equal(open_movie(tmp_path / "two.zip", "other.zarr")[:], MOVIE[:7])


def test_chunks_behind_a_link_are_stored(tmp_path: Path) -> None:
    """Also where fsspec leaves out of its list what is behind a link."""
    zarr.create_array(tmp_path / "raw.zarr", data=MOVIE, chunks=(5, 6, 8))
    (tmp_path / "view.zarr").mkdir()
    (tmp_path / "view.zarr" / "zarr.json").write_bytes((tmp_path / "raw.zarr" / "zarr.json").read_bytes())
    (tmp_path / "view.zarr" / "c").symlink_to(tmp_path / "raw.zarr" / "c", target_is_directory=True)
    for path in (str(tmp_path / "view.zarr"), f"simplecache::file://{tmp_path}/view.zarr"):
        np.testing.assert_array_equal(open_movie(path)[:], MOVIE)
