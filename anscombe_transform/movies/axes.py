"""From the axes that a file has to those of a recording: time, channel, plane, y and x."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Self

import numpy as np

from anscombe_transform._typing import Array
from anscombe_transform.movies.source import Missing, Ranges, Source
from anscombe_transform.movies.views import STANDARD, in_order, without_axis

_CHOICE = re.compile(r"([A-Za-z]) *= *(\d+)")


@dataclass(frozen=True)
class Key:
    """What a key such as ``"0/1,P=2"`` names."""

    place: str | None
    """The path of an array in a file, or the name of one."""
    indices: Mapping[str, int]
    """The index to take along an axis, by its letter in capitals."""

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Return what the text of a key names, or raise ValueError if it gives an axis twice."""
        places: list[str] = []
        indices: dict[str, int] = {}
        for item in text.split(",") if text else ():
            if found := _CHOICE.fullmatch(item.strip()):
                if found[1].upper() in indices:
                    raise ValueError(f"key={text!r} gives {found[1].upper()} twice: give one index along each axis")
                indices[found[1].upper()] = int(found[2])
            else:
                places.append(item)
        return cls(",".join(places) or None, indices)


def arranged(
    path: object,
    source: Source,
    indices: Mapping[str, int],
    *,
    axes: str | None = None,
    channels: int | None = None,
    planes: int | None = None,
) -> Source:
    """Return a source with the axes (time, channel, plane, y, x).

    Parameters
    ----------
    path : object
        What it is from, for messages.
    source : Source
        What a file has.
    indices : mapping
        The index to take along an axis, by its letter.
    axes : str, optional
        A letter for each axis, instead of those that the file gives. Axes of length 1 may be left out.
    channels, planes : int, optional
        Into how many channels and planes the images are to be sorted that follow each other in time: within a volume,
        plane by plane; within a plane, channel by channel.

    Raises
    ------
    ValueError
        If there are other axes, or none that is the time.
    """
    if axes is not None:
        source = _named(path, source, axes)
    elif source.doubt is not None and source.pages is not None and _as_told(source, channels, planes):
        source = replace(source, sure_of_planes=True)
        channels = planes = None
    elif channels is not None or planes is not None:
        source = _as_pages(path, source, channels, planes)
    elif source.doubt is not None:
        raise ValueError(f"{path} {source.doubt}")
    else:
        source = _without_ones(source)
    for letter, index in indices.items():
        source = _taken(path, source, letter, index)
    source = _with_time(path, source)
    if channels is not None or planes is not None:
        source = _sorted_into(path, source, 1 if channels is None else channels, 1 if planes is None else planes)
    return in_order(source)


def described(source: Source) -> str:
    """Return, without axes of length 1, "the axes TCYX and the shape (9, 2, 5, 7)"."""
    axes = "".join(source.axes[i] for i in _long(source))
    shape = tuple(source.shape[i] for i in _long(source))
    return f"the axes {axes} and the shape {shape}" + (" (Q has no name)" if "Q" in axes else "")


def _named(path: object, source: Source, axes: str) -> Source:
    """Return a source whose axes have other letters."""
    letters = axes.upper()
    if len(set(letters)) < len(letters) or not {"Y", "X"} <= set(letters) or not letters.isalpha():
        raise ValueError(f"axes={axes!r} must be a different letter for each axis, Y and X among them, such as 'TCYX'")
    if source.pages is not None and len(letters) == len(source.pages.axes) < len(_long(source)):
        source = source.pages
    everything = list(range(len(source.axes)))
    long = [i for i in everything if source.shape[i] > 1]
    kept = next((some for some in (everything, _long(source), long) if len(some) == len(letters)), None)
    if kept is None:
        raise ValueError(
            f"axes={axes!r} names {len(letters)} axes, but {path} has the shape {source.shape}: give "
            f"{len(source.shape)} letters, or one for each axis that is longer than 1"
        )
    for position, letter in zip(kept, letters, strict=True):
        own = source.axes[position]
        if own in source.by_names and letter != own and source.shape[position] > 1:
            raise ValueError(
                f"axes={axes!r} says {letter} of the axis {own} of {path}, which has {described(source)}: as the names "
                f"of its files tell {own}, give axes={_example(source)!r} or others with {own} at that place"
            )
    for position in reversed(everything):
        if position not in kept:
            source = without_axis(source, position, 0)
    return replace(_renamed(source, letters), sure_of_planes=True)


def _without_ones(source: Source) -> Source:
    """Return an array without names of axes, and with at least three others, without its axes of length 1."""
    long = [i for i, length in enumerate(source.shape) if length > 1]
    if source.axes != "Q" * (len(source.axes) - 2) + "YX" or len(long) < 3 or 1 not in source.shape[-2:]:
        return source
    for position in reversed(range(len(source.shape))):
        if position not in long:
            source = without_axis(source, position, 0)
    return replace(source, axes="Q" * (len(long) - 2) + "YX")


