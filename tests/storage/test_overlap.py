"""Which paths and URLs are the same place, and that a movie is never deleted to make room for itself."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import numpy as np
import pytest
import zarr
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper  # type: ignore[import-untyped]
from stored import contents, memory_url
from zarr.storage import FsspecStore

from anscombe_transform import compress, decompress, open_movie
from anscombe_transform.storage.location import Location
from anscombe_transform.storage.overlap import Place, places_of

MOVIE = (100 + 40 * np.random.default_rng(0).poisson(5, (20, 16, 16))).astype("int16")

GIVEN: dict[str, Any] = {"zero_level": 100, "conversion_gain": 40}

SPELLINGS = {
    "path": "{}",
    "relative": "raw.zarr",
    "file": "file://{}",
    "local": "local://{}",
    "cached": "simplecache::file://{}",
    "twice cached": "filecache::simplecache::local://{}",
    "link": "link.zarr",
    "link to the parent": "parent/raw.zarr",
    "dots": "x/../raw.zarr",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a movie in raw.zarr, and symbolic links to both."""
    zarr.create_array(tmp_path / "raw.zarr", data=MOVIE, chunks=(5, 16, 16))
    (tmp_path / "x").mkdir()
    (tmp_path / "link.zarr").symlink_to(tmp_path / "raw.zarr", target_is_directory=True)
    (tmp_path / "parent").symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def spelled(name: str, folder: Path) -> str:
    return SPELLINGS[name].format(folder / "raw.zarr")


@pytest.mark.parametrize("output", [name for name in SPELLINGS if "cached" not in name])
@pytest.mark.parametrize("movie", SPELLINGS)
@pytest.mark.parametrize("work", [compress, decompress])
def test_a_movie_is_not_overwritten_by_itself(work: Any, movie: str, output: str, folder: Path) -> None:
    before = contents(folder)
    parameters = GIVEN if work is compress else {}
    with pytest.raises(ValueError, match=r"(raw|link)\.zarr is where the movie is"):
        work(spelled(movie, folder), spelled(output, folder), overwrite=True, **parameters)
    assert contents(folder) == before


@pytest.mark.parametrize("url", ["local://{}", "simplecache::file://{}"])
def test_neither_is_that_of_an_array_which_was_opened_from_a_url(url: str, folder: Path) -> None:
    array = zarr.open_array(FsspecStore.from_url(url.format(folder / "raw.zarr"), read_only=True), mode="r")
    before = contents(folder)
    with pytest.raises(ValueError, match="is where the movie is"):
        compress(array, "raw.zarr", **GIVEN, overwrite=True)
    assert contents(folder) == before


@pytest.fixture
def mounted(folder: Path) -> Iterator[Path]:
    """Mount the folder a second time, which takes an administrator."""
    second = folder.with_name(f"{folder.name}-mounted")
    second.mkdir()
    if shutil.which("mount") is None or subprocess.run(["mount", "--bind", folder, second]).returncode != 0:
        pytest.skip("this user may not mount folders")
    yield second
    subprocess.run(["umount", second], check=True)


def test_a_movie_is_not_overwritten_by_way_of_a_second_mount(folder: Path, mounted: Path) -> None:
    before = contents(folder)
    for movie, output in ((folder, mounted), (mounted, folder)):
        with pytest.raises(ValueError, match="is where the movie is"):
            compress(movie / "raw.zarr", output / "raw.zarr", **GIVEN, overwrite=True)
    assert contents(folder) == before


def test_an_array_of_a_group_is_not_overwritten_by_its_own_folder(folder: Path) -> None:
    group = zarr.create_group(folder / "group.zarr")
    group.create_array("movie", data=MOVIE)
    before = contents(folder)
    for output in ("group.zarr/movie", "group.zarr"):
        with pytest.raises(ValueError, match="is where the movie is"):
            compress("group.zarr", output, key="movie", **GIVEN, overwrite=True)
    assert contents(folder) == before


