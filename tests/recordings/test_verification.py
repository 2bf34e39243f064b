"""Whether `verify` finds all damage, and no damage in what is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE, Movie, make_unfinished, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import contents, memory_url

from anscombe_transform import compress, decompress, open_recording, verify
from anscombe_transform.recordings.verification import Verification

LAYOUTS: list[dict[str, Any]] = [
    {"chunks": 4},
    {"chunks": 4, "zarr_format": 2},
    {"chunks": 4, "zarr_format": 2, "compressor": "blosc-lz4"},
    {"chunks": 4, "compressor": "none"},
    {"chunks": (4, 32, 64)},
    {"chunks": 2, "shards": 4},
    {"chunks": 4, "ome": True},
]


def chunks_in(folder: Path) -> list[Path]:
    metadata = ("zarr.json", ".zarray", ".zattrs", ".zgroup")
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in metadata)


def flip(path: Path, other: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 1 << position % 8
    path.write_bytes(content)


def cut(path: Path, other: Path, position: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: position % len(content)])


def delete(path: Path, other: Path, position: int) -> None:
    path.unlink()


def exchange(path: Path, other: Path, position: int) -> None:
    first, second = path.read_bytes(), other.read_bytes()
    path.write_bytes(second)
    other.write_bytes(first)


def lengthen(path: Path, other: Path, position: int) -> None:
    path.write_bytes(path.read_bytes() + b"\0" * (1 + position % 9))


DAMAGES: list[Callable[[Path, Path, int], None]] = [flip, cut, delete, exchange, lengthen]


def values_in(place: Path) -> Movie | None:
    """Return what Zarr reads, or None if it reads nothing."""
    try:
        return np.asarray(opened(place)[...])
    except Exception:
        return None


def named(found: Verification) -> set[str | None]:
    return {damage.key for channel in found.channels for damage in channel.damages}


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
@settings(deadline=None, max_examples=8)
@given(data=st.data())
def test_each_damage_is_found_and_named(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, Any], data: st.DataObject
) -> None:
    """It is damage if a chunk is not there, cannot be read, or if any value is another one."""
    folder = tmp_path_factory.mktemp("verified") / "a"
    compress(MOVIE, folder, **GIVEN, **options)
    before = values_in(folder)
    assert before is not None
    chunks = chunks_in(folder)
    path, other = data.draw(st.lists(st.sampled_from(chunks), min_size=2, max_size=2, unique=True))
    data.draw(st.sampled_from(DAMAGES))(path, other, data.draw(st.integers(0, 1 << 20)))
    now = values_in(folder)
    is_damaged = len(chunks_in(folder)) < len(chunks) or now is None or not np.array_equal(now, before)
    for found in (verify(folder), verify(folder, against=MOVIE)):
        assert found.is_whole != is_damaged
        assert bool(found.damage_table()) == is_damaged
        if is_damaged and (found.against or options["chunks"] != (4, 32, 64)):
            assert path.relative_to(folder).as_posix() in named(found)


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
def test_what_is_whole_has_no_damage_wherever_it_is(tmp_path: Path, options: dict[str, Any]) -> None:
    for place in (tmp_path / "a", memory_url()):
        compress(MOVIE, place, **GIVEN, **options)
        for movie in (None, MOVIE):
            found = verify(place, against=movie)
            assert found.is_whole
            assert found.channels[0].sha256 == found.channels[0].recorded_sha256


def test_the_digest_is_that_of_the_frames_whatever_the_chunks(tmp_path: Path) -> None:
    """So that a copy in other chunks, or without the codec, can be proved equal."""
    for name, options in enumerate(LAYOUTS):
        compress(MOVIE, tmp_path / str(name), **GIVEN, **options)
    decompress(tmp_path / "0", tmp_path / "plain.zarr")
    values = values_in(tmp_path / "0")
    assert values is not None
    frames = b"".join(hashlib.sha256(frame.astype("<i2").tobytes()).digest() for frame in values)
    found = {verify(place).channels[0].recorded_sha256 for place in sorted(tmp_path.iterdir())}
    assert found == {hashlib.sha256(frames).hexdigest()}


def test_frames_of_another_movie_are_told_by_their_numbers(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a", **GIVEN, chunks=10)
    other = MOVIE.copy()
    other[25, 3, 4] += 400
    found = verify(tmp_path / "a", against=other)
    assert [(damage.key, damage.frames) for damage in found.channels[0].damages] == [("c/2/0/0", (20, 29))]
    for unlike in (MOVIE[:39], MOVIE.astype("int32")):
        with pytest.raises(ValueError, match="choose the same part"):
            verify(tmp_path / "a", against=unlike)


def test_of_exchanged_chunks_of_a_long_movie_the_part_is_told(tmp_path: Path) -> None:
    """As a digest is there for each 64th of it, which may have several chunks."""
    movie = np.concatenate([MOVIE + 7 * number for number in range(5)])
    compress(movie, tmp_path / "a", **GIVEN, chunks=2)
    exchange(tmp_path / "a/c/10/0/0", tmp_path / "a/c/61/0/0", 0)
    found = verify(tmp_path / "a").channels[0].damages
    assert [(damage.key, damage.frames) for damage in found] == [(None, (20, 23)), (None, (120, 123))]
    assert named(verify(tmp_path / "a", against=movie)) >= {"c/10/0/0", "c/61/0/0"}


def test_channels_are_verified_each_against_its_own(tmp_path: Path) -> None:
    import tifffile

    both = np.stack([MOVIE, MOVIE[::-1]], 1).astype("uint16")
    tifffile.imwrite(tmp_path / "movie.tif", both, imagej=True, metadata={"axes": "TCYX"})
    recording = open_recording(tmp_path / "movie.tif")
    compress(recording, tmp_path / "a", zero_level=100, conversion_gain=40, chunks=8)
    assert verify(tmp_path / "a", against=recording).is_whole
    (tmp_path / "a/channel_1/c/2/0/0").unlink()
    found = verify(tmp_path / "a", against=recording)
    assert named(found) == {"channel_1/c/2/0/0"}
    assert [channel.is_whole for channel in found.channels] == [True, False]
    with pytest.raises(ValueError, match="2 channels"):
        verify(tmp_path / "a", against=recording[0])


def test_an_array_without_a_digest_or_checksums_is_read_and_not_trusted(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a", **GIVEN, zarr_format=2, compressor="none")
    attributes = json.loads((tmp_path / "a/.zattrs").read_text())
    for digest in (None, 3, {}, {"sha256": "a"}, {"sha256": 3, "parts": []}, {"sha256": "a", "parts": [1, 2]}):
        attributes["anscombe_transform"]["digest"] = digest
        (tmp_path / "a/.zattrs").write_text(json.dumps(attributes))
        found = verify(tmp_path / "a")
        assert found.is_whole
        assert found.channels[0].recorded_sha256 is None
        assert "not recorded" in str(found.table())


def test_what_is_not_finished_or_not_there_cannot_be_verified(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a", **GIVEN)
    make_unfinished(tmp_path / "a")
    with pytest.raises(ValueError, match="resume=True"):
        verify(tmp_path / "a")
    with pytest.raises(OSError, match="does not exist"):
        verify(tmp_path / "b")
    assert sorted(contents(tmp_path / "a")) == ["c/0/0/0", "unfinished.json"]


def test_it_is_compared_with_a_movie_that_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And with all else that `compress` takes."""
    import tifffile

    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("movie.tif", MOVIE, photometric="minisblack", metadata={"axes": "TYX"})
    np.save("other.npy", MOVIE[::-1])
    compress("movie.tif", "a.zarr", **GIVEN)
    for movie in ("movie.tif", Path("movie.tif"), ["movie.tif"]):
        found = verify("a.zarr", against=movie)
        assert found.is_whole
        assert found.against == "movie.tif"
        assert found.channels[0].comparison is not None
    assert not verify("a.zarr", against="other.npy").is_whole
    with pytest.raises(OSError, match=r"absent\.tif does not exist"):
        verify("a.zarr", against="absent.tif")
    for wrong in (3, {"x": MOVIE}):
        with pytest.raises(TypeError, match=r"against is a .*, which is neither a path nor an array"):
            verify("a.zarr", against=wrong)  # type: ignore[arg-type]


def test_storage_options_are_for_whichever_is_a_url(tmp_path: Path) -> None:
    url = memory_url()
    zarr.create_array(url, data=MOVIE, chunks=(8, 64, 64))
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN)
    compress(MOVIE, f"{url}.compressed", **GIVEN)
    options = {"use_listings_cache": False}
    assert verify(tmp_path / "a.zarr", against=url, storage_options=options).is_whole
    assert verify(f"{url}.compressed", against=MOVIE, storage_options=options).is_whole
    assert verify(f"{url}.compressed", against=url, storage_options=options).is_whole
    with pytest.raises(ValueError, match="which has no storage options"):
        verify(tmp_path / "a.zarr", against=MOVIE, storage_options=options)
