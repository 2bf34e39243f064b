"""What the codecs of Zarr format 3 share: they work on batches of chunks, in threads where these are large."""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from zarr.abc.codec import ArrayArrayCodec
from zarr.dtype import parse_dtype

if TYPE_CHECKING:
    from zarr.abc.buffer import NDBuffer
    from zarr.dtype import ZDType

    from anscombe_transform._dependencies import ArraySpec

LARGE_CHUNK = 1 << 18
"""Chunks of at least this many elements are worked on in a thread: smaller ones are faster without."""

Chunk = tuple["NDBuffer | None", "ArraySpec"]


class ChunkCodec(ArrayArrayCodec):
    """A codec that works on each chunk for itself, without waiting for anything."""

    @property
    def _large_to_decode(self) -> int:
        """The number of elements from which on chunks are decoded in a thread."""
        return LARGE_CHUNK

    @abstractmethod
    def _encode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer: ...

    @abstractmethod
    def _decode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer: ...

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer:
        return await asyncio.to_thread(self._encode_sync, chunk_array, chunk_spec)

    async def _decode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer:
        return await asyncio.to_thread(self._decode_sync, chunk_array, chunk_spec)

    async def encode(self, chunks_and_specs: Iterable[Chunk]) -> Iterable[NDBuffer | None]:
        """Encode a batch of chunks, in threads if one of them is large."""
        return await _each(self._encode_sync, list(chunks_and_specs), LARGE_CHUNK)

    async def decode(self, chunks_and_specs: Iterable[Chunk]) -> Iterable[NDBuffer | None]:
        """Decode a batch of chunks, in threads if one of them is large."""
        return await _each(self._decode_sync, list(chunks_and_specs), self._large_to_decode)


async def _each(
    step: Callable[[NDBuffer, ArraySpec], NDBuffer], chunks: list[Chunk], large: int
) -> list[NDBuffer | None]:
    """Return what a step makes of each chunk, and None where there is no chunk."""
    in_threads = any(math.prod(spec.shape) >= large for _, spec in chunks)

    async def run(chunk: NDBuffer | None, spec: ArraySpec) -> NDBuffer | None:
        if chunk is None:
            return None
        return await asyncio.to_thread(step, chunk, spec) if in_threads else step(chunk, spec)

    if in_threads and len(chunks) > 1:
        return list(await asyncio.gather(*(run(chunk, spec) for chunk, spec in chunks)))
    return [await run(chunk, spec) for chunk, spec in chunks]


@lru_cache
def zarr_dtype(name: str) -> ZDType[Any, Any]:
    """Return Zarr's class of a dtype."""
    return parse_dtype(np.dtype(name), zarr_format=3)
