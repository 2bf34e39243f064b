"""Movies in Zarr arrays of format 2 or 3, in folders, in zip files and at URLs."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import zarr

from anscombe_transform._formatting import listed, one_line
from anscombe_transform._typing import Array
from anscombe_transform.codecs.configuration import codec_in
from anscombe_transform.movies.formats import nwb
from anscombe_transform.movies.formats.choosing import Candidate, check_images, check_shape, choose
from anscombe_transform.movies.formats.dimension_names import letters_of
from anscombe_transform.movies.formats.holes import missing_images
from anscombe_transform.movies.formats.zarr import ngff as ngff
from anscombe_transform.movies.formats.zarr.chunks import holes_in
from anscombe_transform.movies.source import Missing, Ranges, Source, part
from anscombe_transform.movies.units import calibration, pixel_size, positive, sampling, step_of
from anscombe_transform.movies.views import joined
from anscombe_transform.storage.draft import ZarrArray
from anscombe_transform.storage.groups import Hierarchy, Node, check_no_key, ome_of, pyramid_of
from anscombe_transform.storage.location import METADATA, PROVENANCE, Location, StoreLike

_UNREADABLE = (ValueError, TypeError, OSError, RuntimeError)
"""What is raised for arrays that are damaged, or of which Zarr does not know the dtype."""


def open_zarr(path: StoreLike | ZarrArray, key: str | None, storage_options: Mapping[str, Any] | None = None) -> Source:
    """Open an array, or a whole recording that this package wrote.

    In a group, it is the array at `key`, the only one that may be a movie, the largest of an OME-Zarr pyramid, or the
    data of an imaging series of NWB.

    Parameters
    ----------
    path : str, path, store or array
        A folder, a zip file, a URL, or a store of Zarr; or an array of Zarr, in which chunks that are not stored have
        the fill value.
    key : str, optional
        The path of an array or a group in a group, or the name of an imaging series of NWB.
    storage_options : mapping, optional
        For fsspec, where there is a URL.

    Returns
    -------
    Source
        The movie in the array, whose frames are read when they are asked for.
    """
    if isinstance(path, zarr.Array):
        hierarchy = Hierarchy(Location.parse(path.store))
        node = hierarchy.node(path.path)
        assert node is not None
        return _source(hierarchy, node, whole=False)
    hierarchy = Hierarchy(Location.parse(path, storage_options))
    check_no_key(hierarchy, key)
    if hierarchy.root.is_array:
        return _source(hierarchy, hierarchy.root)
    place = "" if key is None else key.strip("/")
    node = hierarchy.node(place)
    if "nwb_version" in hierarchy.root.attributes:
        return _imaging_series(hierarchy, place or None)
    if node is not None and (channels := _own(node).get("channels")):
        return _recording(hierarchy, node, channels)
    if node is None:
        _explain_absence(hierarchy, place)
    return _source(hierarchy, node if node.is_array else _array_of(hierarchy, node))


def _array_of(hierarchy: Hierarchy, group: Node) -> Node:
    """Return the array of a group that is meant without saying which."""
    place = f"{hierarchy.location.url}/{group.path}".rstrip("/")
    ome = ome_of(group)
    if (pyramid := pyramid_of(group)) is not None:
        return _named_array(hierarchy, group, pyramid["datasets"][0]["path"])
    if images := _images(hierarchy, group, ome):
        only = hierarchy.node(images[0]) if len(images) == 1 else None
        if only is not None:
            return only if only.is_array else _array_of(hierarchy, only)
        kinds = {"plate": "is a plate with several fields", "well": "is a well with several fields"}
        what = next((words for kind, words in kinds.items() if kind in ome), "has several images")
        raise ValueError(f"{place} {what}: give the path of one as key, such as key={images[0]!r}: {listed(images)}")
    try:
        arrays = {node.path: node for node in hierarchy.below(group.path) if node.is_array}
    except PermissionError as error:
        raise PermissionError(f"{one_line(error)}: give the path of an array as key, such as key='0'") from error
    if not arrays and not hierarchy.location.is_local:
        raise ValueError(
            f"{place} has no arrays, or its server does not list them: give the path of one as key, such as key='0'"
        )
    return arrays[choose(place, None, {path: _candidate(node) for path, node in arrays.items()})]


def _named_array(hierarchy: Hierarchy, group: Node, name: str) -> Node:
    """Return the array of a group that its metadata name; in a group of that name, the array ``0``."""
    path = f"{group.path}/{name}".strip("/")
    node = hierarchy.node(path)
    if node is not None and not node.is_array:
        node = hierarchy.node(f"{path}/0")
    if node is None or not node.is_array:
        raise ValueError(f"{hierarchy.location.url} has no array {path!r}, which its metadata name")
    return node


def _images(hierarchy: Hierarchy, group: Node, ome: Mapping[str, Any]) -> list[str]:
    """Return the paths of the images in a plate, in a well, or in a group as bioformats2raw writes it."""

    def within(path: str) -> str:
        return f"{group.path}/{path}".strip("/")

    if "plate" in ome:
        wells = [within(path) for path in ngff.paths_in(ome, "plate", "wells")]
        nodes = map(hierarchy.node, wells[:_MOST_WELLS])
        fields = [ngff.paths_in(ome_of(node), "well", "images") if node else [] for node in nodes]
        return [f"{well}/{field}" for well, some in zip(wells, fields, strict=False) for field in some] or wells
    if "well" in ome:
        return [within(path) for path in ngff.paths_in(ome, "well", "images")]
    if "bioformats2raw.layout" not in ome:
        return []
    listing = hierarchy.node(within("OME"))
    series = ngff.paths_in(ome_of(listing), "series") if listing else []
    if not series:
        while hierarchy.node(within(str(len(series)))) is not None:
            series.append(str(len(series)))
    return [within(path) for path in series]


_MOST_WELLS = 20
"""Wells of a plate whose fields are looked up."""


def _candidate(node: Node) -> Candidate:
    try:
        return Candidate(node.shape, np.dtype(node.dtype))
    except (TypeError, ValueError, SyntaxError):  # the last one of NumPy, for texts that are no dtypes
        return Candidate(node.shape, None)


def _explain_absence(hierarchy: Hierarchy, key: str) -> NoReturn:
    """Raise the error that says what there is instead of what a key names."""
    url = hierarchy.location.url
    if images := _images(hierarchy, hierarchy.root, ome_of(hierarchy.root)):
        raise ValueError(f"{url} has no {key!r}: give the path of an image as key: {listed(images)}")
    choose(url, key, {node.path: _candidate(node) for node in hierarchy.below() if node.is_array})
    raise ValueError(f"{url} has no array {key!r}")


def _source(hierarchy: Hierarchy, node: Node, axes: str | None = None, *, whole: bool = True) -> Source:
    """Return what is known of an array; its axes are given for NWB, which does not name them."""
    array: Any = hierarchy.array(node, whole=whole)
    codec = codec_in(array)
    shape, address = tuple(array.shape), hierarchy.location.address
    place = f"{hierarchy.location.url}/{node.path}".rstrip("/")
    check_shape(place, shape)
    letters, told = _told(hierarchy, node, axes)
    check_images(place, shape, letters)

    def read(ranges: Ranges) -> Array:
        block = np.asarray(array[tuple(part(indices) for indices in ranges)])
        return block.astype(block.dtype.newbyteorder("="), copy=False)

    return Source(
        letters,
        shape,
        np.dtype(array.dtype).newbyteorder("="),
        tuple(map(min, array.chunks, shape)),
        (address, f"{address}/{node.path}") if node.path else (address,),
        read,
        node.path or None,
        codecs=() if codec is None else (codec,),
        missing=_missing(hierarchy, node, letters) if whole else None,
        sure_of_planes=True,
        **told,
    )


def _missing(hierarchy: Hierarchy, node: Node, axes: str) -> Missing | None:
    """Return which images lack a chunk, and what to do if they only seem to."""
    missing = missing_images(node.shape, axes, holes_in(hierarchy, node))
    if missing is None or _own(node):  # this package stores all chunks
        return missing
    advice = (
        f"where they are meant to hold nothing but the fill value {node.document.get('fill_value')}, open the array "
        "with zarr, and give it instead of its path"
    )
    return Missing(missing.images, f"{missing.reason} ({advice})")


def _told(hierarchy: Hierarchy, node: Node, axes: str | None) -> tuple[str, dict[str, Any]]:
    """Return the axes of an array, and what is told of it: by OME-Zarr, by coordinates, and by this package."""
    above, path = _seen_from_above(hierarchy, node.path)
    ome, pyramid, name = _image_around(above, path)
    letters = axes or ngff.axes_of(pyramid, len(node.shape))
    steps = ngff.steps_of(pyramid, letters, name) if letters is not None else {}
    names = ngff.channels_of(ome) if letters is not None else ()
    if letters is None:
        letters = letters_of(node.dimension_names or [None] * len(node.shape))
        steps, names = _coordinates(above, path, node, letters)
    own, attributes = _own(node), node.attributes
    told = sampling(steps) | {key: value for key, value in _own_sampling(own).items() if value is not None}
    scales = calibration(attributes.get("scale_factor"), attributes.get("add_offset"), attributes.get("units"))
    return letters, {**told, "channels": names, "calibration": _own_calibration(own) or scales}


def _seen_from_above(hierarchy: Hierarchy, path: str) -> tuple[Hierarchy, str]:
    """Return the outermost group in whose folders an array lies, and its path there, since groups tell about arrays."""
    if path or not hierarchy.location.is_local:
        return hierarchy, path
    top = place = Path(hierarchy.location.url)
    while any((top.parent / name).is_file() for name in METADATA):
        top = top.parent
    with contextlib.suppress(*_UNREADABLE):
        return Hierarchy(Location.parse(top)), place.relative_to(top).as_posix().strip(".")
    return hierarchy, path


def _image_around(hierarchy: Hierarchy, path: str) -> tuple[Mapping[str, Any], Mapping[str, Any], str]:
    """Return the metadata of the OME-Zarr image that an array belongs to, of its pyramid, and its name there."""
    parts = path.split("/")
    for count in range(len(parts) - 1, -1, -1) if path else ():
        group, name = hierarchy.node("/".join(parts[:count])), "/".join(parts[count:])
        pyramid = None if group is None or group.is_array else pyramid_of(group)
        if group is not None and pyramid is not None and name in ngff.paths_in(pyramid, "datasets"):
            return ome_of(group), pyramid, name
    return {}, {"axes": None}, ""


def _coordinates(
    hierarchy: Hierarchy, path: str, node: Node, letters: str
) -> tuple[dict[str, tuple[Any, object]], tuple[str, ...]]:
    """Return the step along each axis, and the names of the channels, of which there are arrays beside the array."""
    folder = path.rpartition("/")[0]
    steps: dict[str, tuple[Any, object]] = {}
    channels: tuple[str, ...] = ()
    for letter, name, length in zip(letters, node.dimension_names or (), node.shape, strict=False):
        found = hierarchy.node(f"{folder}/{name}") if path and name else None
        if found is None or not found.is_array or found.shape != (length,):
            continue
        with contextlib.suppress(*_UNREADABLE), warnings.catch_warnings(action="ignore"):  # of dtypes for text
            values = np.asarray(hierarchy.array(found)[...])
            if letter == "C" and values.dtype.kind in "UTO":
                channels = tuple(map(str, values.tolist()))
            elif (step := step_of(values)) is not None:
                steps[letter] = step, found.attributes.get("units")
    return steps, channels


def _own(node: Node) -> Mapping[str, Any]:
    """Return the attributes that this package has written."""
    own = node.attributes.get(PROVENANCE)
    return own if isinstance(own, Mapping) else {}


def _own_sampling(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the frame rate, the pixel size and the step in z that this package has written."""
    found = own.get("pixel_size")
    y, x = found if isinstance(found, list | tuple) and len(found) == 2 else (None, None)
    return {
        "frame_rate": positive(own.get("frame_rate")),
        "pixel_size": pixel_size(y, x, "um", "um"),
        "z_step": positive(own.get("z_step")),
    }


