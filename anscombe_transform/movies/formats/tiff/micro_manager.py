"""Micro-Manager: stacks with a map of their images, files of one image each with ``metadata.txt``, and NDTiff.

See https://micro-manager.org/Micro-Manager_File_Formats and https://github.com/micro-manager/NDTiffStorage.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from anscombe_transform._formatting import one_line
from anscombe_transform.movies.formats.tiff.pages import DESCRIPTION, FilePages, PageReader, clear_errors
from anscombe_transform.movies.formats.tiff.series import chosen_series
from anscombe_transform.movies.formats.tiff.stacks import (
    FARTHEST,
    Image,
    Stack,
    by_places,
    name_within,
    not_there,
    stack_of,
)
from anscombe_transform.movies.units import frame_rate, micrometers, pixel_size

INDEX = "NDTiff.index"
"""The name of the file that tells where the images of NDTiff are."""

METADATA = "metadata.txt"
"""The name of the file that tells what the files of one image each are."""

_INDEX_MAP, _SUMMARY, _MAP = 54773648, 2355492, 3453623
"""The numbers by which the parts of a stack are recognized."""

_PAGE_METADATA = 51123
"""The tag with the metadata of an image."""

_IMAGE_NAME = re.compile(r"img_(\d{9})_(.*)_(\d{3})\.tiff?$", re.IGNORECASE)
"""The names that Micro-Manager 1.4 gives to files of one image each: time, channel and plane."""

_TIMES_READ = 100
"""Of how many images the times are read."""


@dataclass(frozen=True)
class _Image:
    """An image of a recording."""

    path: Path
    page: int
    """The number of the page in the file; -1 if it is not there."""
    places: Mapping[str, int]
    """Its place along each axis, by the name of the axis: time, channel, z, position."""


def open_stacks(
    path: Path, reader: PageReader, among: Collection[Path], number: int | None
) -> tuple[Stack, set[Path]] | None:
    """Return the images of stacks whose names have ``_MMStack``, and all their files, or None if they have no map.

    Parameters
    ----------
    path : Path
        One of the files.
    reader : PageReader
        What reads the pages.
    among : collection of Path
        The files that were asked for: positions that are in none of them are not meant.
    number : int, optional
        Which position is meant.
    """
    prefix = path.name.partition("_MMStack")[0] + "_MMStack"
    paths = sorted(one for one in path.parent.iterdir() if one.name.startswith(prefix) and one.suffix.lower() in _TIFF)
    images: list[_Image] = []
    for one in paths:
        own = _mapped(reader.pages(one))
        if own is None:
            return None
        images += own
    summary = _summary(path)
    positions = sorted({image.places["position"] for image in images})
    meant = sorted({image.places["position"] for image in images if image.path in {*among}})
    chosen = positions[0]
    if len(positions) > 1:
        chosen = meant[0] if len(meant) == 1 and number is None else chosen
        if len(meant) > 1 or number is not None:
            chosen = positions[chosen_series(path, [f"position {one}" for one in positions], number)]
    own = [image for image in images if image.places["position"] == chosen]
    stack = _stacked(path, reader, own)
    absent = _named_elsewhere(path, reader, prefix)
    if absent and len(positions) == 1:
        frames = max(int(_number(summary.get("Frames")) or 0), len(stack.index))
        lost = np.full((frames - len(stack.index), *stack.index.shape[1:]), -1)
        reasons = (*not_there(absent), *stack.reasons)
        stack = replace(stack, index=np.concatenate([stack.index, lost]), reasons=reasons)
    times = _page_times(stack, reader)
    return _described(stack, summary, times), {*paths}


_TIFF = (".tif", ".tiff")


def _mapped(file: FilePages) -> list[_Image] | None:
    """Return the images of a file by the map in it, or None if it has none."""
    with file.path.open("rb") as handle:
        head = handle.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 16:
            return None
        header, offset = struct.unpack(order + "II", head[8:])
        handle.seek(offset)
        start = handle.read(8)
        if header != _INDEX_MAP or not offset or len(start) < 8:
            return None
        mark, count = struct.unpack(order + "II", start)
        data = handle.read(20 * count) if mark == _MAP and count < file.size else b""
    if not data or len(data) < 20 * count:
        return None
    page_of = {directory: page for page, directory in enumerate(file.table["directory"].tolist())}
    rows = np.frombuffer(data, order + "u4").reshape(-1, 5).tolist()
    return [
        _Image(file.path, page_of.get(offset, -1), {"time": t, "channel": c, "z": z, "position": p})
        for c, z, t, p, offset in rows
    ]


def _summary(path: Path) -> dict[str, Any]:
    import tifffile

    with path.open("rb") as handle, clear_errors(path):
        try:
            found = tifffile.read_micromanager_metadata(handle, {"Summary"}).get("Summary")
        except ValueError:
            return {}
    return found if isinstance(found, dict) else {}


def _named_elsewhere(path: Path, reader: PageReader, prefix: str) -> list[str]:
    """Return the names of files of the same set that are not there, of which OME-XML tells."""
    told = re.findall(r'FileName="([^"]+)"', reader.text(reader.pages(path), DESCRIPTION))
    names = dict.fromkeys(map(name_within, told))
    return [name for name in names if name.startswith(prefix) and not path.with_name(name).exists()]


def open_images(folder: Path, names: Collection[str], reader: PageReader) -> list[tuple[Stack, set[Path]]]:
    """Return the recording in the files of a folder that have one image each, if Micro-Manager wrote them."""
    found, summary, times = _listed_images(folder) if METADATA in names else ([], {}, {})
    named = [match for name in names if (match := _IMAGE_NAME.match(name))]
    if len(found) < len(named):  # the metadata are cut off
        channels = sorted({match[2] for match in named}, key=_order_of(summary))
        found = [
            _Image(
                folder / match.string,
                0,
                {"time": int(match[1]), "channel": channels.index(match[2]), "z": int(match[3]), "position": 0},
            )
            for match in sorted(named, key=lambda match: match.string)
        ]
        summary = {"ChNames": channels} | summary
    if not found:
        return []
    first = next((image.path for image in found if image.path.name in names), None)
    if first is None:
        return []
    stack = _stacked(first, reader, found)
    ordered = [times[image.path.name] for image in found if image.path.name in times and not any(_after(image.places))]
    return [(_described(stack, summary, ordered), {image.path for image in found})]


def _after(places: Mapping[str, int]) -> tuple[int, int]:
    return places.get("channel", 0), places.get("z", 0)


def _order_of(summary: Mapping[str, Any]) -> Any:
    known = _channel_names(summary)
    return lambda name: (known.index(name) if name in known else len(known), name)


def _listed_images(folder: Path) -> tuple[list[_Image], dict[str, Any], dict[str, float]]:
    """Return the images of which ``metadata.txt`` tells, the summary, and the time of each file in milliseconds."""
    found = _json(folder / METADATA)
    summary = found.get("Summary")
    summary = summary if isinstance(summary, dict) else {}
    names = _channel_names(summary)
    images: dict[str, _Image] = {}
    times = {}
    for key, value in found.items():
        if not isinstance(value, dict):
            continue
        if match := re.fullmatch(r"FrameKey-(\d+)-(\d+)-(\d+)", key):
            t, c, z = map(int, match.groups())
            channel = names[c] if c < len(names) else value.get("Channel", "Default")
            name = str(value.get("FileName") or f"img_{t:09d}_{channel}_{z:03d}.tif")
            places = {"time": t, "channel": c, "z": z, "position": 0}
        elif key.startswith("Coords-"):
            name = key[len("Coords-") :]
            places = {axis: int(_number(value.get(axis)) or 0) for axis in ("time", "channel", "z")} | {"position": 0}
        else:
            name, places = key.removeprefix("Metadata-"), {}
        name = name_within(name)
        if places and name not in images:
            images[name] = _Image(folder / name, 0, places)
        summary.setdefault("PixelSize_um", value.get("PixelSizeUm"))
        elapsed = _number(value.get("ElapsedTime-ms", value.get("ElapsedTimeMs")))
        if elapsed is not None:
            times[name] = elapsed
    if len(images) < sum(key.startswith(("FrameKey-", "Coords-")) for key in found):
        return [], summary, times  # several images in a file, so that their pages are not known
    return sorted(images.values(), key=lambda image: image.places["time"]), summary, times


def _json(path: Path) -> dict[str, Any]:
    """Return the content of a file, which has no end if Micro-Manager was interrupted."""
    text = path.read_text(encoding="utf-8", errors="replace")
    for end in ("", "}", "}}"):
        try:
            found = json.loads(text.rstrip().rstrip(",") + end)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else {}
    return {}


def open_ndtiff(folder: Path, reader: PageReader, number: int | None) -> list[tuple[Stack, set[Path]]]:
    """Return the recording in a folder with an index of NDTiff, which tells where the pixels of each image are."""
    import tifffile

    with clear_errors(folder / INDEX):
        found = tifffile.read_ndtiff_index(folder / INDEX)
        entries: list[Any] = [(place, name_within(name), *others) for place, name, *others in found]
    of_file: dict[str, list[int]] = {}
    for i, entry in enumerate(entries):
        if not isinstance(entry[0], dict) or not all(isinstance(place, int | str) for place in entry[0].values()):
            raise ValueError(f"{folder / INDEX} is damaged: it tells of an image at {one_line(entry[0])}")
        of_file.setdefault(entry[1], []).append(i)
    there = [name for name in of_file if (folder / name).is_file()]
    if not there:
        return []
    pages = np.full(len(entries), -1)
    files: list[FilePages] = []
    for name in there:
        pages[of_file[name]] = np.arange(len(of_file[name])) + sum(len(file.table) for file in files)
        files.append(_at_offsets(folder / name, reader, [entries[i] for i in of_file[name]]))
    path = folder / there[0]
    positions = list(dict.fromkeys(entry[0].get("position", 0) for entry in entries))
    position = positions[chosen_series(path, [f"position {one}" for one in positions], number)]
    chosen = [i for i, entry in enumerate(entries) if entry[0].get("position", 0) == position]
    coordinates, names = _coordinates([entries[i][0] for i in chosen])
    coordinates.pop("position", None)
    coordinates.setdefault("time", np.zeros(len(chosen), np.int64))
    letters = {"time": "T", "channel": "C", "z": "Z"}
    for axis in coordinates:
        letters.setdefault(
            axis, next(one for one in f"{axis.upper()}ABDEFGHIJ" if one not in {*letters.values(), *"YXQ"})
        )
    order = sorted(coordinates, key=lambda axis: axis != "time")
    places = np.stack([coordinates[axis] for axis in order], axis=1).tolist()
    stack = by_places(path, files, "".join(letters[axis] for axis in order), places, pages[chosen].tolist())
    reasons = not_there([name for name in of_file if name not in there])
    summary = _summary(path)
    if "channel" in names:
        summary["ChNames"] = names["channel"]
    times = _ndtiff_times(folder, [entry for entry, own in zip(entries, pages >= 0, strict=True) if own][:_TIMES_READ])
    stack = _described(replace(stack, reasons=(*reasons, *stack.reasons)), summary, times)
    return [(stack, {folder / name for name in of_file})]


def _at_offsets(path: Path, reader: PageReader, entries: Sequence[Any]) -> FilePages:
    """Return a file whose pages are those of an index."""
    file = reader.pages(path)
    if not len(file.table):
        raise ValueError(f"{path} is not a whole TIFF file: it {file.problem}")
    kind = reader.kinds[file.table["kind"][0]]
    alike = all((entry[4], entry[3]) == kind.shape and entry[6] == 0 for entry in entries)
    if not alike or not kind.plain:
        raise ValueError(
            f"{path} has images that are compressed or of other shapes than {INDEX} says, which is not read"
        )
    table = np.repeat(file.table[:1], len(entries))
    table["offset"] = [entry[2] for entry in entries]
    table["whole"] = table["offset"] + kind.size <= file.size
    return replace(file, table=table, problem=None)


def _coordinates(places: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return the place of each image along each axis that any has, from 0 on, and the names along some of the axes."""
    coordinates: dict[str, Any] = {}
    names = {}
    for axis in dict.fromkeys(axis for place in places for axis in place):
        values = [place.get(axis, 0) for place in places]
        if all(isinstance(value, int) for value in values):
            first = min(values)
            coordinates[axis] = np.array([min(value - first, FARTHEST) for value in values])
        else:
            number_of = {value: number for number, value in enumerate(dict.fromkeys(values))}
            coordinates[axis] = np.array([number_of[value] for value in values], np.int64)
            names[axis] = [str(value) for value in number_of]
    return coordinates, names


