"""What of the values of a HDF5 dataset is stored, and where: the library reads the fill value for all that is not."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anscombe_transform.movies.formats.hdf5.virtual import virtual_holes
from anscombe_transform.movies.formats.holes import Hole, absent_chunks, grid_of, run_as_boxes
from anscombe_transform.movies.raw import Piece

_DEEPEST = 10
"""Virtual datasets may be made of virtual ones, but hardly so many times."""


def external_pieces(path: Path, dataset: Any) -> list[Piece]:
    """Return where the bytes of a dataset are that lie outside of its file, one piece after the other.

    Raises
    ------
    ValueError
        If they are in other folders, where a file of strangers may name any.
    """
    left = _size(dataset)
    pieces = []
    for name, offset, size in dataset.external or ():
        if name in ("", ".", "..") or re.search(r"[\\/]", name):
            raise ValueError(
                f"{path} has the values of {dataset.name.strip('/')} in {name}, outside of its own folder, where they "
                "are not read: copy both to one folder, and let the dataset name the file alone"
            )
        pieces.append(Piece(path.parent / name, offset, min(size, left)))
        left -= pieces[-1].size
    return pieces


def holes_in(path: Path, dataset: Any, depth: int = 0) -> list[Hole]:
    """Return what is not stored of a dataset in the file at a path."""
    import h5py  # type: ignore[import-untyped, unused-ignore]

    name = dataset.name.strip("/")
    layout = dataset.id.get_create_plist().get_layout()
    if not _size(dataset) or layout == h5py.h5d.COMPACT:
        return []
    if layout == h5py.h5d.VIRTUAL:
        if depth > _DEEPEST:
            raise ValueError(f"{path}: the virtual dataset {name} is made of itself")
        return virtual_holes(path, dataset, lambda where, source: holes_in(where, source, depth + 1))
    if layout == h5py.h5d.CHUNKED:
        return _chunk_holes(path, dataset, name)
    if dataset.external:
        return _external_holes(path, dataset, name)
    offset = dataset.id.get_offset()
    if offset is None:
        return [Hole.of_box([range(length) for length in dataset.shape], f"{path.name}: {name} was never written")]
    length = path.stat().st_size
    return _lost_bytes(dataset, range(length - offset, _size(dataset)), _truncated(path, name))


def _chunk_holes(path: Path, dataset: Any, name: str) -> list[Hole]:
    """Return the chunks that were never written, and those that lie where the file is cut off."""
    grid = grid_of(path, dataset.shape, dataset.chunks)
    if dataset.id.get_num_chunks() == math.prod(grid) and dataset.file.driver != "fileobj":
        return []
    unwritten, lost = np.ones(grid, np.bool_), np.zeros(grid, np.bool_)
    length = path.stat().st_size

    def collect(chunk: Any) -> None:
        if not chunk.size:
            raise ValueError(f"{_truncated(path, name)}, nor the list of its chunks")
        place = tuple(start // size for start, size in zip(chunk.chunk_offset, dataset.chunks, strict=True))
        if all(index < count for index, count in zip(place, grid, strict=True)):
            unwritten[place] = False
            lost[place] = chunk.byte_offset + chunk.size > length

    dataset.id.chunk_iter(collect)
    holes = []
    for absent, problem in (
        (unwritten, f"{path.name}: chunks of {name} were never written"),
        (lost, _truncated(path, name)),
    ):
        if absent.any():
            reason = f"{problem}: {absent_chunks(absent, dataset.chunks)}"
            holes.append(Hole.of_chunks(dataset.shape, dataset.chunks, absent, reason))
    return holes


def _external_holes(path: Path, dataset: Any, name: str) -> list[Hole]:
    """Return what lies in files that are absent or too short."""
    holes, start = [], 0
    for piece in external_pieces(path, dataset):
        there = max(0, piece.path.stat().st_size - piece.offset) if piece.path.is_file() else 0
        problem = "is too short" if piece.path.is_file() else "is not there"
        reason = f"{piece.path.name}, which holds values of {name} of {path.name}, {problem}"
        holes += _lost_bytes(dataset, range(start + there, start + piece.size), reason)
        start += piece.size
    return holes + _lost_bytes(dataset, range(start, _size(dataset)), f"{path.name}: {name} is not stored to its end")


def _lost_bytes(dataset: Any, lost: range, reason: str) -> list[Hole]:
    """Return the values that have any of the bytes in a range."""
    size = dataset.dtype.itemsize
    first, stop = max(0, lost.start) // size, -(-lost.stop // size)
    return [Hole.of_box(box, reason) for box in run_as_boxes(first, stop, dataset.shape)] if lost else []


def _truncated(path: Path, name: str) -> str:
    return f"{path.name} is truncated: its {path.stat().st_size} bytes do not hold all of {name}"


def _size(dataset: Any) -> int:
    shape: Sequence[int] = dataset.shape or ()
    return int(math.prod(shape)) * int(dataset.dtype.itemsize)
