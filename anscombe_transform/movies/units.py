"""Frame rates and pixel sizes, converted from the units of the files."""

from __future__ import annotations

import math
from typing import Any

_MICROMETERS = {
    **dict.fromkeys(("m", "meter", "meters", "metre"), 1e6),
    **dict.fromkeys(("cm", "centimeter", "centimeters"), 1e4),
    **dict.fromkeys(("mm", "millimeter", "millimeters"), 1e3),
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometers", "micrometre"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometers"), 1e-3),
    **dict.fromkeys(("pm", "picometer", "picometers"), 1e-6),
    **dict.fromkeys(("angstrom", "\u00e5", "\u212b"), 1e-4),
    **dict.fromkeys(("inch", "in"), 25400.0),
}
_SECONDS = {
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1e-9),
}


def positive(value: Any) -> float | None:
    """Return a value as a float if it is a finite number above 0, or None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None


def pixel_size(y: Any, x: Any, y_unit: object, x_unit: object) -> tuple[float, float] | None:
    """Return the size of a pixel in micrometers, or None if a length or its unit makes no sense."""
    lengths = [
        positive(value) and positive(float(value) * _MICROMETERS.get(_plain(unit), 0.0))
        for value, unit in ((y, y_unit), (x, x_unit))
    ]
    return None if None in lengths else (lengths[0], lengths[1])  # type: ignore[return-value]


def frame_rate(interval: Any, unit: object) -> float | None:
    """Return the frame rate in Hz, or None if the time between two frames or its unit makes no sense."""
    number = positive(interval)
    return None if number is None else positive(1 / number / _SECONDS.get(_plain(unit), math.inf))


def _plain(unit: object) -> str:
    r"""Return a unit with u for the micro sign, which Unicode has twice and which ImageJ writes as ``\u00B5``."""
    text = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
    for micro in ("\u00b5", "\u03bc", "\\u00B5", "\\u00b5"):
        text = text.replace(micro, "u")
    return text.strip().lower()
