"""The command `anscombe-transform compress`, run as a user runs it."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import command
import fresh_process
import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr
from command import refused, rows, succeeded
from zarr.codecs import GzipCodec

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, compress, open_recording
from anscombe_transform.quality import measure_errors

Movie = npt.NDArray[Any]

run = partial(command.run, "compress")

FRAMES = 600
SPIKE = 301
"""A frame that is not among those that are looked at before the first chunk is written."""

GIVEN = ("--zero-level", "100", "--conversion-gain", "5")


@pytest.fixture(scope="module")
def movie() -> Movie:
    photons = np.random.default_rng(0).poisson(np.linspace(2, 60, 64), (60, 48, 64))
    return (100 + 5 * photons).astype("uint16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, movie: Movie) -> Path:
    """Return a folder with movies, and with files that are no movies."""
    folder = tmp_path_factory.mktemp("movies")
    tifffile.imwrite(folder / "movie.tif", movie, photometric="minisblack")
    np.save(folder / "movie.npy", movie)
    np.savez(folder / "several.npz", dark=np.zeros_like(movie), light=movie)
    with h5py.File(folder / "movie.h5", "w") as file:
        file["data/movie"] = movie
    zarr.create_array(folder / "movie.zarr", data=movie, chunks=(20, 48, 64))
    (folder / "scans").mkdir()
    for number, part in enumerate(np.array_split(movie, 12)):
        tifffile.imwrite(folder / "scans" / f"scan_{number}.tif", part, photometric="minisblack")
    tifffile.imwrite(folder / "color.tif", np.zeros((5, 48, 64, 3), "uint8"), photometric="rgb")
    whole = (folder / "movie.tif").read_bytes()
    (folder / "truncated.tif").write_bytes(whole[: len(whole) // 2])
    np.save(folder / "constant.npy", np.full((9, 9, 9), 107))
    late = np.tile(movie[:, :16], (FRAMES // 60, 1, 1))
    late[SPIKE, 3, 4] = 60_000
    np.save(folder / "late.npy", late)
    (folder / "notes").mkdir()
    (folder / "notes" / "thoughts.txt").write_text("something")
    return folder


def codec_of(array: zarr.Array[Any]) -> Any:
    return array.filters[0]


def test_the_table_says_what_was_written_and_how_close_it_is(folder: Path, tmp_path: Path, movie: Movie) -> None:
    result = run(folder / "movie.tif", "movie.zarr", cwd=tmp_path)
    printed = dict(rows(succeeded(result)))
    recording = open_recording(folder / "movie.tif")
    expected = dict(recording.table()) | dict(compress(recording, tmp_path / "other.zarr").table())
    assert printed.pop("Written to") == str(tmp_path / "movie.zarr")
    assert printed.pop("Time").endswith("B/s")
    del expected["Written to"], expected["Time"]
    assert printed == expected
    assert command.files(tmp_path / "movie.zarr") == command.files(tmp_path / "other.zarr")
    (read,) = fresh_process.read_in_a_fresh_process(tmp_path, tmp_path / "movie.zarr")
    codec = codec_of(zarr.open_array(tmp_path / "movie.zarr", mode="r"))
    errors = measure_errors(movie, read, zero_level=codec.zero_level, conversion_gain=codec.conversion_gain)
    assert errors.within_bound
    assert printed["Largest error"].startswith(f"{errors.largest_noise:.3f} ")


def test_json_is_all_that_it_prints_and_says_what_the_function_returns(folder: Path, tmp_path: Path) -> None:
    printed = json.loads(succeeded(run(folder / "movie.npy", "movie.zarr", "--json", cwd=tmp_path)))
    returned = compress(folder / "movie.npy", tmp_path / "movie.zarr", overwrite=True).to_dict()
    assert printed.pop("seconds") > 0
    del returned["seconds"]
    assert printed == command.as_json(returned)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("several.npz", ("--key", "light")),
        ("movie.h5", ("--key", "/data/movie")),
        ("movie.zarr", ()),
        ("scans/scan_*.tif", ("--chunks", "5")),
    ],
)
def test_movies_of_other_formats_are_compressed_like_a_tiff(
    folder: Path, tmp_path: Path, movie: Movie, name: str, options: tuple[str, ...]
) -> None:
    succeeded(run(folder / name, "movie.zarr", *GIVEN, *options, cwd=tmp_path))
    compress(movie, tmp_path / "expected.zarr", zero_level=100, conversion_gain=5)
    arrays = [zarr.open_array(tmp_path / name, mode="r") for name in ("movie.zarr", "expected.zarr")]
    np.testing.assert_array_equal(arrays[0][...], arrays[1][...])


def test_files_that_a_shell_names_are_one_recording_in_the_order_of_their_numbers(
    folder: Path, tmp_path: Path, movie: Movie
) -> None:
    files = sorted((folder / "scans").iterdir())
    assert [file.name for file in files][1:3] == ["scan_1.tif", "scan_10.tif"]
    printed = rows(succeeded(run(*files, "movie.zarr", *GIVEN, cwd=tmp_path)))
    assert ("Files", "12, from scan_0.tif to scan_11.tif") in printed
    compress(movie, tmp_path / "expected.zarr", zero_level=100, conversion_gain=5)
    arrays = [zarr.open_array(tmp_path / name, mode="r") for name in ("movie.zarr", "expected.zarr")]
    np.testing.assert_array_equal(arrays[0][...], arrays[1][...])
    refused(run(*files, cwd=tmp_path), "scan_9.tif has the name of a .tif file, but what is written there is a Zarr f")


def test_options_reach_the_array(folder: Path, tmp_path: Path, movie: Movie) -> None:
    options = "--key light --frames 5:45:2 --zero-level 99.5 --conversion-gain 5 --beta 0.25 --encoded-dtype int16"
    layout = "--out-of-range clamp --chunks 5,16,32 --shards 10,48,64 --compressor blosc-lz4 --level 3 --json"
    printed = json.loads(
        succeeded(run(folder / "several.npz", "a.zarr", *options.split(), *layout.split(), cwd=tmp_path))
    )
    array = zarr.open_array(tmp_path / "a.zarr", mode="r")
    assert array.metadata.zarr_format == 3
    assert array.metadata.dimension_names == ("t", "y", "x")
    assert (array.shape, array.dtype, array.chunks, array.shards) == (
        (20, 48, 64),
        movie.dtype,
        (5, 16, 32),
        (10, 48, 64),
    )
    codec = codec_of(array)
    assert isinstance(codec, AnscombeTransformV3)
    assert (codec.zero_level, codec.conversion_gain, codec.beta, codec.encoded_dtype) == (99.5, 5, 0.25, "int16")
    assert codec.out_of_range == "clamp"
    (sharding,) = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())["codecs"]
    compressor, checksum = sharding["configuration"]["codecs"][-2:]
    assert (compressor["name"], checksum["name"]) == ("blosc", "crc32c")
    assert compressor["configuration"].items() >= {"cname": "lz4", "clevel": 3, "typesize": 2}.items()
    assert printed["parameters"] == {"source": "given", "zero_level": 99.5, "conversion_gain": 5}
    errors = measure_errors(movie[5:45:2], np.asarray(array), zero_level=99.5, conversion_gain=5, beta=0.25)
    assert errors.within_bound


def test_options_reach_an_array_of_format_2(folder: Path, tmp_path: Path) -> None:
    options = "--zarr-format 2 --chunks 7 --compressor gzip --level 9"
    succeeded(run(folder / "movie.npy", "a.zarr", *GIVEN, *options.split(), cwd=tmp_path))
    array = zarr.open_array(tmp_path / "a.zarr", mode="r")
    assert (array.metadata.zarr_format, array.chunks, array.shards) == (2, (7, 48, 64), None)
    assert isinstance(codec_of(array), AnscombeTransformV2)
    metadata = json.loads((tmp_path / "a.zarr" / ".zarray").read_text())
    assert metadata["compressor"] == {"id": "gzip", "level": 9}
    assert array.attrs["_ARRAY_DIMENSIONS"] == ["t", "y", "x"]


def test_another_package_reads_an_ome_image(tmp_path: Path, movie: Movie) -> None:
    """It finds frame rate and pixel size."""
    from ome_zarr_models.v05.image import Image

    tifffile.imwrite(
        tmp_path / "movie.ome.tif",
        movie,
        metadata={
            "axes": "TYX",
            "TimeIncrement": 0.04,
            "TimeIncrementUnit": "s",
            "PhysicalSizeX": 0.5,
            "PhysicalSizeY": 0.75,
        },
    )
    succeeded(run("movie.ome.tif", "image.ome.zarr", *GIVEN, "--ome", "--compressor", "gzip", cwd=tmp_path))
    group = zarr.open_group(tmp_path / "image.ome.zarr", mode="r")
    (image,) = Image.from_zarr(group).ome_attributes.multiscales
    assert [(axis.name, axis.unit) for axis in image.axes] == [
        ("t", "second"),
        ("y", "micrometer"),
        ("x", "micrometer"),
    ]
    (dataset,) = image.datasets
    assert dataset.path == "0"
    np.testing.assert_allclose(dataset.model_dump()["coordinateTransformations"][0]["scale"], (0.04, 0.75, 0.5))
    array = group["0"]
    assert isinstance(array, zarr.Array)
    assert array.shape == movie.shape
    assert isinstance(array.compressors[0], GzipCodec)
    result = command.run("decompress", "image.ome.zarr", "movie.npy", cwd=tmp_path)
    assert dict(rows(succeeded(result)))["Movie"].startswith("60 x 48 x 64 uint16")
    np.testing.assert_array_equal(np.load(tmp_path / "movie.npy"), np.asarray(array))


def test_values_that_have_no_code_are_clamped_where_that_is_asked_for(tmp_path: Path, movie: Movie) -> None:
    bright = movie.copy()
    bright[7, 5, :3] = 60_000
    np.save(tmp_path / "bright.npy", bright)
    options = (*GIVEN, "--encoded-dtype", "int8", "--json")
    line = refused(run("bright.npy", "a.zarr", *options, cwd=tmp_path), "60000 ADU, .* int8 codes hold")
    assert "clamp" in line
    assert not (tmp_path / "a.zarr").exists()
    printed = json.loads(succeeded(run("bright.npy", "a.zarr", *options, "--out-of-range", "clamp", cwd=tmp_path)))
    assert printed["clamped"] == 3
    read = np.asarray(zarr.open_array(tmp_path / "a.zarr", mode="r")).astype(float)
    highest = json.loads(succeeded(command.run("info", "a.zarr", "--json", cwd=tmp_path)))["held_range"][1]
    assert np.abs(read[7, 5, :3] - highest).max() <= 0.5 * 5 * np.sqrt(highest / 5)
    read[7, 5, :3] = bright[7, 5, :3]
    assert measure_errors(bright, read, zero_level=100, conversion_gain=5).within_bound


def test_a_dry_run_writes_nothing_and_predicts_what_is_then_written(folder: Path, tmp_path: Path) -> None:
    arguments = (folder / "movie.npy", "a.zarr", "--chunks", "5")
    printed = dict(rows(succeeded(run(*arguments, "--dry-run", cwd=tmp_path))))
    assert printed["Would be written to"] == str(tmp_path / "a.zarr")
    assert "Time" not in printed
    predicted = json.loads(succeeded(run(*arguments, "--dry-run", "--json", cwd=tmp_path)))
    assert list(tmp_path.iterdir()) == []
    written = json.loads(succeeded(run(*arguments, "--json", cwd=tmp_path)))
    assert predicted["dry_run"]
    assert not written["dry_run"]
    assert predicted["stored_size"] == pytest.approx(written["stored_size"], rel=0.1)
    for same in ("parameters", "encoded_dtype", "chunks", "shape", "output", "size"):
        assert predicted[same] == written[same]


def test_what_is_there_stays_until_overwrite_is_asked_for(folder: Path, tmp_path: Path) -> None:
    arguments = (folder / "movie.npy", "a.zarr", *GIVEN)
    succeeded(run(*arguments, cwd=tmp_path))
    before = command.files(tmp_path)
    refused(run(*arguments, "--beta", "1", cwd=tmp_path), "a.zarr holds Zarr data: .*--overwrite")
    refused(run(*arguments, "--beta", "1", "--dry-run", cwd=tmp_path), "a.zarr holds Zarr data: .*--overwrite")
    refused(run(*arguments, "--beta", "1", "--resume", cwd=tmp_path), r"other settings \(.*beta")
    printed = dict(rows(succeeded(run(*arguments, "--resume", cwd=tmp_path))))
    assert printed["Read back"] == "no, it was finished before"
    assert command.files(tmp_path) == before
    succeeded(run(*arguments, "--beta", "1", "--overwrite", "--zarr-format", "2", cwd=tmp_path))
    array = zarr.open_array(tmp_path / "a.zarr", mode="r")
    assert codec_of(array).beta == 1
    assert not (tmp_path / "a.zarr" / "zarr.json").exists()


def test_a_later_frame_without_codes_is_named_with_ways_out(folder: Path, tmp_path: Path) -> None:
    """The array is left unfinished, and the ways out work."""
    arguments = (folder / "late.npy", "a.zarr", "--chunks", "10")
    line = refused(run(*arguments, cwd=tmp_path), "frames? [0-9]+.*: 1 of [0-9]+ values are out of range: 60000")
    named = re.match("Error: frames? ([0-9]+)(?: to ([0-9]+))?:", line)
    assert named is not None
    assert int(named[1]) <= SPIKE <= int(named[2] or named[1])
    for way_out in ("uint16", "clamp", "--overwrite"):
        assert way_out in line
    with pytest.raises(FileNotFoundError):
        zarr.open(tmp_path / "a.zarr", mode="r")
    description = command.run("info", "a.zarr", cwd=tmp_path)
    assert (description.returncode, description.stderr) == (1, "")
    assert dict(rows(description.stdout))["Finished"].startswith("no")
    printed = json.loads(succeeded(run(*arguments, "--encoded-dtype", "uint16", "--overwrite", "--json", cwd=tmp_path)))
    assert printed["clamped"] == 0
    read = np.asarray(zarr.open_array(tmp_path / "a.zarr", mode="r"))
    assert float(read[SPIKE, 3, 4]) == pytest.approx(60_000, abs=300)


REFUSED = {
    "absent.tif OUT": "absent.tif does not exist",
    "color.tif OUT": "color.tif has images in color",
    "truncated.tif OUT": "truncated.tif: frames 30 to 59 of 60 are missing .*--frames 0:30 or .*--salvage",
    "several.npz OUT": "several.npz has several arrays: .* as --key: dark .60, 48, 64., light",
    "constant.npy OUT": "movie has no noise.*give --zero-level and --conversion-gain",
    "movie.npy OUT --zero-level 100": "--zero-level and --conversion-gain belong together",
    "movie.npy OUT --chunks 4,x": "--chunks must be a number of frames or three sizes, such as 10,512,512, not 4,x",
    "movie.npy OUT --chunks 4 --shards 6": "shard",
    "movie.npy OUT --frames 5": "--frames must be START:STOP or START:STOP:STEP, such as 0:1000, not 5",
    "movie.npy OUT --frames 0:61": "movie.npy has 60 frames",
    "movie.npy OUT --storage-option nonsense": "--storage-option must be KEY=VALUE, such as anon=true: one has no =",
    "movie.npy OUT --storage-option anon=true": "is not a URL, and only a URL takes --storage-option: leave out",
    "movie.npy OUT --compressor rar": "compressor must be one of zstd, blosc-zstd, blosc-lz4, gzip, none, not 'rar'",
    "movie.npy OUT --overwrite --resume": "--overwrite begins anew and --resume goes on: choose one",
    "movie.npy notes --overwrite": "notes holds files that are not a Zarr array",
    "movie.npy notes --resume": "notes holds something else",
    "movie.zarr movie.zarr --overwrite": "movie.zarr is where the movie is",
}


@pytest.fixture(scope="module")
def refusals(folder: Path) -> dict[str, command.Result]:
    before = command.files(folder)
    wrong = [
        ["compress", *arguments.replace("OUT", f"out_{number}.zarr").split()]
        for number, arguments in enumerate(REFUSED)
    ]
    results = command.run_all(wrong, folder, COLUMNS="40")
    assert command.files(folder) == before
    assert not list(folder.glob("out_*"))
    return dict(zip(REFUSED, results, strict=True))


@pytest.mark.parametrize("arguments", REFUSED)
def test_wrong_input_gets_one_clear_line_and_status_2(refusals: dict[str, command.Result], arguments: str) -> None:
    """All files are left as they were."""
    refused(refusals[arguments], REFUSED[arguments])


def test_wrong_usage_gets_a_hint_and_status_2(folder: Path) -> None:
    for arguments, message in ((("movie.npy",), "Missing argument"), (("movie.npy", "a", "--level", "x"), "--level")):
        result = run(*arguments, cwd=folder)
        assert (result.returncode, result.stdout) == (2, "")
        assert message in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="a folder that is read-only stops nobody here"
)
def test_a_folder_that_may_not_be_written_to_gets_one_clear_line(folder: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        refused(run(folder / "movie.npy", tmp_path / "a.zarr", *GIVEN, cwd=folder), "a.zarr")
    finally:
        tmp_path.chmod(0o755)


def test_a_movie_of_one_frame_and_one_of_floats_are_compressed_too(tmp_path: Path, movie: Movie) -> None:
    np.save(tmp_path / "one.npy", movie[:1])
    np.save(tmp_path / "floats.npy", movie.astype("float32") / 10)
    succeeded(run("one.npy", "one.zarr", *GIVEN, cwd=tmp_path))
    succeeded(run("floats.npy", "floats.zarr", cwd=tmp_path))
    assert zarr.open_array(tmp_path / "one.zarr", mode="r").shape == (1, 48, 64)
    floats = zarr.open_array(tmp_path / "floats.zarr", mode="r")
    codec = codec_of(floats)
    assert floats.dtype == "float32"
    assert codec.conversion_gain == pytest.approx(0.5, rel=0.1)
    errors = measure_errors(
        movie.astype("float32") / 10,
        np.asarray(floats),
        zero_level=codec.zero_level,
        conversion_gain=codec.conversion_gain,
    )
    assert errors.within_bound
