"""Movies in the files of NumPy, ``.npy`` and ``.npz``."""

from __future__ import annotations

import io
import lzma
import math
import os
import shutil
import struct
import tempfile
import threading
import tokenize
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import IO, Any

import numpy as np

from anscombe_transform._files import check_unpacking
from anscombe_transform._formatting import one_line, quantity
from anscombe_transform._typing import Array
from anscombe_transform.movies.formats.choosing import Candidate, check_images, check_shape, choose
from anscombe_transform.movies.formats.dimension_names import letters_of
from anscombe_transform.movies.raw import DiskFile, File, RawFrames, RawPixels
from anscombe_transform.movies.source import Missing, Ranges, Source, by_image, check_dtype, few_images

_Header = tuple[tuple[int, ...], bool, np.dtype[Any]]

_LONGEST_HEADER = 1 << 14
"""Bytes that are read of a header, which NumPy refuses if it has more than 10,000."""

_DAMAGES = (
    *(ValueError, TypeError, SyntaxError, EOFError, OverflowError, tokenize.TokenError, struct.error),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    RuntimeError,
)
"""Raised for damaged files; RuntimeError for members that zipfile cannot unpack, such as encrypted ones."""


def open_npy(path: Path, key: str | None) -> Source:
    """Open the array of a ``.npy`` file."""
    if key is not None:
        raise ValueError(f"{path} is a single array: leave out key={key!r}")
    try:
        with path.open("rb") as file:
            header, offset = _header(file)
            size = os.fstat(file.fileno()).st_size
    except _DAMAGES as error:
        raise ValueError(f"{path} is not a whole .npy file ({one_line(error)}): numpy.save writes them") from error
    check_dtype(path, header[2])
    source = _source(path, header, DiskFile(path), offset)
    return replace(source, missing=_missing(path, header, offset, size))


