"""Frame rates and pixel sizes, converted from the units of the files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_MICROMETERS = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e6),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 1e4),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1e3),
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-3),
    **dict.fromkeys(("pm", "picometer", "picometers", "picometre", "picometres"), 1e-6),
    **dict.fromkeys(("angstrom", "angstroms", "\u00e5", "\u212b"), 1e-4),
    **dict.fromkeys(("inch", "in"), 25400.0),
}
_SECONDS = {
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "usec", "usecs", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1e-9),
}


def positive(value: Any) -> float | None:
    """Return a value as a float if it is a finite number above 0, or None."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 < number < math.inf else None


def micrometers(length: Any, unit: object) -> float | None:
    """Return a length in micrometers, or None if it or its unit makes no sense."""
    number = positive(length)
    return None if number is None else positive(number * _MICROMETERS.get(_plain(unit), 0.0))


def pixel_size(y: Any, x: Any, y_unit: object, x_unit: object) -> tuple[float, float] | None:
    """Return the size of a pixel in micrometers, or None if a length or its unit makes no sense."""
    height, width = micrometers(y, y_unit), micrometers(x, x_unit)
    return None if height is None or width is None else (height, width)


def frame_rate(interval: Any, unit: object) -> float | None:
    """Return the frame rate in Hz, or None if the time between two frames or its unit makes no sense."""
    number = positive(interval)
    return None if number is None else positive(1 / number / _SECONDS.get(_plain(unit), math.inf))


def sampling(steps: Mapping[str, tuple[Any, object]]) -> dict[str, Any]:
    """Return what a `Source` takes as ``frame_rate``, ``pixel_size`` and ``z_step``.

    Parameters
    ----------
    steps : mapping of str to tuple
        The distance from one value to the next along an axis, and its unit, by the letter of the axis.
    """
    (t, t_unit), (z, z_unit), (y, y_unit), (x, x_unit) = (steps.get(axis, (None, None)) for axis in "TZYX")
    return {
        "frame_rate": frame_rate(t, t_unit),
        "pixel_size": pixel_size(y, x, y_unit, x_unit),
        "z_step": micrometers(z, z_unit),
    }


def step_of(coordinates: Any) -> float | None:
    """Return the median distance between coordinates that follow each other, or None if there is none."""
    values = np.asarray(coordinates)
    if values.ndim != 1 or len(values) < 2 or values.dtype.kind not in "iuf":
        return None
    return positive(abs(np.median(np.diff(values.astype(np.float64)))))


def calibration(scale: Any, offset: Any, unit: object = None) -> dict[str, Any]:
    """Return what a `Source` takes as ``calibration``: nothing where values mean what they are."""
    try:
        found = {"scale": float(1 if scale is None else scale), "offset": float(0 if offset is None else offset)}
    except (TypeError, ValueError, OverflowError):
        return {}
    if not all(map(math.isfinite, found.values())) or found == {"scale": 1.0, "offset": 0.0}:
        return {}
    return {**found, "unit": unit} if isinstance(unit, str) and unit else found


def _plain(unit: object) -> str:
    r"""Return a unit with u for the micro sign, which Unicode has twice and which ImageJ writes as ``\u00B5``.

    Of a unit of time in netCDF, such as "seconds since 2026-01-01", only the first word counts.
    """
    text = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
    for micro in ("\u00b5", "\u03bc", "\\u00B5", "\\u00b5"):
        text = text.replace(micro, "u")
    return text.partition(" since ")[0].strip().lower()
