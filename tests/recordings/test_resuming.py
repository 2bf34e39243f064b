"""Arrays that were interrupted and are resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressed_movies import GIVEN, MOVIE, G, Movie, Z, is_stored, make_unfinished, nobody_can_open
from stored import FailingMovie, contents, memory_url

from anscombe_transform import compress, describe

METADATA = ("zarr.json", "0/zarr.json", ".zarray", ".zattrs")


def interrupt(movie: Movie, output: Path, frame: int = 21, **options: Any) -> None:
    """Begin to compress a movie of which a frame is damaged."""
    failing = FailingMovie(movie, frame, output / "unfinished.json")
    with pytest.raises(OSError, match=f"frame {frame} is damaged"):
        compress(failing, output, **options)
    nobody_can_open(output)
    assert not describe(output).finished


RESUMABLE: list[dict[str, Any]] = [
    {"chunks": 2},
    {"chunks": 2, "zarr_format": 2},
    {"chunks": (2, 32, 64), "shards": (4, 64, 64)},
    {"chunks": 2, "ome": True},
    {"chunks": 4, "compressor": "gzip"},
    {"chunks": 4, "compressor": "gzip", "zarr_format": 2},
    {"chunks": 4, "compressor": "blosc-zstd"},
    {"chunks": 4, "compressor": "blosc-lz4", "zarr_format": 2},
    {"chunks": 4, "compressor": "none"},
    {"chunks": 4, "compressor": "none", "zarr_format": 2},
    {"chunks": 2, "shards": 4, "compressor": "gzip"},
    {"chunks": 2, "shards": 4, "compressor": "none"},
]


def is_the_same(one: Path, other: dict[str, bytes], options: dict[str, Any]) -> None:
    """Assert that a store has the same bytes as another; those of gzip have the time in them."""
    found = contents(one)
    assert found.keys() == other.keys()
    if options.get("compressor") == "gzip":
        is_stored(MOVIE, one)
    else:
        assert found == other


def is_resumed(tmp_path: Path, options: dict[str, Any]) -> None:
    expected = compress(MOVIE, tmp_path / "a.zarr", **options)
    output = tmp_path / "interrupted/a.zarr"
    interrupt(MOVIE, output, **options)
    (output / "zarr.json.9d2e.partial").write_bytes(b"half")
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.is_file()}
    result = compress(MOVIE, output, **options, resume=True)
    is_the_same(output, contents(tmp_path / "a.zarr"), options)
    assert result.parameters == expected.parameters
    assert result.comparison is not None
    assert expected.comparison is not None
    assert result.comparison.largest_square == expected.comparison.largest_square
    for path, time in before.items():
        if path.name not in ("unfinished.json", "zarr.json.9d2e.partial"):
            assert path.stat().st_mtime_ns == time, "a chunk that was there is written again"


@pytest.mark.usefixtures("blocks_of_two_frames")
@pytest.mark.parametrize("options", RESUMABLE, ids=str)
def test_an_array_that_was_interrupted_is_resumed_to_the_same_bytes(tmp_path: Path, options: dict[str, Any]) -> None:
    is_resumed(tmp_path, GIVEN | options)


@pytest.mark.usefixtures("blocks_of_two_frames")
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_resuming_keeps_estimated_parameters(tmp_path: Path, zarr_format: int) -> None:
    is_resumed(tmp_path, {"chunks": 4, "zarr_format": zarr_format})


def damaged(content: bytes) -> list[bytes]:
    """Return a chunk cut off, emptied, and with other bytes here and there."""
    middle = len(content) // 2
    return [
        content[:middle],
        b"",
        content[:3],
        content[:middle] + bytes(255 - byte for byte in content[middle:]),
        np.random.default_rng(0).bytes(len(content)),
        b"\x9c" * 12 + content[12:],
    ]


@pytest.mark.usefixtures("blocks_of_two_frames")
@pytest.mark.parametrize("options", RESUMABLE, ids=str)
def test_resuming_writes_damaged_chunks_again(tmp_path: Path, options: dict[str, Any]) -> None:
    output = tmp_path / "a"
    compress(MOVIE, output, **GIVEN, **options)
    before = contents(output)
    make_unfinished(output)
    chunks = sorted(key for key in before if key not in METADATA)
    for number, key in enumerate(chunks[:6]):
        (output / key).write_bytes(damaged(before[key])[number])
    (output / chunks[6]).unlink()
    (output / chunks[7]).write_bytes(before[chunks[8]])
    compress(MOVIE, output, **GIVEN, **options, resume=True)
    is_the_same(output, before, options)


@pytest.mark.parametrize("options", [{"zarr_format": 2}, {"zarr_format": 3}, {"ome": True}], ids=str)
def test_resuming_what_is_finished_changes_nothing(tmp_path: Path, options: dict[str, Any]) -> None:
    first = compress(MOVIE, tmp_path / "a", **options)
    before = {path: (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes()) for path in tmp_path.rglob("*")}
    result = compress(MOVIE, tmp_path / "a", **options, resume=True)
    after = {path: (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes()) for path in tmp_path.rglob("*")}
    assert after == before
    assert result.comparison is None
    assert result.stored_size == first.stored_size
    assert result.parameters == first.parameters
    assert json.loads(json.dumps(result.to_dict()))["stored_size"] == first.stored_size
    assert result.table()


def test_resuming_what_was_never_begun_begins(tmp_path: Path) -> None:
    for place in (tmp_path / "a", memory_url()):
        compress(MOVIE, place, **GIVEN, resume=True)
        is_stored(MOVIE, place)


@pytest.mark.usefixtures("blocks_of_two_frames")
def test_an_array_in_memory_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, flag = memory_url(), tmp_path / "flag"
    failing = FailingMovie(MOVIE, 30, flag)

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "Writing":
            flag.touch()

    with pytest.raises(OSError, match="frame 30 is damaged"):
        compress(failing, place, **GIVEN, chunks=2, progress=progress)
    nobody_can_open(place)
    compress(MOVIE, place, **GIVEN, chunks=2, resume=True)
    expected = memory_url()
    compress(MOVIE, expected, **GIVEN, chunks=2)
    assert contents(place) == contents(expected)


OTHERWISE: list[tuple[dict[str, Any], str]] = [
    ({"beta": 0.25}, "beta"),
    ({"conversion_gain": 41, "zero_level": Z}, "conversion_gain"),
    ({"conversion_gain": G, "zero_level": 99}, "zero_level"),
    ({"encoded_dtype": "int16"}, "encoded_dtype"),
    ({"out_of_range": "clamp"}, "out_of_range"),
    ({"chunks": 5}, "chunk"),
    ({"shards": 8}, "shard|codecs"),
    ({"compressor": "gzip"}, "compressor|codecs"),
    ({"level": 3}, "level"),
    ({"zarr_format": 2}, "zarr_format|zarray"),
    ({"ome": True}, "ome|group"),
]


@pytest.mark.parametrize(("otherwise", "named"), OTHERWISE, ids=lambda value: str(value))
@pytest.mark.parametrize("state", ["unfinished", "finished"])
def test_resuming_with_other_options_is_refused_and_names_them(
    tmp_path: Path, otherwise: dict[str, Any], named: str, state: str
) -> None:
    options = GIVEN | {"chunks": 4}
    compress(MOVIE, tmp_path / "a", **options)
    if state == "unfinished":
        make_unfinished(tmp_path / "a")
    before = contents(tmp_path / "a")
    with pytest.raises(ValueError, match=named):
        compress(MOVIE, tmp_path / "a", **(options | otherwise), resume=True)
    assert contents(tmp_path / "a") == before


@pytest.mark.parametrize("state", ["unfinished", "finished"])
def test_resuming_with_another_movie_is_refused_and_names_what_differs(tmp_path: Path, state: str) -> None:
    for name in ("movie", "other"):
        np.save(tmp_path / f"{name}.npy", MOVIE)
    compress(tmp_path / "movie.npy", tmp_path / "a", frames=slice(0, 20))
    if state == "unfinished":
        make_unfinished(tmp_path / "a")
    before = contents(tmp_path / "a")
    others: list[tuple[Any, dict[str, Any], str]] = [
        (tmp_path / "other.npy", {"frames": slice(0, 20)}, "name"),
        (tmp_path / "movie.npy", {"frames": slice(0, 21)}, "shape"),
        (tmp_path / "movie.npy", {"frames": slice(20, 40)}, "frames"),
        (MOVIE[:20].astype("int32"), {}, "dtype"),
        (MOVIE[:20, :32], {}, "shape"),
    ]
    for movie, options, named in others:
        with pytest.raises(ValueError, match=named):
            compress(movie, tmp_path / "a", **options, resume=True)
        assert contents(tmp_path / "a") == before


@pytest.mark.usefixtures("blocks_of_two_frames")
def test_resuming_writes_chunks_of_another_movie_again(tmp_path: Path) -> None:
    """The unfinished array has the same shape and options."""
    interrupt(MOVIE, tmp_path / "a", **GIVEN, chunks=2)
    movie = MOVIE[::-1].copy()
    compress(movie, tmp_path / "a", **GIVEN, chunks=2, resume=True)
    is_stored(movie, tmp_path / "a")