def _own_calibration(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what values mean, as this package has written it."""
    found = own.get("calibration")
    names = ("scale", "offset", "unit")
    return calibration(*(found.get(name) for name in names)) if isinstance(found, Mapping) else {}


def _recording(hierarchy: Hierarchy, group: Node, channels: Any) -> Source:
    """Return the whole recording that this package wrote to a group, an array for each channel."""
    url = hierarchy.location.url
    try:
        names, paths = zip(*((str(channel["name"]), str(channel["path"])) for channel in channels), strict=True)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{url} does not say which arrays its channels are: {one_line(channels)}") from error
    sources = [_source(hierarchy, _named_array(hierarchy, group, path)) for path in paths]
    kinds = {(source.axes, source.shape, source.dtype) for source in sources}
    if len(kinds) > 1:
        shapes = listed([f"{path} {source.shape} {source.dtype}" for path, source in zip(paths, sources, strict=True)])
        raise ValueError(f"{url} has channels that do not fit together: give the path of one as key: {shapes}")
    own = _own(group)
    told = {key: value for key, value in _own_sampling(own).items() if value is not None}
    if calibrated := _own_calibration(own):
        told["calibration"] = calibrated
    return replace(joined(sources, "C", names), key=group.path or None, **told)


class _Tree:
    """What an NWB file in Zarr has at its paths; hdmf-zarr writes links as attributes."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy
        self._nodes: dict[str, Node | None] = {}

    def node(self, path: str) -> Node | None:
        """Return what is at a path, to which links may lead."""
        if path not in self._nodes:
            self._nodes[path] = None  # of a link that leads back to itself
            found = self._hierarchy.node(path)
            folder, _, name = path.rpartition("/")
            if found is None and path and (parent := self.node(folder)) is not None:
                target = _link(parent, name)
                found = self.node(target) if target is not None else self._hierarchy.node(f"{parent.path}/{name}")
            self._nodes[path] = found
        return self._nodes[path]

    def groups(self, path: str) -> Iterable[str]:
        """Return the paths of a group and of all groups in it."""
        group = self.node(path)
        if group is None or group.is_array:
            return []
        below = self._hierarchy.below(group.path)
        self._nodes |= {node.path: node for node in below}
        return [path, *(path + node.path.removeprefix(group.path) for node in below if not node.is_array)]

    def attributes(self, path: str) -> Mapping[str, Any]:
        """Return the attributes of what is at a path."""
        node = self.node(path)
        return {} if node is None else node.attributes

    def shape(self, path: str) -> tuple[int, ...] | None:
        """Return the shape of an array, or None if there is none."""
        node = self.node(path)
        return None if node is None or not node.is_array else node.shape

    def values(self, path: str) -> Array | None:
        """Return the values of an array, the first ones along its first axis, or None if none can be read."""
        node = self.node(path)
        if node is not None and node.is_array and (few := nwb.few_values(node.shape)) is not None:
            with contextlib.suppress(*_UNREADABLE):
                return np.asarray(self._hierarchy.array(node)[part(few) if few else ...])
        return None


def _link(group: Node, name: str) -> str | None:
    """Return the path to which a link of this name in a group leads, within the same file."""
    links = group.attributes.get("zarr_link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, Mapping) and link.get("name") == name and link.get("source") in (None, "."):
            return str(link.get("path", "")).strip("/")
    return None


def _imaging_series(hierarchy: Hierarchy, key: str | None) -> Source:
    """Return the data of an imaging series of NWB, or the array at a key."""
    tree = _Tree(hierarchy)
    series = nwb.find_series(hierarchy.location.url, tree, key)
    if series is None:
        node = tree.node(key or "")
        assert node is not None
        return _source(hierarchy, node)
    data = tree.node(f"{series}/data")
    assert data is not None
    return replace(_source(hierarchy, data, nwb.AXES.get(len(data.shape))), **nwb.metadata(tree, series))
