"""The directories of a TIFF file, one for each page, as far as they can be followed.

A TIFF file is a chain of directories. Each lists the tags of a page, such as where its pixels are, and says where the
next one is, so that nothing after a directory that is damaged can be found. What a tag means is not looked at here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

_ITEMS = {1: "u1", 2: "u1", 3: "u2", 4: "u4", 5: "u4,u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 10: "i4,i4"} | {
    11: "f4",
    12: "f8",
    13: "u4",
    16: "u8",
    17: "i8",
    18: "u8",
}
"""The dtypes of the items of tags, by the numbers of their types."""

_SIZES = {number: np.dtype(name).itemsize for number, name in _ITEMS.items()}

_DTYPES = {
    order: {number: np.dtype(name).newbyteorder(order) for number, name in _ITEMS.items()} for order in ("<", ">")
}
"""The same with the byte order of a file."""

_BLOCK = 1024
"""Bytes that are read at a directory: all of it, unless it has more than 40 tags."""

_MOST_TAGS = 4096
"""More tags than any page has: what says so is no directory."""


class Tag(NamedTuple):
    """A tag of a page."""

    type: int
    items: int
    data: bytes
    """The value, or where in the file it is if it does not fit into a few bytes."""


@dataclass(frozen=True)
class Directory:
    """The tags of a page, by their numbers."""

    offset: int
    tags: Mapping[int, Tag]


class Directories:
    """The directories of a TIFF file that is open.

    Parameters
    ----------
    handle : file
        The file, open for reading bytes.

    Raises
    ------
    ValueError
        If it does not begin as a TIFF file does; the message follows the name of the file.
    """

    problem: str | None = None
    """Why the chain of directories ends before its end, after the name of the file, once it was followed."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.size = handle.seek(0, 2)
        start = self.read(0, 16)
        self.byteorder: Literal["<", ">"] = ">" if start[:2] == b"MM" else "<"
        known = start[:2] in (b"II", b"MM") and len(start) >= 8
        version = struct.unpack(self.byteorder + "H", start[2:4])[0] if known else 0
        if version not in (42, 43) or (version == 43 and len(start) < 16):
            raise ValueError(f"has {self.size} bytes, which do not begin as a TIFF file does")
        self._dtypes = _DTYPES[self.byteorder]
        self._big = version == 43
        count, offset, size = ("Q", "Q", 8) if self._big else ("H", "I", 4)
        self._count = struct.Struct(self.byteorder + count)
        self._offset = struct.Struct(self.byteorder + offset)
        self._tag = struct.Struct(f"{self.byteorder}HH{offset}{size}s")
        self._first = self._offset.unpack_from(start, 8 if self._big else 4)[0]

    def __iter__(self) -> Iterator[Directory]:
        """Yield the directories in the order of the chain, as far as they can be read."""
        offset, seen = self._first, set[int]()
        while offset:
            where = f"is truncated or damaged {f'after page {len(seen) - 1}' if seen else 'before its first page'}"
            if offset in seen:
                self.problem = f"{where}: the next page is an earlier one"
                return
            found = self._at(offset)
            if found is None:
                self.problem = f"{where}: no page can be read at byte {offset} of {self.size}"
                return
            seen.add(offset)
            directory, offset = found
            yield directory
        if not seen:
            self.problem = "has no pages"

    def at(self, offset: int) -> Directory:
        """Return the directory at an offset, where there was one before."""
        found = self._at(offset)
        if found is None:
            raise ValueError(f"the file is truncated or damaged: there is no page any more at byte {offset}")
        return found[0]

    def _at(self, offset: int) -> tuple[Directory, int] | None:
        """Return the directory at an offset and the offset of the next one, or None if it is not whole."""
        block = self.read(offset, _BLOCK)
        if len(block) < self._count.size:
            return None
        (count,) = self._count.unpack_from(block)
        end = self._count.size + count * self._tag.size
        if not 0 < count <= _MOST_TAGS:
            return None
        if end + self._offset.size > len(block):
            block = self.read(offset, end + self._offset.size)
            if end + self._offset.size > len(block):
                return None
        entries = list(self._tag.iter_unpack(block[self._count.size : end]))
        # Of tags with the same number, which Micro-Manager writes, the first one counts.
        tags = {code: Tag(type_, items, data) for code, type_, items, data in reversed(entries)}
        return Directory(offset, tags), self._offset.unpack_from(block, end)[0]

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from an offset, none beyond the end of the file."""
        if not 0 <= offset < self.size:
            return b""
        self._handle.seek(offset)
        data: bytes = self._handle.read(size)
        return data

    def place(self, tag: Tag) -> tuple[int, int]:
        """Return the offset of the value of a tag, which is -1 if the tag itself has it, and its size in bytes."""
        size = tag.items * _SIZES.get(tag.type, 1)
        return (-1 if size <= self._offset.size else self._offset.unpack(tag.data)[0]), size

    def value(self, tag: Tag) -> bytes:
        """Return the bytes of the value of a tag; none if the file ends before all of them."""
        offset, size = self.place(tag)
        if offset < 0:
            return tag.data[:size]
        return self.read(offset, size) if offset + size <= self.size else b""

    def numbers(self, tag: Tag | None) -> npt.NDArray[Any]:
        """Return the values of a tag as an array, which is empty if it is not whole."""
        if tag is None or tag.type not in self._dtypes:
            return np.empty(0, np.int64)
        dtype = self._dtypes[tag.type]
        data = self.value(tag)
        if len(data) < tag.items * dtype.itemsize:
            return np.empty(0, np.int64)
        return np.frombuffer(data, dtype, tag.items)

    def integers(self, tag: Tag | None) -> npt.NDArray[np.int64]:
        """Return the values of a tag, or an empty array if it is not whole or not of integers."""
        values = self.numbers(tag)
        return values.astype(np.int64) if values.dtype.kind in "iu" else np.empty(0, np.int64)

    def segments(self, directory: Directory) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the offsets and the sizes of the strips or tiles of a page."""
        tags = directory.tags
        offsets, sizes = (self.integers(tags.get(tile) or tags.get(strip)) for tile, strip in ((324, 273), (325, 279)))
        return offsets, sizes

    def text(self, directory: Directory, code: int) -> str:
        """Return the text of a tag; an empty one if there is none."""
        tag = directory.tags.get(code)
        return "" if tag is None else as_text(self.value(tag))


def as_text(data: bytes) -> str:
    """Return the text that a tag has up to its first zero byte, in UTF-8 or, if it is not that, in Latin-1."""
    data = data.partition(b"\0")[0]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
