"""Zstandard frames of codes of 8 bits, made faster than at level 1, and mostly smaller.

What is left in such codes is mostly noise, in which there is little to find again. A table of 1,024 positions to look
for matches finds as much of it as the 16,384 of level 1, and fits into the first-level cache. The frames are ordinary
ones, which any reader decodes, and the metadata of the array say level 1.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numcodecs
import zarr.codecs
from numcodecs.compat import ensure_contiguous_ndarray

from anscombe_transform.codecs.configuration import CodecParameters

if TYPE_CHECKING:
    from zarr.abc.buffer import Buffer

    from anscombe_transform._dependencies import ArraySpec

_LEVEL = 1
_POSITIONS = 10
"""The logarithm of the number of positions that are kept."""

_of_thread = threading.local()


def with_fast_zstd(metadata: Any) -> Any:
    """Return the metadata of an array with compressors that write faster frames, in memory alone.

    That is where Zarr would have Zstandard compress codes of 8 bits at level 1, and the package zstandard is there.
    """
    if find_spec("zstandard") is None:
        return metadata
    if metadata.zarr_format == 3:
        return replace(metadata, codecs=_with_fast_zstd(metadata.codecs))
    compressor = metadata.compressor
    if isinstance(compressor, numcodecs.Zstd) and compressor.level == _LEVEL and _are_small(metadata.filters or ()):
        return replace(metadata, compressor=Zstd(_LEVEL, compressor.checksum))
    return metadata


def _with_fast_zstd(codecs: tuple[Any, ...]) -> tuple[Any, ...]:
    small = _are_small(codecs)

    def faster(codec: Any) -> Any:
        if isinstance(codec, zarr.codecs.ShardingCodec):
            return replace(codec, codecs=_with_fast_zstd(codec.codecs))
        if isinstance(codec, zarr.codecs.ZstdCodec) and codec.level == _LEVEL and small:
            return ZstdCodec(level=_LEVEL, checksum=codec.checksum)
        return codec

    return tuple(map(faster, codecs))


def _are_small(filters: tuple[Any, ...]) -> bool:
    """Return whether the filters make codes of 8 bits."""
    return any(isinstance(codec, CodecParameters) and codec.encoded_dtype in ("int8", "uint8") for codec in filters)


def _compress(values: Any, checksum: bool) -> bytes:
    """Return the frame of contiguous memory; a thread keeps its compressor, which is not for several at a time."""
    import zstandard

    compressors: dict[Any, Any] = _of_thread.__dict__
    if checksum not in compressors:
        parameters = zstandard.ZstdCompressionParameters.from_level(
            _LEVEL, hash_log=_POSITIONS, write_checksum=checksum, write_content_size=True
        )
        compressors[checksum] = zstandard.ZstdCompressor(compression_params=parameters)
    return bytes(compressors[checksum].compress(values))


class ZstdCodec(zarr.codecs.ZstdCodec):
    """The codec of Zarr format 3 with faster frames; where its text is shown, it has the name of Zarr's."""

    def _encode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        values = ensure_contiguous_ndarray(chunk_bytes.as_numpy_array())
        return chunk_spec.prototype.buffer.from_bytes(_compress(values, self.checksum))

    async def _encode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        return await asyncio.to_thread(self._encode_sync, chunk_bytes, chunk_spec)


class Zstd(numcodecs.Zstd):  # type: ignore[misc]
    """The compressor of Zarr format 2 with faster frames."""

    def encode(self, buf: Any) -> bytes:
        """Return the frame of the bytes of an array."""
        return _compress(ensure_contiguous_ndarray(buf), self.checksum)
