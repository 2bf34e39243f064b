"""Movies that are compressed into Zarr arrays: what is stored, what is said of it, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference
import tifffile
import zarr
from fresh_process import read_in_a_fresh_process
from stored import FailingMovie, contents, memory_url
from strategies import REAL_DTYPES

from anscombe_transform import compress, decode, describe, encode, estimate_parameters
from anscombe_transform.recordings import writing
from anscombe_transform.simulate import Detector, simulate_movie
from anscombe_transform.storage.draft import finished
from anscombe_transform.storage.location import Location

Movie = npt.NDArray[Any]

Z, G = 100.0, 40.0
GIVEN: dict[str, Any] = {"zero_level": Z, "conversion_gain": G}
MOVIE: Movie = simulate_movie((40, 64, 64))
METADATA = ("zarr.json", "0/zarr.json", ".zarray", ".zattrs")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each task write two frames, as if the movie were large."""
    monkeypatch.setattr(writing, "_BLOCK_SIZE", 2 * MOVIE[0].nbytes)


def opened(place: str | Path) -> zarr.Array[Any]:
    """Return the array at a place, which is in a group if it is an image."""
    node = zarr.open(str(place), mode="r")
    if isinstance(node, zarr.Group):
        node = node["0"]
    assert isinstance(node, zarr.Array)
    return node


def parameters_in(place: str | Path) -> dict[str, Any]:
    """Return the parameters that the attributes of an array tell."""
    story: Any = opened(place).attrs["anscombe_transform"]
    return {name: story["parameters"][name] for name in ("zero_level", "conversion_gain")}


def is_stored(movie: Movie, place: str | Path, beta: float = 0.5) -> None:
    """Assert that the array has the codec's values, by the parameters in its attributes, and within their bound."""
    array = opened(place)
    parameters = parameters_in(place)
    assert (array.shape, array.dtype.newbyteorder("=")) == (movie.shape, movie.dtype.newbyteorder("="))
    read = np.asarray(array[...])
    encoded_dtype = describe(place).encoded_dtype
    codes = encode(movie, **parameters, beta=beta, encoded_dtype=encoded_dtype)
    np.testing.assert_array_equal(read, decode(codes, **parameters, beta=beta, decoded_dtype=movie.dtype))
    largest = reference.largest_error(movie, parameters["zero_level"], parameters["conversion_gain"], beta)
    precision = np.spacing(np.abs(movie)) if movie.dtype.kind == "f" else 0
    assert (np.abs(read.astype("float64") - movie) <= largest + precision).all()


def nobody_can_open(place: str | Path) -> None:
    with pytest.raises(FileNotFoundError):
        zarr.open(str(place), mode="r")


def interrupt(movie: Movie, output: Path, frame: int = 21, **options: Any) -> None:
    """Begin to compress a movie of which a frame is damaged."""
    failing = FailingMovie(movie, frame, output / "unfinished.json")
    with pytest.raises(OSError, match=f"frame {frame} is damaged"):
        compress(failing, output, **options)
    nobody_can_open(output)
    assert not describe(output).finished


def make_unfinished(output: Path) -> None:
    """Put a finished array back to where it was before the last step."""
    draft = finished(Location.parse(output))
    assert draft is not None
    draft.begin()
    for key in draft.documents:
        (output / key).unlink()


def frames(stop: int) -> dict[str, int]:
    """Return what the attributes tell of frames from the first one on."""
    return {"start": 0, "stop": stop, "step": 1}


FILES: dict[str, Callable[[Path, Movie], object]] = {
    "movie.npy": np.save,
    "movie.npz": lambda path, movie: np.savez_compressed(path, movie=movie),
    "movie.tif": lambda path, movie: tifffile.imwrite(path, movie, photometric="minisblack"),
    "in.zarr": lambda path, movie: zarr.create_array(path, data=movie, chunks=(3, 64, 64)),
    "in.v2.zarr": lambda path, movie: zarr.create_array(path, data=movie, chunks=(3, 64, 64), zarr_format=2),
}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("file", FILES)
def test_files_of_every_kind_are_compressed(tmp_path: Path, file: str, zarr_format: Any) -> None:
    FILES[file](tmp_path / file, MOVIE)
    compress(tmp_path / file, tmp_path / "out.zarr", zarr_format=zarr_format)
    is_stored(MOVIE, tmp_path / "out.zarr")
    story: Any = opened(tmp_path / "out.zarr").attrs["anscombe_transform"]
    key = {"movie.npz": "movie"}.get(file)
    assert story["input"] == {"shape": [40, 64, 64], "dtype": "int16", "name": file, "key": key, "frames": frames(40)}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("kind", ["numpy", "memmap", "zarr", "view"])
