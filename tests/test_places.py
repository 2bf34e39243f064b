"""Which paths and URLs are the same place, and that a movie is never deleted to make room for itself."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from stored import contents, memory_url
from zarr.storage import FsspecStore

from anscombe_transform import compress, decompress, open_movie
from anscombe_transform.places import Place, places_of
from anscombe_transform.stores import Location

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
    with pytest.raises(ValueError, match=r"raw\.zarr|link\.zarr is where the movie is"):
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
    assert places_of(zarr.array(MOVIE)) == []


def test_a_drive_of_windows_keeps_its_letter() -> None:
    assert Place.of("file:///C:/data/movie.zarr").path == "C:/data/movie.zarr"
    assert Location.parse("s3://bucket/movie.zarr").url == "s3://bucket/movie.zarr"