def open_npz(path: Path, key: str | None) -> Source:
    """Open an array of a ``.npz`` file, in place where it is not compressed.

    An array that is compressed is unpacked once in each process that reads it, to a temporary file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
    except _DAMAGES as error:
        raise _damaged(path, error) from error
    arrays = {name: member for name, member in members.items() if member.filename.endswith(".npy")}
    if members and not arrays:
        raise ValueError(f"{path} is a .zip file of other things than arrays: numpy.savez writes .npz files")
    headers: dict[str, tuple[_Header, int]] = {}
    damages: dict[str, Exception] = {}
    with zipfile.ZipFile(path) as archive:
        for name, member in arrays.items():
            try:
                with archive.open(member) as file:
                    headers[name] = _header(file)
            except _DAMAGES as error:
                damages[name] = error
    candidates = {name: Candidate(header[0], header[2]) for name, (header, _) in headers.items()}
    name = choose(path, key, candidates | {name: Candidate((), None) for name in damages})
    if name in damages:
        raise _damaged(path, damages[name]) from damages[name]
    member, (header, offset) = arrays[name], headers[name]
    try:
        start = _member_start(path, member)
    except _DAMAGES as error:
        raise _damaged(path, error) from error
    check_dtype(path, header[2])
    end = offset + _size(header)
    if end > member.file_size or (end > path.stat().st_size - start and member.compress_type == zipfile.ZIP_STORED):
        raise _damaged(path, f"{name} ends too early")
    if member.compress_type == zipfile.ZIP_STORED:
        return _source(path, header, DiskFile(path), start + offset, name)
    check_unpacking(f"{path}: {name}", member.compress_size, member.file_size)
    return _source(path, header, _unpacked(path, member), offset, name)


def _missing(path: Path, header: _Header, offset: int, size: int) -> Missing | None:
    """Return which images of an array that begins at an offset are not whole, in a file of this size."""
    (*outer, height, width), fortran_order, dtype = header
    end = offset + _size(header)
    if size >= end:
        return None
    count = math.prod(outer)
    whole = 0 if fortran_order else max(0, size - offset) // (height * width * dtype.itemsize)
    return Missing(np.arange(count).reshape(outer) >= whole, f"{path.name} is truncated: it has {size} of {end} bytes")


def _header(file: IO[bytes]) -> tuple[_Header, int]:
    """Return what the header of an array says, and its size in bytes."""
    start = io.BytesIO(file.read(_LONGEST_HEADER))
    version = np.lib.format.read_magic(start)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(start), start.tell()
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(start), start.tell()
    raise ValueError(f"it is of version {version[0]}.{version[1]}, which holds no movies")


def _size(header: _Header) -> int:
    shape, _, dtype = header
    return 0 if dtype.hasobject else math.prod(shape) * int(dtype.itemsize)


def _source(path: Path, header: _Header, file: File, offset: int, key: str | None = None) -> Source:
    shape, fortran_order, dtype = header
    what = path if key is None else f"{path}: {key}"
    letters = letters_of([None] * len(shape))
    check_shape(what, shape)
    check_images(what, shape, letters)
    *outer, height, width = shape
    if fortran_order:
        read = _in_fortran_order(file, dtype, shape, offset)
        chunks = (shape[0], *(1 for _ in shape[1:]))
    else:
        size = height * width * dtype.itemsize
        offsets = range(offset, offset + math.prod(outer) * size, size)
        read = by_image(tuple(outer), RawFrames([file], [dtype], (height, width), offsets).read)
        chunks = few_images(shape, dtype)
    return Source(letters, shape, dtype.newbyteorder("="), chunks, (str(path.absolute()),), read, key)


def _in_fortran_order(
    file: File, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int
) -> Callable[[Ranges], Array]:
    """Return what reads an array whose first axis varies fastest: all axes between it and the last make up one."""
    first, *between, width = shape
    pixels = RawPixels(file, dtype, (first, math.prod(between), width), offset)

    def read(ranges: Ranges) -> Array:
        frames, *others, rows, columns = ranges
        block = np.empty([len(indices) for indices in ranges], dtype.newbyteorder("="))
        inner = math.prod(between[:-1])
        for place in product(*(range(len(indices)) for indices in others)):
            index = [indices[i] for indices, i in zip(others, place, strict=True)]
            start = int(np.ravel_multi_index(index, between[:-1], order="F")) if index else 0
            along = range(start + rows.start * inner, start + rows.stop * inner, rows.step * inner)
            here: Any = (slice(None), *place)
            block[here] = pixels.read(frames, along[: len(rows)], columns)
        return block

    return read


def _member_start(path: Path, member: zipfile.ZipInfo) -> int:
    """Return where the bytes of a member begin: after its local header, whose length zipfile does not give."""
    with path.open("rb") as file:
        file.seek(member.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return member.header_offset + 30 + int(name) + int(extra)


def _damaged(path: Path, reason: object) -> ValueError:
    return ValueError(f"{path} is not a whole .npz file ({one_line(reason)}): numpy.savez writes them")


class _Unpacked:
    """A compressed member of a zip file, unpacked to a temporary file by the first read."""

    def __init__(self, path: Path, member: zipfile.ZipInfo) -> None:
        self._path = path
        self._member = member
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Lend the temporary file to one thread at a time, for as long as copying its bytes takes."""
        with self._lock:
            if self._file is None:
                self._file = self._unpack()
                weakref.finalize(self, self._file.close)
            yield self._file

    def _unpack(self) -> IO[bytes]:
        unpacked: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - is kept
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(self._member) as packed:
                shutil.copyfileobj(packed, unpacked, 1 << 20)
        except BaseException as error:
            unpacked.close()
            if isinstance(error, _DAMAGES):
                raise _damaged(self._path, error) from error
            raise
        return unpacked


def _check_space(path: Path, size: int) -> None:
    """Raise OSError if the folder of temporary files has too little space."""
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(
            f"{path} unpacks to {quantity(size, 'B')}, but {folder}, where that is written, has no more than "
            f"{quantity(free, 'B')} left: the environment variable TMPDIR names another folder"
        )


_in_use: weakref.WeakValueDictionary[tuple[Any, ...], _Unpacked] = weakref.WeakValueDictionary()
_in_use_lock = threading.Lock()


def _unpacked(path: Path, member: zipfile.ZipInfo) -> _Unpacked:
    """Return the unpacked member, which movies that read the same one share."""
    status = path.stat()
    identity = (path.absolute(), member.filename, member.header_offset, status.st_size, status.st_mtime_ns)
    with _in_use_lock:
        unpacked = _in_use.get(identity)
        if unpacked is None:
            _check_space(path, member.file_size)
            unpacked = _in_use[identity] = _Unpacked(path.absolute(), member)
        return unpacked
