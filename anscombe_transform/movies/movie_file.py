"""One channel of a recording in a file, or one plane of it, as an object that is sliced like an array."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._faults import FAULTS, SoftwareFault, software_fault
from anscombe_transform._formatting import one_line
from anscombe_transform.codecs.configuration import CodecParameters
from anscombe_transform.movies.damage import damaged_frames, is_damage, longest_run
from anscombe_transform.movies.source import Source
from anscombe_transform.storage.overlap import Place


@dataclass(frozen=True, eq=False)
class MovieFile:
    """A movie in a file. It is sliced like an array, and read only then.

    An index is an integer, a slice, or a tuple of these, one for each axis, as in NumPy; only what it asks for is
    loaded, or the chunks and compressed images that contain some of it. Several threads may read at once. Pickling
    keeps the path and the other arguments with which it was opened, and opens it again.
    """

    shape: tuple[int, ...]
    """Frames, height and width; or frames, planes, height and width."""
    dtype: np.dtype[Any]
    """The dtype of the values, in native byte order."""
    chunks: tuple[int, ...]
    """The blocks in which it is best read."""
    name: str
    """Name of the file or folder, without those that it is in."""
    key: str | None
    """Which array or series of the file it is."""
    channel: str | None
    """The name of the channel, if the file has more than one or names it."""
    plane: int | None
    """Which plane of those in the file it is, if it was chosen."""
    frame_rate: float | None
    """How often each plane is recorded, in Hz, where the file has it."""
    pixel_size: tuple[float, float] | None
    """Along y and x, in micrometers, where the file has it."""
    z_step: float | None
    """From plane to plane, in micrometers, where the file has it."""
    locations: tuple[str, ...]
    """The absolute paths of all files that it reads, of the folder, or the URL."""
    frames: range
    """Which frames of those in the file it has."""
    _numbers: npt.NDArray[np.int64] = field(repr=False)
    """The number in the file of each of its frames, also where some were left out."""
    _source: Source = field(repr=False)
    """With the axes TCZYX."""
    _channel: int = field(repr=False)
    _reopen: tuple[Callable[..., Any], tuple[Any, ...]] = field(repr=False)
    _places: Callable[[], list[Place] | None] = field(repr=False)

    @property
    def places(self) -> list[Place] | None:
        """Where the data lie, of which `locations` are the paths or URLs; None if a store does not tell."""
        return self._places()

    @property
    def axes(self) -> str:
        """A letter for each axis: TYX, or TZYX with planes."""
        return "TYX" if self.ndim == 3 else "TZYX"

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def calibration(self) -> Mapping[str, Any]:
        """What the file says its values mean: ``scale``, ``offset`` and ``unit``, with value = scale * ADU + offset."""
        return self._source.calibration

    @property
    def codec(self) -> CodecParameters | None:
        """The codec of this package that the values went through when they were stored, if there was any."""
        codecs = self._source.codecs
        return codecs[self._channel] if len(codecs) == self._source.shape[1] else None

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was left out, or taken to be otherwise than the file says."""
        return self._source.notes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        wanted, then = _ranges(index, self.shape)
        if not all(wanted):
            nothing: npt.NDArray[Any] = np.empty([len(indices) for indices in wanted], self.dtype)[then]
            return nothing
        frames, *planes, rows, columns = wanted
        others = [range(self._channel, self._channel + 1), *(planes or [range(1)]), rows, columns]
        try:
            block = self._source.read([frames, *others])
        except (MemoryError, ModuleNotFoundError, SoftwareFault):
            raise
        except FAULTS as error:
            raise software_fault(self._problem(frames), error) from error
        except Exception as error:  # of the class that the reader of the format has for damaged files
            raise self._unreadable(error, lambda some: self._source.read([some, *others]), frames) from error
        block = block[:, 0, 0] if self.ndim == 3 else block[:, 0]
        result: npt.NDArray[Any] = block[then]
        return result

    def _problem(self, frames: range) -> str:
        first, last = (int(self._numbers[frame]) for frame in (frames[0], frames[-1]))
        return f"{self.name}: {f'frame {first}' if first == last else f'frames {first} to {last}'} cannot be read"

    def _unreadable(self, error: Exception, read: Callable[[range], object], frames: range) -> Exception:
        """Return the error to raise for one of reading some frames, which names the first that is damaged."""
        while isinstance(error, ExceptionGroup):  # of tasks that read at once, such as the chunks of a shard
            error = error.exceptions[0]
        advice = None
        if is_damage(error, self.locations):
            frame, error = next(damaged_frames(read, frames, self.locations), (None, error))
            if frame is not None:
                frames = range(frame, frame + 1)
                if len(rest := np.delete(self._numbers, frame)):
                    choice = longest_run(rest, self.frames.step)
                    advice = f"give {choice} or others that are whole, or compress with salvage=True"
        kind = OSError if isinstance(error, OSError) else ValueError
        problem = f"{self._problem(frames)}: {one_line(error)}"
        return kind(problem if advice is None else f"{problem.rstrip('.')}; {advice}")

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("a movie in a file becomes an array only by a copy")
        whole: npt.NDArray[Any] = np.asarray(self[:], dtype)
        return whole

    def __reduce__(self) -> tuple[Any, ...]:
        function, arguments = self._reopen
        return function, (self.shape, self.dtype, *arguments)


def _ranges(index: Any, shape: tuple[int, ...]) -> tuple[list[range], tuple[Any, ...]]:
    """Return the ranges to read for an index, all ascending, and the index that turns what was read into the result."""
    axes = "time, y, x" if len(shape) == 3 else "time, plane, y, x"
    entries = list(index) if isinstance(index, tuple) else [index]
    if (places := [i for i, entry in enumerate(entries) if entry is Ellipsis]) and len(places) == 1:
        entries[places[0] : places[0] + 1] = [slice(None)] * (len(shape) + 1 - len(entries))
    if len(entries) > len(shape):
        raise IndexError(f"a movie has the axes ({axes}), which are fewer than {len(entries)} indices")
    ranges: list[range] = []
    then: list[Any] = []
    for entry, length in zip([*entries, *[slice(None)] * (len(shape) - len(entries))], shape, strict=True):
        if isinstance(entry, slice):
            indices = range(length)[entry]
            ranges.append(indices if indices.step > 0 else indices[::-1])
            then.append(slice(None, None, None if indices.step > 0 else -1))
            continue
        try:
            number = operator.index(entry)
        except TypeError:
            raise IndexError(f"a movie is indexed by integers and slices, not by {type(entry).__name__}") from None
        if not -length <= number < length:
            raise IndexError(f"index {number} is out of bounds for an axis of length {length}")
        ranges.append(range(number % length, number % length + 1))
        then.append(0)
    return ranges, tuple(then)