def test_a_movie_in_an_object_store_is_not_overwritten_by_itself() -> None:
    url = memory_url()
    zarr.create_array(FsspecStore.from_url(url), data=MOVIE)
    before = contents(url)
    for output in (f"{url}/", url.replace("://", ":///"), url.replace("/movie", "//movie")):
        with pytest.raises(ValueError, match="is where the movie is"):
            compress(f"simplecache::{url}", output, **GIVEN, overwrite=True)
    assert contents(url) == before


def test_neither_is_one_whose_path_looks_like_a_chain_of_urls(folder: Path) -> None:
    (folder / "raw.zarr").rename(folder / "a::b.zarr")
    (folder / "other.zarr").symlink_to(folder / "a::b.zarr", target_is_directory=True)
    before = contents(folder)
    for movie, output in (("other.zarr", "a::b.zarr"), ("a::b.zarr", "other.zarr")):
        with pytest.raises(ValueError, match="is where the movie is"):
            compress(movie, output, **GIVEN, overwrite=True)
    assert contents(folder) == before
    compress("a::b.zarr", "c::b.zarr", **GIVEN)


def test_neither_is_one_in_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    for movie in ("simplecache::file://~/raw.zarr", "file://~/raw.zarr"):
        with pytest.raises(ValueError, match="is where the movie is"):
            compress(movie, "raw.zarr", **GIVEN, overwrite=True)
    np.testing.assert_array_equal(open_movie("raw.zarr")[:], MOVIE)


def test_neither_is_one_whose_chunks_are_elsewhere_by_way_of_a_link(folder: Path) -> None:
    (folder / "view.zarr").mkdir()
    (folder / "view.zarr/zarr.json").write_bytes((folder / "raw.zarr/zarr.json").read_bytes())
    (folder / "view.zarr/c").symlink_to(folder / "raw.zarr/c", target_is_directory=True)
    for movie in ("view.zarr", f"simplecache::file://{folder}/view.zarr", zarr.open_array("view.zarr", mode="r")):
        with pytest.raises(ValueError, match="is where the movie is"):
            compress(movie, "raw.zarr", **GIVEN, overwrite=True)
    np.testing.assert_array_equal(open_movie("raw.zarr")[:], MOVIE)


def test_neither_is_one_that_is_a_view_of_a_file_in_memory(folder: Path) -> None:
    np.save(folder / "raw.zarr/movie.npy", MOVIE)
    mapped = np.load(folder / "raw.zarr/movie.npy", mmap_mode="r")
    for movie in (mapped, mapped[1:], np.asarray(mapped), np.asarray(mapped)[::2].view("uint16")):
        with pytest.raises(ValueError, match="is where the movie is"):
            compress(movie, "raw.zarr", **GIVEN, overwrite=True)


def test_neither_is_one_that_calls_something_else_its_locations(folder: Path) -> None:
    da, xarray = pytest.importorskip("dask.array"), pytest.importorskip("xarray")
    movie = xarray.DataArray(da.from_zarr(str(folder / "raw.zarr")), attrs={"locations": "V1", "places": []})
    with pytest.raises(ValueError, match=r"raw\.zarr may be where the movie is, which DataArray does not tell"):
        compress(movie, "raw.zarr", **GIVEN, overwrite=True)
    np.testing.assert_array_equal(open_movie("raw.zarr")[:], MOVIE)


def test_an_array_on_a_folder_of_fsspec_is_compressed_and_not_overwritten(folder: Path) -> None:
    files = fsspec.filesystem("dir", path=str(folder), fs=fsspec.filesystem("file"))
    wrapped = AsyncFileSystemWrapper(files, asynchronous=True)
    array = zarr.open_array(FsspecStore(wrapped, path="raw.zarr", read_only=True), mode="r")
    compress(array, "new.zarr", **GIVEN)
    with pytest.raises(ValueError, match="is where the movie is"):
        compress(array, "raw.zarr", **GIVEN, overwrite=True)