def _ndtiff_times(folder: Path, entries: Sequence[Any]) -> list[float]:
    """Return the times of the images that are at the same place as the first one but for the time."""
    times = []
    first = {axis: value for axis, value in entries[0][0].items() if axis != "time"}
    for place, name, *_, offset, length, _ in entries:
        if {axis: value for axis, value in place.items() if axis != "time"} == first:
            with (folder / name).open("rb") as handle:
                handle.seek(offset)
                match = re.search(rb'"ElapsedTime-ms":\s*"?([\d.]+)', handle.read(length))
            if match is None:
                break
            times.append(float(match[1]))
    return times


def _stacked(path: Path, reader: PageReader, images: Sequence[_Image]) -> Stack:
    """Return images that have the places time, z and channel."""
    places = [tuple(image.places[axis] for axis in ("time", "z", "channel")) for image in images]
    of_images = [Image(image.path, image.page, place) for image, place in zip(images, places, strict=True)]
    return stack_of(path, reader, "TZC", of_images)


def _described(stack: Stack, summary: Mapping[str, Any], times: Sequence[float]) -> Stack:
    """Return a stack with what the summary tells of it, and its frame rate by the times of images in milliseconds."""
    steps = np.diff(times)
    interval = float(np.median(steps)) if len(steps) else summary.get("Interval_ms")
    channels = tuple(_channel_names(summary))
    size = summary.get("PixelSize_um")
    return replace(
        stack,
        channels=channels if len(channels) == stack.length("C") else (),
        frame_rate=frame_rate(interval, "ms"),
        pixel_size=pixel_size(size, size, "um", "um"),
        z_step=micrometers(abs(_number(summary.get("z-step_um")) or 0), "um"),
    )


def _channel_names(summary: Mapping[str, Any]) -> list[str]:
    """Return the names of channels, which Micro-Manager 1.4 wrote as the text of a list."""
    names = summary.get("ChNames")
    if isinstance(names, str):
        try:
            names = json.loads(names)
        except (ValueError, RecursionError):
            return []
    return [str(name) for name in names] if isinstance(names, list) else []


def _page_times(stack: Stack, reader: PageReader) -> list[float]:
    """Return the times of the first images of the first channel and plane."""
    starts = np.concatenate([[0], np.cumsum([len(file.table) for file in stack.files])])
    times = []
    for page in stack.index[:_TIMES_READ, 0, 0].tolist():
        number = int(np.searchsorted(starts, page, "right")) - 1
        if page < 0:
            break
        text = reader.text(stack.files[number], _PAGE_METADATA, page - int(starts[number]))
        match = re.search(r'"ElapsedTime-ms":\s*"?([\d.]+)', text)
        if match is None:
            break
        times.append(float(match[1]))
    return times


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
