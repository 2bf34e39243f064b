"""The pages of TIFF files: where the pixels of each are, whether all of them are there, and how they are read."""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._faults import FAULTS, software_fault
from anscombe_transform._files import check_unpacking
from anscombe_transform._formatting import one_line
from anscombe_transform._typing import Array
from anscombe_transform.movies.formats.tiff.directories import Directories, Directory, Tag, as_text
from anscombe_transform.movies.raw import DiskFile, RawFrames
from anscombe_transform.movies.source import part

Integers = npt.NDArray[np.int64]
Table = npt.NDArray[np.void]

PAGE = np.dtype(
    [("kind", "i4"), ("directory", "i8"), ("offset", "i8"), ("whole", "?"), ("text", "i8"), ("length", "i4")]
)
"""What is known of a page: the number of its kind; where its directory is; where its pixels begin if they are stored
row by row, or else -1; whether all of them are there; where its description is, and how long."""

DESCRIPTION, SOFTWARE, ARTIST = 270, 305, 315
"""The tags of texts."""

INFO_OF_LSM, PLANES_OF_METAMORPH = 34412, 33629
"""The tags of microscopes that tell how many images there are."""

_FORMAT = (256, 257, 258, 259, 262, 266, 277, 278, 284, 317, 322, 323, 338, 339, 347, 530, 32995, 32996, 32997, 32998)
"""The tags on which it depends how the pixels of a page are stored."""

_SEVERAL = (258, 338, 339, 347, 530)
"""Those of them that may have several numbers."""

_TABLES = 347
"""The one of them that has the tables of JPEG."""

_COUNTS, _BYTES = (1, 3, 4, 16), (1, 7)
"""The types of tags that have integers from 0 on, and those that have bytes."""

_REDUCED = 254
"""The tag that says whether a page is another one in a lower resolution, such as a thumbnail."""

_LOOKED_AT = 1 << 16
"""Bytes of the texts of the first page that are looked at to find which software wrote a file."""

_JPEG = (6, 7, 34892, 33007)
"""Compressions whose tables are in the directory of the page."""

_PALETTE = 3
"""The photometric interpretation of images whose numbers choose colors from a table."""

_COLOR = {2: "RGB", 5: "CMYK", 6: "YCbCr", 8: "CIELab"}
"""Photometric interpretations of color images."""


@dataclass(frozen=True, eq=False)
class Kind:
    """How the pixels of some pages are stored."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    """With the byte order of the files."""
    plain: bool
    """Whether the pixels are in no need of unpacking."""
    segments: int
    """How many strips or tiles there are."""
    reduced: bool
    palette: bool
    """Whether the numbers choose colors from a table."""
    problem: str | None
    """Why the pages are no images of a movie, such as that they are in color, to be said after the name of the file."""
    page: Any
    """A page of this kind, which decodes strips and tiles; None if it cannot be understood."""

    @property
    def size(self) -> int:
        """How many bytes the pixels of a page are."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, eq=False)
class FilePages:
    """The pages of a file, in the order in which they are chained."""

    path: Path
    size: int
    """How many bytes the file has."""
    table: Table
    """A row of `PAGE` for each page."""
    maker: str
    """The software that wrote it, as far as its pages tell: "OME", "ImageJ", "tifffile", "ScanImage", "Micro-Manager",
    "LSM", "MetaMorph", "FluoView", or an empty text."""
    problem: str | None
    """Why no page can be found after the last one, if there should be others, to be said after the name of the file."""


