"""The command `anscombe-transform demo`, run as a user runs it."""

import re
from pathlib import Path

import command
import numpy as np
import pytest
import zarr
from command import refused, run

from anscombe_transform.simulate import Detector, simulate_movie


def test_without_arguments_it_simulates_compresses_reads_and_reports(tmp_path: Path) -> None:
    result = run("demo", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (ratio,) = re.findall(r"Zarr with the codec\s+│\s+[\d.]+\s+│\s+([\d.]+)", result.stdout)
    (without,) = re.findall(r"Zarr without the codec\s+│\s+[\d.]+\s+│\s+([\d.]+)", result.stdout)
    assert float(ratio) > 2 * float(without)
    (largest, mean) = re.findall(r"noise standard deviations\s+│\s+([\d.]+)\s+│\s+([\d.]+)", result.stdout)[0]
    assert float(mean) < float(largest) < 0.30 + 0.5 / 24  # half an ADU of rounding at the dimmest noise of 24 ADU
    for line in ("ADU", "photons", "movie written with the codec", "movie read in a fresh process"):
        assert re.search(rf"{line}\s+│\s+[\d.]+", result.stdout)
    assert list(tmp_path.iterdir()) == []


def test_a_movie_from_a_file_is_kept_as_a_zarr_array_on_request(tmp_path: Path) -> None:
    movie = simulate_movie((20, 64, 48), detector=Detector(zero_level=30, conversion_gain=9, read_noise=3))
    np.savez(tmp_path / "movie.npz", movie=movie)
    given = ("--movie", tmp_path / "movie.npz", "--zero-level", "30", "--conversion-gain", "9", "--beta", "1")
    result = run("demo", *given, "--encoded-dtype", "int8", "--output", tmp_path / "kept", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    array = zarr.open_array(tmp_path / "kept" / "anscombe.zarr", mode="r")
    decoded = np.load(tmp_path / "kept" / "decoded.npy")
    np.testing.assert_array_equal(array[...], decoded)
    assert 0 < np.abs(decoded - movie).max() < 100
    again = run("demo", *given, "--output", tmp_path / "kept", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already: --output names a new folder" in again.stderr


GIVEN = "--zero-level 0 --conversion-gain 1"

REFUSED = {
    "--movie movie.npz": "--movie needs --zero-level and --conversion-gain",
    f"--movie absent.npz {GIVEN}": "absent.npz does not exist",
    f"--movie broken.npz {GIVEN}": "broken.npz is not a whole .npz file",
    f"--movie two.npz {GIVEN}": "two.npz has several arrays: give the name of one as --key: a .4, 8, 8., b .4, 8, 8.",
    f"--movie two.npz --key c {GIVEN}": "two.npz has no array 'c'",
    f"--movie broken.npy {GIVEN}": "broken.npy is truncated: it has 300 of",
    f"--movie damaged.npz {GIVEN}": "damaged.npz.* is not a whole .npz file",
    f"--movie flat.npz {GIVEN}": r"flat.npz: arr_0 has the shape \(4, 4\), but a movie has",
    "--movie movie.npz --zero-level 0 --conversion-gain 0": "--conversion-gain must be above 0",
    f"--movie movie.npz {GIVEN}": "-5000 to -5000 ADU.*--encoded-dtype int16",
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, command.Result]:
    folder = tmp_path_factory.mktemp("movies")
    movie = np.full((4, 8, 8), 100, "int16")
    movie[2, 3, 4] = -5000
    np.savez(folder / "movie.npz", movie=movie)
    np.savez(folder / "two.npz", a=movie, b=movie)
    np.savez(folder / "flat.npz", np.zeros((4, 4)))
    np.save(folder / "whole.npy", movie)
    (folder / "broken.npy").write_bytes((folder / "whole.npy").read_bytes()[:300])
    np.savez_compressed(folder / "damaged.npz", movie=np.random.default_rng(0).integers(0, 99, (4, 64, 64)))
    damaged = bytearray((folder / "damaged.npz").read_bytes())
    damaged[100:300] = bytes(200)
    (folder / "damaged.npz").write_bytes(damaged)
    (folder / "broken.npz").write_bytes((folder / "two.npz").read_bytes()[:300])
    before = command.files(folder)
    lines = [["demo", *arguments.split(), "--output", f"kept_{number}"] for number, arguments in enumerate(REFUSED)]
    results = command.run_all(lines, folder)
    assert command.files(folder) == before
    assert not list(folder.glob("kept_*"))
    return dict(zip(REFUSED, results, strict=True))


@pytest.mark.parametrize("arguments", REFUSED)
def test_wrong_input_gets_one_clear_line_and_status_2(refusals: dict[str, command.Result], arguments: str) -> None:
    """Nothing is written."""
    refused(refusals[arguments], REFUSED[arguments])
