"""What a HDF5 dataset tells of its axes and of its values, as netCDF, ImageJ, ilastik, MATLAB and others write it."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import numpy as np

from anscombe_transform.movies.formats.dimension_names import letters_of
from anscombe_transform.movies.units import calibration, sampling, step_of

_VOLUME = re.compile(r"t\d{5}/s\d{2}/\d+/cells|DataSet/ResolutionLevel \d+/TimePoint \d+/Channel \d+/Data")
"""Where BigDataViewer and Imaris keep the stack of planes of a channel at one time."""


def axes_of(dataset: Any, name: str) -> str:
    """Return the axes of a dataset, as the file names them; of MATLAB, which writes them the other way round."""
    names = _names(dataset)
    if len(names) == 3 and _VOLUME.fullmatch(name):
        return "ZYX"
    letters = letters_of(names)
    from_matlab = "MATLAB_class" in dataset.attrs and not any(names)
    return letters[:-2] + "XY" if from_matlab else letters


def _names(dataset: Any) -> list[str | None]:
    """Return the names of the axes of a dataset: labels, the names of dimension scales, or the tags of ilastik."""
    count = len(dataset.shape or ())
    with contextlib.suppress(ValueError, TypeError, KeyError):
        names = [axis["key"] for axis in json.loads(plain(dataset.attrs["axistags"]))["axes"]]
        if len(names) == count:
            return names
    # Not dimension.label: the library takes labels for strings of variable length without looking, and crashes.
    labels = [plain(label) for label in np.ravel(dataset.attrs.get("DIMENSION_LABELS", ()))]
    return [labels[i] if i < len(labels) and labels[i] else _of_scale(dataset.dims[i]) for i in range(count)]


def _of_scale(dimension: Any) -> str | None:
    with contextlib.suppress(RuntimeError, KeyError, OSError, UnicodeDecodeError):  # a scale that was deleted
        if len(dimension):
            return str(dimension[0].name).rpartition("/")[2]
    return None


def told_by(dataset: Any, letters: str) -> dict[str, Any]:
    """Return what a dataset tells of its axes and its values, as netCDF and ImageJ write it."""
    steps: dict[str, tuple[Any, object]] = {}
    sizes = np.ravel(dataset.attrs.get("element_size_um", ()))
    if len(sizes) == 3 and len(letters) > 2:  # z, y, x
        steps = {letter: (size, "um") for letter, size in zip("ZYX", sizes.tolist(), strict=True)}
    channels: tuple[str, ...] = ()
    for i, letter in enumerate(letters):
        with contextlib.suppress(RuntimeError, KeyError, OSError):
            scale = dataset.dims[i][0] if len(dataset.dims[i]) else None
            if scale is None or scale.shape != dataset.shape[i : i + 1]:
                continue
            if letter == "C" and scale.dtype.kind in "SUO":
                channels = tuple(str(plain(name)) for name in scale[()].tolist())
            elif (step := step_of(scale[()])) is not None:
                steps[letter] = step, plain(scale.attrs.get("units"))
    factor, offset, unit = (plain(dataset.attrs.get(name)) for name in ("scale_factor", "add_offset", "units"))
    return {**sampling(steps), "channels": channels, "calibration": calibration(factor, offset, unit)}


def plain(value: Any) -> Any:
    """Return an attribute without the array that it may be wrapped in, and as text if it is bytes."""
    if isinstance(value, np.ndarray | np.generic) and value.size == 1:
        value = value.item()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
