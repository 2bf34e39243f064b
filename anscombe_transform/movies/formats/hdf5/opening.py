"""Movies in HDF5 files, read with h5py: plain HDF5, netCDF, MATLAB 7.3 and NWB."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anscombe_transform._files import check_unpacking
from anscombe_transform._formatting import listed
from anscombe_transform._typing import Array
from anscombe_transform.movies.formats import nwb
from anscombe_transform.movies.formats.choosing import Candidate, check_images, check_shape, choose
from anscombe_transform.movies.formats.hdf5.files import (
    SIGNATURE,
    at,
    broken_link,
    broken_links,
    datasets_in,
    groups_in,
    opened,
)
from anscombe_transform.movies.formats.hdf5.metadata import axes_of, plain, told_by
from anscombe_transform.movies.formats.hdf5.reading import check_filters, reader_of
from anscombe_transform.movies.formats.hdf5.storage import external_pieces, holes_in
from anscombe_transform.movies.formats.hdf5.virtual import open_dataset, source_paths
from anscombe_transform.movies.formats.holes import missing_images
from anscombe_transform.movies.source import Source, check_dtype, few_images, part

__all__ = ["SIGNATURE", "open_hdf5"]


def open_hdf5(path: Path, key: str | None) -> Source:
    """Open a dataset of a HDF5 file, or the data of an imaging series of an NWB file."""
    place = None if key is None else key.strip("/")
    with opened(path) as file:
        if path.suffix.lower() == ".nwb" or "nwb_version" in file.attrs:
            tree = _Tree(file)
            if (series := nwb.find_series(path, tree, place)) is not None:
                name = f"{series}/data"
                axes = nwb.AXES.get(len(tree.shape(name) or ()))
                return _source(path, file, name, axes, nwb.metadata(tree, series))
        return _source(path, file, _find(path, file, place))


def _find(path: Path, file: Any, key: str | None) -> str:
    """Return the path of the dataset that a key names, or of the only one that may be a movie."""
    node = None if key is None else at(file, key)
    if key is not None and hasattr(node, "shape"):
        return key
    if key is not None and node is None and (target := broken_link(file, key)) is not None:
        raise ValueError(f"{path} has at {key!r} a link to {target}, which is not there")
    inside = "" if node is None else f"{key}/"
    found = {f"{inside}{name}": _candidate(one) for name, one in datasets_in(file if node is None else node)}
    own = {name: array for name, array in found.items() if not name.startswith(_OF_MATLAB)}
    if not own and (broken := broken_links(file)):
        links = listed([f"{name} to {target}" for name, target in broken])
        raise ValueError(f"{path} has no datasets, but links that lead nowhere: {links}")
    return choose(path, None if node is not None else key, own or found, "dataset")


def _candidate(dataset: Any) -> Candidate:
    shape = dataset.shape or ()
    return Candidate(shape, dataset.dtype if len(shape) > 2 else None)  # there may be very many small ones


_OF_MATLAB = ("#refs#/", "#subsystem#/")
"""Groups in which MATLAB keeps what is in cells and objects."""


def _source(path: Path, file: Any, name: str, axes: str | None = None, told: Mapping[str, Any] | None = None) -> Source:
    """Return what is at a path in a file; of an imaging series of NWB, its axes and what it tells."""
    dataset = open_dataset(file, path, name)
    own = path if dataset.file == file else Path(dataset.file.filename)
    what = f"{path}: {name}"
    if dataset.is_virtual and 0 in dataset.shape:
        names = listed(list(dict.fromkeys(source.file_name for source in dataset.virtual_sources())))
        raise ValueError(f"{what} is a virtual dataset without values: of its sources {names}, none is there")
    check_shape(what, dataset.shape or ())
    check_dtype(what, dataset.dtype)
    check_filters(what, dataset)
    shape, dtype = tuple(dataset.shape or ()), dataset.dtype.newbyteorder("=")
    letters = axes or axes_of(dataset, name)
    check_images(what, shape, letters)
    _check_chunks(what, dataset)
    missing = missing_images(shape, letters, holes_in(own, dataset))
    cut = missing is None and dataset.file.driver == "fileobj"
    others = [piece.path for piece in external_pieces(own, dataset)] + source_paths(own, dataset)
    return Source(
        letters,
        shape,
        dtype,
        tuple(map(min, dataset.chunks, shape)) if dataset.chunks else few_images(shape, dtype),
        tuple(dict.fromkeys(str(one.absolute()) for one in (path, own, *others))),
        reader_of(path, own, dataset, name),
        name,
        missing=missing,
        sure_of_planes=True,
        notes=(f"{path.name} is truncated, but all of {name} is there",) if cut else (),
        **(told if told is not None else told_by(dataset, letters)),
    )


def _check_chunks(what: str, dataset: Any) -> None:
    """Raise ValueError if a chunk would take much more memory than all that is stored."""
    stored = dataset.id.get_storage_size()
    if dataset.chunks and stored and dataset.id.get_create_plist().get_nfilters():
        check_unpacking(f"a chunk of {what}", stored, math.prod(dataset.chunks) * dataset.dtype.itemsize)


class _Tree:
    """What an NWB file has at its paths."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def groups(self, path: str) -> Iterable[str]:
        """Return the paths of a group and of all groups in it."""
        group = at(self._file, path)
        if group is None or hasattr(group, "shape"):
            return []
        return [path, *(f"{path}/{name}" for name in groups_in(group))]

    def attributes(self, path: str) -> Mapping[str, Any]:
        """Return the attributes of what is at a path."""
        node = at(self._file, path)
        return {} if node is None else {name: plain(value) for name, value in node.attrs.items()}

    def shape(self, path: str) -> tuple[int, ...] | None:
        """Return the shape of a dataset, or None if there is none."""
        return getattr(at(self._file, path), "shape", None)

    def values(self, path: str) -> Array | None:
        """Return the values of a dataset, the first ones along its first axis, or None if there are none."""
        if (few := nwb.few_values(self.shape(path))) is None:
            return None
        dataset = at(self._file, path)
        _check_chunks(path, dataset)
        return np.asarray(dataset[part(few) if few else ()])
