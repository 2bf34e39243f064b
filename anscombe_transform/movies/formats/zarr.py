"""Movies in Zarr arrays of format 2 or 3, in folders, in zip files and at URLs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from anscombe_transform._typing import Array
from anscombe_transform.movies.axis_choice import movie_axes, parse_choice
from anscombe_transform.movies.source import Source, check_array, part
from anscombe_transform.movies.units import frame_rate, pixel_size, positive
from anscombe_transform.storage.groups import array_in, check_no_key, choose_array, open_node, pyramid_of
from anscombe_transform.storage.location import PROVENANCE, Location

_Scale = tuple[float | None, tuple[float, float] | None]


def open_zarr(path: Path | str, key: str | None, storage_options: Mapping[str, Any] | None = None) -> Source:
    """Open an array; in a group, the one at `key`, the only one, or the largest of an OME-Zarr pyramid.

    Parameters
    ----------
    path : Path or str
        A folder or a zip file, or a URL.
    key : str, optional
        The path of the array in a group, or what to take along axes of an OME-Zarr, such as ``C=0``.
    storage_options : mapping, optional
        For fsspec, where there is a URL.

    Returns
    -------
    Source
        The movie in the array, whose frames are read when they are asked for.
    """
    location = Location.parse(path, storage_options)
    node = open_node(location)
    index: list[int | slice] = [slice(None)] * 3
    scale: _Scale = None, None
    array: Any
    if isinstance(node, zarr.Array):
        check_no_key(path, key)
        array = node
    else:
        choice: dict[str, int] = {}
        if key is not None and "=" in key:
            choice, found = parse_choice(key), choose_array(path, node, None)
        else:
            found = choose_array(path, node, key)
            key = found
        array = array_in(path, node, found)
        folder, _, name = found.rpartition("/")
        group: Any = node[folder] if folder else node
        pyramid = pyramid_of(group)
        axes = [] if pyramid is None else _axes(pyramid, array.ndim)
        if pyramid is not None and axes:
            index, time = movie_axes(path, "".join(letter for letter, _ in axes), array.shape, choice)
            scale = _scale(pyramid, axes, name, time)
        elif choice:
            raise ValueError(f"{path} is not an OME-Zarr with named axes, so key={key!r} chooses nothing")
    kept = [i for i, chosen in enumerate(index) if isinstance(chosen, slice)]
    shape = tuple(array.shape[i] for i in kept) if array.ndim == len(index) else array.shape
    dtype = np.dtype(array.dtype)
    check_array(path, shape, dtype)
    place = location.url if isinstance(path, Path) else path
    own = array.attrs.get(PROVENANCE)
    rate, size = _own(own) if isinstance(own, Mapping) else (None, None)
    return Source(
        shape,
        dtype.newbyteorder("="),
        tuple(array.chunks[i] for i in kept),
        (place, f"{place}/{array.path}") if array.path else (place,),
        _ZarrFrames(array, index).read,
        key,
        rate or scale[0],
        size or scale[1],
    )


class _ZarrFrames:
    """The frames of an array, with one index along each further axis."""

    def __init__(self, array: zarr.Array[Any], index: list[int | slice]) -> None:
        self._array = array
        self._index = index

    def read(self, frames: range, rows: range, columns: range) -> Array:
        """Return the pixels of these frames, rows and columns."""
        wanted = iter((part(frames), part(rows), part(columns)))
        block = np.asarray(self._array[tuple(i if isinstance(i, int) else next(wanted) for i in self._index)])
        return block.astype(block.dtype.newbyteorder("="), copy=False)


def _axes(pyramid: dict[str, Any], ndim: int) -> list[tuple[str, str | None]]:
    """Return the letter and the unit of each axis, if the metadata fit the array.

    The first versions of the format had five axes, which had no names.
    """
    found = pyramid.get("axes", ["t", "c", "z", "y", "x"])
    try:
        axes = [(axis, None) if isinstance(axis, str) else (str(axis["name"]), axis.get("unit")) for axis in found]
    except (TypeError, KeyError, AttributeError):
        return []
    return [(name[:1].upper(), unit) for name, unit in axes] if len(axes) == ndim else []


def _scale(pyramid: dict[str, Any], axes: list[tuple[str, str | None]], name: str, time: int) -> _Scale:
    """Return the frame rate and the pixel size that the metadata give for the array of this name."""
    try:
        items = [*(item for item in pyramid["datasets"] if item["path"] == name), pyramid]
        scales = [
            [float(factor) for factor in transformation["scale"]]
            for item in items
            for transformation in item.get("coordinateTransformations", ())
            if "scale" in transformation
        ]
    except (TypeError, KeyError, ValueError, AttributeError):
        return None, None
    if not scales or any(len(scale) != len(axes) for scale in scales):
        return None, None
    steps = np.prod(scales, axis=0)
    units = [unit for _, unit in axes]
    rate = frame_rate(steps[time], units[time]) if time >= 0 and axes[time][0] == "T" else None
    return rate, pixel_size(steps[-2], steps[-1], units[-2], units[-1])


def _own(attributes: Mapping[str, Any]) -> _Scale:
    """Return the frame rate and the pixel size that this package has written."""
    found = attributes.get("pixel_size")
    y, x = found if isinstance(found, list | tuple) and len(found) == 2 else (None, None)
    return positive(attributes.get("frame_rate")), pixel_size(y, x, "um", "um")