def test_arrays_of_every_kind_are_compressed_locally_and_in_memory(tmp_path: Path, kind: str, zarr_format: Any) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    movies: dict[str, Any] = {
        "numpy": MOVIE,
        "memmap": np.load(tmp_path / "movie.npy", mmap_mode="r"),
        "zarr": zarr.create_array({}, data=MOVIE, chunks=(7, 32, 64)),
        "view": np.asfortranarray(np.repeat(MOVIE, 2, axis=1))[:, ::2],
    }
    for place in (tmp_path / "out.zarr", memory_url()):
        compress(movies[kind], place, zarr_format=zarr_format)
        is_stored(MOVIE, place)


def test_files_are_compressed_in_memory_and_from_there(tmp_path: Path) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    first, second = memory_url(), memory_url()
    compress(tmp_path / "movie.npy", first, **GIVEN)
    is_stored(MOVIE, first)
    compress(first, second, **GIVEN)
    assert contents(second).keys() == contents(first).keys()
    np.testing.assert_array_equal(opened(second)[...], opened(first)[...])


@pytest.mark.parametrize("dtype", [*REAL_DTYPES, ">i2", ">u4", ">f4", ">f8"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_movies_of_every_dtype_are_compressed(tmp_path: Path, dtype: str, zarr_format: Any) -> None:
    movie = (MOVIE // 32).clip(0, 127).astype(dtype)
    if movie.dtype.kind == "f":
        movie += 0.25
    result = compress(movie, tmp_path / "a", zero_level=3, conversion_gain=1.25, zarr_format=zarr_format)
    assert result.dtype == movie.dtype.name
    is_stored(movie, tmp_path / "a")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">i2", "float32", ">f4"])
def test_parameters_of_movies_of_other_dtypes_are_estimated_too(tmp_path: Path, dtype: str) -> None:
    movie = simulate_movie((40, 64, 64), detector=Detector(10, 2, 0.5, dtype=np.dtype(dtype).newbyteorder("=")))
    movie = movie.astype(dtype)
    compress(movie, tmp_path / "a")
    is_stored(movie, tmp_path / "a")
    assert parameters_in(tmp_path / "a")["conversion_gain"] == pytest.approx(2, rel=0.2)


def test_estimated_parameters_are_those_of_256_frames_over_the_whole_movie(tmp_path: Path) -> None:
    movie = simulate_movie((400, 40, 40))
    result = compress(movie, tmp_path / "a")
    estimate = estimate_parameters(movie, max_frames=256)
    assert estimate.frames < 400
    assert result.parameters == {
        "source": "estimated",
        "zero_level": estimate.zero_level,
        "zero_level_error": estimate.zero_level_error,
        "conversion_gain": estimate.conversion_gain,
        "conversion_gain_error": estimate.conversion_gain_error,
        "frames": estimate.frames,
    }
    assert result.encoded_dtype == estimate.codec().encoded_dtype
    story: Any = opened(tmp_path / "a").attrs["anscombe_transform"]
    assert story["parameters"] == result.parameters
    is_stored(movie, tmp_path / "a")


@pytest.mark.parametrize("number", [float, np.float64, np.float32, np.int64, int], ids=lambda number: number.__name__)
def test_given_parameters_are_taken_whatever_class_their_numbers_have(tmp_path: Path, number: Any) -> None:
    result = compress(MOVIE, tmp_path / "a", zero_level=number(86), conversion_gain=number(97))
    assert dict(result.parameters) == {"source": "given", "zero_level": 86, "conversion_gain": 97}
    json.dumps(result.to_dict())
    described = describe(tmp_path / "a")
    assert (described.zero_level, described.conversion_gain, described.beta) == (86, 97, 0.5)
    is_stored(MOVIE, tmp_path / "a")


@pytest.mark.parametrize("beta", [0.25, 1.5])
def test_beta_is_the_width_of_a_code(tmp_path: Path, beta: float) -> None:
    result = compress(MOVIE, tmp_path / "a", **GIVEN, beta=beta)
    is_stored(MOVIE, tmp_path / "a", beta)
    assert result.comparison is not None
    assert result.comparison.added_noise == pytest.approx(beta**2 / 12, rel=0.4)


def test_the_dtype_of_codes_holds_the_movie_and_is_signed_if_values_may_be_negative(tmp_path: Path) -> None:
    for zero_level, signed in ((100, False), (0, True), (-100, True)):
        movie = (zero_level + 4 * np.random.default_rng(0).poisson(10, (40, 32, 32))).astype("int16")
        place = tmp_path / str(zero_level)
        compress(movie, place, zero_level=zero_level, conversion_gain=4)
        described = describe(place)
        assert described.held_range[0] <= movie.min()
        assert movie.max() <= described.held_range[1]
        assert (described.encoded_dtype[0] == "i") == signed
        is_stored(movie, place)


def test_a_given_dtype_of_codes_is_taken(tmp_path: Path) -> None:
    for encoded_dtype in ("int16", "uint16", "float32", np.dtype("int32")):
        place = tmp_path / str(encoded_dtype)
        assert compress(MOVIE, place, **GIVEN, encoded_dtype=encoded_dtype).encoded_dtype == str(encoded_dtype)
        is_stored_with_float_codes = describe(place).encoded_dtype == "float32"
        if is_stored_with_float_codes:
            np.testing.assert_array_equal(opened(place)[...], MOVIE)
        else:
            is_stored(MOVIE, place)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("shape", [(1, 64, 64), (7, 64, 64), (40, 1, 1), (1, 1, 1), (3, 5, 61)])
def test_movies_of_any_shape_are_compressed_with_chunks_that_do_not_divide_it(
    tmp_path: Path, shape: tuple[int, int, int], zarr_format: Any
) -> None:
    movie = MOVIE[: shape[0], : shape[1], : shape[2]]
    sizes: list[Any] = [3, (4, 13, 30), (100, 100, 100)]
    for number, chunks in enumerate(sizes):
        place = tmp_path / str(number)
        result = compress(movie, place, **GIVEN, chunks=chunks, zarr_format=zarr_format)
        is_stored(movie, place)
        assert result.comparison is not None
        assert result.comparison.count == movie.size


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("shards", [(4, 64, 64), (16, 32, 64)])
def test_shards_are_written_whole_by_many_tasks(tmp_path: Path, shards: Any) -> None:
    compress(MOVIE, tmp_path / "a", **GIVEN, chunks=(2, 16, 64), shards=shards)
    is_stored(MOVIE, tmp_path / "a")
    assert opened(tmp_path / "a").shards == shards


def test_a_movie_that_is_all_dark_comes_back(tmp_path: Path) -> None:
    movie = np.zeros((5, 8, 8), "int16")
    result = compress(movie, tmp_path / "a", **GIVEN)
    np.testing.assert_array_equal(opened(tmp_path / "a")[...], movie)
    assert result.size / result.stored_size == result.ratio


@pytest.mark.parametrize(
    "frames", [slice(5, 25), slice(None, None, 2), slice(-10, None), slice(3, 4)], ids=lambda frames: str(frames)
)
def test_some_frames_of_a_file_are_compressed(tmp_path: Path, frames: slice) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    compress(tmp_path / "movie.npy", tmp_path / "a", frames=frames, **GIVEN)
    is_stored(MOVIE[frames], tmp_path / "a")


def test_a_key_chooses_one_of_several_arrays_and_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "movies.npz", one=MOVIE, two=MOVIE[:20] + np.int16(5))
    compress(tmp_path / "movies.npz", tmp_path / "a", key="two", **GIVEN)
    is_stored(MOVIE[:20] + np.int16(5), tmp_path / "a")
    story: Any = opened(tmp_path / "a").attrs["anscombe_transform"]
    assert story["input"] == {
        "shape": [20, 64, 64],
        "dtype": "int16",
        "name": "movies.npz",
        "key": "two",
        "frames": frames(20),
    }


