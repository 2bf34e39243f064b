"""Which format a file has, and which files a path, a folder, or a pattern stands for."""

from __future__ import annotations

import glob
import re
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from anscombe_transform._formatting import listed
from anscombe_transform.movies.formats.hdf5 import opening as hdf5
from anscombe_transform.movies.formats.numpy import open_npy, open_npz
from anscombe_transform.movies.formats.tiff.opening import open_tiffs
from anscombe_transform.movies.formats.zarr.opening import open_zarr
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


_BESIDE_TIFF = (".xml", ".ome")
"""The suffixes of files that tell of the TIFF files beside them."""

_WHOLE = "Full resolution"
"""The folder of NDTiff beside folders with the same images in lower resolutions."""


def open_path(given: str, key: str | None) -> Source:
    """Open the recording at a path, or in the files that match a pattern."""
    if Path(given).exists() or not glob.has_magic(given):
        return _open_file(Path(given), key)
    found = sorted(_matching(given), key=natural_order)
    if not found:
        raise FileNotFoundError(f"{given} does not exist, and no file matches it as a pattern")
    movies = [path for path in found if not path.is_dir() and (_has_tiff_name(path) or _kind(path) is not None)]
    if len(found) == 1 or not movies:
        return _open_file(found[0], key)
    return _open_file(movies[0], key) if len(movies) == 1 else _open_together(movies, key, as_given=False)


def _matching(pattern: str) -> list[Path]:
    """Return the files that match a pattern, in which brackets may be those of a name."""
    anchor = literal = Path(Path(pattern).anchor)
    parts = []
    for part in Path(pattern).relative_to(anchor).parts:
        literal = literal / part
        parts.append(glob.escape(part) if literal.exists() else part)
    for attempt in (parts, [part if "[[]" in part else part.replace("[", "[[]") for part in parts]):
        found = glob.glob(str(Path(anchor, *attempt)))  # noqa: PTH207 - Path.glob takes no absolute patterns
        if found:
            return [path for path in map(Path, found) if path.name[0] != "."]
    return []


def _open_file(path: Path, key: str | None) -> Source:
    """Open a file or a folder."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.is_dir():
        if any((path / name).exists() for name in (*METADATA, UNFINISHED)):
            return open_zarr(path, key)
        return _open_folder(path, key)
    kind = _kind(path)
    if kind == "TIFF":
        return open_tiffs([path], key)
    openers = {"HDF5": hdf5.open_hdf5, "Zarr": open_zarr, "npy": open_npy, "npz": open_npz}
    if kind not in openers and path.suffix.lower() in _BESIDE_TIFF and _tiffs_in(path.parent):
        raise ValueError(f"{path} has no images itself, but there are TIFF files beside it: give {path.parent}")
    if kind not in openers:
        raise ValueError(f"{path} has no format that is known: {_FORMATS} can be opened")
    return openers[kind](path, key)


def _open_folder(path: Path, key: str | None) -> Source:
    """Open the TIFF files of a folder, or of the only folder in it that has any."""
    tiffs = _tiffs_in(path)
    if not tiffs:
        folders = [
            folder for folder in sorted(path.iterdir(), key=natural_order) if folder.is_dir() and _tiffs_in(folder)
        ]
        folders = [folder for folder in folders if folder.name == _WHOLE] or folders
        if len(folders) > 1:
            names = listed([folder.name for folder in folders])
            raise ValueError(
                f"{path} has no TIFF files, but folders with TIFF files: give one, such as {folders[0]}: {names}"
            )
        if not folders:
            within = [one.name for one in sorted(path.iterdir(), key=natural_order) if _looks_like_movie(one)]
            choice = f"give one of what is in it, such as {path / within[0]}: {listed(within)}" if within else ""
            raise ValueError(
                f"{path} is a folder without a Zarr array or TIFF files: {choice or f'{_FORMATS} can be opened'}"
            )
        tiffs = _tiffs_in(folders[0])
    source = open_tiffs(tiffs, key)
    return replace(source, locations=(str(path.absolute()), *source.locations))


def _looks_like_movie(path: Path) -> bool:
    if path.is_dir():
        return any((path / name).exists() for name in METADATA)
    return path.name[0] != "." and path.suffix.lower() in _SUFFIXES


def _tiffs_in(folder: Path) -> list[Path]:
    return sorted(
        (path for path in folder.iterdir() if _has_tiff_name(path) and path.name[0] != "."), key=natural_order
    )


def _has_tiff_name(path: Path) -> bool:
    return _SUFFIXES.get(path.suffix.lower()) == "TIFF"


def open_files(paths: list[Path], key: str | None) -> Source:
    """Open files that follow each other in time, in this order."""
    if not paths:
        raise ValueError("there is no path to open a movie from: give at least one")
    if len(paths) == 1:
        return _open_file(paths[0], key)
    path, times = Counter(path.absolute() for path in paths).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{path} is given {times} times: give each file once")
    return _open_together(paths, key, as_given=True)


def _open_together(paths: list[Path], key: str | None, *, as_given: bool) -> Source:
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist")
        if path.is_dir() or not (_has_tiff_name(path) or _kind(path) == "TIFF"):
            raise ValueError(f"{path} is not a TIFF file, and only TIFF files can make one recording together")
    return open_tiffs(paths, key, as_given=as_given)


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
            return any(name.rpartition("/")[2] in METADATA for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def natural_order(path: Path) -> list[str | int]:
    """Return the key by which ``scan_2.tif`` is sorted before ``scan_10.tif``."""
    return [int(text) if text.isdecimal() else text for text in re.split(r"([0-9]+)", str(path))]