def _long(source: Source) -> list[int]:
    """Return the positions of the axes that are longer than 1, and of Y and X."""
    return [i for i, length in enumerate(source.shape) if length > 1 or source.axes[i] in "YX"]


def _as_told(source: Source, channels: int | None, planes: int | None) -> bool:
    """Return whether as many channels and planes are asked for as metadata tell of, though these are in doubt."""
    asked = [1 if number is None else number for number in (channels, planes)]
    return max(asked) > 1 and asked == [source.length("C"), source.length("Z")]


def _as_pages(path: object, source: Source, channels: int | None, planes: int | None) -> Source:
    """Return the images one after the other, if only a header tells which channel and plane they are of."""
    if source.pages is None or "Q" in source.axes:
        return source
    numbers = (("channels", "C", channels), ("planes", "Z", planes))
    if untold := [name for name, axis, number in numbers if number is None and source.length(axis) > 1]:
        raise ValueError(
            f"{path} has {described(source)} by its metadata: to sort its images otherwise, give both channels=N and "
            f"planes=N, {untold[0]}=1 if there is one"
        )
    return source.pages


def _renamed(source: Source, axes: str) -> Source:
    """Return a source with other letters for its axes; what is known of an axis remains its own."""
    y, x = source.pixel_size or (None, None)
    steps = dict(zip("ZYX", (source.z_step, y, x), strict=True))
    z, y, x = (steps.get(source.axes[axes.index(letter)]) if letter in axes else None for letter in "ZYX")

    def same(letter: str) -> bool:
        return axes.find(letter) == source.axes.find(letter)

    return replace(
        source,
        axes=axes,
        z_step=z,
        pixel_size=None if y is None or x is None else (y, x),
        frame_rate=source.frame_rate if same("T") or "T" not in source.axes else None,
        channels=source.channels if same("C") else (),
    )


def _taken(path: object, source: Source, letter: str, index: int) -> Source:
    """Return what is at an index along an axis."""
    if letter in "YX" or letter not in source.axes:
        advice = f"name its axes, such as axes={_example(source)!r}" if _unnamed(source) else "leave it out"
        raise ValueError(f"{path} has {described(source)}, so key='{letter}={index}' chooses nothing: {advice}")
    positions = [i for i, axis in enumerate(source.axes) if axis == letter]
    long = [i for i in positions if source.shape[i] > 1]
    if len(long) > 1:
        raise ValueError(
            f"{path} has {described(source)}, so it is not told which axis is meant by key='{letter}={index}': name "
            f"them, such as axes={_example(source)!r}"
        )
    position = (long or positions)[0]
    if index >= source.shape[position]:
        raise ValueError(
            f"{path} has {described(source)}, so key='{letter}={index}' is too large: the last is {letter}="
            f"{source.shape[position] - 1}"
        )
    return without_axis(source, position, index)


def _with_time(path: object, source: Source) -> Source:
    """Return a source with one axis that is the time, and no others than those of a recording."""
    if len(source.axes) < 3:
        raise ValueError(f"{path} has the shape {source.shape}, but a movie has at least three axes, (time, y, x)")
    if absent := [letter for letter in "YX" if letter not in source.axes]:
        raise ValueError(
            f"{path} has {described(source)}, but none is {absent[0]}: name them, such as axes={_example(source)!r}"
        )
    others = [i for i, letter in enumerate(source.axes) if letter not in STANDARD]
    if "T" not in source.axes and others and all(source.shape[i] == 1 for i in others):
        source = _lettered(source, others[0], "T")  # a movie of a single frame
    for position, length in reversed(list(enumerate(source.shape))):
        letter = source.axes[position]
        if length == 1 and (letter not in STANDARD or source.axes.count(letter) > 1):
            source = without_axis(source, position, 0)
    others = [i for i, letter in enumerate(source.axes) if letter not in STANDARD]
    if "T" not in source.axes and len(others) == 1 and source.axes[others[0]] in _SEQUENCES:
        return _lettered(source, others[0], "T")
    if others:
        raise ValueError(
            f"{path} has {described(source)}, but the axes of a recording are time, channel, plane, y and x, TCZYX: "
            f"name them, such as axes={_example(source)!r}{_choice_among(source, others)}"
        )
    if doubled := [letter for letter in STANDARD if source.axes.count(letter) > 1]:
        raise ValueError(
            f"{path} has {described(source)}, {doubled[0]} twice: name them, such as axes={_example(source)!r}"
        )
    return _with_frames_in_time(path, source)


def _choice_among(source: Source, others: Sequence[int]) -> str:
    """Return how to choose an index along the other axes, if that would leave a movie."""
    letters = dict.fromkeys(source.axes[i] for i in others if source.axes[i] != "Q")
    left = sum(source.axes[i] == "Q" for i in others)
    if not letters or left > 1 or ("T" in source.axes) == bool(left):
        return ""
    choice = ",".join(f"{letter}=0" for letter in letters)
    return f", or choose one of the others, such as key={choice!r}"