def test_files_that_follow_each_other_are_one_movie(tmp_path: Path) -> None:
    parts = [tmp_path / "a_1.tif", tmp_path / "a_2.tif"]
    for part, frames in zip(parts, (MOVIE[:15], MOVIE[15:]), strict=True):
        tifffile.imwrite(part, frames, photometric="minisblack")
    compress(parts, tmp_path / "a", **GIVEN)
    is_stored(MOVIE, tmp_path / "a")


def test_the_attributes_tell_how_the_array_was_made(tmp_path: Path) -> None:
    result = compress(MOVIE, tmp_path / "a")
    assert opened(tmp_path / "a").attrs.asdict() == {
        "anscombe_transform": {
            "version": version("anscombe-transform"),
            "parameters": result.parameters,
            "input": {"shape": [40, 64, 64], "dtype": "int16"},
        }
    }
    assert result.parameters["source"] == "estimated"
    assert result.parameters["conversion_gain"] == pytest.approx(G, abs=3 * result.parameters["conversion_gain_error"])


@pytest.mark.parametrize("kind", ["ImageJ", "OME"])
@pytest.mark.parametrize("options", [{}, {"zarr_format": 2}, {"ome": True}], ids=str)
def test_frame_rate_and_pixel_size_of_a_tiff_file_are_told(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    if kind == "ImageJ":
        tifffile.imwrite(
            tmp_path / "movie.tif",
            MOVIE.astype("uint16"),
            imagej=True,
            resolution=(4.0, 2.0),
            metadata={"axes": "TYX", "finterval": 0.05, "unit": "um"},
        )
    else:
        tifffile.imwrite(
            tmp_path / "movie.tif",
            MOVIE.astype("uint16"),
            ome=True,
            photometric="minisblack",
            metadata={
                "axes": "TYX",
                "TimeIncrement": 0.05,
                "TimeIncrementUnit": "s",
                "PhysicalSizeX": 0.25,
                "PhysicalSizeY": 0.5,
            },
        )
    compress(tmp_path / "movie.tif", tmp_path / "a", **GIVEN, **options)
    story: Any = opened(tmp_path / "a").attrs["anscombe_transform"]
    assert story["frame_rate"] == pytest.approx(20)
    assert story["pixel_size"] == pytest.approx([0.5, 0.25])
    is_stored(MOVIE.astype("uint16"), tmp_path / "a")


def test_every_second_frame_is_half_the_frame_rate(tmp_path: Path) -> None:
    metadata = {"axes": "TYX", "TimeIncrement": 0.05, "TimeIncrementUnit": "s"}
    tifffile.imwrite(tmp_path / "movie.tif", MOVIE, ome=True, photometric="minisblack", metadata=metadata)
    compress(tmp_path / "movie.tif", tmp_path / "a", frames=slice(None, None, 2), **GIVEN)
    story: Any = opened(tmp_path / "a").attrs["anscombe_transform"]
    assert story["frame_rate"] == pytest.approx(10)


def test_a_process_that_never_imports_the_package_reads_what_was_compressed(tmp_path: Path) -> None:
    options: list[dict[str, Any]] = [{"zarr_format": 2}, {}, {"chunks": 4, "shards": 8, "compressor": "blosc-zstd"}]
    places = [tmp_path / str(number) for number in range(3)]
    for place, chosen in zip(places, options, strict=True):
        compress(MOVIE, place, **GIVEN, **chosen)
    (tmp_path / "results").mkdir()
    for read, place in zip(read_in_a_fresh_process(tmp_path / "results", *places), places, strict=True):
        np.testing.assert_array_equal(read, opened(place)[...])


def test_the_result_tells_what_is_in_the_store(tmp_path: Path) -> None:
    result = compress(MOVIE, tmp_path / "a", **GIVEN, chunks=8)
    read = np.asarray(opened(tmp_path / "a")[...])
    assert result.output == str(tmp_path / "a")
    assert (result.shape, result.dtype, result.chunks, result.shards) == (MOVIE.shape, "int16", (8, 64, 64), None)
    assert result.size == MOVIE.nbytes
    assert result.stored_size == sum(map(len, contents(tmp_path / "a").values()))
    assert result.ratio == MOVIE.nbytes / result.stored_size
    assert not result.dry_run
    error = (read.astype("float64") - MOVIE) / reference.noise(np.maximum(MOVIE, Z), Z, G)
    assert result.comparison is not None
    assert result.comparison.count == MOVIE.size
    assert result.comparison.clamped == 0
    assert result.comparison.largest_error == pytest.approx(np.abs(error).max(), rel=1e-4)
    assert result.comparison.added_noise == pytest.approx((error**2).mean(), rel=1e-4)
    assert json.loads(json.dumps(result.to_dict()))["added_noise"] == result.comparison.added_noise
    assert f"{result.ratio:.2f}" in dict(result.table())["Stored"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": 1},
        {"chunks": 3},
        {"chunks": (4, 16, 64)},
        {"chunks": 2, "shards": 8},
        {"zarr_format": 2, "chunks": 7},
        {"ome": True, "chunks": 4},
        {"compressor": "none", "chunks": 4},
    ],
    ids=str,
)
def test_a_dry_run_writes_nothing_and_predicts_the_size(tmp_path: Path, options: dict[str, Any]) -> None:
    predicted = compress(MOVIE, tmp_path / "a", **GIVEN, **options, dry_run=True)
    assert list(tmp_path.iterdir()) == []
    assert predicted.dry_run
    assert predicted.comparison is not None
    assert json.loads(json.dumps(predicted.to_dict()))["dry_run"] is True
    written = compress(MOVIE, tmp_path / "a", **GIVEN, **options)
    assert predicted.stored_size == pytest.approx(written.stored_size, rel=0.05)
    for name in ("output", "shape", "dtype", "parameters", "encoded_dtype", "chunks", "shards", "size"):
        assert getattr(predicted, name) == getattr(written, name)


