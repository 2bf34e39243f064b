from typing import Any

from numpy.typing import NDArray

def squared_errors(
    original: NDArray[Any], decoded: NDArray[Any], zero_level: float, conversion_gain: float
) -> tuple[float, float]: ...
