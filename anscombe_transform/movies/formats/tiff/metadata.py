"""Frame rate, pixel size, calibration and names of channels of a TIFF file of ImageJ, and the pixel size of any."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from anscombe_transform.movies.formats.tiff.directories import Directories
from anscombe_transform.movies.formats.tiff.pages import FilePages, clear_errors
from anscombe_transform.movies.formats.tiff.stacks import Stack
from anscombe_transform.movies.units import frame_rate, micrometers, pixel_size

_RESOLUTION_UNITS = {2: "inch", 3: "cm", 4: "mm", 5: "um"}

_LARGEST_PIXEL = 30.0
"""In micrometers: larger pixels are those of a screen or printer, such as of 72 or 300 dpi, not of a microscope."""

_POSITION = re.compile(r"\b[cztCZT]:\d+/\d+( - )?|\s+")
"""What of the label of an image in ImageJ tells its position."""


def with_metadata(stack: Stack) -> Stack:
    """Return a stack with what its first file tells of frame rate, pixel size, calibration and channels."""
    file = next((file for file in stack.files if len(file.table)), None)
    if file is None:
        return stack
    if file.maker == "ImageJ":
        return _of_imagej(stack, file)
    return replace(stack, pixel_size=_of_tags(file))


def _of_imagej(stack: Stack, file: FilePages) -> Stack:
    """Return a stack with what ImageJ wrote: ``fps`` is how fast it is played, and says nothing of the recording."""
    import tifffile

    with clear_errors(file.path), tifffile.TiffFile(file.path) as tif:
        found: dict[str, Any] = tif.imagej_metadata or {}
    unit = found.get("unit")
    y, x = _lengths(file)
    size = pixel_size(y, x, found.get("yunit", unit), unit)
    if str(unit).strip().lower() in ("cm", "inch"):
        size = _plausible(size)
    calibration, notes = _calibration(found)
    return replace(
        stack,
        frame_rate=frame_rate(found.get("finterval"), found.get("tunit", "s")),
        pixel_size=size or _of_tags(file),
        z_step=micrometers(found.get("spacing"), found.get("zunit", unit)),
        channels=stack.channels or _channels(found.get("Labels"), stack.length("C"), stack.index.size),
        calibration=calibration,
        notes=(*stack.notes, *notes),
    )


def _calibration(found: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what ImageJ says values mean, and what is to be said of it.

    The number of the function is 0 for a straight line with the coefficients c0 and c1; see
    https://imagej.net/ij/developer/api/ij/ij/measure/Calibration.html.
    """
    if "c0" not in found:
        return {}, ()
    function = found.get("cf", 0)
    if function != 0:
        return {}, (f"ImageJ calibrates the values by its function {function}, which is left aside",)
    scale, offset = float(found.get("c1", 1)), float(found["c0"])
    if (scale, offset) == (1, 0):
        return {}, ()
    return {"scale": scale, "offset": offset, "unit": str(found.get("vunit", ""))}, ()


def _channels(labels: Any, channels: int, images: int) -> tuple[str, ...]:
    """Return the names of channels, if each image is labeled by its channel."""
    if not isinstance(labels, Sequence) or isinstance(labels, str) or channels < 2 or len(labels) != images:
        return ()
    names = [_POSITION.sub(" ", str(label)).strip() for label in labels]
    first = names[:channels]
    same = all(name == first[i % channels] for i, name in enumerate(names))
    return tuple(first) if same and all(first) and len(set(first)) == channels else ()


def _of_tags(file: FilePages) -> tuple[float, float] | None:
    with file.path.open("rb", buffering=0) as handle:
        directories = Directories(handle)
        unit = directories.integers(directories.at(int(file.table["directory"][0])).tags.get(296))
    name = _RESOLUTION_UNITS.get(int(unit[0]) if len(unit) else 2)
    return _plausible(pixel_size(*_lengths(file), name, name))


def _lengths(file: FilePages) -> tuple[float | None, float | None]:
    """Return the length of a pixel along y and x, whose inverse the tags give; 1/1 means that it is unknown."""
    with file.path.open("rb", buffering=0) as handle:
        directories = Directories(handle)
        tags = directories.at(int(file.table["directory"][0])).tags
        y, x = (directories.numbers(tags.get(code)) for code in (283, 282))
    if len(y) != 1 or len(x) != 1 or y.dtype.names is None or x.dtype.names is None:
        return None, None
    pairs = [tuple(map(int, value[0])) for value in (y, x)]
    if pairs[0] == pairs[1] == (1, 1) or not np.all(pairs):
        return None, None
    (y_pixels, y_length), (x_pixels, x_length) = pairs
    return y_length / y_pixels, x_length / x_pixels


def _plausible(size: tuple[float, float] | None) -> tuple[float, float] | None:
    return size if size is not None and max(size) < _LARGEST_PIXEL else None
