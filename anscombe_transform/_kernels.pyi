from typing import Any

from numpy.typing import NDArray

INSTRUCTION_SETS: tuple[str, ...]

def use_instructions(name: str) -> None: ...
def unrounded_code(
    x: float, zero_level: float, conversion_gain: float, slope: float, offset: float, scale: float
) -> float: ...
def lookup(indices: NDArray[Any], table: NDArray[Any], out: NDArray[Any], first: int, span: int) -> bool: ...
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
def squared_errors(
    original: NDArray[Any], decoded: NDArray[Any], zero_level: float, conversion_gain: float
) -> tuple[float, float]: ...
def gather_noise(
    earlier: NDArray[Any],
    later: NDArray[Any],
    cells: NDArray[Any],
    limits: NDArray[Any],
    table: NDArray[Any],
    neighbors: NDArray[Any],
) -> tuple[int, float]: ...
