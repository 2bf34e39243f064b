"""Finding the frames of a recording that are there, but cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._faults import FAULTS, SoftwareFault

_OF_ELSE = (MemoryError, ModuleNotFoundError, FileNotFoundError, PermissionError, SoftwareFault, *FAULTS)


def is_damage(error: Exception, locations: Sequence[str]) -> bool:
    """Return whether an error of reading files or URLs says that they are damaged: that of a network may pass."""
    of_network = isinstance(error, OSError) and any("://" in location for location in locations)
    return not of_network and not isinstance(error, _OF_ELSE)


def damaged_frames(
    read: Callable[[range], object], frames: range, locations: Sequence[str]
) -> Iterator[tuple[int, Exception]]:
    """Yield each frame that cannot be read, and the error; they are looked for by halving.

    Parameters
    ----------
    read : callable
        Reads frames, and raises an error if one of them is damaged.
    frames : range
        The frames to look at, ascending.
    locations : sequence of str
        The paths and URLs that they are read from.
    """
    try:
        read(frames)
    except Exception as error:  # of the class that the reader of the format has for damaged files
        if not is_damage(error, locations):
            raise
        if len(frames) == 1:
            yield frames[0], error
            return
    else:
        return
    middle = len(frames) // 2
    for half in (frames[:middle], frames[middle:]):
        yield from damaged_frames(read, half, locations)


def longest_run(numbers: npt.NDArray[Any], step: int) -> str:
    """Return the longest run of numbers at equal distances as a choice of frames, such as ``frames=slice(0, 74)``."""
    run = max(np.split(numbers, np.flatnonzero(np.diff(numbers) != step) + 1), key=len)
    return f"frames=slice({int(run[0])}, {int(run[-1]) + 1}{'' if step == 1 else f', {step}'})"
