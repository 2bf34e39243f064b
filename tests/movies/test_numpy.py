"""Arrays in the files of NumPy, of any order in memory, and which of those in an archive is the movie."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anscombe_transform.movies.opening import open_movie, open_recording

MOVIE = np.random.default_rng(5).integers(0, 4000, (9, 6, 8)).astype("uint16")


@given(
    lengths=st.fixed_dictionaries({letter: st.integers(1, 5) for letter in "TCZYX"}),
    axes=st.sampled_from(["TCZYX", "TZYX", "TCYX", "TYX"]).flatmap(lambda letters: st.permutations(letters)),
    fortran=st.booleans(),
    dtype=st.sampled_from(["<u2", ">u2", "u1", ">f4"]),
    suffix=st.sampled_from(["npy", "npz", "compressed.npz"]),
    data=st.data(),
)
@settings(max_examples=80, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arrays_of_any_order_are_read_as_numpy_reads_them(
    tmp_path: Path, lengths: Any, axes: Any, fortran: bool, dtype: str, suffix: str, data: st.DataObject
) -> None:
    """In C and in Fortran order, of any number of axes and any byte order."""
    shape = tuple(lengths[letter] for letter in axes)
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    values = np.asfortranarray(values) if fortran else values
    path = tmp_path / f"movie.{suffix}"
    save: Any = {"npy": np.save, "npz": np.savez, "compressed.npz": np.savez_compressed}[suffix]
    save(path, values)
    recording = open_recording(path, axes="".join(axes))
    there = [axes.index(letter) for letter in "TCZYX" if letter in axes]
    expected = values.transpose(there)
    number = data.draw(st.integers(0, len(recording) - 1))
    if "C" in axes:
        expected = expected[:, number]
    expected = expected[:, 0] if "Z" in axes and lengths["Z"] == 1 else expected
    movie = recording[number]
    np.testing.assert_array_equal(movie[:], expected)
    index = tuple(data.draw(st.slices(length)) for length in expected.shape)
    np.testing.assert_array_equal(movie[index], expected[index])


def test_of_an_archive_the_only_array_that_may_be_a_movie_is_opened(tmp_path: Path) -> None:
    """Also if others are of objects, or damaged."""
    path = tmp_path / "results.npz"
    others: Any = {"time": np.arange(9.0), "mean": MOVIE[0], "labels": np.array(["a", None]), "mask": MOVIE > 9}
    np.savez(path, movie=MOVIE, allow_pickle=True, **others)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("readme.txt", "not an array")
        archive.writestr("broken.npy", "no header")
    movie = open_movie(path)
    np.testing.assert_array_equal(movie[:], MOVIE)
    assert movie.key == "movie"
    with pytest.raises(ValueError, match=r"results.npz is not a whole .npz file"):
        open_movie(path, "broken")
    with pytest.raises(ValueError, match=r"results.npz: mean has the shape \(6, 8\), but a movie has at least three"):
        open_movie(path, "mean")
    with pytest.raises(ValueError, match=r"has no array 'other': give the name of one as key: movie \(9, 6, 8\)$"):
        open_movie(path, "other")
