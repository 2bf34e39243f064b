"""Movies in TIFF files: which files make a recording, and in which order.

Metadata go first: those of a set in its folder (Micro-Manager, Prairie View), then those in its files (OME-XML). Files
and sets of which these tell nothing more are put in order by their names. The pages of ScanImage are sorted at last,
once all are in a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from anscombe_transform._formatting import listed
from anscombe_transform._optional import require_extra
from anscombe_transform.movies.formats.tiff.file_names import Order, order_of, several
from anscombe_transform.movies.formats.tiff.metadata import with_metadata
from anscombe_transform.movies.formats.tiff.micro_manager import INDEX, open_images, open_ndtiff, open_stacks
from anscombe_transform.movies.formats.tiff.ome import AbsentMetadata, open_ome
from anscombe_transform.movies.formats.tiff.pages import Integers, PageReader
from anscombe_transform.movies.formats.tiff.prairie_view import open_prairie_view
from anscombe_transform.movies.formats.tiff.scanimage import sort_pages
from anscombe_transform.movies.formats.tiff.series import file_stack
from anscombe_transform.movies.formats.tiff.stacks import Stack, as_source, joined, not_there, only
from anscombe_transform.movies.source import Source

_MOST_CHANNELS = 8
"""More channels in each of several files are taken for frames."""


def open_tiffs(paths: Sequence[Path], key: str | None, *, as_given: bool = False) -> Source:
    """Open TIFF files that make a recording.

    Parameters
    ----------
    paths : sequence of Path
        The files, in natural order unless they are to be taken as they are given.
    key : str, optional
        Which series of each file, as in ``series=1``.
    as_given : bool, default False
        The files follow each other in time as they are given, unless their metadata say otherwise.

    Raises
    ------
    FileNotFoundError
        If the file is not there that has the metadata of a set.
    ModuleNotFoundError
        If tifffile is not installed, or what unpacks the pixels.
    ValueError
        If a file cannot be read, or the files may be several recordings.
    """
    with require_extra(f"{paths[0]} needs tifffile"):
        import tifffile  # noqa: F401
    reader = PageReader()
    stacks, absent = _sets(paths, reader, _series(key))
    if len(stacks) == 1 and not absent:
        stack = _sorted_by_header(stacks[0], reader)
    else:
        stack = _in_order(stacks, absent, reader, as_given=as_given)
    if stack.pixel_size is None and stack.frame_rate is None:
        stack = with_metadata(stack)
    if stack.doubt is None and stack.length("C") == stack.index.size > 1:
        doubt = (
            f"has one image of each of {stack.index.size} channels by its metadata, which is no movie: if they follow "
            "each other in time, give axes='TYX'"
        )
        stack = replace(stack, doubt=doubt)
    return as_source(stack, reader.kinds, key)


def _series(key: str | None) -> int | None:
    """Return the number of the series that a key such as ``series=1`` names."""
    if key is None:
        return None
    name, _, number = key.partition("=")
    if name.strip().lower() != "series" or not number.strip().isdecimal():
        raise ValueError(f"key={key!r} is not understood: in a TIFF file, give series=NUMBER, such as series=0")
    return int(number)


def _sets(paths: Sequence[Path], reader: PageReader, series: int | None) -> tuple[list[Stack], list[Path]]:
    """Return the smallest sets of files that metadata tell, and files that belong to them and are not there."""
    asked = {*paths}
    stacks: list[Stack] = []
    absent: dict[Path, None] = {}
    done: set[Path] = set()
    of_folders: dict[Path, dict[Path, tuple[Stack, set[Path]]]] = {}
    for path in paths:
        if path in done:
            continue
        if path.parent not in of_folders:
            sets = _of_folder(path.parent, reader, series)
            of_folders[path.parent] = {member: one for one in sets for member in one[1]}
        found = of_folders[path.parent].get(path) or _of_file(path, reader, asked, series)
        if isinstance(found, AbsentMetadata):
            if len(paths) == 1:
                raise FileNotFoundError(
                    f"{path} is a part of a set of OME-TIFF, of which {found.path.name} is missing, with the metadata "
                    "of all: give the folder, or a pattern, to go by the names of the files"
                )
            absent[found.path] = None
            found = file_stack(path, reader, series), {path}
        stack, members = found
        stacks.append(only(stack, asked) if len(members) > 1 and len(paths) > 1 else stack)
        done |= members
    return stacks, [path for path in absent if path.suffix.lower() != ".ome"]


def _of_folder(folder: Path, reader: PageReader, series: int | None) -> list[tuple[Stack, set[Path]]]:
    """Return the sets of which other files in a folder tell, each with all its files."""
    names = {path.name for path in folder.iterdir()}
    sets = open_prairie_view(folder, names, reader)
    if INDEX in names:
        sets += open_ndtiff(folder, reader, series)
    return sets + open_images(folder, names, reader)


def _of_file(
    path: Path, reader: PageReader, asked: set[Path], series: int | None
) -> tuple[Stack, set[Path]] | AbsentMetadata:
    """Return the set of which a file itself tells, with all its files."""
    if "_MMStack" in path.name and (found := open_stacks(path, reader, asked, series)):
        return found
    if reader.pages(path).maker == "OME":
        return open_ome(path, reader, asked, series)
    return file_stack(path, reader, series), {path}


def _in_order(stacks: Sequence[Stack], absent: Sequence[Path], reader: PageReader, *, as_given: bool) -> Stack:
    """Return several sets as one recording, in the order that their names tell."""
    paths = [stack.path for stack in stacks]
    order = order_of(paths, lambda number: stacks[number].index.size, as_given=as_given, absent=absent)
    used = [number for number in order.files.ravel().tolist() if number >= 0]
    _check_formats(stacks, used, reader)
    in_time, doubt = _in_time([stacks[number] for number in used])
    recorded = dict(zip(used, in_time, strict=True))
    for of_channel in order.files.reshape(-1, order.files.shape[2]).T.tolist():
        recorded |= _with_the_same_channels(paths, {number: recorded[number] for number in of_channel if number >= 0})
    stack_of = _with_all_planes(recorded)
    lengths, reasons = _lengths(stack_of, order)
    first = stack_of[used[0]]
    empty = replace(first, files=(), index=first.index[:0])
    channels = []
    for c in range(order.files.shape[2]):
        planes = []
        for z in range(order.files.shape[1]):
            own = [stack_of.get(number, empty) for number in order.files[:, z, c].tolist()]
            row = joined([_lengthened(one, length) for one, length in zip(own, lengths, strict=True)], "T")
            planes.append(_sorted_by_header(replace(row, reasons=(*reasons, *row.reasons)), reader))
        channels.append(_side_by_side(planes, "Z", paths, order.files[:, :, c].T))
    stack = _side_by_side(channels, "C", paths, order.files.transpose(2, 0, 1))
    if order.files[0].size == 1 and stack.pages is None and stack.index.size > len(stack.index):
        parts = [recorded[number] for number in used] if (order.files >= 0).all() else [stack]
        stack = replace(stack, pages=_one_by_one(parts, stack), doubt=doubt or stack.doubt)
    by_names = "".join(axis for axis, files in zip("ZC", order.files.shape[1:], strict=True) if files > 1)
    notes = (*stack.notes, *order.notes)
    return replace(stack, channels=order.channels or stack.channels, notes=notes, by_names=by_names)


def _one_by_one(parts: Sequence[Stack], stack: Stack) -> Stack:
    """Return the images of the parts of a stack one after the other, without those that it has in addition."""
    rows = [replace(part, axes="T", index=part.index.ravel()) for part in parts]
    return replace(joined(rows, "T"), reasons=stack.reasons, notes=stack.notes, doubt=None)


def _with_all_planes(stacks: dict[int, Stack]) -> dict[int, Stack]:
    """Return stacks of which those that were cut off in their only frame have further planes, which are not there."""
    planes = max(stack.length("Z") for stack in stacks.values())
    whole = [stack for stack in stacks.values() if stack.length("Z") == planes]
    if {stack.axes for stack in stacks.values()} != {"TZC"} or len(stacks) > 2 * len(whole):
        return stacks
    return {number: _with_planes(one, planes) if one.length("T") == 1 else one for number, one in stacks.items()}


def _with_planes(stack: Stack, planes: int) -> Stack:
    have = stack.length("Z")
    if have == planes:
        return stack
    index = np.full((1, planes, stack.length("C")), -1)
    index[:, :have] = stack.index
    reason = f"{stack.path.name} has {have} {'plane' if have == 1 else 'planes'}, and others {planes}"
    return replace(stack, index=index, reasons=(*stack.reasons, reason))


def _with_the_same_channels(paths: Sequence[Path], stacks: Mapping[int, Stack]) -> dict[int, Stack]:
    """Return stacks whose channels are in the order of the first one, by their names.

    Raises
    ------
    ValueError
        If their channels have other names.
    """
    named = {number: one for number, one in stacks.items() if len(one.channels) == one.length("C")}
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, stack in named.items():
        groups.setdefault(tuple(sorted(stack.channels)), []).append(number)
    if len(groups) > 1:
        names = [f"({listed(stacks[own[0]].channels)})" for own in groups.values()]
        raise several(paths, [*groups.values()], f"with the channels {' and '.join(names)}", can_be_joined=False)
    same = dict(stacks)
    for number, stack in named.items():
        first = named[next(iter(named))].channels
        if stack.channels != first and len({*first}) == len(first):
            places = [stack.channels.index(name) for name in first]
            same[number] = replace(stack, channels=first, index=stack.index.take(places, stack.axes.index("C")))
    return same


def _side_by_side(parts: Sequence[Stack], axis: str, paths: Sequence[Path], files: Integers) -> Stack:
    """Return stacks that are the channels or planes of one; `files` are the numbers of the files of each."""
    if len(parts) == 1:
        return parts[0]
    if any(part.length(axis) > 1 for part in parts):
        groups = [[number for number in own.ravel().tolist() if number >= 0] for own in files]
        what = "channels" if axis == "C" else "planes"
        raise several(paths, groups, f"with several {what} each, whose names differ in {what}", can_be_joined=False)
    return joined(parts, axis)


def _sorted_by_header(stack: Stack, reader: PageReader) -> Stack:
    """Return a stack whose pages are sorted if ScanImage wrote them one after the other."""
    is_row = stack.index.ndim > 0 and stack.index.size == len(stack.index)
    of_scanimage = {file.maker for file in stack.files if len(file.table)} == {"ScanImage"}
    return sort_pages(stack, reader) if is_row and of_scanimage else stack


def _check_formats(stacks: Sequence[Stack], used: Sequence[int], reader: PageReader) -> None:
    """Raise ValueError if the images of files are not of one shape and dtype."""
    groups: dict[tuple[tuple[int, int], str], list[int]] = {}
    for number in used:
        kinds = (reader.kinds[kind] for file in stacks[number].files for kind in file.table["kind"].tolist())
        kind = next((kind for kind in kinds if kind.page is not None and not kind.reduced), None)
        if kind is not None:
            groups.setdefault((kind.shape, kind.dtype.name), []).append(number)
    if len(groups) > 1:
        of = " and ".join(f"of {height} x {width} pixels and {dtype}" for (height, width), dtype in groups)
        raise several([stack.path for stack in stacks], [*groups.values()], f"with images {of}", can_be_joined=False)


def _in_time(stacks: Sequence[Stack]) -> tuple[list[Stack], str | None]:
    """Return stacks of which the first axis is the time, the others in the same order, and why that is in doubt."""
    rows = [stack for stack in stacks if _is_row(stack)]
    doubt = None
    sizes = [stack.index.size for stack in stacks]
    whole = sizes.count(max(sizes))
    slices = all(stack.length("Z") == stack.index.size for stack in stacks)
    if len(rows) >= whole and (whole == len(stacks) or (slices and 2 * whole >= len(stacks))):
        axis = "Z" if slices else "C"
        doubt = (
            f"has files of {max(sizes)} {'slices' if axis == 'Z' else 'channels'} each by their metadata"
            + (f", but for {len(stacks) - whole} with fewer" if whole < len(stacks) else "")
            + f": give axes='T{axis}YX' if each file is one frame, or axes='TYX' if all images follow each other in "
            "time"
        )
    elif rows:
        note = "The images of each file are taken for frames that follow each other in time, whatever its metadata say"
        stacks = [
            replace(one, axes="T", index=one.index.ravel(), notes=(*one.notes, note)) if _is_row(one) else one
            for one in stacks
        ]
    return [_with_time(stack) for stack in stacks], doubt


def _is_row(stack: Stack) -> bool:
    """Return whether images may follow each other in time though metadata call them slices or channels.

    ImageJ calls images slices by default, and tifffile channels, whatever they are.
    """
    if stack.files[0].maker not in ("ImageJ", "OME") or stack.length("T") > 1:
        return False
    slices, channels = stack.length("Z"), stack.length("C")
    return (stack.files[0].maker == "ImageJ" and slices > 1 == channels) or (channels > _MOST_CHANNELS and slices == 1)


def _with_time(stack: Stack) -> Stack:
    """Return a stack of which the first axis is the time: one that has no name, or one more."""
    axes, index = stack.axes, stack.index
    if "T" not in axes:
        axes, index = ("T" + axes.replace("Q", "", 1), index) if axes[:1] == "Q" else ("T" + axes, index[np.newaxis])
    if {*axes} <= {*"TZC"}:
        order = [axes.index(axis) for axis in "TZC" if axis in axes]
        added = tuple(i for i, axis in enumerate("TZC") if axis not in axes)
        return replace(stack, axes="TZC", index=np.expand_dims(index.transpose(order), added))
    first = axes.index("T")
    return replace(stack, axes="T" + axes.replace("T", ""), index=np.moveaxis(index, first, 0))


def _lengths(stacks: Mapping[int, Stack], order: Order) -> tuple[list[int], list[str]]:
    """Return how many frames there are at each place in time, and what is to be said of files that have fewer."""
    lengths = [
        max((len(stacks[number].index) for number in row.ravel().tolist() if number >= 0), default=0)
        for row in order.files
    ]
    known = {length for length in lengths[:-1] if length}
    usual = known.pop() if len(known) == 1 else None
    reasons = [*not_there(order.absent)]
    if 0 in lengths and usual is None:
        reasons.append("how many frames a missing file had is not known: one is counted")
    lengths = [length or usual or 1 for length in lengths]
    for row, length in zip(order.files, lengths, strict=True):
        for number in row.ravel().tolist():
            if number >= 0 and len(stacks[number].index) < length:
                stack = stacks[number]
                reasons.append(f"{stack.path.name} has {len(stack.index)} frames, and others of the same time {length}")
    return lengths, reasons


def _lengthened(stack: Stack, length: int) -> Stack:
    """Return a stack with further frames that are not there, if it has fewer."""
    if len(stack.index) == length:
        return stack
    more = np.full((length - len(stack.index), *stack.index.shape[1:]), -1)
    return replace(stack, index=np.concatenate([stack.index, more]))
