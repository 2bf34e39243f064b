"""What the codecs of Zarr format 3 do with a batch of chunks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from zarr.dtype import parse_dtype

if TYPE_CHECKING:
    from zarr.abc.buffer import NDBuffer
    from zarr.dtype import ZDType

    from anscombe_transform._dependencies import ArraySpec

LARGE_CHUNK = 1 << 18
"""Chunks of at least this many elements are encoded and computed in a thread: smaller ones are faster without."""

Chunk = tuple["NDBuffer | None", "ArraySpec"]


async def each(
    step: Callable[[NDBuffer, ArraySpec], NDBuffer], chunks: list[Chunk], *, in_threads: bool
) -> list[NDBuffer | None]:
    """Return what a step makes of each chunk, and None where there is no chunk."""

    async def run(chunk: NDBuffer | None, spec: ArraySpec) -> NDBuffer | None:
        if chunk is None:
            return None
        return await asyncio.to_thread(step, chunk, spec) if in_threads else step(chunk, spec)

    if in_threads and len(chunks) > 1:
        return list(await asyncio.gather(*(run(chunk, spec) for chunk, spec in chunks)))
    return [await run(chunk, spec) for chunk, spec in chunks]


def has_elements(chunks: list[Chunk], number: int) -> bool:
    """Return whether one of the chunks has at least so many elements."""
    return any(math.prod(spec.shape) >= number for _, spec in chunks)


@lru_cache
def zarr_dtype(name: str) -> ZDType[Any, Any]:
    """Return Zarr's class of a dtype."""
    return parse_dtype(np.dtype(name), zarr_format=3)
