"""MetaMorph stacks (.stk): one directory for all images, whose pixels follow each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from anscombe_transform.movies.formats.tiff.directories import Directories
from anscombe_transform.movies.formats.tiff.pages import PLANES_OF_METAMORPH, FilePages, PageReader, contiguous
from anscombe_transform.movies.formats.tiff.stacks import Stack
from anscombe_transform.movies.units import frame_rate

_PLANE = np.dtype("2<u4, <u4, <u4, 2<u4")
"""What the tag UIC2 has for each image: its distance along z, the day and milliseconds of its creation, and more."""

_DAY = 86_400_000
"""In milliseconds."""


def metamorph_stack(file: FilePages, reader: PageReader) -> Stack:
    """Return the images of a stack: planes if there are distances along z between them, or else frames."""
    with file.path.open("rb", buffering=0) as handle:
        directories = Directories(handle)
        tag = directories.at(int(file.table["directory"][0])).tags[PLANES_OF_METAMORPH]
        offset, _ = directories.place(tag)
        data = directories.read(offset, tag.items * _PLANE.itemsize)
    if tag.items > file.size:
        raise ValueError(f"{file.path} is not a whole TIFF file: it tells of {tag.items} images")
    known = np.frombuffer(data, _PLANE, len(data) // _PLANE.itemsize)
    file = contiguous(file, reader, 0, 1, tag.items)
    stack = Stack(file.path, (file,), "T", np.arange(tag.items))
    if len(known) < tag.items:
        return stack
    distances, days, milliseconds = known["f0"][:, 0], known["f1"].astype(np.int64), known["f2"].astype(np.int64)
    if distances.any():
        return replace(stack, axes="Z")
    return replace(stack, frame_rate=frame_rate(float(np.median(np.diff(days * _DAY + milliseconds))), "ms"))
