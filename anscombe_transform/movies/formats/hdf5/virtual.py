"""Virtual datasets of HDF5, whose values are in other datasets: which of these are there, and what they cover."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from anscombe_transform._formatting import listed, one_line
from anscombe_transform.movies.formats.hdf5.files import at
from anscombe_transform.movies.formats.holes import Hole, Indices, grid_of
from anscombe_transform.movies.source import MOST_IMAGES

_Selection = tuple[Indices, ...]
"""Ascending indices along each axis, of which all combinations are selected."""

_UNLIMITED = 1 << 63
"""What is counted without an end has at least this count."""

_NUMBER = re.compile(r"%[%b]")
"""What stands for the number of a source in its name, or for a percent sign."""


def open_dataset(file: Any, path: Path, name: str) -> Any:
    """Open a dataset of the file at a path; a virtual one of numbered sources also past those that are absent."""
    import h5py  # type: ignore[import-untyped, unused-ignore]

    dataset = file[name]
    last = max((_last_number(path, source) for source in _sources(dataset)), default=0)
    if not last:
        return dataset
    del dataset  # what is open cannot be opened in another way
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_virtual_printf_gap(last)
    return h5py.Dataset(h5py.h5d.open(file.id, name.encode(), access))


def source_paths(path: Path, dataset: Any) -> list[Path]:
    """Return the files that a virtual dataset in the file at a path is read from, whether they are there or not."""
    names = dict.fromkeys(mapping.file for mapping in _mappings(dataset))
    return [_found(path, name) or path.parent / name for name in names if name != "."]


def virtual_holes(path: Path, dataset: Any, holes_in: Callable[[Path, Any], list[Hole]]) -> list[Hole]:
    """Return what no source covers of a virtual dataset in the file at a path; `holes_in` tells it of the sources."""
    import h5py

    covered: list[_Selection] = []
    absent: list[str] = []
    holes: list[Hole] = []
    for name, mappings in groupby(_mappings(dataset), key=lambda mapping: mapping.file):
        where = path if name == "." else _found(path, name)
        shown = path.name if name == "." else name
        if where is None:
            absent.append(name)
            continue
        try:
            opened = nullcontext(dataset.file) if name == "." else h5py.File(where, "r")
        except OSError as error:
            absent.append(f"{name} ({one_line(error)})")
            continue
        with opened as file:
            lost: dict[str, list[Hole]] = {}
            for mapping in mappings:
                source = at(file, mapping.dataset)
                if not isinstance(source, h5py.Dataset):
                    absent.append(f"{mapping.dataset} in {shown}")
                    continue
                if mapping.dataset not in lost:
                    lost[mapping.dataset] = holes_in(where, source)
                pair = mapping.pair(dataset.shape, source.shape)
                if not pair.is_told and lost[mapping.dataset]:
                    absent.append(f"some of {mapping.dataset} in {shown}")
                    continue
                covered += pair.virtual
                moved = map(pair.moved, lost[mapping.dataset] if pair.virtual else ())
                holes += [hole for hole in moved if hole is not None]
    whole = f"the virtual dataset {dataset.name.strip('/')} of {path.name}"
    absent = list(dict.fromkeys(absent))
    reason = f"{listed(absent)}: not there, where {whole} has values" if absent else f"{whole} has values in no source"
    return [*holes, *_uncovered(dataset.shape, covered, reason)]


def _uncovered(shape: Sequence[int], covered: Sequence[_Selection], reason: str) -> list[Hole]:
    """Return what is in none of the selections: cells between all places at which one of them begins or ends."""
    cells = []
    for i, length in enumerate(shape):
        edges = {0, length}
        for along in {id(selection[i]): selection[i] for selection in covered}.values():
            ends = np.flatnonzero(np.diff(along) != 1)
            edges.update([*along[:1], *along[-1:] + 1, *(along[ends] + 1), *along[ends + 1]])
        cells.append(np.searchsorted(sorted(edges), np.arange(length), "right") - 1)
    absent = np.ones(grid_of(reason, [int(along[-1]) + 1 for along in cells], [1] * len(cells)), np.bool_)
    for selection in covered:
        absent[np.ix_(*(np.unique(along[wanted]) for along, wanted in zip(cells, selection, strict=True)))] = False
    if not absent.any():
        return []
    return [Hole(tuple(np.arange(length) for length in shape), tuple(cells), absent, reason)]


@dataclass(frozen=True)
class _Pair:
    """What of a virtual dataset comes from a source."""

    virtual: list[_Selection]
    own: _Selection = ()
    axes: tuple[tuple[int, int], ...] = ()
    """Pairs of an axis of the source and the axis of the virtual dataset that it becomes."""
    is_told: bool = True
    """Whether it is known which value comes from where."""

    def moved(self, hole: Hole) -> Hole | None:
        """Return a hole of the source as one of the virtual dataset."""
        (virtual,), becomes = self.virtual, dict(self.axes)
        indices, cells = list(virtual), [np.zeros(len(along), np.int64) for along in virtual]
        absent = hole.absent
        for i, along in reversed(list(enumerate(self.own))):
            places = np.searchsorted(hole.indices[i], along).clip(max=len(hole.indices[i]) - 1)
            here = hole.indices[i][places] == along
            if not here.any():
                return None
            if i in becomes:
                indices[becomes[i]], cells[becomes[i]] = virtual[becomes[i]][here], hole.cells[i][places[here]]
            else:
                absent = absent.take(hole.cells[i][places[0]], axis=i)
        added = tuple(i for i in range(len(virtual)) if i not in becomes.values())
        return Hole(tuple(indices), tuple(cells), np.expand_dims(absent, added), hole.reason)


@dataclass(frozen=True)
class _Mapping:
    """A selection of a virtual dataset, and the one of a source that has its values."""

    file: str
    dataset: str
    space: Any
    source_space: Any
    block: int | None = None
    """Of what is counted without an end, which of its blocks; all, if that is not told."""

    def pair(self, shape: Sequence[int], source_shape: Sequence[int]) -> _Pair:
        """Return what comes from where, as far as the source reaches."""
        virtual, own = _selections(self.space, shape, self.block), _selections(self.source_space, source_shape)
        whole = _Pair(virtual, is_told=False)
        if not virtual or not own or len(own[0]) != len(source_shape):
            return _Pair([])
        ends = [max(int(selection[i].max(initial=-1)) for selection in own) for i in range(len(source_shape))]
        too_small = any(end >= length for end, length in zip(ends, source_shape, strict=True))
        if len(virtual) > 1 or len(own) > 1:
            return _Pair([]) if too_small else whole
        theirs, ours = list(virtual[0]), list(own[0])
        i, j = _endless(self.source_space), _endless(self.space)
        if self.block is None and i is not None and j is not None:
            count = min(len(ours[i]), len(theirs[j]))
            ours[i], theirs[j] = ours[i][:count], theirs[j][:count]
        long = [[i for i, along in enumerate(one) if len(along) != 1] for one in (ours, theirs)]
        if [len(ours[i]) for i in long[0]] != [len(theirs[i]) for i in long[1]]:
            pair = _whole_source(ours, theirs) if _is_all(self.source_space) else None
            return pair or (_Pair([]) if too_small else whole)
        for i, along in enumerate(ours):
            if i not in long[0] and along[0] >= source_shape[i]:
                return _Pair([])
        axes = tuple(zip(*long, strict=True))
        for i, j in axes:
            there = ours[i] < source_shape[i]
            if not there.all():
                ours[i], theirs[j] = ours[i][there], theirs[j][there]
        return _Pair([tuple(theirs)], tuple(ours), axes) if all(map(len, theirs)) else _Pair([])


def _whole_source(ours: list[Indices], theirs: list[Indices]) -> _Pair | None:
    """Return what comes from where if a selection is of another size than the source, all of which it is to have.

    The library reads one value after the other, as far as there are any.
    """
    becomes = [j for j, along in enumerate(theirs) if len(ours) == len(theirs) or len(along) != 1]
    if len(becomes) != len(ours):
        return None
    axes = tuple(enumerate(becomes))
    if any(len(ours[i]) != len(theirs[j]) for i, j in axes[1:]):
        return _Pair([])
    count = min(len(ours[0]), len(theirs[becomes[0]]))
    own, virtual = list(ours), list(theirs)
    own[0], virtual[becomes[0]] = own[0][:count], virtual[becomes[0]][:count]
    return _Pair([tuple(virtual)], tuple(own), axes)


def _is_all(space: Any) -> bool:
    import h5py

    return bool(space.get_select_type() == h5py.h5s.SEL_ALL)


def _sources(dataset: Any) -> Any:
    return dataset.virtual_sources() if dataset.is_virtual else ()


def _mappings(dataset: Any) -> Iterator[_Mapping]:
    """Return the mappings of a virtual dataset, those of numbered sources one by one."""
    for source in _sources(dataset):
        axis = _endless(source.vspace)
        if not _is_numbered(source) or axis is None:
            file, name = _numbered(source.file_name, 0), _numbered(source.dset_name, 0)
            yield _Mapping(file, name, source.vspace, source.src_space)
            continue
        starts, strides, _, _ = source.vspace.get_regular_hyperslab()
        for number in range(-(-(dataset.shape[axis] - starts[axis]) // strides[axis])):
            file, name = _numbered(source.file_name, number), _numbered(source.dset_name, number)
            yield _Mapping(file, name, source.vspace, source.src_space, number)


def _is_numbered(source: Any) -> bool:
    return "%b" in _NUMBER.findall(source.file_name + " " + source.dset_name)


def _numbered(name: str, number: int) -> str:
    return _NUMBER.sub(lambda found: "%" if found[0] == "%%" else str(number), name)


def _last_number(path: Path, source: Any) -> int:
    """Return the largest number of the files that are there of a source whose files are numbered, 0 if none is."""
    parts = re.split(r"(%[%b])", source.file_name)
    if "%b" not in parts:
        return 0
    pattern = "".join({"%b": "*", "%%": "%"}.get(part, glob.escape(part)) for part in parts)
    expression = "".join({"%b": r"(\d+)", "%%": "%"}.get(part, re.escape(part)) for part in parts)
    names = glob.glob(pattern, root_dir=path.parent)  # noqa: PTH207 - Path.glob takes no absolute ones
    found = [re.fullmatch(expression, name) for name in names]
    return max((int(one[1]) for one in found if one), default=0)


def _found(path: Path, name: str) -> Path | None:
    """Return the file that the library finds for the name of a source: there, or beside the virtual dataset."""
    for folder in dict.fromkeys((path.parent, path.resolve().parent)):
        for candidate in (folder / name, folder / Path(name).name):
            if candidate.is_file() and (candidate == folder / name or Path(name).is_absolute()):
                return candidate
    return None


def _endless(space: Any) -> int | None:
    """Return the axis along which a selection goes on without an end."""
    import h5py

    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        return None
    _, _, counts, blocks = space.get_regular_hyperslab()
    found = [i for i, sizes in enumerate(zip(counts, blocks, strict=True)) if max(sizes) >= _UNLIMITED]
    return found[0] if found else None


def _selections(space: Any, shape: Sequence[int], block: int | None = None) -> list[_Selection]:
    """Return what is selected of an array; what goes on without an end, to the end of the array."""
    import h5py

    if _is_all(space):
        return [tuple(_along(0, 1, 1, length, length) for length in shape)]
    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS:
        return []
    if not space.is_regular_hyperslab():
        boxes = space.get_select_hyper_blocklist()
        return [tuple(_along(int(a), 1, 1, int(b - a) + 1, int(b) + 1) for a, b in box.T) for box in boxes]
    endless, selection = _endless(space), []
    for i, (start, stride, count, size) in enumerate(zip(*space.get_regular_hyperslab(), strict=True)):
        stop = shape[i] if i == endless else start + (count - 1) * stride + size
        if i == endless:
            size = min(size, stop)
            count = max(0, -(-(stop - start) // stride)) if count >= _UNLIMITED else count
            if block is not None:
                start, count = start + block * stride, 1
        selection.append(_along(start, stride, count, size, stop))
    return [tuple(selection)]


@lru_cache(maxsize=1024)
def _along(start: int, stride: int, count: int, size: int, stop: int) -> Indices:
    """Return the indices of blocks of a size at equal distances, before the last one."""
    if count * size > MOST_IMAGES:
        raise ValueError(
            f"the sources of a virtual dataset are selected in {count} blocks of {size}, which are too many"
        )
    indices = (start + stride * np.arange(count)[:, np.newaxis] + np.arange(size)).ravel()
    return indices[indices < stop]
