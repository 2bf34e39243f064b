"""Imaging series of Neurodata Without Borders, in HDF5 and in Zarr.

References
----------
NWB format specification, optical physiology: https://nwb-schema.readthedocs.io/en/latest/format.html#nwb-ophys
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from anscombe_transform._formatting import listed
from anscombe_transform._typing import Array
from anscombe_transform.movies.units import calibration, micrometers, pixel_size, positive, step_of

_SERIES = ("TwoPhotonSeries", "OnePhotonSeries")

AXES = {3: "TXY", 4: "TXYZ"}
"""The axes of the data of an imaging series, by their number."""


class Tree(Protocol):
    """A file in which groups and arrays lie at paths, to some of which there are links."""

    def groups(self, path: str) -> Iterable[str]:
        """Return the paths of a group and of all groups in it; none, if there is no such group."""

    def attributes(self, path: str) -> Mapping[str, Any]:
        """Return the attributes of a group or an array."""

    def shape(self, path: str) -> tuple[int, ...] | None:
        """Return the shape of the array at a path, or None if there is none."""

    def values(self, path: str) -> Array | None:
        """Return the values of the array at a path, the first ones along its first axis, or None if there are none."""


_FEW = 100_000
"""Values that are read of an array that tells something about a series, at most."""


def few_values(shape: Sequence[int] | None) -> range | None:
    """Return what to read along the first axis of an array of a shape, or None if that is too much or nothing."""
    if shape is None or math.prod(shape[1:]) > _FEW:
        return None
    return range(min(shape[0], _FEW) if shape else 0)


def find_series(path: object, tree: Tree, key: str | None) -> str | None:
    """Return the path of the imaging series that a key names, or of the only one; None if the key names none.

    Raises
    ------
    ValueError
        If there are several, or none, and no key names another array; or if its frames are in other files.
    """
    series = [
        group
        for place in ("acquisition", "processing")
        for group in tree.groups(place)
        if str(tree.attributes(group).get("neurodata_type")) in _SERIES
    ]
    if key is not None and key.endswith("/data") and tree.shape(key) is not None:
        parent = key.removesuffix("/data")
        if str(tree.attributes(parent).get("neurodata_type", "")).endswith("Series"):
            series.append(parent)
    elif key is not None and tree.shape(f"{key}/data") is not None:
        series.append(key)
    names = [one for one in dict.fromkeys(series) if key in (None, one, f"{one}/data", one.rpartition("/")[2])]
    if len(names) == 1:
        _check_inside(path, tree, names[0])
        return names[0]
    if key is not None and tree.shape(key) is not None:
        return None
    if not series:
        raise ValueError(f"{path} has no {' or '.join(_SERIES)}: give the path of a dataset as key")
    found = "several imaging series" if names or key is None else f"no imaging series {key!r}"
    shown = listed([f"{name} {tree.shape(f'{name}/data') or 'without data'}" for name in series])
    raise ValueError(f"{path} has {found}: give the name of one as key: {shown}")


def _check_inside(path: object, tree: Tree, series: str) -> None:
    """Raise ValueError if the frames of a series are in other files."""
    if (external := tree.shape(f"{series}/external_file")) is not None and 0 not in external:
        found = tree.values(f"{series}/external_file")  # None, if it is of a dtype that cannot be read
        names = "" if found is None else f": {listed([_text(name) for name in found.ravel()])}"
        raise ValueError(f"{path} has the frames of {series} in other files, open those{names}")
    if tree.shape(f"{series}/data") is None:
        raise ValueError(f"{path} has no data in {series}")


def metadata(tree: Tree, series: str) -> dict[str, Any]:
    """Return what a `Source` takes of what an imaging series tells, by the names of its parameters."""
    plane = f"{series}/imaging_plane"
    data = tree.attributes(f"{series}/data")
    spacing = tree.values(f"{plane}/grid_spacing")
    steps = [] if spacing is None else spacing.ravel().tolist()
    unit = tree.attributes(f"{plane}/grid_spacing").get("unit", "meters")
    channels = [
        group.rpartition("/")[2]
        for group in tree.groups(plane)
        if str(tree.attributes(group).get("neurodata_type")) == "OpticalChannel"
    ]
    return {
        "frame_rate": _rate(tree, series),
        "pixel_size": pixel_size(steps[1], steps[0], unit, unit) if len(steps) > 1 else None,
        "z_step": micrometers(steps[2], unit) if len(steps) > 2 else None,
        "channels": tuple(channels) if len(channels) == 1 else (),
        "calibration": calibration(data.get("conversion"), data.get("offset"), data.get("unit")),
    }


def _rate(tree: Tree, series: str) -> float | None:
    """Return the frame rate of an imaging series, in Hz."""
    if (rate := positive(tree.attributes(f"{series}/starting_time").get("rate"))) is not None:
        return rate
    timestamps = tree.values(f"{series}/timestamps")
    if timestamps is not None and (interval := step_of(timestamps)) is not None:
        return 1 / interval
    planned = tree.values(f"{series}/imaging_plane/imaging_rate")
    return None if planned is None or planned.size != 1 else positive(planned.item())


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
