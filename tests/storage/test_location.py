"""Where arrays are kept, and that nobody can open one before it is finished."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from drafts import draft_of_one, only
from hypothesis import given
from hypothesis import strategies as st
from numcodecs import Zstd
from stored import contents, memory_url
from zarr.codecs import Crc32cCodec, ZstdCodec

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3
from anscombe_transform.storage.draft import Draft, begun, finished, has_damaged_marker
from anscombe_transform.storage.layout import Layout
from anscombe_transform.storage.location import UNFINISHED, Location
from anscombe_transform.storage.overwriting import check_free, state_of

MOVIE = (100 + 40 * np.random.default_rng(0).poisson(5, (7, 12, 10))).astype("int16")
ATTRIBUTES = {"anscombe_transform": {"version": "0", "µ": [1.5, None]}}
IMAGE = {"ome": {"version": "0.5"}}


@pytest.fixture(params=["folder", "file URL", "memory URL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place of each kind at which there is nothing."""
    folder = tmp_path / "movie.zarr"
    return {"folder": str(folder), "file URL": f"file://{folder}", "memory URL": memory_url()}[request.param]


def put(place: str, key: str, value: bytes = b"{}") -> None:
    Location.parse(place).set(key, value)


def written(draft: Draft, movie: npt.NDArray[Any] = MOVIE) -> None:
    draft.begin()
    only(draft).array[...] = movie
    draft.finish()


def draft_at(place: str | Path, zarr_format: Any = 3, image: dict[str, Any] | None = None) -> Draft:
    codec: Any = AnscombeTransformV3(100, 40) if zarr_format == 3 else AnscombeTransformV2(100, 40)
    layout = Layout(chunks=(2, -1, 5), level=2, zarr_format=zarr_format)  # of level 1, frames are others than Zarr's
    return draft_of_one(place, layout, MOVIE.shape, MOVIE.dtype, codec, ATTRIBUTES, image)


def test_a_relative_path_a_file_url_and_a_path_with_a_slash_are_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = str(tmp_path / "a")
    for path in (
        "a",
        Path("a"),
        "a/",
        folder,
        f"{folder}/",
        f"file://{folder}",
        f"file:{folder}/",
        f"local://{folder}",
    ):
        location = Location.parse(path)
        assert location.url == folder
        assert location.is_local


def test_a_url_stays_as_it_is_and_keeps_its_options() -> None:
    location = Location.parse("s3://bucket/movie.zarr/", {"anon": True})
    assert location == Location("s3://bucket/movie.zarr", {"anon": True})
    assert not location.is_local
    assert pickle.loads(pickle.dumps(location)) == location


def test_options_of_a_local_folder_are_refused_and_named(tmp_path: Path) -> None:
    for path in (tmp_path, f"file://{tmp_path}"):
        with pytest.raises(ValueError, match=r"endpoint_url"):
            Location.parse(path, {"endpoint_url": "http://localhost"})


def test_what_is_set_is_found_until_it_is_deleted(place: str) -> None:
    location = Location.parse(place)
    assert location.get("a/b") is None
    location.set("a/b", b"\0\xff")
    assert location.get("a/b") == b"\0\xff"
    assert contents(place) == {"a/b": b"\0\xff"}
    location.delete("a/b")
    assert location.get("a/b") is None


def test_nothing_is_there_at_first_and_asking_makes_nothing(place: str, tmp_path: Path) -> None:
    assert state_of(Location.parse(place)) == "empty"
    assert begun(Location.parse(place)) is None
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_empty(tmp_path: Path) -> None:
    assert state_of(Location.parse(tmp_path)) == "empty"


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("node", ["array", "group"])
def test_arrays_and_groups_of_both_formats_are_zarr_data(place: str, zarr_format: Any, node: str) -> None:
    if node == "array":
        zarr.create_array(Location.parse(place).store(), data=MOVIE, zarr_format=zarr_format)
    else:
        zarr.create_group(Location.parse(place).store(), zarr_format=zarr_format)
    assert state_of(Location.parse(place)) == "zarr"


@pytest.mark.parametrize("key", ["notes.txt", ".hidden", "raw/frame.tif"])
def test_other_files_are_something_else(place: str, key: str) -> None:
    put(place, key, b"precious")
    assert state_of(Location.parse(place)) == "other"


def test_a_file_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "movie.zarr").write_bytes(b"precious")
    assert state_of(Location.parse(tmp_path / "movie.zarr")) == "other"


def test_an_array_is_unfinished_from_beginning_to_end(place: str) -> None:
    draft = draft_at(place)
    location = draft.location
    draft.begin()
    assert state_of(location) == "unfinished"
    only(draft).array[...] = MOVIE
    assert state_of(location) == "unfinished"
    draft.finish()
    assert state_of(location) == "zarr"


@pytest.mark.parametrize(("zarr_format", "image"), [(2, None), (3, None), (3, IMAGE)], ids=["V2", "V3", "group"])
def test_nobody_can_open_an_array_before_it_is_finished(place: str, zarr_format: Any, image: Any) -> None:
    draft = draft_at(place, zarr_format, image)
    draft.begin()
    for _ in range(2):
        for path in ("", "0"):
            with pytest.raises(FileNotFoundError):
                zarr.open(place, mode="r", path=path)
        only(draft).array[...] = MOVIE
    assert {"zarr.json", "0/zarr.json", ".zarray", ".zattrs"}.isdisjoint(contents(place))
    draft.finish()
    read = zarr.open(place, mode="r", path="" if image is None else "0")
    assert isinstance(read, zarr.Array)


