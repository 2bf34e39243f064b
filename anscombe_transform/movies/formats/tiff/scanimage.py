"""ScanImage: which channel and plane each page of a recording is, and how often each plane is recorded.

Pages follow each other as they were acquired: the channels of a frame; the frames of a slice, ``framesPerSlice`` of
them; the slices of a volume, and after these the frames during which the focus flies back; then the next volume. A
recording may be cut into files at any frame, and aborted at any. What is planned, such as the number of volumes, need
not be what was recorded, and what is set for stacks stays in the settings when stacks are off.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from anscombe_transform.movies.formats.tiff.pages import ARTIST, DESCRIPTION, SOFTWARE, FilePages, Integers, PageReader
from anscombe_transform.movies.formats.tiff.stacks import Stack
from anscombe_transform.movies.units import pixel_size, positive

_LINE = re.compile(r"^\s*((?:SI\d?|state|scanimage)\.[\w.]+) *= *(.*?)\s*$", re.MULTILINE)
_PREFIX = re.compile(r"^(scanimage\.)?(SI\d?|state)\.(acq\.)?")

_FRAME = tuple(
    re.compile(rf"^\s*{name} *= *(\d{{1,15}})\b", re.MULTILINE)
    for name in ("frameNumberAcquisition", "frameNumbers", "Frame Number")
)
_ACQUISITION = re.compile(r"^\s*(?:acquisitionNumbers|Acquisition Number) *= *(\d{1,15})\b", re.MULTILINE)

_MOST_FRAMES = 10_000_000
"""More frames than a plane or volume has: settings that tell of more are damaged."""

_SAME_RATE = 0.05
"""Rates that differ by no more than this share are the same: that of a resonant scanner is measured each time."""

_NO_PAGE = -2
"""Stands for an image for which no page was found yet."""

_ADVICE = (
    "give channels=N, planes=N for what they are, plane by plane within a volume, channel by channel within a plane"
)

_ONE_BY_ONE = "give the files one by one"


@dataclass(frozen=True)
class Layout:
    """The order in which pages were acquired."""

    channels: int = 1
    planes: int = 1
    repeats: int = 1
    """How many frames of a plane follow each other."""
    flyback: int = 0
    """How many frames there are between the last plane of a volume and the next volume."""
    averaged: int = 1
    """Of how many frames each page is the average."""

    @property
    def frames(self) -> int:
        """How many frames a volume takes, those of the flyback included."""
        return self.planes * self.repeats + self.flyback

    def __str__(self) -> str:
        parts = [_counted_in_words(self.channels, "channel"), _counted_in_words(self.planes, "plane")]
        parts += [f"{self.repeats} frames of each plane"] if self.repeats > 1 else []
        parts += [_counted_in_words(self.flyback, "frame") + " of flyback"] if self.flyback else []
        return ", ".join(parts)


def sort_pages(stack: Stack, reader: PageReader) -> Stack:
    """Return the pages of ScanImage files, which follow each other along the axis T, sorted by time, plane and channel.

    If they do not fit the settings, they are left as they are, and why is in `doubt`.
    """
    file = next(file for file in stack.files if len(file.table))
    settings = _settings_of(file, reader)
    layout = layout_of(settings)
    for other in stack.files:
        if len(other.table):
            _check_same(file, settings, other, _settings_of(other, reader))
    plain = replace(stack, axes="T", index=stack.index.ravel())
    stack = _described(plain, settings, layout, reader)
    if layout.channels == layout.frames == 1:
        return _with_dropped_frames(stack, layout, reader)
    missing_at_the_end = -len(plain.index) % layout.channels if plain.index[-1] < 0 else 0
    pages = np.append(plain.index, np.full(missing_at_the_end, -1))
    numbers = _frame_numbers(stack, pages, reader)
    if problem := _misfit(stack, pages, layout, numbers):
        return replace(plain, notes=stack.notes, pixel_size=stack.pixel_size, doubt=problem)
    stack = replace(_sorted(stack, pages.reshape(-1, layout.channels), layout, numbers), pages=plain)
    if len(stack.index) == 1 and layout.planes > 1:
        alone = f"has one volume of {layout.planes} planes by its ScanImage header, which is no movie"
        return replace(stack, doubt=f"{alone}; if these follow each other in time, give channels=N, planes=1")
    return stack


def _with_dropped_frames(stack: Stack, layout: Layout, reader: PageReader) -> Stack:
    """Return pages of one channel and plane, with those that are not there though the numbers of others skip them."""
    numbers = _frame_numbers(stack, stack.index, reader)
    counted = None if numbers is None else _counted(numbers, layout, several_files=False)
    if numbers is None or counted is None or counted[1][-1] - counted[1][0] < len(counted[1]):
        return stack
    return replace(_sorted(stack, stack.index.reshape(-1, 1), layout, numbers), pages=stack)


def _settings_of(file: FilePages, reader: PageReader) -> dict[str, str]:
    return settings_in("\n".join(reader.text(file, code) for code in (SOFTWARE, DESCRIPTION)))


def _check_same(file: FilePages, settings: Mapping[str, str], other: FilePages, of_other: Mapping[str, str]) -> None:
    """Raise ValueError if the headers of two files are not those of one acquisition."""
    names = [file.path.name, other.path.name]
    said = [
        (str(layout_of(header)), header.get("hChannels.channelSave", header.get("channelsSave", "")), _rate(header))
        for header in (settings, of_other)
    ]
    (_, _, rate), (_, _, of_rate) = said
    if said[0][:2] == said[1][:2] and (rate is None or of_rate is None or abs(rate - of_rate) <= _SAME_RATE * rate):
        return
    shown = [
        f"{name} of {layout}" + (f" (saved: {saved})" if saved else "") + (f" at {hertz:g} Hz" if hertz else "")
        for name, (layout, saved, hertz) in zip(names, said, strict=True)
    ]
    raise ValueError(
        f"{file.path.parent.name} has ScanImage files of different acquisitions, which do not follow each other in "
        f"time: {' and '.join(shown)}: give those of one, as a pattern that matches no others"
    )


def _rate(settings: Mapping[str, str]) -> float | None:
    """Return how many frames are scanned in a second, if a header tells."""
    names = ("hRoiManager.scanFrameRate", "scanFrameRate", "frameRate")
    return next((rate for name in names if (rate := positive(settings.get(name)))), None)


def settings_in(text: str) -> dict[str, str]:
    """Return the settings in a text, by their names without ``SI.``, ``scanimage.SI4.`` or ``state.acq.``."""
    return {_PREFIX.sub("", name): value for name, value in _LINE.findall(text.replace("\r", "\n"))}


def layout_of(settings: Mapping[str, str]) -> Layout:
    """Return the order of pages that settings tell.

    Sources: ScanImage's own ``opentif.m``, by which ``hFastZ.numFramesPerVolume`` of old versions counts the flyback,
    and ``hStackManager.numFramesPerVolumeWithFlyback`` of new ones, which agrees with the files whatever
    ``hFastZ.discardFlybackFrames`` says.
    """
    saved = settings.get("hChannels.channelSave", settings.get("channelsSave", ""))
    switches = [value for name, value in settings.items() if re.fullmatch(r"savingChannel\d+", name)]
    channels = len(re.findall(r"\d+", saved)) or switches.count("1") or 1
    averaged = _count(settings, "hScan2D.logAverageFactor", "acqNumAveragedFrames") or 1
    planes, repeats, flyback = _volume(settings)
    if planes == 1:
        return Layout(channels, averaged=averaged)
    if repeats > 1:  # then it is these that are averaged
        repeats, flyback = max(1, repeats // averaged), flyback // averaged
    return Layout(channels, planes, repeats, flyback, averaged)


def _volume(settings: Mapping[str, str]) -> tuple[int, int, int]:
    """Return the planes of a volume, how many frames of each follow each other, and the frames of the flyback."""
    if "numberOfZSlices" in settings:  # ScanImage 3
        frames = 1 if _is_on(settings, "averaging") else _count(settings, "numberOfFrames")
        return _count(settings, "numberOfZSlices") or 1, frames or 1, 0
    if "stackNumSlices" in settings:  # ScanImage 4
        planes = _count(settings, "stackNumSlices") or 1
        if _is_on(settings, "fastZEnable"):
            return planes, 1, _count(settings, "fastZNumDiscardFrames") or 0
        return planes, _count(settings, "acqNumFrames") or 1, 0
    slices = _count(settings, "hStackManager.actualNumSlices", "hStackManager.numSlices", "hStackManager.slicesPerAcq")
    repeats = _count(settings, "hStackManager.framesPerSlice") or 1
    imaged = _count(settings, "hStackManager.numFramesPerVolume")
    whole = _count(settings, "hStackManager.numFramesPerVolumeWithFlyback")
    if "hStackManager.enable" in settings:
        if not _is_on(settings, "hStackManager.enable"):
            return 1, 1, 0
    elif _is_on(settings, "hFastZ.enable"):  # of versions in which framesPerSlice is of slow stacks alone
        repeats, whole = 1, _count(settings, "hFastZ.numFramesPerVolume") or whole
    if whole is None:
        discarded = _count(settings, "hFastZ.numDiscardFlybackFrames") if _is_on(settings, "hFastZ.enable") else None
        whole = (imaged or (slices or 1) * repeats) + (discarded or 0)
    planes = slices if slices and (not whole or slices <= whole) else imaged or whole or 1
    if whole and planes * repeats > whole:
        repeats = max(1, (imaged or whole) // planes)
    return planes, repeats, max(0, (whole or 0) - planes * repeats)


def _counted_in_words(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number > 1 else "")


def _count(settings: Mapping[str, str], *names: str) -> int | None:
    """Return the first of these settings that is a whole number from 1 on, and not too large for a number of frames."""
    found = (positive(settings.get(name)) for name in names)
    return next((int(number) for number in found if number and number.is_integer() and number < _MOST_FRAMES), None)


def _is_on(settings: Mapping[str, str], name: str) -> bool:
    return settings.get(name) in ("true", "1")


def _frame_numbers(stack: Stack, pages: Integers, reader: PageReader) -> Integers | None:
    """Return the number of the acquisition and of the frame in it, for each page, or None if the pages do not tell.

    A page that is not there has the numbers -1.
    """
    found: list[tuple[int, int]] = []
    for file in stack.files:
        for text in reader.descriptions(file):
            frame = next((match for name in _FRAME if (match := name.search(text.replace("\r", "\n")))), None)
            if frame is None:
                return None
            acquisition = _ACQUISITION.search(text)
            found.append((int(acquisition[1]) if acquisition else 0, int(frame[1])))
    numbers: npt.NDArray[np.int64] = np.array([*found, (-1, -1)], np.int64)[pages]
    frames = numbers[pages >= 0, 1]
    return numbers if np.any(np.diff(frames)) else None


def _misfit(stack: Stack, pages: Integers, layout: Layout, numbers: Integers | None) -> str | None:
    """Return why pages do not fit a layout, and what to do."""
    count, at_a_time = len(pages), layout.channels * layout.frames
    says = f"its ScanImage header tells of {layout}: {_ADVICE}"
    if count % layout.channels:
        return f"has {count} pages, which are not a multiple of its channels; {says}"
    if count < layout.channels * (layout.repeats if layout.repeats > 1 else layout.planes) or layout.planes > count:
        return f"has {count} pages, fewer than a volume; {says}"
    if numbers is not None:
        of_frame = numbers[:, 1].reshape(-1, layout.channels)
        if np.any((of_frame != of_frame[:, :1]) & (of_frame >= 0)):
            return f"has a frame number of its own in each page, as if there were one channel; {says}"
        return None
    if layout.flyback and count % at_a_time and not count % (at_a_time - layout.channels * layout.flyback):
        return f"has {count} pages, which are whole volumes only without the frames of the flyback; {says}"
    lost = np.flatnonzero(np.diff(np.concatenate([[0], pages < 0, [0]])))
    if any((end - start) % at_a_time for start, end in lost.reshape(-1, 2) if end < count):
        return f"lacks a file in its middle, so that it cannot be told where volumes begin after it: {_ONE_BY_ONE}"
    parts = all(re.search(r"_\d+_\d+$", file.path.stem) for file in stack.files)  # of one acquisition, by their names
    lengths = {len(file.table) for file in stack.files[:-1]}
    if not parts and len(lengths) > 1 and count % at_a_time and any(length % at_a_time for length in lengths):
        return (
            f"has files that are not whole volumes, and no numbers of frames to tell where these begin: {_ONE_BY_ONE}"
        )
    return None


def _sorted(stack: Stack, pages: Integers, layout: Layout, numbers: Integers | None) -> Stack:
    """Return a stack with the axes T, Z and C, from pages along frames and channels."""
    several = len(stack.files) > 1
    counted = None if numbers is None else _counted(numbers[:: layout.channels], layout, several_files=several)
    frames, places, ends = counted or (np.arange(len(pages)), np.arange(len(pages)), [0, len(pages) - 1])
    volumes, within = np.divmod(places, layout.frames)
    planes, repeats = np.divmod(within, layout.repeats)
    imaged = planes < layout.planes
    index = np.full((int(volumes.max()) + 1, layout.repeats, layout.planes, layout.channels), _NO_PAGE)
    index[volumes[imaged], repeats[imaged], planes[imaged]] = pages[frames[imaged]]
    no_page, lost = ((index == value).any(axis=(1, 2, 3)) for value in (_NO_PAGE, -1))
    # What an acquisition does not have at its beginning and end, because it was cut off there, is not lost.
    at_an_end = np.isin(np.arange(len(index)), np.array(ends) // layout.frames)
    cut = no_page & ~lost & at_an_end
    notes, reasons = list(stack.notes), list(stack.reasons)
    if cut.all():
        reasons.append(f"{stack.path.name} ends before its volume is whole")
    elif not reasons and (no_page & ~lost & ~cut).any():
        if numbers is not None and no_page[0] and not cut[0]:
            reasons.append(
                f"{stack.files[0].path.name}, the first file, begins with frame {numbers[0, 1]} of its acquisition"
            )
        else:
            reasons.append(f"{stack.path.name} lacks frames, as their numbers tell")
    if cut.any() and not cut.all():
        left_out = _counted_in_words(int((index[cut] >= 0).sum()), "page")
        notes.append(f"Left out: {left_out} of volumes that are cut off at the beginning or end of an acquisition")
        index = index[~cut]
    if layout.flyback:
        notes.append(
            f"Left out: {layout.flyback} of {layout.frames} frames of each volume, in which the focus flies back"
        )
    if layout.repeats > 1 and len(index) > 1:
        notes.append(f"Each plane was recorded in {len(index)} runs of {layout.repeats} frames")
    index = np.maximum(index, -1).reshape(-1, layout.planes, layout.channels)
    return replace(stack, axes="TZC", index=index, reasons=tuple(reasons), notes=tuple(notes))


def _counted(numbers: Integers, layout: Layout, *, several_files: bool) -> tuple[Integers, Integers, list[int]] | None:
    """Return frames, how many were acquired before each, and how many before those that begin or end an acquisition.

    Each acquisition begins with a volume. Frames without a page are left out, but for one that follows the last page.
    A single file may be from the middle of an acquisition; of several, those before it are missing then. The result is
    None if the numbers are not such as an acquisition has.
    """
    acquisition, frame = numbers.T
    there = np.flatnonzero(frame >= 0)
    begins = np.flatnonzero((np.diff(acquisition[there]) != 0) | (np.diff(frame[there]) <= 0)) + 1
    runs = np.split(frame[there], begins)
    if len(runs) > 1 and max(map(len, runs)) < layout.planes * layout.repeats:
        return None
    places: list[Integers] = []
    ends: list[int] = []
    volume, last = 0, -1
    for run in runs:
        step = layout.averaged if np.all(np.diff(run) % layout.averaged == 0) else 1
        place = (run - min(1, int(run[0]))) // step
        if place[-1] - place[0] > 2 * len(place) + layout.frames:
            return None
        lost = int(place[0]) - (last + 1 if place[0] > last else 0) if several_files else 0
        lost, last = lost if lost < _MOST_FRAMES else 0, int(place[-1])
        place += (volume + lost // layout.frames - place[0] // layout.frames) * layout.frames
        volume = int(place[-1]) // layout.frames + 1
        ends += [*([] if lost else [int(place[0])]), int(place[-1])]
        places.append(place)
    if frame[-1] < 0:
        there = np.append(there, len(frame) - 1)
        places.append(places[-1][-1:] + 1)
    return there, np.concatenate(places), ends


def _described(stack: Stack, settings: Mapping[str, str], layout: Layout, reader: PageReader) -> Stack:
    """Return a stack with what settings tell of its rate, pixels, planes and channels."""
    rate = _rate(settings)
    if layout.planes > 1 and layout.repeats == 1:
        volumes = positive(settings.get("hRoiManager.scanVolumeRate"))
        by_frames = None if rate is None else rate / layout.frames
        rate = volumes if volumes and (rate is None or volumes < rate) else by_frames
    saved = re.findall(r"\d+", settings.get("hChannels.channelSave", settings.get("channelsSave", "")))
    names = re.findall(r"'([^']*)'", settings.get("hChannels.channelName", settings.get("channelName", "")))
    channels = tuple(names[int(number) - 1] for number in saved if 1 <= int(number) <= len(names))
    file = next(file for file in stack.files if len(file.table))
    regions = _regions(settings, reader.text(file, ARTIST))
    note = f"Each image has {regions} one below the other, with lines between them that were not scanned"
    return replace(
        stack,
        frame_rate=None if rate is None else rate / layout.averaged,
        pixel_size=None if regions else _pixel_size(settings, reader.kinds[file.table["kind"][0]].shape),
        z_step=_z_step(settings) if layout.planes > 1 else None,
        channels=channels if len(channels) == layout.channels else (),
        notes=(*stack.notes, note) if regions else stack.notes,
    )


def _regions(settings: Mapping[str, str], artist: str) -> str | None:
    """Return how many regions of interest were scanned, if there are several."""
    if not _is_on(settings, "hRoiManager.mroiEnable"):
        return None
    try:
        rois = json.loads(artist)["RoiGroups"]["imagingRoiGroup"]["rois"]
    except (ValueError, KeyError, TypeError):
        return "regions of interest"
    count = len(rois) if isinstance(rois, list) else 1
    return f"{count} regions of interest" if count > 1 else None


def _pixel_size(settings: Mapping[str, str], shape: tuple[int, int]) -> tuple[float, float] | None:
    """Return the size of a pixel from the field of view, in micrometers or in degrees of the scanner."""
    for name, scale in (("imagingFovUm", 1.0), ("imagingFovDeg", positive(settings.get("objectiveResolution")))):
        corners = re.findall(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?", settings.get(f"hRoiManager.{name}", ""))
        if len(corners) != 8 or scale is None or 0 in shape:
            continue
        x, y = ([float(number) * scale for number in corners[i::2]] for i in (0, 1))
        return pixel_size((max(y) - min(y)) / shape[0], (max(x) - min(x)) / shape[1], "um", "um")
    return None


def _z_step(settings: Mapping[str, str]) -> float | None:
    for name in ("hStackManager.actualStackZStepSize", "hStackManager.stackZStepSize", "stackZStepSize", "zStepSize"):
        text = settings.get(name, "").lstrip("-")
        if step := positive(text):
            return step
    steps = np.diff([float(depth) for depth in re.findall(r"-?\d+(?:\.\d+)?", settings.get("hStackManager.zs", ""))])
    return positive(abs(float(steps[0]))) if len(steps) and math.isclose(steps.min(), steps.max()) else None
