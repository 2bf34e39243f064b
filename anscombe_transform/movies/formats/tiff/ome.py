"""Sets of OME-TIFF: which page of which file each image is, as the OME-XML in one of the files tells.

See https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from anscombe_transform._formatting import one_line
from anscombe_transform.movies.formats.tiff.pages import DESCRIPTION, Integers, PageReader
from anscombe_transform.movies.formats.tiff.series import chosen_series
from anscombe_transform.movies.formats.tiff.stacks import SORT_BY_HAND, Stack, name_within, not_there
from anscombe_transform.movies.units import frame_rate, micrometers, pixel_size

_MOST_IMAGES = 10_000_000
"""More images than a set has: sizes that tell of more are damaged."""


@dataclass(frozen=True)
class AbsentMetadata:
    """What is known of a file whose metadata are in another one, which is not there."""

    path: Path
    """The file that has the metadata of the set."""


@dataclass(frozen=True)
class _Block:
    """Some images of a file that follow each other."""

    path: Path
    page: int
    """The first page."""
    image: int
    """Which image of the set it is, numbered in the order of the dimensions."""
    count: int | None
    """How many images there are; None means all that the file has."""


def open_ome(
    path: Path, reader: PageReader, among: Collection[Path], number: int | None
) -> tuple[Stack, set[Path]] | AbsentMetadata:
    """Return the images of a set of OME-TIFF by any of its files, and all files that belong to it.

    Parameters
    ----------
    path : Path
        A file that has OME-XML, or names the file that has it.
    reader : PageReader
        What reads the pages.
    among : collection of Path
        The files that were asked for: images that are in none of them are not meant.
    number : int, optional
        Which image of the OME-XML is meant.
    """
    root = _parsed(path, reader.text(reader.pages(path), DESCRIPTION))
    binary_only = root.find("{*}BinaryOnly")
    if binary_only is not None:
        elsewhere = path.with_name(name_within(binary_only.get("MetadataFile", "")))
        if not elsewhere.is_file():
            return AbsentMetadata(elsewhere)
        if elsewhere == path:
            raise ValueError(f"{path} is not a whole TIFF file: its OME-XML says that the metadata are in itself")
        is_tiff = elsewhere.suffix.lower() != ".ome"
        text = reader.text(reader.pages(elsewhere), DESCRIPTION) if is_tiff else elsewhere.read_text(encoding="utf-8")
        root = _parsed(elsewhere, text)
        path = elsewhere if is_tiff else path
        images = _images(elsewhere, root)
    else:
        images = _images(path, root)
    uuids = root.iterfind("{*}Image/{*}Pixels/{*}TiffData/{*}UUID")
    names = {name_within(uuid.get("FileName", "")) for uuid in uuids}
    all_blocks = [_blocks(path, root.get("UUID"), names, pixels) for _, pixels in images]
    files = {block.path for blocks in all_blocks for block in blocks}
    asked = {*among}
    meant = [i for i, blocks in enumerate(all_blocks) if any(block.path in asked for block in blocks)]
    if number is None and len(meant) == 1:
        number = meant[0]
    chosen = chosen_series(path, [name for name, _ in images], number)
    stack = _stack(path, reader, images[chosen][1], all_blocks[chosen])
    return _without_others(stack, reader, all_blocks, alone=len(files) == 1), files


def _parsed(path: Path, xml: str) -> ElementTree.Element:
    """Return the root of OME-XML, which old versions of ThorImage wrote as a comment."""
    if xml.lstrip().startswith("<!--"):
        xml = xml.replace("<!--", "").replace("-->", "")
    try:
        return ElementTree.fromstring(xml.strip())
    except ElementTree.ParseError as error:
        raise ValueError(f"{path} is not a whole TIFF file: its OME-XML cannot be read ({one_line(error)})") from error


def _images(path: Path, root: ElementTree.Element) -> list[tuple[str, ElementTree.Element]]:
    """Return a description and the pixels of each image."""
    images = []
    for image in root.findall("{*}Image"):
        pixels = image.find("{*}Pixels")
        if pixels is not None:
            axes, sizes = _sizes(path, pixels)
            shape = (*sizes, *(pixels.get(f"Size{axis}", "?") for axis in "YX"))
            images.append((f"{image.get('Name') or image.get('ID')}, {axes}YX {' x '.join(map(str, shape))}", pixels))
    if not images:
        raise ValueError(f"{path} is not a whole TIFF file: its OME-XML has no image")
    return images


def _sizes(path: Path, pixels: ElementTree.Element) -> tuple[str, tuple[int, ...]]:
    """Return the axes of an image but Y and X, the slowest first, and their lengths."""
    order = pixels.get("DimensionOrder", "")
    if sorted(order) != sorted("XYZCT"):
        raise ValueError(f"{path} is not a whole TIFF file: its OME-XML has the order {order!r} of dimensions")
    axes = "".join(axis for axis in reversed(order) if axis not in "YX")
    sizes = tuple(_integer(pixels, f"Size{axis}", 0) for axis in axes)
    if min(sizes) < 1 or math.prod(sizes) > _MOST_IMAGES:
        raise ValueError(f"{path} is not a whole TIFF file: its OME-XML has the sizes {sizes} along {axes}")
    return axes, sizes


def _integer(element: ElementTree.Element, name: str, default: int) -> int:
    text = element.get(name, "")
    return int(text) if re.fullmatch(r"\d{1,9}", text) else default


def _blocks(path: Path, own: str | None, names: set[str], pixels: ElementTree.Element) -> list[_Block]:
    """Return where the images are; a file that is the only one of these names, or has the UUID of `path`, is `path`."""
    axes, sizes = _sizes(path, pixels)
    strides = {axis: math.prod(sizes[i + 1 :]) for i, axis in enumerate(axes)}
    renamed = len(names) == 1 and not path.with_name(next(iter(names))).exists()
    blocks = []
    for data in pixels.iterfind("{*}TiffData"):
        uuid = data.find("{*}UUID")
        place = path
        if uuid is not None and uuid.get("FileName") and not renamed and (uuid.text or "").strip() != own:
            place = path.with_name(name_within(uuid.get("FileName", "")))
        places = {axis: _integer(data, f"First{axis}", 0) for axis in "CZT"}
        if any(places[axis] >= size for axis, size in zip(axes, sizes, strict=True)):
            if len(names) > 1:
                where = ", ".join(f"{axis}={place}" for axis, place in places.items())
                raise ValueError(f"{path} has OME-XML that tells of an image at {where}, but of {sizes} along {axes}")
            continue  # its page is one more than the images of which the sizes tell
        first = sum(places[axis] * strides[axis] for axis in places)
        count = _integer(data, "PlaneCount", 1) if "IFD" in data.attrib or "PlaneCount" in data.attrib else None
        blocks.append(_Block(place, _integer(data, "IFD", 0), first, count))
    return blocks or [_Block(path, 0, 0, None)]


def _stack(path: Path, reader: PageReader, pixels: ElementTree.Element, blocks: list[_Block]) -> Stack:
    axes, sizes = _sizes(path, pixels)
    starts: dict[Path, int] = {}
    lengths: dict[Path, int] = {}
    files = []
    absent: list[str] = []
    reasons: dict[str, None] = {}
    index = np.full(math.prod(sizes), -1)
    total = 0
    for block in blocks:
        if block.path not in lengths:
            if block.path.is_file():
                files.append(reader.pages(block.path))
                starts[block.path], lengths[block.path] = total, len(files[-1].table)
                total += lengths[block.path]
            else:
                lengths[block.path] = 0
                absent.append(block.path.name)
        have = lengths[block.path] - block.page
        told = block.count or (have if len(blocks) > 1 else len(index))
        count = min(len(index) - block.image, told)
        if have < count and block.path in starts:
            reasons[f"{block.path.name} has {lengths[block.path]} pages, fewer than its OME-XML tells"] = None
        count = min(count, have)
        if count > 0:
            first = starts[block.path] + block.page
            index[block.image : block.image + count] = np.arange(first, first + count)
    if (index < 0).any() and not reasons and not absent:
        reasons[f"the OME-XML of {path.name} tells of images without a file"] = None
    if not files:
        files.append(reader.pages(path))
    channels = tuple(channel.get("Name") or "" for channel in pixels.findall("{*}Channel"))
    increment = frame_rate(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    return Stack(
        path,
        tuple(files),
        axes,
        index.reshape(sizes),
        (*not_there(absent), *reasons),
        channels=channels if len(channels) == sizes[axes.index("C")] and all(channels) else (),
        frame_rate=increment or _rate_of_planes(pixels, dict(zip(axes, sizes, strict=True))),
        pixel_size=pixel_size(
            pixels.get("PhysicalSizeY"),
            pixels.get("PhysicalSizeX"),
            pixels.get("PhysicalSizeYUnit", "um"),
            pixels.get("PhysicalSizeXUnit", "um"),
        ),
        z_step=micrometers(pixels.get("PhysicalSizeZ"), pixels.get("PhysicalSizeZUnit", "um")),
    )


def _rate_of_planes(pixels: ElementTree.Element, sizes: dict[str, int]) -> float | None:
    """Return the frame rate from the median time between two images of the same channel and plane."""
    times = np.full([sizes[axis] for axis in "CZT"], np.nan)
    unit = "s"
    for plane in pixels.iterfind("{*}Plane"):
        place = tuple(_integer(plane, f"The{axis}", 0) for axis in "CZT")
        try:
            times[place] = float(plane.get("DeltaT", "nan"))
        except (ValueError, IndexError):
            continue
        unit = plane.get("DeltaTUnit", unit)
    differences = np.diff(times, axis=-1)
    differences = differences[np.isfinite(differences)]
    return frame_rate(float(np.median(differences)), unit) if len(differences) else None


def _without_others(stack: Stack, reader: PageReader, all_blocks: list[list[_Block]], *, alone: bool) -> Stack:
    """Return a stack, which is in doubt if its only file has more images than the OME-XML tells of."""
    if not alone:
        return stack
    file = stack.files[0]
    kinds = file.table["kind"]
    whole = np.array([not reader.kinds[kind].reduced for kind in range(len(reader.kinds))])
    pages: Integers = np.flatnonzero(whole[kinds]) if len(kinds) else np.empty(0, np.int64)
    told = stack.index.size
    plain = replace(stack, axes="T", index=pages, channels=(), pages=None)
    if len(all_blocks) == 1 and len(pages) > told:
        return replace(plain, doubt=f"has {len(pages)} pages, but its OME-XML tells of {told} images: {SORT_BY_HAND}")
    return replace(stack, pages=plain) if len(pages) and stack.axes == "TZC" else stack
