"""What other packages have no public name for, or a different one from release to release.

Everything else uses their public interfaces only. `tests/test_dependencies.py` tries each part that is used here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import zarr.core.codec_pipeline
from zarr.core.sync import sync  # Zarr's stores are asynchronous, and this alone waits for its event loop

if TYPE_CHECKING:
    from zarr import Array
    from zarr.core.array_spec import ArraySpec  # what Zarr tells a codec about a chunk

__all__ = ["ArraySpec", "in_threads", "sync"]

_A = TypeVar("_A", bound="Array[Any]")

_pipelines: Any = zarr.core.codec_pipeline


def in_threads(array: _A) -> _A:
    """Have an array that was just opened work on its chunks in a pool of threads, and return it.

    Zarr's default pipeline copies all chunks on its event loop, which is a single thread. Since 3.3 it has another one,
    and since 3.4.2 this works in forked processes, too. Where the user has set a third one, that remains.
    """
    pipeline: Any = array._async_array.codec_pipeline
    if type(pipeline) is _pipelines.BatchedCodecPipeline and hasattr(_pipelines, "_reset_pool_after_fork"):
        codecs = tuple(pipeline)
        in_pool = _pipelines.FusedCodecPipeline(
            codecs=codecs,
            array_array_codecs=pipeline.array_array_codecs,
            array_bytes_codec=pipeline.array_bytes_codec,
            bytes_bytes_codecs=pipeline.bytes_bytes_codecs,
            sync_transform=_transform_of(codecs),
            batch_size=pipeline.batch_size,
        )
        object.__setattr__(array._async_array, "codec_pipeline", in_pool)
    return array


def _transform_of(codecs: tuple[Any, ...]) -> Any:
    """Return what runs all codecs in one thread, or None if one of them cannot."""
    try:
        return _pipelines.ChunkTransform(codecs=codecs)
    except TypeError:
        return None
