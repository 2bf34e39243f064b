"""What other packages have no public name for, or a different one from release to release.

Everything else uses their public interfaces only. `tests/test_dependencies.py` tries each part that is used here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zarr.core.sync import sync  # Zarr's stores are asynchronous, and this alone waits for its event loop

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec  # what Zarr tells a codec about a chunk

__all__ = ["ArraySpec", "full_axes", "sync"]


def full_axes(tif: Any, series: int) -> tuple[str, tuple[int, ...]]:
    """Return the axes of a series of a TIFF file and their lengths, axes of length 1 included.

    Parameters
    ----------
    tif : tifffile.TiffFile
        The open file.
    series : int
        Which of its series.
    """
    if callable(tif.series):  # from tifffile 2026.5.2 on
        full = tif.series(squeeze=False)[series]
        return full.axes, tuple(full.shape)
    one = tif.series[series]
    return one.get_axes(squeeze=False), tuple(one.get_shape(squeeze=False))