def test_dark_chunks_are_stored_and_predicted_like_others(tmp_path: Path) -> None:
    movie = np.zeros((16, 64, 64), "uint16")
    movie[2] = Z
    options: dict[str, Any] = {"compressor": "none", "chunks": 2, "encoded_dtype": "uint8"}
    predicted = compress(movie, tmp_path / "a", **GIVEN, **options, dry_run=True)
    written = compress(movie, tmp_path / "a", **GIVEN, **options)
    assert predicted.stored_size == written.stored_size > movie.size


def test_a_dry_run_deletes_nothing_either(tmp_path: Path) -> None:
    for place in (tmp_path / "a", memory_url()):
        compress(MOVIE[:20], place, **GIVEN)
        before = contents(place)
        compress(MOVIE, place, **GIVEN, overwrite=True, dry_run=True)
        assert contents(place) == before


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


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("options", RESUMABLE, ids=str)
def test_an_array_that_was_interrupted_is_resumed_to_the_same_bytes(tmp_path: Path, options: dict[str, Any]) -> None:
    is_resumed(tmp_path, GIVEN | options)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_parameters_that_were_estimated_are_those_of_the_array_that_is_resumed(
    tmp_path: Path, zarr_format: int
) -> None:
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


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("options", RESUMABLE, ids=str)
def test_damaged_chunks_of_an_array_that_is_not_finished_are_written_again(
    tmp_path: Path, options: dict[str, Any]
) -> None:
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


