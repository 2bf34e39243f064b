"""What other packages have no public name for, or a different one from release to release.

Everything else uses their public interfaces only. `tests/test_dependencies.py` tries each part that is used here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zarr.core.sync import sync  # Zarr's stores are asynchronous, and this alone waits for its event loop

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec  # what Zarr tells a codec about a chunk

__all__ = ["ArraySpec", "sync"]
