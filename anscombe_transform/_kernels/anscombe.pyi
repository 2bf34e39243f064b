from typing import Any

from numpy.typing import NDArray

def unrounded_code(
    x: float, zero_level: float, conversion_gain: float, slope: float, offset: float, scale: float
) -> float: ...
def encode(
    values: NDArray[Any],
    out: NDArray[Any],
    clamp: bool,
    lowest: float,
    highest: float,
    zero_level: float,
    conversion_gain: float,
    slope: float,
    offset: float,
    scale: float,
) -> bool: ...
def decode(
    codes: NDArray[Any],
    out: NDArray[Any],
    largest: float,
    zero_level: float,
    conversion_gain: float,
    slope: float,
    offset: float,
    scale: float,
) -> bool: ...