@pytest.mark.usefixtures("small_blocks")
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


@pytest.mark.usefixtures("small_blocks")
def test_what_an_array_of_the_same_shape_left_unfinished_is_written_again(tmp_path: Path) -> None:
    interrupt(MOVIE, tmp_path / "a", **GIVEN, chunks=2)
    movie = MOVIE[::-1].copy()
    compress(movie, tmp_path / "a", **GIVEN, chunks=2, resume=True)
    is_stored(movie, tmp_path / "a")


def make_something(kind: str, path: Path) -> None:
    """Put something at a path that `compress` did not."""
    if kind == "array":
        zarr.create_array(path, data=MOVIE[:3])
    elif kind == "array of format 2":
        zarr.create_array(path, data=MOVIE[:3], zarr_format=2)
    elif kind == "group":
        zarr.create_group(path).create_array("a", data=MOVIE[:3])
    elif kind == "group of format 2":
        zarr.create_group(path, zarr_format=2).create_array("a", data=MOVIE[:3])
    elif kind == "file":
        path.write_bytes(b"precious")
    else:
        path.mkdir()
        (path / "precious.txt").write_bytes(b"precious")


ZARR_DATA = ["array", "array of format 2", "group", "group of format 2"]
OTHER_THINGS = ["file", "folder with files"]


@pytest.mark.parametrize("kind", [*ZARR_DATA, *OTHER_THINGS])
def test_what_is_there_already_is_refused_and_stays(tmp_path: Path, kind: str) -> None:
    make_something(kind, tmp_path / "a")
    before = contents(tmp_path)
    refused: list[tuple[dict[str, Any], str]] = [
        ({}, str(tmp_path / "a")),
        ({"dry_run": True}, str(tmp_path / "a")),
        ({"overwrite": True, "resume": True}, "resume"),
        ({"resume": True}, str(tmp_path / "a")),
    ]
    for options, named in refused:
        with pytest.raises(ValueError, match=re.escape(named)):
            compress(MOVIE, tmp_path / "a", **GIVEN, **options)
        assert contents(tmp_path) == before


def test_an_unfinished_array_is_refused_with_the_ways_to_go_on(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "a", **GIVEN)
    make_unfinished(tmp_path / "a")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"resume.*overwrite"):
        compress(MOVIE, tmp_path / "a", **GIVEN)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", [*ZARR_DATA, "unfinished"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_overwriting_leaves_nothing_of_zarr_data(tmp_path: Path, kind: str, zarr_format: Any) -> None:
    if kind == "unfinished":
        compress(MOVIE, tmp_path / "a", **GIVEN, chunks=1, zarr_format=5 - zarr_format)
        make_unfinished(tmp_path / "a")
    else:
        make_something(kind, tmp_path / "a")
    (tmp_path / "beside.txt").write_bytes(b"precious")
    compress(MOVIE, tmp_path / "a", **GIVEN, overwrite=True, zarr_format=zarr_format)
    compress(MOVIE, tmp_path / "expected", **GIVEN, zarr_format=zarr_format)
    assert contents(tmp_path / "a") == contents(tmp_path / "expected")
    assert (tmp_path / "beside.txt").read_bytes() == b"precious"


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"path": "", "documents": {}}'])
def test_a_file_of_the_name_of_the_marker_that_is_none_is_left_alone(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/unfinished.json").write_bytes(damaged)
    for resume in (True, False):
        with pytest.raises(ValueError, match=re.escape(str(tmp_path / "a"))):
            compress(MOVIE, tmp_path / "a", **GIVEN, resume=resume, overwrite=not resume)
    assert (tmp_path / "a/unfinished.json").read_bytes() == damaged


@pytest.mark.parametrize("kind", OTHER_THINGS)
def test_overwriting_never_deletes_anything_but_zarr_data(tmp_path: Path, kind: str) -> None:
    make_something(kind, tmp_path / "a")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "a"))):
        compress(MOVIE, tmp_path / "a", **GIVEN, overwrite=True)
    assert contents(tmp_path) == before


