"""Types that all floors use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

Floats = npt.NDArray[np.float64]

Progress = Callable[[int, int], None]
"""Called with how much is done, and how much there is to do."""

StageProgress = Callable[[str, int, int], None]
"""Called with the name of a stage, and how much is done and to do in it."""