@pytest.mark.parametrize(("zarr_format", "image"), [(2, None), (3, None), (3, IMAGE)], ids=["V2", "V3", "group"])
def test_a_finished_array_equals_one_that_zarr_writes_at_once_byte_for_byte(
    tmp_path: Path, place: str, zarr_format: Any, image: Any
) -> None:
    written(draft_at(place, zarr_format, image))
    if image is not None:
        zarr.create_group(tmp_path / "expected", attributes=image)
    options: Any = {
        2: {
            "filters": [AnscombeTransformV2(100, 40)],
            "compressors": Zstd(2, checksum=True),
            "attributes": ATTRIBUTES | {"_ARRAY_DIMENSIONS": ["t", "y", "x"]},
        },
        3: {
            "filters": [AnscombeTransformV3(100, 40)],
            "compressors": [ZstdCodec(level=2), Crc32cCodec()],
            "attributes": ATTRIBUTES,
            "dimension_names": ("t", "y", "x"),
        },
    }[zarr_format]
    zarr.create_array(
        tmp_path / "expected",
        name=None if image is None else "0",
        shape=MOVIE.shape,
        dtype="int16",
        chunks=(2, 12, 5),
        fill_value=0,
        zarr_format=zarr_format,
        **options,
    )[...] = MOVIE
    assert contents(place) == contents(tmp_path / "expected")


@pytest.mark.parametrize("image", [None, IMAGE], ids=["array", "group"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_what_was_begun_and_what_is_finished_are_the_draft_again(place: str, zarr_format: Any, image: Any) -> None:
    draft = draft_at(place, zarr_format, image if zarr_format == 3 else None)
    draft.begin()
    assert begun(draft.location) == draft
    draft.finish()
    assert begun(draft.location) is None
    assert finished(draft.location) == draft


def test_a_draft_that_was_pickled_goes_on_with_the_same_array(place: str) -> None:
    draft = draft_at(place)
    draft.begin()
    only(draft).array[:3] = MOVIE[:3]
    again = pickle.loads(pickle.dumps(draft))
    assert again == draft
    np.testing.assert_array_equal(only(again).array[:3], only(draft).array[:3])
    only(again).array[3:] = MOVIE[3:]
    again.finish()
    np.testing.assert_array_equal(zarr.open_array(place, mode="r")[...], only(draft).array[...])


def test_finishing_removes_what_a_killed_process_left_and_the_marker(tmp_path: Path) -> None:
    draft = draft_at(tmp_path / "a")
    draft.begin()
    only(draft).array[...] = MOVIE
    left = tmp_path / "a/c/0/0/0.4f1c.partial"
    left.write_bytes(b"half a chunk")
    (tmp_path / "b.partial").write_bytes(b"somebody else's")
    draft.finish()
    assert not left.exists()
    assert not (tmp_path / "a" / UNFINISHED).exists()
    assert (tmp_path / "b.partial").exists()


def test_the_marker_tells_a_reader_what_it_is(place: str) -> None:
    draft = draft_at(place)
    draft.begin()
    assert list(contents(place)) == [UNFINISHED]
    marker = json.loads(contents(place)[UNFINISHED])
    assert "anscombe-transform" in marker["note"]
    assert marker["documents"] == draft.documents


DAMAGED = [
    b"[",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"{}",
    b'{"paths": [""]}',
    b'{"paths": [""], "documents": 3}',
    b'{"paths": 3, "documents": {}}',
    b'{"paths": [""], "documents": {}}',
    b'{"paths": [""], "documents": {"zarr.json": 3}}',
    b'{"paths": [""], "documents": {"zarr.json": "{}"}}',
    b'{"paths": [""], "documents": {"zarr.json": "{"}}',
]


@pytest.mark.parametrize("damaged", DAMAGED)
def test_another_file_with_the_name_of_the_marker_is_no_marker(place: str, damaged: bytes) -> None:
    """It belongs to somebody else."""
    put(place, UNFINISHED, damaged)
    location = Location.parse(place)
    assert state_of(location) == "other"
    assert begun(location) is None
    with pytest.raises(ValueError, match="delete") as caught:
        check_free(location, overwrite=True)
    assert location.url in str(caught.value)


@given(share=st.floats(0, 1, exclude_max=True))
def test_what_a_power_cut_leaves_of_a_marker_is_known_as_ours(share: float) -> None:
    place = memory_url()
    draft_at(place).begin()
    whole = contents(place)[UNFINISHED]
    for filled_up in (b"", b"\0" * 7):
        put(place, UNFINISHED, whole[: int(share * len(whole))] + filled_up)
        location = Location.parse(place)
        assert begun(location) is None
        assert has_damaged_marker(location)
        assert state_of(location) == "unfinished"


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_clearing_leaves_nothing_and_touches_nothing_beside(place: str, zarr_format: Any) -> None:
    beside = [f"{place}2", place.removesuffix(".zarr")]
    for other in beside:
        put(other, "precious")
    written(draft_at(place, zarr_format))
    put(place, "deep/down/below", b"1")
    Location.parse(place).clear()
    assert contents(place) == {}
    assert state_of(Location.parse(place)) == "empty"
    for other in beside:
        assert contents(other) == {"precious": b"{}"}
    Location.parse(place).clear()


def test_clearing_what_is_not_there_makes_nothing(place: str, tmp_path: Path) -> None:
    Location.parse(place).clear()
    assert state_of(Location.parse(place)) == "empty"
    assert list(tmp_path.iterdir()) == []
