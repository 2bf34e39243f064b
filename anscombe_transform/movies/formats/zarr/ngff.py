"""Metadata of OME-Zarr: the axes, steps and channels of an image, and which images there are.

References
----------
Next-generation file formats (NGFF), versions 0.1 to 0.5: https://ngff.openmicroscopy.org/0.5/
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from anscombe_transform.movies.formats.dimension_names import letters_of

_TYPES = {"time": "T", "channel": "C"}
"""What the type of an axis means, where its name says nothing else."""


def axes_of(pyramid: Mapping[str, Any], count: int) -> str | None:
    """Return the letters of the axes of an image, or None if the metadata do not fit an array of so many axes.

    The first versions of the format had five axes, which had no names.
    """
    found = pyramid.get("axes", ["t", "c", "z", "y", "x"])
    if not isinstance(found, list) or len(found) != count:
        return None
    names: list[str] = []
    for axis in found:
        name, kind = (axis.get("name"), axis.get("type")) if isinstance(axis, Mapping) else (axis, None)
        if not isinstance(name, str):
            return None
        names.append(_TYPES.get(str(kind), name))
    letters = letters_of(names)
    return letters if len(set(letters)) == count else None


def steps_of(pyramid: Mapping[str, Any], axes: str, name: str) -> dict[str, tuple[float, object]]:
    """Return the step along each axis of the array of this name, and its unit, by the letter of the axis."""
    try:
        units = [axis.get("unit") if isinstance(axis, Mapping) else None for axis in pyramid.get("axes", [None] * 5)]
        items = [*(item for item in pyramid["datasets"] if item["path"] == name), pyramid]
        scales = [
            [float(factor) for factor in transformation["scale"]]
            for item in items
            for transformation in item.get("coordinateTransformations", ())
            if "scale" in transformation
        ]
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
        return {}
    if not scales or any(len(scale) != len(axes) for scale in scales):
        return {}
    factors = [math.prod(along) for along in zip(*scales, strict=True)]
    return {axis: (step, unit) for axis, step, unit in zip(axes, factors, units, strict=True)}


def channels_of(ome: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the channels of an image, if all have one."""
    try:
        names = [channel["label"] for channel in ome["omero"]["channels"]]
    except (TypeError, KeyError):
        return ()
    return tuple(names) if all(isinstance(name, str) and name for name in names) else ()


def paths_in(ome: Mapping[str, Any], *names: str) -> list[str]:
    """Return the paths in a list of the metadata, such as of the wells of a plate."""
    found: Any = ome
    try:
        for name in names:
            found = found[name]
        return [str(item["path"]) if isinstance(item, Mapping) else str(item) for item in found]
    except (TypeError, KeyError):
        return []