WRONG: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (MOVIE, {"zero_level": 100}, ValueError, "conversion.gain"),
    (MOVIE, {"conversion_gain": 40}, ValueError, "zero.level"),
    (MOVIE, {"zero_level": 100, "conversion_gain": 0}, ValueError, "conversion_gain.*0"),
    (MOVIE, {"zero_level": np.nan, "conversion_gain": 1}, ValueError, "zero_level.*nan"),
    (MOVIE, GIVEN | {"beta": -1}, ValueError, "beta.*-1"),
    (MOVIE, GIVEN | {"encoded_dtype": "int64"}, ValueError, "int64"),
    (MOVIE, GIVEN | {"encoded_dtype": "uint8", "zero_level": -5000}, ValueError, "uint8.*int"),
    (MOVIE, GIVEN | {"out_of_range": "wrap"}, ValueError, "wrap.*clamp|clamp.*wrap"),
    (MOVIE, GIVEN | {"chunks": 0}, ValueError, "chunks"),
    (MOVIE, GIVEN | {"chunks": 4, "shards": 5}, ValueError, "shard"),
    (MOVIE, GIVEN | {"compressor": "lzma"}, ValueError, "lzma.*|zstd"),
    (MOVIE, GIVEN | {"level": 99}, ValueError, "99"),
    (MOVIE, GIVEN | {"zarr_format": 4}, ValueError, "4"),
    (MOVIE, GIVEN | {"zarr_format": 2, "ome": True}, ValueError, "3"),
    (MOVIE, GIVEN | {"storage_options": {"endpoint_url": "x"}}, ValueError, "endpoint_url"),
    (MOVIE, GIVEN | {"key": "a"}, ValueError, "key"),
    (MOVIE, GIVEN | {"frames": slice(3)}, ValueError, "frames"),
    (MOVIE[0], GIVEN, ValueError, r"\(64, 64\)"),
    (MOVIE[:0], GIVEN, ValueError, r"\(0, 64, 64\)"),
    (MOVIE.astype(bool), GIVEN, TypeError, "bool"),
    (MOVIE.astype("complex64"), GIVEN, TypeError, "complex64"),
    (MOVIE.astype("longdouble"), GIVEN, TypeError, r"float128|longdouble"),
    (np.ma.masked_less(MOVIE, 100), GIVEN, TypeError, "mask"),
    (MOVIE[:1], {}, ValueError, "frames"),
    (np.full_like(MOVIE, 7), {}, ValueError, "."),
    (MOVIE.astype("float32") + np.float32(np.nan), GIVEN, ValueError, "NaN"),
]


@pytest.mark.parametrize(("movie", "options", "error", "named"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_wrong_options_and_movies_are_refused_before_anything_is_deleted(
    tmp_path: Path, movie: Any, options: dict[str, Any], error: type[Exception], named: str
) -> None:
    compress(MOVIE[:5], tmp_path / "a", **GIVEN)
    before = contents(tmp_path)
    for output in ("a", "b"):
        with pytest.raises(error, match=named):
            compress(movie, tmp_path / output, **options, overwrite=True)
        assert contents(tmp_path) == before


def test_a_movie_that_does_not_tell_its_parameters_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        compress(np.full_like(MOVIE, 7), tmp_path / "a")
    assert "zero_level" in " ".join(caught.value.__notes__)
    compress(np.full_like(MOVIE, 7), tmp_path / "a", **GIVEN)


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}], ids=str)
@pytest.mark.parametrize(
    ("movie", "output"),
    [
        ("in.zarr", "in.zarr"),
        ("in.zarr", "in.zarr/inside"),
        ("in.zarr", "."),
        ("in.zarr", "link.zarr"),
        ("group.zarr", "group.zarr/b"),
        ("group.zarr/a", "group.zarr"),
        ("movie.npy", "movie.npy"),
        ("movie.npy", "."),
        ("stack", "stack"),
        ("stack", "stack/a"),
        ("stack/*.tif", "stack"),
    ],
)
def test_an_output_that_is_or_has_or_is_in_the_movie_is_refused_and_the_movie_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, movie: str, output: str, options: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    zarr.create_array("in.zarr", data=MOVIE)
    Path("link.zarr").symlink_to("in.zarr")
    zarr.create_group("group.zarr").create_array("a", data=MOVIE)
    np.save("movie.npy", MOVIE)
    Path("stack").mkdir()
    for frame in range(3):
        tifffile.imwrite(f"stack/{frame}.tif", MOVIE[frame], photometric="minisblack")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / output) if output != "." else str(tmp_path))):
        compress(movie, output, **GIVEN, **options)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}], ids=str)
