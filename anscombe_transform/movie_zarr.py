"""Movies in Zarr arrays, of format 2 or 3, in folders, zip files and wherever fsspec reaches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import ZipStore

from anscombe_transform.faults import FAULTS, software_fault
from anscombe_transform.movie_axes import movie_axes, parse_choice
from anscombe_transform.movie_frames import Pixels, Source, check_movie, choose, one_line, part
from anscombe_transform.movie_units import frame_rate, pixel_size, positive
from anscombe_transform.stores import Location

_Scale = tuple[float | None, tuple[float, float] | None]


def open_zarr(path: Path | str, key: str | None, storage_options: Mapping[str, Any] | None = None) -> Source:
    """Open an array; of a group, that of the key, the only one, or the largest one of an OME-Zarr pyramid.

    Parameters
    ----------
    path : Path or str
        A folder or a zip file, or a URL.
    key : str, optional
        The path of the array in a group, or what to take along axes of an OME-Zarr, such as ``C=0``.
    storage_options : mapping, optional
        For fsspec, where there is a URL.
    """
    node = _open(path, storage_options)
    index: list[int | slice] = [slice(None)] * 3
    scale: _Scale = None, None
    if isinstance(node, zarr.Array):
        if key is not None:
            raise ValueError(f"{path} is a single array: leave out --key {key}")
        array: Any = node
    else:
        choice: dict[str, int] = {}
        if key is not None and "=" in key:
            choice, found = parse_choice(key), _choose_array(path, node, None)
        else:
            found = _choose_array(path, node, key)
            key = found
        array = node.get(found)
        if not isinstance(array, zarr.Array):
            raise ValueError(f"{path} has no array {found!r}, which its metadata name")
        folder, _, name = found.rpartition("/")
        pyramid = _pyramid(node[folder] if folder else node)
        axes = [] if pyramid is None else _axes(pyramid, array.ndim)
        if pyramid is not None and axes:
            index, time = movie_axes(path, "".join(letter for letter, _ in axes), array.shape, choice)
            scale = _scale(pyramid, axes, name, time)
        elif choice:
            raise ValueError(f"{path} is no OME-Zarr with axes that have names, so --key {key} chooses nothing")
    kept = [i for i, chosen in enumerate(index) if isinstance(chosen, slice)]
    shape = tuple(array.shape[i] for i in kept) if array.ndim == len(index) else array.shape
    dtype = np.dtype(array.dtype)
    check_movie(path, shape, dtype)
    place = path if isinstance(path, str) else str(path.absolute())
    own = array.attrs.get("anscombe_transform")
    rate, size = _own(own) if isinstance(own, Mapping) else (None, None)
    return Source(
        shape,
        dtype.newbyteorder("="),
        tuple(array.chunks[i] for i in kept),
        (place, f"{place}/{array.path}") if array.path else (place,),
        _Reader(array, index).read,
        key,
        rate or scale[0],
        size or scale[1],
    )


class _Reader:
    """Reads an array, along some axes of which there is one index."""

    def __init__(self, array: zarr.Array[Any], index: list[int | slice]) -> None:
        self._array = array
        self._index = index

    def read(self, frames: range, rows: range, columns: range) -> Pixels:
        """Return the pixels of these frames, rows and columns."""
        wanted = iter((part(frames), part(rows), part(columns)))
        block = np.asarray(self._array[tuple(i if isinstance(i, int) else next(wanted) for i in self._index)])
        return block.astype(block.dtype.newbyteorder("="), copy=False)


def _open(path: Path | str, storage_options: Mapping[str, Any] | None) -> zarr.Array[Any] | zarr.Group:
    location = Location.parse(path, storage_options)
    try:
        if isinstance(path, Path) and path.is_file():
            return zarr.open(store=ZipStore(path, mode="r"), mode="r")
        return zarr.open(store=location.store(read_only=True), mode="r")
    except FileNotFoundError as error:
        if location.state() == "unfinished":
            raise ValueError(f"{path} is not finished: run the command that wrote it again") from error
        raise FileNotFoundError(f"{path} is not there, or no Zarr array or group") from error
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{path} needs fsspec and a package for its protocol, such as s3fs: pip install fsspec s3fs "
            f"({one_line(error)})"
        ) from error
    except OSError as error:
        raise OSError(f"{path} cannot be read: {one_line(error)}") from error
    except FAULTS as error:
        raise software_fault(f"{path} cannot be opened", error) from error
    except Exception as error:  # of whatever class fsspec, its protocol or a codec has
        raise ValueError(f"{path} is not a whole Zarr array or group ({one_line(error)})") from error


def _choose_array(path: Path | str, group: zarr.Group, key: str | None) -> str:
    """Return the path in the group at which there is the array that is wanted."""
    if key is not None:
        key = key.strip("/")
        found = group.get(key)
        if isinstance(found, zarr.Array):
            return key
        if isinstance(found, zarr.Group):
            return f"{key}/{_choose_array(f'{path}/{key}', found, None)}"
    elif (pyramid := _pyramid(group)) is not None:
        return str(pyramid["datasets"][0]["path"])
    return choose(path, key, sorted(name for name, node in group.members(None) if isinstance(node, zarr.Array)))


def _pyramid(group: Any) -> dict[str, Any] | None:
    """Return the OME-Zarr metadata of a group, if it has them and they name an array."""
    attributes = dict(group.attrs)
    ome = attributes.get("ome", attributes)
    try:
        pyramid = ome["multiscales"][0]
        return pyramid if isinstance(pyramid["datasets"][0]["path"], str) else None
    except (TypeError, KeyError, IndexError):
        return None


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
    """Return the frame rate and the pixel size that the array of this name has by the metadata."""
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
    """Return the frame rate and the pixel size that this package writes."""
    found = attributes.get("pixel_size")
    y, x = found if isinstance(found, list | tuple) and len(found) == 2 else (None, None)
    return positive(attributes.get("frame_rate")), pixel_size(y, x, "um", "um")
