"""What other packages have no public name for, or a different one from release to release.

Everything else uses their public interfaces only. `tests/test_dependencies.py` tries each part that is used here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import zarr
from zarr.core import codec_pipeline
from zarr.core.sync import sync  # Zarr's stores are asynchronous, and this alone waits for its event loop

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec  # what Zarr tells a codec about a chunk

__all__ = ["ArraySpec", "pool_of_threads", "sync"]

_PIPELINE = "codec_pipeline.path"
_ON_EVENT_LOOP = "zarr.core.codec_pipeline.BatchedCodecPipeline"
_IN_POOL = "zarr.core.codec_pipeline.FusedCodecPipeline"


@contextmanager
def pool_of_threads() -> Iterator[None]:
    """Have the Zarr arrays that are opened within work on their chunks in a pool of threads.

    Zarr's default copies all chunks on its event loop, which is a single thread. Releases before 3.3 have no other way,
    and where the user has set another pipeline, that remains.
    """
    with zarr.config.set({_PIPELINE: _IN_POOL} if _has_choice() else {}):
        yield


def _has_choice() -> bool:
    return hasattr(codec_pipeline, "FusedCodecPipeline") and zarr.config.get(_PIPELINE) == _ON_EVENT_LOOP
