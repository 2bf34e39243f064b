"""Prairie View of Bruker: the XML file beside the images, which tells which page of which file each image is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from anscombe_transform._formatting import one_line
from anscombe_transform.movies.formats.tiff.pages import PageReader
from anscombe_transform.movies.formats.tiff.stacks import Image, Stack, name_within, stack_of
from anscombe_transform.movies.units import frame_rate, micrometers, pixel_size


@dataclass
class _Frame:
    """A frame, or a plane of a volume."""

    time: float | None
    """When it was recorded, in seconds."""
    images: dict[int, tuple[str, int]]
    """The name of the file and the number of the page in it, by channels."""


@dataclass
class _Scan:
    """What an XML file tells."""

    sequences: list[tuple[str, bool, list[_Frame]]] = field(default_factory=list)
    """The type of each sequence, whether its planes are in the reverse order, and its frames."""
    channels: dict[int, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


def open_prairie_view(folder: Path, names: Collection[str], reader: PageReader) -> list[tuple[Stack, set[Path]]]:
    """Return the recordings of which XML files in a folder tell, each with all its files."""
    found = []
    for name in sorted(names):
        if name.lower().endswith(".xml") and name[0] != ".":
            with (folder / name).open("rb") as file:
                if b"<PVScan" not in file.read(4096):
                    continue
            scan = _read(folder / name)
            members = {
                folder / one for _, _, frames in scan.sequences for frame in frames for one, _ in frame.images.values()
            }
            if any(member.name in names for member in members):
                first = min(member for member in members if member.name in names)
                found.append((replace(_stack(folder / name, reader, scan), path=first), members))
    return found


def _read(path: Path) -> _Scan:
    scan = _Scan()
    reverse = False
    frames: list[_Frame] = []
    within = 0
    try:
        for event, element in ElementTree.iterparse(path, ("start", "end")):
            if element.tag in ("Frame", "Sequence"):
                within += 1 if event == "start" else -1
            if event == "start":
                continue
            if element.tag in ("PVStateValue", "Key") and not within:
                _note_setting(scan.settings, element)
            elif element.tag == "Frame":
                frames.append(_frame(element, scan))
                element.clear()
            elif element.tag == "Sequence":
                upward = element.get("bidirectionalZ", "").lower() == "true" and reverse
                scan.sequences.append((element.get("type", ""), upward, frames))
                frames, reverse = [], not reverse
                element.clear()
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"{path} cannot be read, and tells what the files are: {one_line(error)}") from error
    return scan


def _note_setting(settings: dict[str, str], element: ElementTree.Element) -> None:
    key = element.get("key", "")
    if (value := element.get("value")) is not None:
        settings.setdefault(key, value)
    for one in element.iterfind("IndexedValue"):
        settings.setdefault(f"{key}_{one.get('index')}", one.get("value", ""))


def _frame(element: ElementTree.Element, scan: _Scan) -> _Frame:
    images = {}
    for file in element.iterfind("File"):
        channel, page = (int(file.get(name, "1")) for name in ("channel", "page"))
        images[channel] = name_within(file.get("filename", "")), page - 1
        scan.channels.setdefault(channel, file.get("channelName") or f"Ch{channel}")
    try:
        time = float(element.get("absoluteTime") or element.get("relativeTime") or "")
    except ValueError:
        time = None
    return _Frame(time, images)


def _stack(path: Path, reader: PageReader, scan: _Scan) -> Stack:
    """Return the images of a scan: planes where each sequence is a volume, or else all frames in time."""
    sequences = [one for one in scan.sequences if one[2]]
    volumes = {"ZSeries" in kind for kind, _, _ in sequences}
    if len(volumes) > 1:
        kinds = ", ".join(sorted({kind for kind, _, _ in sequences}))
        raise ValueError(f"{path} tells of sequences that are volumes and of others that are not: {kinds}")
    is_volumes = True in volumes
    planes = max(len(frames) for _, _, frames in sequences)
    channels = sorted(scan.channels)
    images: list[Image] = []
    times: list[float | None] = []
    for _, reverse, frames in sequences:
        for i, frame in enumerate(frames):
            t, z = (len(times), planes - 1 - i if reverse else i) if is_volumes else (len(times) + i, 0)
            images += [
                Image(path.with_name(name), page, (t, z, channels.index(c))) for c, (name, page) in frame.images.items()
            ]
        times += [frames[0].time] if is_volumes else [frame.time for frame in frames]
    return _described(stack_of(path, reader, "TZC", images), scan, times)


def _described(stack: Stack, scan: _Scan, times: list[float | None]) -> Stack:
    """Return a stack with what the settings tell of it, and its frame rate by the times of frames in seconds."""
    steps = np.diff(np.array(times, np.float64))
    steps = steps[np.isfinite(steps)]
    rate = frame_rate(float(np.median(steps)), "s") if len(steps) else None
    names = tuple(scan.channels[channel] for channel in sorted(scan.channels))
    y, x, z = (scan.settings.get(f"micronsPerPixel_{axis}Axis") for axis in "YXZ")
    return replace(
        stack,
        channels=names if len({*names}) == len(names) else (),
        frame_rate=rate or frame_rate(scan.settings.get("framePeriod"), "s"),
        pixel_size=pixel_size(y, x, "um", "um"),
        z_step=micrometers(z, "um") if stack.length("Z") > 1 else None,
    )
