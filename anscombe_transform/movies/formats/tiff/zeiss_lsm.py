"""Zeiss LSM: pages of frames and planes, with a thumbnail after each."""

from __future__ import annotations

import struct

import numpy as np

from anscombe_transform.movies.formats.tiff.directories import Directories
from anscombe_transform.movies.formats.tiff.pages import INFO_OF_LSM, FilePages, PageReader
from anscombe_transform.movies.formats.tiff.stacks import SORT_BY_HAND, Stack
from anscombe_transform.movies.units import frame_rate, micrometers, pixel_size

_SIZES = struct.Struct("<16x3i12x3d")
"""Where the numbers of planes, channels and frames are, and the size of a voxel along x, y and z in meters."""

_INTERVAL = struct.Struct("<112xd")
"""Where the time between two frames is, in seconds."""


def lsm_stack(file: FilePages, reader: PageReader) -> Stack:
    """Return the images of a file with one channel, all planes of a frame before the next frame."""
    with file.path.open("rb", buffering=0) as handle:
        directories = Directories(handle)
        info = directories.value(directories.at(int(file.table["directory"][0])).tags[INFO_OF_LSM])
    if len(info) < _INTERVAL.size:
        raise ValueError(f"{file.path} is not a whole TIFF file: its LSM header is too short")
    planes, channels, frames, x, y, z = _SIZES.unpack_from(info)
    (interval,) = _INTERVAL.unpack_from(info)
    pages = np.flatnonzero([not reader.kinds[kind].reduced for kind in file.table["kind"]])
    if max(planes, 1) * max(frames, 1) > file.size:
        raise ValueError(
            f"{file.path} is not a whole TIFF file: its LSM header tells of {planes} planes, {frames} frames"
        )
    if channels > 1 or (file.table["offset"][pages] < 0).any():
        raise ValueError(f"{file.path} has several channels in a page, or is compressed: such LSM files are not read")
    count = max(1, planes) * max(1, frames)
    lost = max(0, count - len(pages))
    index = np.append(pages[:count], np.full(lost, -1)).reshape(max(1, frames), max(1, planes))
    reason = f"{file.path.name} has {len(pages)} images, but its LSM header tells of {count}"
    return Stack(
        file.path,
        (file,),
        "TZ",
        index,
        (reason,) if lost else (),
        frame_rate=frame_rate(interval, "s"),
        pixel_size=pixel_size(y, x, "m", "m"),
        z_step=micrometers(z, "m") if planes > 1 else None,
        doubt=f"has more images than its LSM header tells of: {SORT_BY_HAND}" if len(pages) > count else None,
    )