@pytest.mark.parametrize("kind", ["array", "array in a group", "array in memory"])
def test_a_zarr_array_is_not_overwritten_by_what_comes_of_it(
    tmp_path: Path, options: dict[str, Any], kind: str
) -> None:
    place: Any = memory_url() if kind == "array in memory" else tmp_path / "in.zarr"
    store = Location.parse(place).store()
    if kind == "array in a group":
        zarr.create_group(store)
    movie = zarr.create_array(store, name="a" if kind == "array in a group" else None, data=MOVIE)
    before = contents(place)
    with pytest.raises(ValueError, match=r"in\.zarr|movie\.zarr"):
        compress(movie, place, **GIVEN, **options)
    assert contents(place) == before


@pytest.mark.parametrize("options", [{}, {"dry_run": True}], ids=str)
def test_beside_the_movie_is_a_place_for_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    zarr.create_array("movie", data=MOVIE)
    before = contents("movie")
    for output in ("movie2", "movie.zarr", "mov"):
        assert compress("movie", output, **GIVEN, **options).output == str(tmp_path / output)
    assert contents("movie") == before


class Spy:
    """A movie that remembers which frames of it were read."""

    def __init__(self, movie: Movie) -> None:
        self.shape = movie.shape
        self.dtype = movie.dtype
        self.read: set[int] = set()
        self._movie = movie

    def __getitem__(self, index: Any) -> Movie:
        frames: slice = index[0] if isinstance(index, tuple) else index
        self.read.update(range(len(self._movie))[frames])
        return np.asarray(self._movie[index])


