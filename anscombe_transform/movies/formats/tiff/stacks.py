"""The images of TIFF files along axes such as time: what a file holds, and what several files hold together."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from anscombe_transform._formatting import listed
from anscombe_transform.movies.formats.tiff.pages import FilePages, Integers, Kind, PageReader, TiffFrames
from anscombe_transform.movies.source import Missing, Source, by_image, few_images

SORT_BY_HAND = "give axes='TYX' if they follow each other in time, or channels=N, planes=N to sort them"
"""What to do where it is in doubt what images are."""

FARTHEST = 1 << 40
"""A place along an axis that no image has: places that are still farther are taken for it."""

_PALETTE = "The values are the numbers of the pixels: the colors in which ImageJ shows them are left aside"

_UNKNOWN = -2
"""Stands for an image of which the metadata do not tell."""


def name_within(name: str) -> str:
    """Return the name of a file that metadata tell without folders, also of Windows, that are of where it was written.

    So files outside of the folder of the metadata are never read.
    """
    found = re.split(r"[\\/]", name)[-1].replace("\0", "")
    return "?" if found in ("", ".", "..") else found


@dataclass(frozen=True, eq=False)
class Stack:
    """Images in TIFF files along axes."""

    path: Path
    """The file by which it is known."""
    files: tuple[FilePages, ...]
    axes: str
    """A letter for each axis of the index, as in a `Source` but without Y and X."""
    index: Integers
    """Which page each image is, with the pages of all files numbered one after the other; -1 if there is none."""
    reasons: tuple[str, ...] = ()
    """Why there is no page for some images, with the name of the file."""
    channels: tuple[str, ...] = ()
    frame_rate: float | None = None
    pixel_size: tuple[float, float] | None = None
    z_step: float | None = None
    calibration: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    doubt: str | None = None
    """Why it is in doubt which axes there are, and what to do."""
    by_names: str = ""
    """The letters of axes that are told by the names of files."""
    pages: Stack | None = None
    """The same pages one after the other, where they have other axes because a header says so."""

    def length(self, axis: str) -> int:
        """Return the length of an axis, 1 if there is none."""
        return self.index.shape[self.axes.index(axis)] if axis in self.axes else 1


@dataclass(frozen=True)
class Image:
    """Where an image is, and its place along axes."""

    path: Path
    page: int
    """The number of the page in the file; -1 if there is none."""
    place: tuple[int, ...]


def stack_of(path: Path, reader: PageReader, axes: str, images: Sequence[Image]) -> Stack:
    """Return the images of which metadata tell.

    Parameters
    ----------
    path : Path
        The file that has the metadata.
    reader : PageReader
        What reads the pages.
    axes : str
        The letters of the axes.
    images : sequence of Image
        The images, of which there is at least one.
    """
    files: dict[Path, FilePages] = {}
    starts: dict[Path, int] = {}
    absent: dict[str, None] = {}
    reasons: dict[str, None] = {}
    total = 0
    pages = []
    for image in images:
        if image.path not in starts:
            starts[image.path] = total
            if image.path.is_file():
                files[image.path] = reader.pages(image.path)
                total += len(files[image.path].table)
            else:
                absent[image.path.name] = None
        have = len(files[image.path].table) if image.path in files else 0
        pages.append(starts[image.path] + image.page if 0 <= image.page < have else -1)
        if image.page >= have and image.path in files:
            reasons[f"{image.path.name} has {have} pages, fewer than {path.name} tells"] = None
    stack = by_places(path, list(files.values()), axes, [image.place for image in images], pages)
    return replace(stack, reasons=(*not_there(list(absent)), *reasons, *stack.reasons))


def not_there(names: Sequence[str]) -> tuple[str, ...]:
    """Return the reason that files give that are not there, if there are such."""
    return (f"{listed(names, 3)} {'is' if len(names) == 1 else 'are'} not there",) if names else ()


def by_places(
    path: Path, files: Sequence[FilePages], axes: str, places: Sequence[Sequence[int]], pages: Sequence[int]
) -> Stack:
    """Return images whose places along some axes are known; -1 is the page of one that is not there.

    Parameters
    ----------
    path : Path
        The file by which they are known.
    files : sequence of FilePages
        The files.
    axes : str
        The letters of the axes.
    places : sequence of sequence of int
        The place of each image along these.
    pages : sequence of int
        The number of the page of each image, with the pages of all files numbered one after the other.
    """
    within = [[min(along, FARTHEST) for along in place] for place in places]
    coordinates = np.array(within, np.int64).reshape(-1, len(axes))
    shape = coordinates.max(axis=0) + 1
    if coordinates.min() < 0 or math.prod(shape.tolist()) > 100 * len(coordinates) + 1_000_000:
        raise ValueError(f"{path} has metadata that do not make sense: images at {tuple(shape.tolist())} along {axes}")
    index = np.full(shape, _UNKNOWN)
    index[tuple(coordinates.T)] = pages
    notes: tuple[str, ...] = ()
    last = (index[-1] == _UNKNOWN).sum()
    if axes[0] == "T" and len(index) > 1 and last and not (index[:-1] == _UNKNOWN).any():
        notes = (
            f"Left out: the last frame, of which {index[-1].size - last} of {index[-1].size} images were recorded",
        )
        index = index[:-1]
    reasons = (f"the metadata of {path.name} tell of no such images",) if (index == _UNKNOWN).any() else ()
    return Stack(path, tuple(files), axes, np.maximum(index, -1), reasons, notes=notes)


def only(stack: Stack, wanted: Collection[Path]) -> Stack:
    """Return a stack without the frames, channels and planes of which some of its files have nothing."""
    given = np.repeat([file.path in wanted for file in stack.files], [len(file.table) for file in stack.files])
    if given.all():
        return stack
    there = np.append(given, False)[stack.index]
    kept = [
        np.flatnonzero(there.any(axis=tuple(other for other in range(there.ndim) if other != i)))
        for i in range(there.ndim)
    ]
    channels = stack.channels
    if "C" in stack.axes and channels:
        channels = tuple(channels[i] for i in kept[stack.axes.index("C")])
    note = "The files are a part of a larger set, as their metadata tell"
    return replace(
        stack, index=stack.index[np.ix_(*kept)], channels=channels, notes=(*stack.notes, note), doubt=None, pages=None
    )


def joined(stacks: Sequence[Stack], axis: str) -> Stack:
    """Return stacks one after the other along an axis; all else about them is of the first.

    Raises
    ------
    ValueError
        If they differ in their other axes.
    """
    first = stacks[0]
    if len(stacks) == 1 and axis in first.axes:
        return first
    stacks = [_with_axis(stack, axis) for stack in stacks]
    position = stacks[0].axes.index(axis)
    shapes = {(stack.axes, *np.delete(stack.index.shape, position).tolist()): stack for stack in stacks}
    if len(shapes) > 1:
        one, other = list(shapes.values())[:2]
        raise ValueError(
            f"{other.path.name} has {other.index.shape} images along {other.axes}, but {one.path.name}, with which it "
            f"should make one recording, has {one.index.shape} along {one.axes}"
        )
    start = 0
    parts = []
    for stack in stacks:
        parts.append(np.where(stack.index < 0, -1, stack.index + start))
        start += sum(len(file.table) for file in stack.files)
    return replace(
        first,
        axes=stacks[0].axes,
        files=tuple(file for stack in stacks for file in stack.files),
        index=np.concatenate(parts, axis=position),
        reasons=tuple(dict.fromkeys(reason for stack in stacks for reason in stack.reasons)),
        notes=tuple(dict.fromkeys(note for stack in stacks for note in stack.notes)),
        doubt=next((stack.doubt for stack in stacks if stack.doubt), None),
        pages=None,
    )


def _with_axis(stack: Stack, axis: str) -> Stack:
    if axis in stack.axes:
        return stack
    return replace(stack, axes=axis + stack.axes, index=stack.index[np.newaxis])


def as_source(stack: Stack, kinds: Sequence[Kind], key: str | None) -> Source:
    """Return a stack as a source.

    Raises
    ------
    ValueError
        If its pages are no images of one shape and dtype, or none of them is there.
    """
    lengths = [len(file.table) for file in stack.files]
    table = np.concatenate([file.table for file in stack.files])
    numbers = np.repeat(np.arange(len(lengths)), lengths)
    used = np.unique(stack.index[stack.index >= 0])
    if not len(used):
        raise ValueError(f"{stack.path} is not a whole TIFF file: {'; '.join(_reasons(stack)) or 'it has no images'}")
    kind = _only_kind(stack, kinds, table["kind"], used, numbers)
    frames = TiffFrames(stack.files, kinds, table, numbers, kind)
    whole = np.append(table["whole"], False)
    lacks = ~whole[stack.index]
    reasons = list(_reasons(stack))
    for number in np.unique(numbers[used][~table["whole"][used]]).tolist():
        file = stack.files[number]
        if file.problem is None:
            reasons.append(
                f"{file.path.name} is truncated or damaged: with its {file.size} bytes, not all pages are whole"
            )
    pages = None
    if stack.pages is not None:
        plain = replace(stack.pages, pixel_size=stack.pixel_size, calibration=stack.calibration, notes=stack.notes)
        pages = as_source(replace(plain, frame_rate=None, z_step=None, channels=()), kinds, key)
    flat = stack.index.ravel()
    shape = (*stack.index.shape, *kind.shape)
    alone = len(stack.files) == 1 and bool((table["offset"][used] >= 0).all())
    return Source(
        stack.axes + "YX",
        shape,
        frames.dtype,
        few_images(shape, kind.dtype) if alone else (*(1 for _ in stack.axes), *kind.shape),
        tuple(str(file.path.absolute()) for file in stack.files),
        by_image(
            stack.index.shape,
            lambda images, rows, columns: frames.read([int(flat[image]) for image in images], rows, columns),
        ),
        key,
        files=tuple(stack.files[number].path.name for number in np.unique(numbers[used]).tolist()),
        channels=stack.channels,
        frame_rate=stack.frame_rate,
        pixel_size=stack.pixel_size,
        z_step=stack.z_step,
        calibration=stack.calibration,
        missing=Missing(lacks, listed(list(dict.fromkeys(reasons)), 3)) if lacks.any() else None,
        notes=(*stack.notes, _PALETTE) if kind.palette else stack.notes,
        by_names=stack.by_names,
        pages=pages,
        doubt=stack.doubt,
    )


def _only_kind(stack: Stack, kinds: Sequence[Kind], of_page: Integers, used: Integers, numbers: Integers) -> Kind:
    """Return a kind of the pages, all of which must have its shape and dtype."""
    found, places, counts = np.unique(of_page[used], return_index=True, return_counts=True)
    understood = [i for i, number in enumerate(found.tolist()) if kinds[number].page is not None]
    for i in understood or [0]:
        file = stack.files[numbers[used[places[i]]]]
        problem = kinds[found[i]].problem
        if kinds[found[i]].palette and file.maker != "ImageJ":  # which shows intensities in colors
            problem = "has images in color (palette), but a movie has one number at each pixel"
        if problem:
            raise ValueError(f"{file.path} {problem}")
    formats: dict[Any, list[int]] = {}
    for i in understood:
        number = int(found[i])
        formats.setdefault((kinds[number].shape, kinds[number].dtype.newbyteorder("=")), []).append(i)
    ranked = sorted(formats.items(), key=lambda item: -int(counts[item[1]].sum()))
    if len(ranked) > 1:
        (usual, _), (odd, of_odd) = ranked[0], ranked[-1]
        name = stack.files[numbers[used[places[of_odd[0]]]]].path
        raise ValueError(
            f"{name} has images of {_size(odd)}, but the others, with which they should make one recording, are of "
            f"{_size(usual)}"
        )
    return kinds[int(found[understood[0]])]


def _size(format_: tuple[tuple[int, int], np.dtype[Any]]) -> str:
    (height, width), dtype = format_
    return f"{height} x {width} pixels and {dtype}"


def _reasons(stack: Stack) -> tuple[str, ...]:
    problems = [f"{file.path.name} {file.problem}" for file in stack.files if file.problem]
    return (*stack.reasons, *problems)