@pytest.mark.parametrize("sign", ["*", "?", "[1]"])
def test_a_url_that_would_delete_what_fits_a_pattern_is_refused(sign: str) -> None:
    url = memory_url()
    neighbor = url.replace("movie", "movie1")
    compress(MOVIE, neighbor, **GIVEN)
    before = contents(neighbor)
    with pytest.raises(ValueError, match=r"stores take for a pattern"):
        compress(MOVIE, url.replace("movie", f"movie{sign}"), **GIVEN, overwrite=True)
    assert contents(neighbor) == before


@pytest.mark.parametrize("url", ["memory://", "s3://", "s3:///"])
def test_a_url_without_a_path_is_refused(url: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=f"{url} has no path"):
        compress(MOVIE, url, **GIVEN)


def test_a_local_url_needs_no_options_beside_one_that_does(folder: Path) -> None:
    for movie, output in ((f"file://{folder}/raw.zarr", memory_url()), ("raw.zarr", memory_url())):
        compress(movie, output, **GIVEN, storage_options={"use_listings_cache": False})


def test_a_movie_may_be_compressed_to_beside_itself(folder: Path) -> None:
    compress("local://" + str(folder / "raw.zarr"), "raw.zarr2", **GIVEN)
    assert open_movie(f"file://{folder}/raw.zarr2").shape == MOVIE.shape


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "a"),
        ("a", "a/b/c"),
        ("a/b", "a"),
        ("a", "link"),
        ("a/b", "link"),
        ("link/b", "a"),
        ("a", "x/../a"),
        ("a", "."),
        ("memory://a/b", "memory://a/b"),
        ("memory://a/b", "memory://a/b/"),
        ("memory://a/b", "memory://a"),
    ],
)
def test_a_place_overlaps_itself_what_is_in_it_and_what_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: str, other: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    pairs = [(one, other)]
    if "://" not in one:
        pairs.append((f"file://{tmp_path}/{one}", other))
        pairs.append((one, f"local://{tmp_path}/{other}"))
    for here, there in pairs:
        assert Place.of(here).overlaps(Place.of(there))
        assert Place.of(there).overlaps(Place.of(here))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "ab"),
        ("a/b", "a/c"),
        ("a/b", "a/bc"),
        ("memory://b/movie", "memory://b/movie2"),
        ("memory://b/movie", "memory://c/movie"),
        ("memory://a", "a"),
    ],
)
def test_places_beside_each_other_do_not_overlap(one: str, other: str) -> None:
    assert not Place.of(one).overlaps(Place.of(other))
    assert not Place.of(other).overlaps(Place.of(one))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("s3://b/a", "s3://b/a/c/d", True),
        ("s3://b", "s3://b/a", True),
        ("s3://b/a", "s3a://b/a", True),
        ("s3://b/a", "s3://b//a/", True),
        ("s3://b/a", "s3://b/a2", False),
        ("s3://b/a", "s3://c/a", False),
        ("s3://b/a", "memory://b/a", False),
        ("s3://b/a", "b/a", False),
    ],
)
def test_places_on_s3_are_told_by_bucket_and_key(one: str, other: str, same: bool) -> None:
    pytest.importorskip("s3fs")
    assert Place.of(one).overlaps(Place.of(other)) == same


def test_of_a_movie_of_which_nobody_knows_where_it_is_no_place_is_told() -> None:
    assert places_of(object()) is None
    assert places_of(MOVIE) == []


def test_arrays_in_the_memory_of_a_process_are_apart_unless_it_is_the_same_memory() -> None:
    one, other = zarr.array(MOVIE), zarr.array(MOVIE)
    here, there = (place for array in (one, other) for place in places_of(array) or [])
    assert here.overlaps(here)
    assert not here.overlaps(there)


def test_a_drive_of_windows_keeps_its_letter() -> None:
    assert Place.of("file:///C:/data/movie.zarr").path == "C:/data/movie.zarr"
    assert Location.parse("s3://bucket/movie.zarr").url == "s3://bucket/movie.zarr"
