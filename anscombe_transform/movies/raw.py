"""Movies whose pixels are stored in files without compression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from anscombe_transform._faults import SoftwareFault
from anscombe_transform._formatting import one_line
from anscombe_transform._typing import Array
from anscombe_transform.movies.source import SMALL_READ, part

_GAP = 1 << 12
"""Gaps of at most this many bytes are read rather than skipped: storage reads so many at a time anyway."""

_COLUMNS = 16
"""Columns that are transposed at a time, so that what is written together is close in memory."""


class File(Protocol):
    """A file that each thread opens for itself."""

    def open(self) -> AbstractContextManager[Any]:
        """Return what has the methods `seek` and `readinto`."""


@dataclass(frozen=True)
class DiskFile:
    """A file that is opened for each read: an open handle can neither be shared by threads nor be pickled."""

    path: Path

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Open the file, without a buffer."""
        with self.path.open("rb", buffering=0) as handle:
            try:
                yield handle
            except SoftwareFault:
                raise
            except (ValueError, RuntimeError) as error:
                raise ValueError(f"{self.path}: {one_line(error)}") from error


@dataclass(frozen=True)
class Piece:
    """Some of the bytes of a file."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True)
class PiecedFile:
    """A file that consists of pieces of others, one after the other."""

    pieces: tuple[Piece, ...]

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Open the pieces as they are read."""
        yield _Pieces(self.pieces)


class _Pieces:
    """Reads what is in pieces, of which the file of one is open at a time."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._position = 0

    def seek(self, offset: int) -> None:
        """Go to a position."""
        self._position = offset

    def readinto(self, buffer: Any) -> int:
        """Read what is left of the piece at the position, as far as it fits."""
        start = 0
        for piece in self._pieces:
            inside = self._position - start
            if inside < piece.size:
                with DiskFile(piece.path).open() as handle:
                    handle.seek(piece.offset + inside)
                    count = int(handle.readinto(memoryview(buffer)[: piece.size - inside]))
                self._position += count
                return count
            start += piece.size
        return 0


def read_bytes(handle: Any, array: Array, offset: int) -> None:
    """Fill an array, which is contiguous, with the bytes of a file from `offset`."""
    handle.seek(offset)
    missing = memoryview(array.reshape(-1).view(np.uint8).data)
    while missing:
        count = handle.readinto(missing)
        if not count:
            raise ValueError(f"the file is truncated: {len(missing)} bytes of what begins at {offset} are missing")
        missing = missing[count:]


class RawFrames:
    """Frames whose pixels are stored row by row, without compression.

    Parameters
    ----------
    files : sequence of File
        The files.
    dtypes : sequence of dtype
        The dtype in each of them, with its byte order.
    shape : tuple of int
        Height and width.
    offsets : sequence of int
        Where each frame begins in its file, in bytes.
    numbers : sequence of int, optional
        Which file each frame is in; by default, there is only one.
    """

    def __init__(
        self,
        files: Sequence[File],
        dtypes: Sequence[np.dtype[Any]],
        shape: tuple[int, ...],
        offsets: Sequence[int] | npt.NDArray[np.int64],
        numbers: Sequence[int] | npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.dtype = dtypes[0].newbyteorder("=")
        self._files = files
        self._swapped = [not dtype.isnative for dtype in dtypes]
        self._height, self._width = shape
        self._offsets = offsets
        self._numbers = numbers

    def read(self, frames: Sequence[int], rows: range, columns: range) -> Array:
        """Return the pixels of these frames, rows and columns."""
        block = np.empty((len(frames), len(rows), len(columns)), self.dtype)
        for number, run in groupby(enumerate(frames), key=lambda place: self._number(place[1])):
            with self._files[number].open() as handle:
                for position, frame in run:
                    self.fill(block[position], handle, number, frame, rows, columns)
        return block

    def fill(self, image: Array, handle: Any, number: int, frame: int, rows: range, columns: range) -> None:
        """Read the rows and columns of one frame from the file with this number, which is open."""
        start = int(self._offsets[frame]) + rows.start * self._width * self.dtype.itemsize
        if rows.step == 1 and len(columns) == self._width:
            read_bytes(handle, image, start)
        else:
            whole = np.empty((rows[-1] + 1 - rows.start, self._width), self.dtype)
            read_bytes(handle, whole, start)
            image[...] = whole[:: rows.step, part(columns)]
        if self._swapped[number]:
            image.byteswap(inplace=True)

    def _number(self, frame: int) -> int:
        return 0 if self._numbers is None else int(self._numbers[frame])


class RawPixels:
    """A movie in Fortran order: the values of a pixel over time are contiguous, then those of a column."""

    def __init__(self, file: File, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int) -> None:
        self._file = file
        self._dtype = dtype
        self._frames, self._height, _ = shape
        self._offset = offset

    def read(self, frames: range, rows: range, columns: range) -> Array:
        """Return the pixels of these frames, rows and columns."""
        native = self._dtype.newbyteorder("=")
        block = np.empty((len(frames), len(rows), len(columns)), native)
        length, size = frames[-1] + 1 - frames.start, self._dtype.itemsize
        # What lies between the wanted values of two pixels is read with them, unless that is much.
        alone = (self._frames - length) * size > _GAP or rows.step > 1
        most = 1 if alone else max(1, SMALL_READ // (self._frames * size))
        with self._file.open() as handle:
            for x in range(0, len(columns), _COLUMNS):
                for y in range(0, len(rows), most):
                    some, across = rows[y : y + most], columns[x : x + _COLUMNS]
                    values = np.empty((len(across), len(some), self._frames), native)
                    for i, column in enumerate(across):
                        start = (column * self._height + some.start) * self._frames + frames.start
                        wanted = values[i].reshape(-1)[: values[i].size - self._frames + length]
                        read_bytes(handle, wanted, self._offset + start * size)
                    block[:, y : y + len(some), x : x + len(across)] = values[..., : length : frames.step].T
        return block if self._dtype.isnative else block.byteswap(inplace=True)
