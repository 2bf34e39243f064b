"""The command `anscombe-transform estimate`, run as a user runs it."""

import json
from functools import partial
from pathlib import Path

import command
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr
from command import refused, rows, succeeded
from matplotlib import image

from anscombe_transform import estimate_parameters

run = partial(command.run, "estimate")


@pytest.fixture(scope="module")
def movie() -> npt.NDArray[np.int16]:
    photons = np.random.default_rng(0).poisson(np.linspace(2, 60, 64), (60, 48, 64))
    return (100 + 5 * photons).astype("int16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, movie: npt.NDArray[np.int16]) -> Path:
    """Return a folder with the movie in files of several kinds, and with files that are no movies."""
    folder = tmp_path_factory.mktemp("movies")
    np.save(folder / "movie.npy", movie)
    tifffile.imwrite(folder / "movie.tif", movie, photometric="minisblack", compression="zlib")
    np.savez(folder / "several.npz", dark=np.zeros_like(movie), light=movie)
    zarr.create_array(folder / "movie.zarr", data=movie, chunks=(20, 48, 64))
    np.save(folder / "constant.npy", np.full((9, 9, 9), 7))
    np.save(folder / "image.npy", movie[0])
    np.save(folder / "complex.npy", movie.astype("complex64"))
    np.save(folder / "objects.npy", np.full((2, 8, 8), None, object), allow_pickle=True)
    (folder / "truncated.npy").write_bytes((folder / "movie.npy").read_bytes()[:1000])
    zarr.create_array(folder / "damaged.zarr", data=movie, chunks=(20, 48, 64))
    (chunk, *_) = sorted((folder / "damaged.zarr" / "c").rglob("*/*/0"))
    chunk.write_bytes(chunk.read_bytes()[:100])
    return folder


def test_it_prints_the_values_with_their_errors_as_a_table(folder: Path, movie: npt.NDArray[np.int16]) -> None:
    result = run("movie.npy", cwd=folder)
    assert rows(succeeded(result)) == estimate_parameters(movie).table()


@pytest.mark.parametrize(
    ("arguments", "frames", "max_frames"),
    [
        (("movie.tif",), slice(None), None),
        (("several.npz", "--key", "light"), slice(None), None),
        (("movie.zarr",), slice(None), None),
        (("movie.npy", "--max-frames", "16"), slice(None), 16),
        (("movie.tif", "--frames", "10:50"), slice(10, 50), None),
    ],
)
def test_json_is_all_that_it_prints_and_says_what_the_function_returns(
    folder: Path, movie: npt.NDArray[np.int16], arguments: tuple[str, ...], frames: slice, max_frames: int | None
) -> None:
    printed = json.loads(succeeded(run(*arguments, "--json", cwd=folder)))
    assert printed == command.as_json(estimate_parameters(movie[frames], max_frames=max_frames).to_dict())


def test_the_picture_shows_points_and_a_line_on_white(folder: Path, tmp_path: Path) -> None:
    result = run(folder / "movie.npy", "--plot", "curve.png", cwd=tmp_path, DISPLAY="", WAYLAND_DISPLAY="")
    assert result.returncode == 0, result.stderr
    assert "Conversion gain" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["curve.png"]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = np.asarray(image.imread(tmp_path / "curve.png"))[..., :3]
    white = (pixels == 1).all(axis=2)
    blue = (pixels[..., 2] > pixels[..., 0] + 0.3) & (pixels[..., 2] > 0.5)
    orange = (pixels[..., 0] > pixels[..., 2] + 0.5) & (pixels[..., 0] > 0.8)
    assert min(white.shape) > 400
    assert 0.8 < white.mean() < 0.99
    for color in (blue, orange):
        rows, columns = np.nonzero(color)
        assert np.ptp(rows) > 0.5 * white.shape[0]
        assert np.ptp(columns) > 0.5 * white.shape[1]


def test_the_end_of_the_name_chooses_the_format_of_the_picture(folder: Path, tmp_path: Path) -> None:
    assert run(folder / "movie.npy", "--plot", "curve.PDF", cwd=tmp_path).returncode == 0
    assert (tmp_path / "curve.PDF").read_bytes().startswith(b"%PDF-")


REFUSED = {
    "several.npz": "several.npz has several arrays: .* as --key: dark .60, 48, 64., light",
    "complex.npy": "complex.npy.* of complex64, but .* of integers or floats",
    "image.npy": "image.npy has the shape .*, but a movie has at least three axes, .time, y, x.",
    "objects.npy": "objects.npy.* of Python objects",
    "truncated.npy": "truncated.npy: frames 0 to 59 of 60 are missing .*truncated.npy is truncated",
    "damaged.zarr": "damaged.zarr: frame [0-9]+ cannot be read: .",
    "absent.npy": "absent.npy does not exist",
    "movie.npy --frames 50:70": "movie.npy has 60 frames",
    "movie.npy --frames 5": "--frames must be START:STOP or START:STOP:STEP, such as 0:1000, not 5",
}


@pytest.fixture(scope="module")
def refusals(folder: Path) -> dict[str, command.Result]:
    lines = [["estimate", *arguments.split(), "--json"] for arguments in REFUSED]
    return dict(zip(REFUSED, command.run_all(lines, folder, COLUMNS="40"), strict=True))


@pytest.mark.parametrize("arguments", REFUSED)
def test_wrong_input_gets_one_clear_line_and_status_2(refusals: dict[str, command.Result], arguments: str) -> None:
    refused(refusals[arguments], REFUSED[arguments])


@pytest.mark.parametrize(
    ("plot", "message"),
    [
        ("curve.xyz", r"curve.xyz must end with one of .*\.png"),
        ("absent/curve.png", "curve.png cannot be written: there is no folder absent"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused_before_the_movie_is_read(
    folder: Path, plot: str, message: str
) -> None:
    """The movie is wrong as well, which nobody has noticed yet."""
    refused(run("truncated.npy", "--plot", plot, cwd=folder), message)
    assert not (folder / plot).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument"),
        (("movie.npy", "--max-frames", "1"), "--max-frames"),
    ],
)
def test_wrong_usage_gets_a_hint_and_status_2(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments, cwd=folder)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_nothing_is_drawn_where_the_movie_is_refused(folder: Path, tmp_path: Path) -> None:
    refused(run(folder / "constant.npy", "--plot", "curve.png", cwd=tmp_path), "movie has no noise")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["cp437", "latin-1"])
def test_the_table_is_printed_on_terminals_of_any_encoding(folder: Path, encoding: str) -> None:
    result = command.run_from_a_shell("estimate", "movie.npy", cwd=folder, encoding=encoding)
    assert result.returncode == 0, result.stderr
    assert "Conversion gain" in result.stdout
    assert " ± " in result.stdout
