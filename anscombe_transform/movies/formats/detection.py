"""Which format a file has, and which files make one movie."""

from __future__ import annotations

import glob
import re
import zipfile
from dataclasses import replace
from pathlib import Path

from anscombe_transform.movies.formats import hdf5
from anscombe_transform.movies.formats.numpy import open_npy, open_npz
from anscombe_transform.movies.formats.tiff import open_tiffs
from anscombe_transform.movies.formats.zarr import open_zarr
from anscombe_transform.movies.source import Source
from anscombe_transform.storage.location import METADATA, UNFINISHED

_FORMATS = (
    "TIFF (.tif, .tiff; also a folder of them, or a pattern such as 'scan_*.tif'), HDF5 (.h5, .hdf5, .mat of version "
    "7.3), NWB (.nwb), Zarr (a folder, .zip or URL), and .npy or .npz of NumPy"
)

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_SUFFIXES = {
    **dict.fromkeys((".tif", ".tiff", ".btf", ".tf8", ".lsm", ".stk"), "TIFF"),
    **dict.fromkeys((".h5", ".hdf5", ".hdf", ".he5", ".mat", ".nwb"), "HDF5"),
    ".npy": "npy",
    ".npz": "npz",
}


def open_path(given: str, key: str | None) -> Source:
    """Open the movie at a path, or in the files that match a pattern."""
    if Path(given).exists() or not glob.has_magic(given):
        return _open_file(Path(given), key)
    found = sorted(map(Path, glob.glob(given)), key=natural_order)  # noqa: PTH207 - Path.glob takes no absolute ones
    if not found:
        raise FileNotFoundError(f"{given} does not exist, and no file matches it as a pattern")
    return open_files(found, key)


def _open_file(path: Path, key: str | None) -> Source:
    """Open a file or a folder."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.is_dir():
        if any((path / name).exists() for name in (*METADATA, UNFINISHED)):
            return open_zarr(path, key)
        tiffs = [
            file for file in path.iterdir() if _SUFFIXES.get(file.suffix.lower()) == "TIFF" and file.name[0] != "."
        ]
        if not tiffs:
            raise ValueError(f"{path} is a folder without a Zarr array or TIFF files: {_FORMATS} can be opened")
        source = open_tiffs(sorted(tiffs, key=natural_order), key)
        return replace(source, locations=(str(path.absolute()), *source.locations))
    kind = _kind(path)
    if kind == "TIFF":
        return open_tiffs([path], key)
    openers = {"HDF5": hdf5.open_hdf5, "Zarr": open_zarr, "npy": open_npy, "npz": open_npz}
    if kind not in openers:
        raise ValueError(f"{path} has no format that is known: {_FORMATS} can be opened")
    return openers[kind](path, key)


def open_files(paths: list[Path], key: str | None) -> Source:
    """Open files that follow each other in time."""
    if not paths:
        raise ValueError("there is no path to open a movie from: give at least one")
    if len(paths) == 1:
        return _open_file(paths[0], key)
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist")
        if path.is_dir() or _kind(path) != "TIFF":
            raise ValueError(f"{path} is not a TIFF file, and only TIFF files can make one movie together")
    return open_tiffs(paths, key)


def _kind(path: Path) -> str | None:
    """Return the format of a file by its first bytes, or by its name if these say nothing."""
    with path.open("rb") as file:
        start = file.read(8)
        if start[:4] in _TIFF:
            return "TIFF"
        if start[:6] == b"\x93NUMPY":
            return "npy"
        if start[:4] in (b"PK\3\4", b"PK\5\6"):
            return "Zarr" if _is_zarr(path) else "npz"
        for offset in (0, 512, 1024, 2048):
            file.seek(offset)
            if file.read(8) == hdf5.SIGNATURE:
                return "HDF5"
    return _SUFFIXES.get(path.suffix.lower())


def _is_zarr(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return not {*METADATA}.isdisjoint(archive.namelist())
    except zipfile.BadZipFile:
        return False


def natural_order(path: Path) -> list[str | int]:
    """Return the key by which ``scan_2.tif`` is sorted before ``scan_10.tif``."""
    return [int(text) if text.isdecimal() else text for text in re.split(r"([0-9]+)", str(path))]
