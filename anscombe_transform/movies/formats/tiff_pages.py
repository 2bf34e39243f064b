"""Where the images of a movie are in TIFF files, and whether all of them are there, found with tifffile."""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from anscombe_transform._dependencies import full_axes
from anscombe_transform._faults import FAULTS, software_fault
from anscombe_transform._formatting import one_line
from anscombe_transform._optional import require_extra
from anscombe_transform.movies.axis_choice import movie_axes
from anscombe_transform.movies.formats.tiff_metadata import read_metadata, scanimage_shape, scanimage_text

Integers = npt.NDArray[np.int64]

JPEG = (6, 7, 34892, 33007)
"""Compressions whose tables are in the directory of the page."""

_COLOR = {2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "CIELab"}
"""Photometric interpretations of color images."""

_LOSSES = ("issing", "expected", "out of range", "failed to read")
"""Parts of the warnings with which tifffile leaves frames out or fills them with zeros."""


@dataclass(frozen=True)
class Images:
    """Where the images of a TIFF file or set are, one after the other in time."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    files: dict[Path, np.dtype[Any]]
    """The files, and the dtype with the byte order of each."""
    numbers: Integers
    """Which of the files each image is in."""
    directories: Integers
    """Where the directory that describes the compression of an image is; 0 if its pixels are stored row by row."""
    counts: Integers
    """How many strips or tiles each image has."""
    offsets: Integers
    """Where the strips or tiles are, those of all images in one array."""
    sizes: Integers
    frame_rate: float | None = None
    pixel_size: tuple[float, float] | None = None
    in_time: bool = True
    """Whether the file itself has an axis for the time."""


def find_images(path: Path, number: int | None, choice: dict[str, int]) -> Images:
    """Return the images of one series, which may reach into other files of the same set."""
    with require_extra(f"{path} needs tifffile"):
        import tifffile
    with ExitStack() as stack:
        with clear_errors(path):
            tif = stack.enter_context(tifffile.TiffFile(path))
            if tif.is_scanimage and not tif.is_bigtiff:
                # Of these tifffile would guess the pages from the size of the file, and leave out the last ones.
                tif = stack.enter_context(tifffile.TiffFile(path, is_scanimage=False))
        with clear_errors(path):
            name = _metadata_name(tif.ome_metadata)
        if name is not None:
            metadata = path.with_name(name)
            if not metadata.exists():
                raise FileNotFoundError(f"{path} is a part of a set of OME-TIFF, of which {name} is missing")
            if metadata.suffix != ".ome":
                return find_images(metadata, number, choice)
            with clear_errors(path):
                tif = stack.enter_context(tifffile.TiffFile(path, omexml=metadata.read_text(encoding="utf-8")))
        with clear_errors(path):
            found = list(tif.series)  # which tifffile finds when they are asked for
        series = _choose_series(path, found, number)
        with clear_errors(path):
            axes, shape = _axes(tif, series, number or 0)
        color = _COLOR.get(series[0].keyframe.photometric)
        if color is not None or dict(zip(axes, shape, strict=True)).get("S", 1) > 1:
            kind = color or f"axes {axes}, of which S are colors"
            raise ValueError(f"{path} has images in color ({kind}), but a movie has one number at each pixel")
        index, time = movie_axes(path, axes, shape, choice)
        with clear_errors(path):
            frames, height_width = _frame_numbers(shape, index)
            images = _locate(tif, series, frames, height_width)
            long = "".join(axis for axis, length in zip(axes, shape, strict=True) if length > 1)
            letter = axes[time] if time >= 0 else ""
            rate, size = read_metadata(tif, number or 0, long, letter)
        return replace(images, frame_rate=rate, pixel_size=size, in_time=time >= 0)


def _choose_series(path: Path, found: Sequence[Any], number: int | None) -> list[Any]:
    """Return the series that is wanted, or all of them if each is one image of the same kind."""
    if not found:
        raise ValueError(f"{path} is not a whole TIFF file: it has no images")
    if number is not None:
        if number >= len(found):
            raise ValueError(f"{path} has {len(found)} series, the first of which is series=0: there is no {number}")
        return [found[number]]
    kinds = {(series.axes, series.shape, series.dtype) for series in found}
    if len(found) == 1 or (len(kinds) == 1 and found[0].axes == "YX"):
        return list(found)
    listed = ", ".join(f"{i} of {series.axes} {series.shape}" for i, series in enumerate(found[:8]))
    more = ", ..." if len(found) > 8 else ""
    raise ValueError(f"{path} has several series: choose one with key='series=NUMBER': {listed}{more}")


def _axes(tif: Any, series: list[Any], number: int) -> tuple[str, tuple[int, ...]]:
    """Return the axes of a movie and their lengths, axes of length 1 included."""
    if len(series) > 1:
        return "I" + series[0].axes, (len(series), *series[0].shape)
    axes, shape = full_axes(tif, number)
    if series[0].kind in ("scanimage", "uniform", "generic") and scanimage_text(tif):
        before, lengths = scanimage_shape(tif, len(series[0]))
        axes, shape = before + series[0].keyframe.axes, (*lengths, *series[0].keyframe.shape)
    return axes, shape


def _frame_numbers(shape: Sequence[int], index: list[int | slice]) -> tuple[Integers, tuple[int, int]]:
    """Return the numbers of the images of a movie among those of a series, and their shape."""
    *_, y, x = (i for i, chosen in enumerate(index) if isinstance(chosen, slice))
    outer = [1 if i in (y, x) else length for i, length in enumerate(shape)]
    numbers = np.arange(math.prod(outer)).reshape(outer)
    chosen = tuple(0 if i in (y, x) else chosen for i, chosen in enumerate(index))
    return np.atleast_1d(numbers[chosen]), (shape[y], shape[x])


def _locate(tif: Any, series: list[Any], frames: Integers, shape: tuple[int, int]) -> Images:
    """Return where the images with these numbers are, after checking that each is whole."""
    first, size = series[0].keyframe, math.prod(shape)
    if first.size != size:
        raise ValueError(
            f"its pages have the axes {first.axes} and the shape {first.shape}, which are more than images"
        )
    _check_chain(tif)
    kind = series[0].kind
    if tif.is_imagej and (kind == "generic" or (kind == "imagej" and len(tif.pages) > len(series[0]))):
        raise ValueError(f"it has {len(tif.pages)} pages, but ImageJ wrote that it has another number of images")
    if len(series) == 1 and not series[0].is_multifile and series[0].dataoffset is not None:
        return _contiguous(tif, series[0], frames, shape)
    pages = [item[0] for item in series] if len(series) > 1 else list(series[0])
    if len(pages) <= frames.max():
        raise ValueError(f"it has {len(pages)} pages, but its metadata tell of {frames.max() + 1}")
    files: dict[Path, np.dtype[Any]] = {}
    places: list[tuple[int, int, int]] = []
    offsets: list[int] = []
    sizes: list[int] = []
    number_of: dict[int, int] = {}
    for frame in frames.tolist():
        page = pages[frame]
        if page is None:
            raise ValueError(f"page {frame} of {len(pages)} is missing")
        if id(page.parent) not in number_of:
            path = _path(page.parent)
            _check_chain(page.parent)
            number_of[id(page.parent)] = len(files)
            files[path] = first.dtype.newbyteorder(page.parent.byteorder)
        starts, lengths = page.dataoffsets, page.databytecounts
        if len(starts) != len(lengths) or len(starts) != math.prod(page.keyframe.chunked) or not all(starts):
            raise ValueError(f"page {frame} is not there as a whole")
        directory = 0
        if page.is_final and (len(starts) == 1 or not np.any(np.diff(starts) - lengths[:-1])):
            starts, lengths = starts[:1], (size * first.dtype.itemsize,)
        else:
            own = page.keyframe.compression in JPEG or page.keyframe.parent is not page.parent
            directory = page.offset if own else page.keyframe.offset
            page.keyframe.decode(None, 0)  # raises if it is compressed by what is not installed
        places.append((number_of[id(page.parent)], directory, len(starts)))
        offsets += starts
        sizes += lengths
    numbers, directories, counts = np.array(places, np.int64).T
    images = Images(
        shape, first.dtype, files, numbers, directories, counts, np.array(offsets, np.int64), np.array(sizes, np.int64)
    )
    _check_ends(images)
    return images


def _contiguous(tif: Any, series: Any, frames: Integers, shape: tuple[int, int]) -> Images:
    size = math.prod(shape) * series.dtype.itemsize
    images = Images(
        shape,
        series.dtype,
        {_path(tif): series.dtype.newbyteorder(tif.byteorder)},
        numbers=np.zeros_like(frames),
        directories=np.zeros_like(frames),
        counts=np.ones_like(frames),
        offsets=series.dataoffset + frames * size,
        sizes=np.full_like(frames, size),
    )
    _check_ends(images)
    return images


def _path(tif: Any) -> Path:
    return Path(tif.filehandle.path).resolve()


def _check_ends(images: Images) -> None:
    """Raise a ValueError if an image has no bytes, or ends beyond the end of its file."""
    numbers = np.repeat(images.numbers, images.counts)
    ends = np.zeros(len(images.files), np.int64)
    np.maximum.at(ends, numbers, images.offsets + images.sizes)
    for path, end in zip(images.files, ends.tolist(), strict=True):
        size = path.stat().st_size
        if end > size:
            raise ValueError(f"{path.name} is truncated: it has {size} bytes of at least {end}")
    if not images.sizes.all():
        raise ValueError("it has an image without data")


def _check_chain(tif: Any) -> None:
    """Raise a ValueError if the last directory that was found points to another one, which must be damaged."""
    if tif.is_lsm or tif.is_ndpi:
        return
    closed = tif.filehandle.closed
    if closed:
        tif.filehandle.open()
    pages = len(tif.pages)
    tif.filehandle.seek(tif.pages.next_page_offset)
    rest = tif.filehandle.read(tif.tiff.offsetsize)
    if closed:
        tif.filehandle.close()
    if any(rest) or len(rest) < tif.tiff.offsetsize:
        raise ValueError(f"it is truncated or damaged after page {pages - 1}")


def _metadata_name(xml: str | None) -> str | None:
    """Return the name of the file that has the metadata of a set of OME-TIFF, if it is not this one."""
    elements = ElementTree.fromstring(xml) if xml else ()
    return next((one.attrib["MetadataFile"] for one in elements if one.tag.endswith("BinaryOnly")), None)


class _Listener(logging.Filter):
    """Keeps messages that tifffile logs in one thread from being printed, and notes those about losses."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[str] = []
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        message = record.getMessage()
        if record.levelno >= logging.ERROR or any(phrase in message for phrase in _LOSSES):
            self.losses.append(re.sub("<tifffile[^>]*> ", "", message))
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
