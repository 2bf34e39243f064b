from typing import Any

from numpy.typing import NDArray

def lookup(indices: NDArray[Any], table: NDArray[Any], out: NDArray[Any], first: int, span: int) -> bool: ...
