from typing import Any

from numpy.typing import NDArray

def gather_noise(
    earlier: NDArray[Any],
    later: NDArray[Any],
    cells: NDArray[Any],
    limits: NDArray[Any],
    table: NDArray[Any],
    pairs: NDArray[Any],
    previous: NDArray[Any],
) -> tuple[int, float, float]: ...
