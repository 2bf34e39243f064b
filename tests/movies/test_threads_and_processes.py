"""Movies that several threads read, and that are sent to other processes."""

import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from movie_formats import FORMATS, MOVIE
from processes import TIMEOUT

from anscombe_transform.movies.opening import open_movie

READ = """
import pickle, sys
import numpy
with open(sys.argv[1], "rb") as file:
    movies = pickle.load(file)
numpy.savez(sys.argv[2], **{name: movie[2:5] for name, movie in movies.items()})
"""


def test_another_process_opens_pickled_movies_again(
    movie_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs in another folder."""
    monkeypatch.chdir(movie_files["c.npy"].parent)
    movies = {name: open_movie(name, frames=slice(1, 10, 2)) for name in FORMATS}
    movies |= {"pattern": open_movie("folder/scan_*.tif"), "sequence": open_movie(["plain.tif"])}
    for movie in movies.values():
        movie[0]  # opens what is opened late, which must not travel
    (tmp_path / "movies.pickle").write_bytes(pickle.dumps(movies))
    assert (tmp_path / "movies.pickle").stat().st_size < 400 * len(movies)
    command = [sys.executable, "-W", "error", "-c", READ, "movies.pickle", "read.npz"]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=TIMEOUT)
    assert (finished.returncode, finished.stderr) == (0, "")
    with np.load(tmp_path / "read.npz") as read:
        for name in movies:
            expected = MOVIE[2:5] if name in ("pattern", "sequence") else MOVIE[5:10:2]
            np.testing.assert_array_equal(read[name], expected)


def test_what_was_pickled_is_not_taken_for_a_file_that_has_changed(tmp_path: Path) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    pickled = pickle.dumps(open_movie(tmp_path / "movie.npy"))
    np.save(tmp_path / "movie.npy", MOVIE[:5])
    with pytest.raises(ValueError, match=r"movie.npy has changed: it was \(11, 20, 24\) int16, and is \(5, 20, 24\)"):
        pickle.loads(pickled)


@pytest.mark.parametrize(
    "name", ["c.npy", "compressed.npz", "lzw.tif", "zstd-tiles.tif", "folder", "chunked.hdf5", "plain.h5", "3.zarr"]
)
def test_many_threads_may_read_one_movie(movie_files: dict[str, Path], name: str) -> None:
    movie = open_movie(movie_files[name])
    ready = threading.Barrier(8)

    def read(worker: int) -> bool:
        ready.wait(10)
        return all(np.array_equal(movie[i : i + 3], MOVIE[i : i + 3]) for i in ((worker + j) % 11 for j in range(20)))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(8)))


def test_a_compressed_array_is_unpacked_once_for_all_that_read_it(
    tmp_path: Path, movie_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    movie = open_movie(movie_files["compressed.npz"])
    again = pickle.loads(pickle.dumps(movie))
    movie[0]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    np.testing.assert_array_equal(again[:], MOVIE)
    assert list(tmp_path.iterdir()) == []
