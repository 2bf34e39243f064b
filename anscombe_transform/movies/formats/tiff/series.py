"""What a single TIFF file holds: a stack of ImageJ, arrays of tifffile, or plain pages."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from anscombe_transform._formatting import listed
from anscombe_transform.movies.formats.tiff.metamorph import metamorph_stack
from anscombe_transform.movies.formats.tiff.pages import DESCRIPTION, FilePages, Integers, PageReader, contiguous
from anscombe_transform.movies.formats.tiff.stacks import SORT_BY_HAND, Stack
from anscombe_transform.movies.formats.tiff.zeiss_lsm import lsm_stack

_MOST_IMAGES = 10_000_000
"""More images than a file has: metadata that tell of more are damaged."""


def file_stack(path: Path, reader: PageReader, number: int | None) -> Stack:
    """Return the images of a file, or of one series of it.

    Raises
    ------
    ValueError
        If there are several series and none is chosen, or no series of that number.
    """
    file = reader.pages(path)
    if not len(file.table):
        return Stack(path, (file,), "T", np.array([-1]))
    if file.maker == "ImageJ":
        series = [_imagej(file, reader)]
    elif file.maker == "tifffile":
        series = _shaped(file, reader)
    elif file.maker == "MetaMorph":
        series = [metamorph_stack(file, reader)]
    elif file.maker == "LSM":
        series = [lsm_stack(file, reader)]
    else:
        series = _plain(file, reader, np.arange(len(file.table)))
    single = len(series) > 1 and not any(one.axes for one in series)
    if number is None and single and len({_first_kind(one, reader).shape for one in series}) == 1:
        series = [_following(file, np.array([int(one.index) for one in series]))]
    following = _alike(series, reader)
    if number is None and following is not None:
        return following
    described = [_described(one, reader) for one in series] if len(series) > 1 else [""]
    chosen = series[chosen_series(path, described, number)]
    if following is not None:
        note = f"Left out: {len(series) - 1} of {len(series)} series of {path.name}, which are alike"
        return replace(chosen, notes=(*chosen.notes, note))
    if len(chosen.axes) > 1 and {*chosen.axes} == {"Q"}:
        chosen = replace(chosen, pages=replace(chosen, axes="T", index=chosen.index.ravel()))
    if file.maker == "FluoView" and len(file.table) > 1:
        return replace(chosen, doubt=f"has images in an order of FluoView that is not read: {SORT_BY_HAND}")
    if file.problem and chosen.files[0].problem is None:
        follow = (
            "the pixels of its other images are taken to follow those of the first one, as ImageJ and tifffile write"
        )
        return replace(chosen, notes=(f"{path.name} {file.problem}; {follow}",))
    return chosen


def _alike(series: Sequence[Stack], reader: PageReader) -> Stack | None:
    """Return several series one after the other in time, which is in doubt; None if they are not alike."""
    first = series[0]
    kinds = [_first_kind(one, reader) for one in series]
    formats = {(one.axes, one.index.shape[1:], kind.shape, kind.dtype) for one, kind in zip(series, kinds, strict=True)}
    axes = first.axes
    if len(series) == 1 or len(formats) > 1 or axes[:1] not in ("T", "Q") or "Q" in axes[1:]:
        return None
    axes = "T" + axes[1:]
    doubt = (
        f"{_choice([_described(one, reader) for one in series])}; or give axes='{axes}YX' if they follow each other in "
        "time"
    )
    return replace(
        first,
        axes=axes,
        index=np.concatenate([one.index for one in series]),
        reasons=tuple(dict.fromkeys(reason for one in series for reason in one.reasons)),
        notes=(f"The {len(series)} series of {first.path.name} follow each other in time",),
        doubt=doubt,
    )


def chosen_series(path: Path, series: Sequence[str], number: int | None) -> int:
    """Return the number of the series that is wanted: the only one, unless one is chosen.

    Raises
    ------
    ValueError
        If there is no series of that number, or none is chosen of several.
    """
    if number is not None and number >= len(series):
        raise ValueError(f"{path} has {len(series)} series, the first of which is series=0: there is no {number}")
    if number is None and len(series) > 1:
        raise ValueError(f"{path} {_choice(series)}")
    return number or 0


def _choice(series: Sequence[str]) -> str:
    names = listed([f"series={i} ({one})" for i, one in enumerate(series)])
    return f"has {len(series)} series: choose one, such as key='series=0': {names}"


def _first_kind(stack: Stack, reader: PageReader) -> Any:
    return reader.kinds[stack.files[0].table["kind"][stack.index.ravel()[0]]]


def _described(stack: Stack, reader: PageReader) -> str:
    kind = _first_kind(stack, reader)
    return f"{stack.axes}YX {(*stack.index.shape, *kind.shape)} {kind.dtype.name}"


def _following(file: FilePages, pages: Integers) -> Stack:
    """Return pages that follow each other along one axis, with one more image if their chain breaks off."""
    if len(pages) == 1 and file.problem is None:
        return Stack(file.path, (file,), "", pages[0])
    return Stack(file.path, (file,), "Q", pages if file.problem is None else np.append(pages, -1))


def _plain(file: FilePages, reader: PageReader, pages: Integers) -> list[Stack]:
    """Return pages sorted by their shapes and dtypes; those of lower resolution are left out, unless all are."""
    if len(pages) == 1:
        return [_following(file, pages)]
    kinds = file.table["kind"][pages]
    numbers = [number for number in np.unique(kinds).tolist() if reader.kinds[number].page is not None]
    formats: dict[Any, list[int]] = {}
    for number in [number for number in numbers if not reader.kinds[number].reduced] or numbers:
        kind = reader.kinds[number]
        formats.setdefault((kind.shape, kind.dtype, kind.problem), []).append(number)
    groups = [pages[np.isin(kinds, of_format)] for of_format in formats.values()]
    if len(groups) < 2:  # pages that cannot be understood are others of the same then
        left_out = [number for number in numbers if not any(number in own for own in formats.values())]
        return [_following(file, pages[~np.isin(kinds, left_out)])]
    return [_following(file, group) for group in sorted(groups, key=lambda group: int(group[0]))]


def _imagej(file: FilePages, reader: PageReader) -> Stack:
    """Return the images of an ImageJ stack, in which channels come first, then slices, then frames."""
    found = dict(re.findall(r"^(\w+)=(\d{1,9})\s*$", reader.text(file, DESCRIPTION), re.MULTILINE))
    images, channels, slices, frames = (int(found.get(name, 1)) for name in ("images", "channels", "slices", "frames"))
    images = min(max(1, images), _MOST_IMAGES)
    path, pages = file.path, len(file.table)
    if pages < images and (pages == 1 or file.problem) and file.table["offset"][0] >= 0:
        file = contiguous(file, reader, 0, pages, images)
    lost = max(0, images - len(file.table))
    index = np.append(np.arange(len(file.table)), np.full(lost, -1))
    if index.size == 1:
        return Stack(path, (file,), "", index[0])
    number = f"has {pages} pages, but its ImageJ metadata tell of {images} images"
    plain = Stack(path, (file,), "T", index, (f"{path.name} {number}",) if lost else ())
    if pages > images:
        return replace(plain, doubt=f"{number}: {SORT_BY_HAND}")
    if channels * slices * frames == images:
        return replace(plain, axes="TZC", index=index.reshape(frames, slices, channels), pages=plain)
    if channels * slices * frames > 1:
        counts = f"{channels} channels, {slices} slices and {frames} frames"
        return replace(plain, doubt=f"has {images} images, but its ImageJ metadata tell of {counts}: {SORT_BY_HAND}")
    return replace(plain, axes="Q")


def _shaped(file: FilePages, reader: PageReader) -> list[Stack]:
    """Return the arrays that tifffile wrote, each of which tells its shape in the description of its first page."""
    shapes = [_shape(text) for text in reader.descriptions(file)]
    series: list[Stack] = []
    page = 0
    while page < len(file.table):
        found = shapes[page]
        kind = reader.kinds[file.table["kind"][page]]
        next_one = next((i for i in range(page + 1, len(shapes)) if shapes[i] is not None), len(shapes))
        if found is None or found[0][-2:] != kind.shape:
            series += _plain(file, reader, np.arange(page, next_one))
            page = next_one
            continue
        shape, axes, alone = found
        count = math.prod(shape[:-2])
        have = 1 if alone else len(file.table) - page
        if have < count and file.table["offset"][page] >= 0 and (alone or file.problem):
            file = contiguous(file, reader, page, have, count)
            shapes[page + 1 : page + have] = [None] * (count - 1)
            have = count
        index = np.append(np.arange(page, page + min(have, count)), np.full(max(0, count - have), -1))
        lost = (f"{file.path.name} has {have} pages, but its metadata tell of {count} images",) if have < count else ()
        if not kind.reduced or not series:
            series.append(Stack(file.path, (file,), axes, index.reshape(shape[:-2]), lost))
        page += count
    return [replace(one, files=(file,)) for one in series]


def _shape(description: str) -> tuple[tuple[int, ...], str, bool] | None:
    """Return the shape, the axes but Y and X, and whether there is one page for all, of what tifffile describes."""
    if not description.startswith('{"shape"'):
        return None
    try:
        found = json.loads(description)
        shape = tuple(int(length) for length in found["shape"])
    except (ValueError, TypeError, KeyError):
        return None
    if len(shape) < 2 or min(shape) < 1 or math.prod(shape[:-2]) > _MOST_IMAGES:
        return None
    axes = str(found.get("axes", ""))
    if len(axes) != len(shape) or axes[-2:] != "YX":
        axes = "Q" * len(shape)
    return shape, axes[:-2], bool(found.get("truncated"))
