from typing import Any

from numpy.typing import NDArray

def predict_chunk(
    source: NDArray[Any],
    target: NDArray[Any],
    mean: NDArray[Any],
    predicted: NDArray[Any],
    weights: NDArray[Any],
    bias: int,
    first_weights: NDArray[Any],
    first_bias: int,
    shift: int,
    inverse: bool,
) -> None: ...