@pytest.fixture(scope="module")
def surprising() -> tuple[Movie, int]:
    """A movie with negative values in one of the frames that parameters are not estimated from, and that frame."""
    movie = simulate_movie((600, 40, 40))
    spy = Spy(movie)
    estimate_parameters(spy, max_frames=256)
    unread = sorted(set(range(600)) - spy.read)
    frame = unread[len(unread) // 2]
    movie[frame, 20, 5:8] = -30_000
    return movie, frame


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_values_without_a_code_in_later_frames_are_an_error_with_ways_out_that_work(
    tmp_path: Path, surprising: tuple[Movie, int], zarr_format: Any
) -> None:
    movie, frame = surprising
    output = tmp_path / "a"
    with pytest.raises(ValueError, match="-30000") as caught:
        compress(movie, output, zarr_format=zarr_format, chunks=20)
    message = str(caught.value)
    assert message.startswith(f"frame {frame}: ")
    held = describe(output).held_range
    assert f"{int(np.ceil(held[0]))} to" in message
    assert "overwrite" in " ".join(caught.value.__notes__)
    (wider,) = re.findall(r"encoded_dtype='(\w+)'", message)
    assert "out_of_range='clamp'" in message
    nobody_can_open(output)
    with pytest.raises(ValueError, match="-30000"):
        compress(movie, output, zarr_format=zarr_format, chunks=20, resume=True)
    nobody_can_open(output)

    compress(movie, output, zarr_format=zarr_format, chunks=20, encoded_dtype=wider, overwrite=True)
    is_stored(movie, output)

    clamped = compress(movie, output, zarr_format=zarr_format, chunks=20, out_of_range="clamp", overwrite=True)
    assert clamped.comparison is not None
    assert clamped.comparison.clamped == 3
    assert clamped.to_dict()["clamped"] == 3
    read = np.asarray(opened(output)[...])
    assert set(read[frame, 20, 5:8]) == {lowest_value(output)}
    np.testing.assert_array_equal(np.delete(read, frame, 0), stored_values(np.delete(movie, frame, 0), output))
    assert describe(output).out_of_range == "clamp"


def stored_values(movie: Movie, place: Path) -> Movie:
    described = describe(place)
    parameters: Any = {"zero_level": described.zero_level, "conversion_gain": described.conversion_gain}
    codes = encode(movie, **parameters, encoded_dtype=described.encoded_dtype)
    return decode(codes, **parameters, decoded_dtype=movie.dtype)


def lowest_value(place: Path) -> Any:
    """Return what the smallest code decodes to."""
    described = describe(place)
    code = np.array([np.iinfo(described.encoded_dtype).min], described.encoded_dtype)
    parameters: Any = {"zero_level": described.zero_level, "conversion_gain": described.conversion_gain}
    return decode(code, **parameters, decoded_dtype=described.dtype)[0]


def test_values_without_a_code_in_the_frames_that_are_looked_at_are_told_before_anything_is_written(
    tmp_path: Path,
) -> None:
    movie = MOVIE.copy()
    movie[0, 0, 0] = -30_000
    with pytest.raises(ValueError, match=r"-30000.*encoded_dtype='int16'.*clamp"):
        compress(movie, tmp_path / "a", **GIVEN, encoded_dtype="uint8")
    assert list(tmp_path.iterdir()) == []
    result = compress(movie, tmp_path / "a", **GIVEN, encoded_dtype="uint8", out_of_range="clamp")
    assert result.comparison is not None
    assert result.comparison.clamped == np.count_nonzero(movie < 0)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("zero_level", [-200.0, -400.0, 100.0])
def test_a_codec_that_cannot_hold_0_still_gets_an_array(tmp_path: Path, zero_level: float, dtype: str) -> None:
    """The fill value is the nearest that is held."""
    movie = (3000 + 40 * np.random.default_rng(0).poisson(30, (5, 16, 16))).astype(dtype)
    result = compress(movie, tmp_path / "a", zero_level=zero_level, conversion_gain=40, encoded_dtype="uint8")
    assert result.encoded_dtype == "uint8"
    is_stored(movie, tmp_path / "a")


@pytest.mark.parametrize("out_of_range", [None, "clamp"])
def test_float_codes_keep_nan(tmp_path: Path, out_of_range: Any) -> None:
    movie = MOVIE.astype("float32")
    movie[3, 4, 5:9] = np.nan
    compress(movie, tmp_path / "a", **GIVEN, encoded_dtype="float32", out_of_range=out_of_range)
    np.testing.assert_allclose(np.asarray(opened(tmp_path / "a")[...]), movie, rtol=1e-5)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("chunks", [40, 4, 1])
@pytest.mark.parametrize("resume", [False, True])
def test_progress_is_in_bytes_and_rises_to_all_of_them(tmp_path: Path, chunks: int, resume: bool) -> None:
    calls: list[tuple[str, int, int]] = []
    compress(MOVIE, tmp_path / "a", chunks=chunks, resume=resume, progress=lambda *call: calls.append(call))
    stages = list(dict.fromkeys(stage for stage, _, _ in calls))
    assert stages == ["Estimating", "Writing"]
    for stage in stages:
        done = [call[1] for call in calls if call[0] == stage]
        assert {call[2] for call in calls if call[0] == stage} == {MOVIE.nbytes}
        assert done == sorted(set(done))
        assert done[-1] == MOVIE.nbytes
    if chunks == 1:
        assert len([call for call in calls if call[0] == "Writing"]) > 10


def test_a_folder_that_cannot_be_written_to_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"precious")
    with pytest.raises(OSError, match="file"):
        compress(MOVIE, tmp_path / "file/a.zarr", **GIVEN)
    assert contents(tmp_path) == {"file": b"precious"}


def test_a_store_that_fails_later_is_an_oserror_that_names_frames_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_BLOCK_SIZE", 1)
    blocked = tmp_path / "a/c/3"

    class Sabotage(Spy):
        def __getitem__(self, index: Any) -> Movie:
            if (tmp_path / "a/unfinished.json").exists():
                blocked.parent.mkdir(exist_ok=True)
                blocked.write_bytes(b"no folder")
            return super().__getitem__(index)

    with pytest.raises(OSError, match="frames 30 to 39") as caught:
        compress(Sabotage(MOVIE), tmp_path / "a", **GIVEN, chunks=10)
    assert "resume" in " ".join(caught.value.__notes__)
    nobody_can_open(tmp_path / "a")
    blocked.unlink()
    compress(MOVIE, tmp_path / "a", **GIVEN, chunks=10, resume=True)
    is_stored(MOVIE, tmp_path / "a")


def test_a_movie_that_is_not_there_is_an_oserror_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.npy"):
        compress(tmp_path / "absent.npy", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