class PageReader:
    """Finds the pages of TIFF files, once for each file."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self._numbers: dict[Any, int] = {}
        self._files: dict[Path, FilePages] = {}

    def pages(self, path: Path) -> FilePages:
        """Return the pages of a file; none if it is damaged from its beginning on."""
        if path not in self._files:
            self._files[path] = self._find(path)
        return self._files[path]

    def text(self, file: FilePages, code: int, page: int = 0) -> str:
        """Return the text of a tag of a page."""
        if not len(file.table):
            return ""
        with file.path.open("rb", buffering=0) as handle:
            directories = Directories(handle)
            return directories.text(directories.at(int(file.table["directory"][page])), code)

    def descriptions(self, file: FilePages) -> Iterator[str]:
        """Yield the description of each page."""
        with file.path.open("rb") as handle:
            directories = Directories(handle)
            for directory, offset, length in file.table[["directory", "text", "length"]].tolist():
                if offset < 0:
                    yield directories.text(directories.at(directory), DESCRIPTION) if length else ""
                else:
                    yield as_text(directories.read(offset, length))

    def _find(self, path: Path) -> FilePages:
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            return FilePages(path, 0, np.empty(0, PAGE), "", "is a link to a file that is not there")
        with file as handle:
            try:
                directories = Directories(handle)
            except ValueError as error:
                return FilePages(path, handle.seek(0, 2), np.empty(0, PAGE), "", str(error))
            rows: list[tuple[Any, ...]] = []
            maker = ""
            for directory in directories:
                if not rows:
                    maker = _maker(directories, directory)
                rows.append(self._row(path, directories, directory))
            return FilePages(path, directories.size, np.array(rows, PAGE), maker, directories.problem)

    def _row(self, path: Path, directories: Directories, directory: Directory) -> tuple[Any, ...]:
        """Return what is known of a page, as `PAGE` has it."""
        tags = directory.tags
        number = self._kind(path, directories, directory)
        kind = self.kinds[number]
        offsets, sizes = directories.segments(directory)
        whole = len(offsets) == kind.segments > 0 and bool(((offsets > 0) & (offsets < directories.size)).all())
        together = len(offsets) == 1 or (
            len(offsets) == len(sizes) > 1 and not np.any(offsets[:-1] + sizes[:-1] - offsets[1:])
        )
        if kind.page is not None and len(offsets) == len(sizes):
            check_unpacking(f"{path}: the page at byte {directory.offset}", int(sizes.sum()), kind.size)
        start = int(offsets[0]) if kind.plain and together else -1
        if start >= 0:
            whole = whole and start + kind.size <= directories.size
        else:
            whole = whole and len(offsets) == len(sizes) and bool((sizes > 0).all())
            whole = whole and bool((offsets + sizes <= directories.size).all())
        description = tags.get(DESCRIPTION)
        text, length = (-1, 0) if description is None else directories.place(description)
        if text + length > directories.size or length >= 1 << 31:
            text, length = -1, 0
        return number, directory.offset, start, whole, text, length

    def _kind(self, path: Path, directories: Directories, directory: Directory) -> int:
        """Return the number of the kind of a page."""
        tags = directory.tags
        reduced = _REDUCED in tags and any(tags[_REDUCED].data)
        signature = (
            directories.byteorder,
            324 in tags,
            reduced,
            *((code, tag.type, tag.items, directories.value(tag)) for code in _FORMAT if (tag := tags.get(code))),
        )
        if signature not in self._numbers:
            self._numbers[signature] = len(self.kinds)
            damaged = [code for code in _FORMAT if code in tags and not _makes_sense(code, tags[code])]
            problem = f"is not a whole TIFF file: the tag {damaged[0]} of a page makes no sense" if damaged else None
            self.kinds.append(_damaged(problem) if problem else _understood(path, directory.offset, reduced=reduced))
        return self._numbers[signature]


def _maker(directories: Directories, directory: Directory) -> str:
    """Return the software that wrote a file, from its first page."""
    tags = directory.tags
    description, software = (
        as_text(directories.value(tag._replace(items=min(tag.items, _LOOKED_AT)))) if (tag := tags.get(code)) else ""
        for code in (DESCRIPTION, SOFTWARE)
    )
    if re.search(r"<(\w+:)?OME\b", description):
        return "OME"
    if description.startswith("ImageJ="):
        return "ImageJ"
    if description.startswith('{"shape"'):
        return "tifffile"
    if re.search(r"^(SI\.|state\.|scanimage\.SI)", f"{software}\n{description}".replace("\r", "\n"), re.MULTILINE):
        return "ScanImage"
    if 51123 in tags:
        return "Micro-Manager"
    if INFO_OF_LSM in tags:
        return "LSM"
    if PLANES_OF_METAMORPH in tags and tags[PLANES_OF_METAMORPH].items > 1:
        return "MetaMorph"
    return "FluoView" if 34361 in tags else ""


def _understood(path: Path, offset: int, *, reduced: bool) -> Kind:
    """Return of which kind the page is whose directory is at an offset."""
    import tifffile

    try:
        with clear_errors(path), tifffile.TiffFile(path, is_scanimage=False) as tif:
            tif.filehandle.seek(offset)
            page = tifffile.TiffPage(tif, 0)
            dtype = np.dtype(page.dtype) if page.dtype is not None else None
            if dtype is not None and page.compression != 1:
                page.decode(None, 0)  # raises if it is compressed by what is not installed
            return _kind_of(page, dtype, tif.byteorder, reduced=reduced)
    except ValueError as error:
        return _damaged(str(error).removeprefix(f"{path} "))


def _damaged(problem: str) -> Kind:
    """Return the kind of pages that cannot be understood."""
    return Kind((0, 0), np.dtype("u1"), False, 0, False, False, problem, None)


def _makes_sense(code: int, tag: Tag) -> bool:
    """Return whether a tag has integers from 0 on, one of which is all that most have."""
    return tag.type in _COUNTS + _BYTES * (code == _TABLES) and (tag.items == 1 or code in _SEVERAL)


def _kind_of(page: Any, dtype: np.dtype[Any] | None, byteorder: Any, *, reduced: bool) -> Kind:
    if dtype is None:
        raise ValueError(f"its pixels have {page.bitspersample} bits of a type that is not known")
    lengths = dict(zip(page.axes, page.shape, strict=True))
    problem = None
    if page.photometric in _COLOR or lengths.get("S", 1) > 1:
        kind = _COLOR.get(page.photometric) or f"axes {page.axes}, of which S are colors"
        problem = f"has images in color ({kind}), but a movie has one number at each pixel"
    elif math.prod(lengths.values()) != lengths.get("Y", 1) * lengths.get("X", 1):
        problem = f"has pages of the axes {page.axes} and the shape {page.shape}, which are more than images"
    plain = page.compression == page.fillorder == page.predictor == 1 and not page.is_tiled
    plain = plain and page.bitspersample == dtype.itemsize * 8 and dtype.kind in "iuf" and page.sampleformat != 5
    return Kind(
        (lengths.get("Y", 1), lengths.get("X", 1)),
        dtype.newbyteorder(byteorder),
        plain,
        math.prod(page.chunked),
        reduced,
        page.photometric == _PALETTE,
        problem,
        page,
    )


def contiguous(file: FilePages, reader: PageReader, first: int, have: int, count: int) -> FilePages:
    """Return a file with `count` pages, whose pixels follow each other, in place of `have` pages from `first` on."""
    size = min(reader.kinds[file.table["kind"][first]].size, file.size)
    table = np.repeat(file.table[first : first + 1], count)
    table["offset"] += np.arange(count) * size
    table["whole"] = table["offset"] + size <= file.size
    return replace(file, table=np.concatenate([file.table[:first], table, file.table[first + have :]]), problem=None)


class TiffFrames(RawFrames):
    """Pages as frames, some of which are in strips or tiles, compressed or not.

    Parameters
    ----------
    files : sequence of FilePages
        The files.
    kinds : sequence of Kind
        The kinds of their pages.
    table : array
        A row of `PAGE` for each page.
    numbers : array
        Which file each page is in.
    first : Kind
        The kind of one of the pages that are read, all of which have its shape and, but for the byte order, its dtype.
    """

    def __init__(
        self, files: Sequence[FilePages], kinds: Sequence[Kind], table: Table, numbers: Integers, first: Kind
    ) -> None:
        self._kinds = kinds
        self._kind_numbers = table["kind"].copy()
        self._directories = table["directory"].copy()
        dtypes = {number: kinds[kind].dtype for number, kind in zip(numbers, table["kind"], strict=True)}
        super().__init__(
            [DiskFile(file.path) for file in files],
            [dtypes.get(number, first.dtype) for number in range(len(files))],
            first.shape,
            table["offset"].copy(),
            numbers,
        )
        self.dtype = first.dtype.newbyteorder("=")

    def fill(self, image: Array, handle: Any, number: int, frame: int, rows: range, columns: range) -> None:
        """Read the rows and columns of one frame, from the strips and tiles that overlap them."""
        if self._offsets[frame] >= 0:
            super().fill(image, handle, number, frame, rows, columns)
            return
        page = self._kinds[self._kind_numbers[frame]].page
        tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader} if page.compression in _JPEG else {}
        shape = (self._height, self._width)
        whole = image if image.shape == shape else np.empty(shape, self.dtype)
        directories = Directories(handle)
        offsets, sizes = directories.segments(directories.at(int(self._directories[frame])))
        for i, (offset, size) in enumerate(zip(offsets.tolist(), sizes.tolist(), strict=True)):
            _, (_, _, top, left, _), (_, height, width, _) = page.decode(None, i)
            if top > rows[-1] or top + height <= rows.start or left > columns[-1] or left + width <= columns.start:
                continue
            data = directories.read(offset, size)
            if len(data) < size:
                raise ValueError(f"the file is truncated: {size - len(data)} bytes of frame {frame} are missing")
            target = whole[top : top + height, left : left + width]
            target[...] = page.decode(data, i, **tables)[0][0, : target.shape[0], : target.shape[1], 0]
        if whole is not image:
            image[...] = whole[part(rows), part(columns)]


class _Listener(logging.Filter):
    """Keeps messages that tifffile logs in one thread from being printed, and notes those about errors."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[str] = []
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        if record.levelno >= logging.ERROR:
            self.losses.append(re.sub("<tifffile[^>]*> ", "", record.getMessage()))
        return False


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn what tifffile raises or logs about a damaged file into an error that names the file."""
    listener = _Listener()
    logger = logging.getLogger("tifffile")
    logger.addFilter(listener)
    try:
        yield
    except ModuleNotFoundError:
        raise
    except Exception as error:  # of any class, as the file may have any bytes
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if "imagecodecs" in str(error):
            raise ModuleNotFoundError(f"{path} needs imagecodecs: pip install 'anscombe-transform[cli]'") from error
        if isinstance(error, FAULTS):
            raise software_fault(f"{path} cannot be read", error) from error
        raise ValueError(f"{path} is not a whole TIFF file ({one_line(error)})") from error
    finally:
        logger.removeFilter(listener)
    if listener.losses:
        raise ValueError(f"{path} is not a whole TIFF file ({one_line(listener.losses[0])})")
