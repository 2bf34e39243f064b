"""What proves, years later, that a copy of a movie is equal to what was stored: SHA-256 digests of its frames.

A frame is an image, of one plane. Its digest is that of its bytes in C order, little-endian, in the dtype of the movie.
The digest of a movie is that of the digests of its frames, one after the other, so that it does not depend on chunks.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Array
from anscombe_transform.recordings.blocks import Region

_PARTS = 64
"""The most parts of a movie that have a digest of their own, which tells where a copy differs."""

_PART_DIGITS = 16
"""Of the digest of a part, so many hexadecimal digits are kept."""


@dataclass(frozen=True)
class FrameDigests:
    """The digests of the frames in a block."""

    region: Region
    digests: npt.NDArray[np.uint8]
    """Of shape (time[, plane], 32)."""

    @classmethod
    def of(cls, region: Region, values: Array) -> FrameDigests:
        """Return the digests of the frames of a block of a movie."""
        *frames, _, _ = values.shape
        in_order = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        digests = np.empty((*frames, 32), np.uint8)
        for frame in np.ndindex(*frames):
            digests[frame] = np.frombuffer(hashlib.sha256(in_order[frame].data).digest(), np.uint8)
        return cls(region, digests)


def digest_of(shape: tuple[int, ...], blocks: Iterable[FrameDigests]) -> dict[str, Any] | None:
    """Return the digest of a movie and of its parts; None if its frames are so large that blocks have parts of them.

    What lacks frames has None for its digest.
    """
    digests, known = np.empty((*shape[:-2], 32), np.uint8), np.zeros(shape[:-2], np.bool_)
    for block in blocks:
        if any(bounds != slice(0, size) for bounds, size in zip(block.region[-2:], shape[-2:], strict=True)):
            return None
        frames = block.region[:-2]
        digests[frames], known[frames] = block.digests, True
    return {
        "sha256": hashlib.sha256(digests.data).hexdigest() if known.all() else None,
        "parts": [
            hashlib.sha256(digests[part].data).hexdigest()[:_PART_DIGITS] if known[part].all() else None
            for part in _parts(shape[0])
        ],
    }


def differing(frames: int, before: dict[str, Any], now: dict[str, Any]) -> list[tuple[int, int]]:
    """Return the first and the last frame of each part of which two digests of a movie are known, and differ."""
    return [
        (part.start, part.stop - 1)
        for part, one, other in zip(_parts(frames), before["parts"], now["parts"], strict=True)
        if other is not None and one != other
    ]


def is_digest(value: Any, frames: int) -> bool:
    """Return whether an attribute is what `digest_of` returns of a movie of so many frames."""
    if not isinstance(value, dict) or not isinstance(value.get("sha256"), str):
        return False
    parts = value.get("parts")
    return isinstance(parts, list) and len(parts) == len(_parts(frames))


def _parts(frames: int) -> list[slice]:
    step = math.ceil(frames / _PARTS)
    return [slice(start, min(start + step, frames)) for start in range(0, frames, step)]