def _with_frames_in_time(path: object, source: Source) -> Source:
    """Return a source with the time; where there is one frame of each plane, the planes may be taken for it."""
    if source.length("T") == 1 and source.length("Z") > 1 and not source.sure_of_planes:
        # ImageJ, for one, counts images as planes by default.
        if "T" in source.axes:
            source = without_axis(source, source.axes.index("T"), 0)
        note = "There is one frame of each plane: the planes are taken for frames that follow each other in time"
        source = _lettered(source, source.axes.index("Z"), "T")
        source = replace(source, frame_rate=None, notes=(*source.notes, note))
    if "T" not in source.axes:
        raise ValueError(
            f"{path} has {described(source)}, and none is the time, but a movie has at least (time, y, x)"
            + (f": if one of them is, name them, such as axes={_example(source)!r}" if len(source.axes) > 2 else "")
        )
    return source


def _lettered(source: Source, position: int, letter: str) -> Source:
    """Return a source with another letter for one of its axes."""
    return _renamed(source, source.axes[:position] + letter + source.axes[position + 1 :])


_SEQUENCES = "QI"
"""Axes that are the time if there is only one of them, and none that is: without a name, and sequences of images."""


def _unnamed(source: Source) -> bool:
    return any(letter == "Q" and length > 1 for letter, length in zip(source.axes, source.shape, strict=True))


def _example(source: Source) -> str:
    """Return letters that the axes of a source may have, without those of length 1."""
    own = [source.axes[i] for i in _long(source)]
    letters = [axis if axis in STANDARD and axis not in own[:i] else "" for i, axis in enumerate(own)]
    for wanted in "XY":
        if wanted not in letters:
            free = [i for i, letter in enumerate(letters) if not letter]
            letters[(free or [i for i, letter in enumerate(letters) if letter not in "YX"])[-1]] = wanted
    if "T" not in letters:
        taken = next((i for kind in ("", "Z", "C") for i, letter in enumerate(letters) if letter == kind), None)
        if taken is not None:
            letters[taken] = "T"
    unused = [letter for letter in ("C", "Z", *own, *"PRSUVW") if letter not in {*letters, "Q", "T", "Y", "X"}]
    return "".join(letter or unused.pop(0) for letter in letters)


def _sorted_into(path: object, source: Source, channels: int, planes: int) -> Source:
    """Return a source whose images in time are sorted into channels and planes, the channels of a plane first."""
    for name, count, axis in (("channels", channels, "C"), ("planes", planes, "Z")):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, not {count}")
        if count > 1 and source.length(axis) > 1:
            raise ValueError(
                f"{path} has {described(source)}: it has {source.length(axis)} {name} already, so leave out "
                f"{name}={count}"
            )
    images, at_a_time = source.length("T"), channels * planes
    if at_a_time == 1:
        return source
    volumes = images // at_a_time
    if not volumes:
        raise ValueError(f"{path} has {images} images in time, fewer than {channels} channels times {planes} planes")
    notes = source.notes
    if left := images % at_a_time:
        notes = (*notes, f"The last {left} of {images} images are not a whole volume, and are left out")
    sizes = {"T": volumes, "Z": planes, "C": channels}
    source = in_order(source)  # TCZYX
    shape = (volumes, *(max(source.length(axis), sizes.get(axis, 1)) for axis in "CZ"), *source.shape[3:])
    sorted_by = [axis for axis in "ZC" if sizes[axis] > 1]

    def read(ranges: Ranges) -> Array:
        times, *of_images, rows, columns = ranges
        block = np.empty([len(indices) for indices in ranges], source.dtype)
        for i, j in product(*(range(len(indices)) for indices in of_images)):
            c, z = (indices[at] for indices, at in zip(of_images, (i, j), strict=True))
            first = 0
            for axis in sorted_by:
                first = first * sizes[axis] + (z if axis == "Z" else c)
            inner = [range(0, 1) if axis in sorted_by else range(at, at + 1) for axis, at in (("C", c), ("Z", z))]
            start, last = (frame * at_a_time + first for frame in (times[0], times[-1]))
            images = range(start, last + 1, times.step * at_a_time)
            block[:, i, j] = source.read([images, *inner, rows, columns])[:, 0, 0]
        return block

    missing = source.missing
    if missing is not None:
        outer = missing.images[: volumes * at_a_time]
        outer = outer.reshape(volumes, *(sizes[axis] for axis in "ZC"), *outer.shape[1:])
        # (t, z, c, channels of the file, planes of the file), one of each pair of length 1
        outer = outer.transpose(0, 2, 3, 1, 4).reshape(shape[:3])
        missing = Missing(outer, missing.reason) if outer.any() else None
    depth = max(1, source.chunks[0] // at_a_time)
    return replace(
        source,
        shape=shape,
        chunks=(
            min(depth, volumes),
            *(1 if axis in sorted_by else source.chunks[STANDARD.index(axis)] for axis in "CZ"),
            *source.chunks[3:],
        ),
        read=read,
        frame_rate=None if source.frame_rate is None else source.frame_rate / at_a_time,
        missing=missing,
        notes=notes,
    )
