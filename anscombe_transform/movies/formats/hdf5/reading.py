"""How the values of a HDF5 dataset are read: in place where they are plain numbers, and else by the HDF5 library."""

from __future__ import annotations

import contextlib
import importlib
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from anscombe_transform._typing import Array
from anscombe_transform.movies.formats.hdf5.files import open_lasting
from anscombe_transform.movies.formats.hdf5.storage import external_pieces
from anscombe_transform.movies.formats.hdf5.virtual import open_dataset
from anscombe_transform.movies.raw import DiskFile, PiecedFile, RawFrames
from anscombe_transform.movies.source import Ranges, by_image, part


def reader_of(path: Path, own: Path, dataset: Any, name: str) -> Callable[[Ranges], Array]:
    """Return what reads ranges of a dataset of the file at a path, whose values are in its `own` file."""
    shape, dtype = tuple(dataset.shape or ()), dataset.dtype.newbyteorder("=")
    offset = None if dataset.chunks or dataset.external or dataset.is_virtual else dataset.id.get_offset()
    stored: Any = DiskFile(own.absolute())
    if dataset.external:
        stored, offset = PiecedFile(tuple(external_pieces(own.absolute(), dataset))), 0
    if offset is None or dtype.kind + str(dtype.itemsize) not in _PLAIN:
        return _HDF5Values(path.absolute(), name, dtype).read
    *outer, height, width = shape
    size = dtype.itemsize * height * width
    offsets = range(offset, offset + math.prod(outer) * size, size)
    return by_image(tuple(outer), RawFrames([stored], [dataset.dtype], (height, width), offsets).read)


_PLAIN = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
"""Numbers that are stored as NumPy stores them."""


def check_filters(name: str, dataset: Any) -> None:
    """Raise a ModuleNotFoundError if a dataset is compressed with a filter that is not installed."""
    import h5py  # type: ignore[import-untyped, unused-ignore]

    properties = dataset.id.get_create_plist()
    codes = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    if not all(map(h5py.h5z.filter_avail, codes)):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module("hdf5plugin")
    missing = [code for code in codes if not h5py.h5z.filter_avail(code)]
    if missing:
        raise ModuleNotFoundError(
            f"{name} is compressed by the HDF5 filter {missing[0]}, which is not there: pip install hdf5plugin"
        )


class _HDF5Values:
    """The values of a dataset, read by the HDF5 library, which admits one thread at a time."""

    def __init__(self, path: Path, name: str, dtype: np.dtype[Any]) -> None:
        self._path = path
        self._name = name
        self._dtype = dtype
        self._lock = threading.Lock()
        self._dataset: Any = None

    def read(self, ranges: Ranges) -> Array:
        """Return the values in these ranges."""
        with self._lock:
            if self._dataset is None:
                self._dataset = open_dataset(open_lasting(self._path), self._path, self._name)
        block = np.empty([len(indices) for indices in ranges], self._dtype)
        self._dataset.read_direct(block, tuple(part(indices) for indices in ranges))
        return block
