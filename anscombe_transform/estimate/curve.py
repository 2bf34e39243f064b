"""The photon transfer curve: the variance of the noise by mean intensity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Floats


@dataclass(frozen=True, eq=False)
class PhotonTransferCurve:
    """The variance of the noise by mean intensity, one entry per bin of intensity, in ascending order.

    Attributes
    ----------
    intensity : ndarray of float64
        Mean intensity, in ADU.
    variance : ndarray of float64
        Variance of the noise in one frame, in ADU squared.
    count : ndarray of int64
        Samples of noise.
    used : ndarray of bool
        Whether the bin takes part in the line: bins with values that are saturated or cut off, or with few, do not.
    """

    intensity: Floats
    variance: Floats
    count: npt.NDArray[np.int64]
    used: npt.NDArray[np.bool_]


def curve_of(sums: Floats, used: npt.NDArray[np.bool_] | None = None) -> PhotonTransferCurve:
    """Return the curve of sums of counts, intensities and variances, of shape (3, tiles, bins, classes).

    Without `used`, of shape (bins,), all bins take part in the line.
    """
    count, intensity, variance = sums.sum(axis=(1, 3))
    seen = count > 0
    return PhotonTransferCurve(
        intensity=intensity[seen] / count[seen],
        variance=variance[seen] / count[seen],
        count=count[seen].astype(np.int64),
        used=np.ones(np.count_nonzero(seen), np.bool_) if used is None else used[seen],
    )
