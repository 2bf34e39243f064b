"""A movie that the tests compress, and what an array must have that it was compressed into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference
import zarr

from anscombe_transform import decode, describe, encode
from anscombe_transform.recordings import blocks
from anscombe_transform.simulate import simulate_movie
from anscombe_transform.storage.draft import finished
from anscombe_transform.storage.location import Location

Movie = npt.NDArray[Any]

Z, G = 100.0, 40.0
GIVEN: dict[str, Any] = {"zero_level": Z, "conversion_gain": G}
MOVIE: Movie = simulate_movie((40, 64, 64))


@pytest.fixture
def blocks_of_two_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each task write two frames, as if the movie were large."""
    monkeypatch.setattr(blocks, "_BLOCK_SIZE", 2 * MOVIE[0].nbytes)


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


def make_unfinished(output: Path | str) -> None:
    """Put a finished array back to where it was before the last step."""
    location = Location.parse(output)
    draft = finished(location)
    assert draft is not None
    draft.begin()
    for key in draft.documents:
        location.delete(key)


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
