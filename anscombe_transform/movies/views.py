"""Sources that show others otherwise: without an axis, in another order of axes, with some frames, or joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Array
from anscombe_transform.movies.source import Missing, Ranges, Source

STANDARD = "TCZYX"
"""The axes of a recording, in their order."""


def without_axis(source: Source, position: int, index: int) -> Source:
    """Return what is at an index along the axis at a position, which is left out."""

    def read(ranges: Ranges) -> Array:
        whole = [*ranges[:position], range(index, index + 1), *ranges[position:]]
        return source.read(whole).squeeze(position)

    names, codecs = source.channels, source.codecs
    if source.axes[position] == "C":
        names, codecs = names[index : index + 1], codecs[index : index + 1]
    outer = _outer(source.axes)
    missing = source.missing
    if missing is not None and position in outer:
        images = np.asarray(missing.images.take(index, axis=outer.index(position)))
        missing = Missing(images, missing.reason) if images.any() else None
    return replace(
        source,
        axes=_removed(source.axes, position),
        shape=_removed(source.shape, position),
        chunks=_removed(source.chunks, position),
        read=read,
        channels=names,
        codecs=codecs,
        missing=missing,
    )


def narrowed(source: Source, position: int, index: int) -> Source:
    """Return what is at an index along an axis of TCZYX, which is kept with a length of 1."""
    missing = source.missing
    if missing is not None:
        images = missing.images.take([index], axis=position)
        missing = Missing(images, missing.reason) if images.any() else None
    return replace(
        source,
        shape=(*source.shape[:position], 1, *source.shape[position + 1 :]),
        chunks=(*source.chunks[:position], 1, *source.chunks[position + 1 :]),
        read=lambda ranges: source.read([*ranges[:position], range(index, index + 1), *ranges[position + 1 :]]),
        codecs=source.codecs[index : index + 1] if position == 1 else source.codecs,
        missing=missing,
    )


def in_order(source: Source) -> Source:
    """Return a source with the axes TCZYX, those that it does not have of length 1."""
    if source.axes == STANDARD:
        return source
    own = [source.axes.index(letter) for letter in STANDARD if letter in source.axes]
    added = tuple(i for i, letter in enumerate(STANDARD) if letter not in source.axes)

    def read(ranges: Ranges) -> Array:
        wanted = dict(zip(STANDARD, ranges, strict=True))
        block = source.read([wanted[letter] for letter in source.axes])
        return np.expand_dims(block.transpose(own), added)

    missing = source.missing
    if missing is not None:
        outer = [source.axes[i] for i in _outer(source.axes)]
        images = missing.images.transpose([outer.index(letter) for letter in "TCZ" if letter in outer])
        missing = Missing(np.expand_dims(images, tuple(i for i in added if i < 3)), missing.reason)
    return replace(
        source,
        axes=STANDARD,
        shape=tuple(source.length(letter) for letter in STANDARD),
        chunks=tuple(source.chunks[source.axes.index(letter)] if letter in source.axes else 1 for letter in STANDARD),
        read=read,
        missing=missing,
    )


def with_frames(source: Source, numbers: npt.NDArray[np.int64]) -> Source:
    """Return a source of the axes TCZYX with some of its frames, whose numbers ascend."""

    def read(ranges: Ranges) -> Array:
        times, *others = ranges
        wanted = numbers[times.start : times.stop : times.step]
        # A run of frames at equal distances is read at once.
        breaks = np.flatnonzero(np.diff(wanted, 2)) + 2
        blocks = []
        for run in np.split(wanted, breaks):
            step = int(run[1] - run[0]) if len(run) > 1 else 1
            blocks.append(source.read([range(int(run[0]), int(run[-1]) + 1, step), *others]))
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    step = int(np.diff(numbers).min()) if len(numbers) > 1 else 1
    missing = source.missing
    if missing is not None:
        images = missing.images[numbers]
        missing = Missing(images, missing.reason) if images.any() else None
    return replace(
        source,
        shape=(len(numbers), *source.shape[1:]),
        chunks=(min(max(1, source.chunks[0] // step), len(numbers)), *source.chunks[1:]),
        read=read,
        missing=missing,
    )


def joined(sources: Sequence[Source], axis: str, names: Sequence[str] = ()) -> Source:
    """Return sources one after the other along an axis, which they may not have; all else about them is of the first.

    Parameters
    ----------
    sources : sequence of Source
        With the same axes and dtype, and the same shape but for the length of the axis.
    axis : str
        Its letter.
    names : sequence of str, optional
        The names of the channels, where these are joined.
    """
    sources = [_with_axis(source, axis) for source in sources]
    first = sources[0]
    position = first.axes.index(axis)
    lengths = [source.shape[position] for source in sources]
    starts = np.concatenate([[0], np.cumsum(lengths)])

    def read(ranges: Ranges) -> Array:
        wanted = ranges[position]
        blocks = []
        while wanted:
            number = int(np.searchsorted(starts, wanted.start, "right")) - 1
            inside = range(wanted.start, min(wanted.stop, int(starts[number + 1])), wanted.step)
            own = range(inside.start - int(starts[number]), inside.stop - int(starts[number]), wanted.step)
            blocks.append(sources[number].read([*ranges[:position], own, *ranges[position + 1 :]]))
            wanted = wanted[len(own) :]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=position)

    reasons = dict.fromkeys(source.missing.reason for source in sources if source.missing is not None)
    missing = None
    if reasons:
        outer = _outer(first.axes)
        parts = [
            np.zeros([source.shape[i] for i in outer], np.bool_) if source.missing is None else source.missing.images
            for source in sources
        ]
        missing = Missing(np.concatenate(parts, axis=outer.index(position)), "; ".join(reasons))
    return replace(
        first,
        shape=(*first.shape[:position], sum(lengths), *first.shape[position + 1 :]),
        locations=tuple(dict.fromkeys(place for source in sources for place in source.locations)),
        read=read,
        files=tuple(name for source in sources for name in source.files),
        channels=tuple(names) or (first.channels if axis != "C" else ()),
        codecs=tuple(codec for source in sources for codec in source.codecs) if axis == "C" else first.codecs,
        missing=missing,
        notes=tuple(dict.fromkeys(note for source in sources for note in source.notes)),
    )


def _with_axis(source: Source, axis: str) -> Source:
    """Return a source with one more axis, of length 1, in front, if it does not have it."""
    if axis in source.axes:
        return source
    missing = source.missing
    return replace(
        source,
        axes=axis + source.axes,
        shape=(1, *source.shape),
        chunks=(1, *source.chunks),
        read=lambda ranges: source.read(ranges[1:])[np.newaxis],
        missing=None if missing is None else Missing(missing.images[np.newaxis], missing.reason),
    )


def _removed(values: Any, position: int) -> Any:
    return values[:position] + values[position + 1 :]


def _outer(axes: str) -> list[int]:
    """Return the positions of all axes but Y and X."""
    return [i for i, letter in enumerate(axes) if letter not in "YX"]
