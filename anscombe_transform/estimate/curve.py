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
        Whether the bin takes part in the line: bins with saturated values, or with few samples, do not.
    """

    intensity: Floats
    variance: Floats
    count: npt.NDArray[np.int64]
    used: npt.NDArray[np.bool_]
