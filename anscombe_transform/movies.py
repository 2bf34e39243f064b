"""Opens the movies that the command line is given."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np
import zarr

from anscombe_transform.photon_transfer import Movie


def open_movie(path: Path, key: str | None = None) -> Movie:
    """Open a movie as something that is sliced like an array of shape (time, y, x).

    Parameters
    ----------
    path : Path
        A ``.npy`` file, which is mapped into memory; an ``.npz`` file, of which one array is loaded; or the folder of
        a Zarr array or group, which is read as it is sliced.
    key : str, optional
        Which array of an ``.npz`` file or of a Zarr group; may be left out if there is only one.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not a whole file of these formats, has no such array, or one that has not three axes or is empty.
    """
    if path.is_dir():
        movie = _from_zarr(path, key)
    elif path.suffix == ".npy":
        movie = _from_npy(path, key)
    else:
        movie = _from_npz(path, key)
    shape = tuple(movie.shape)
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"{path} has an array of shape {shape}, but a movie has (time, y, x)")
    return movie


def _from_zarr(path: Path, key: str | None) -> Movie:
    try:
        node = zarr.open(path, mode="r")
    except FileNotFoundError as error:
        raise ValueError(f"{path} is a folder, but not a Zarr array: give that, or a .npy or .npz file") from error
    if isinstance(node, zarr.Array):
        if key is not None:
            raise ValueError(f"{path} is a single array: leave out --key {key}")
        return node
    if key is not None and isinstance(nested := node.get(key), zarr.Array):
        return nested
    arrays = dict(node.arrays())
    return arrays[_choose(path, key, sorted(arrays))]


def _from_npy(path: Path, key: str | None) -> Movie:
    if key is not None:
        raise ValueError(f"{path} is a single array: leave out --key {key}")
    try:
        movie: Movie = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, SyntaxError, tokenize.TokenError) as error:
        raise ValueError(f"{path} is not a whole .npy file ({error}): numpy.save writes them") from error
    return movie


def _from_npz(path: Path, key: str | None) -> Movie:
    try:
        with zipfile.ZipFile(path):  # np.load would take other files for pickles, and give advice on those
            arrays = np.load(path)
        with arrays:
            movie = arrays[_choose(path, key, arrays.files)]
    # zipfile raises RuntimeError for what it cannot unpack.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ValueError(f"{path} is not a whole .npz file ({error}): numpy.savez writes them") from error
    if not isinstance(movie, np.ndarray):
        raise ValueError(f"{path} is a .zip file of other things than arrays: numpy.savez writes .npz files")
    return movie


def _choose(path: Path, key: str | None, names: list[str]) -> str:
    if not names:
        raise ValueError(f"{path} has no arrays")
    if key is None and len(names) == 1:
        return names[0]
    if key is None or key not in names:
        wanted = "several arrays" if key is None else f"no array {key!r}"
        raise ValueError(f"{path} has {wanted}: choose with --key from {', '.join(names)}")
    return key
