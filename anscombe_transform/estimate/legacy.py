"""The estimate under the names of anscombe-transform 1.0.0."""

from __future__ import annotations

import warnings
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Floats
from anscombe_transform.estimate.estimation import estimate_parameters
from anscombe_transform.movies.movie import Movie


class ConversionGain(TypedDict):
    """What `compute_conversion_gain` returns."""

    conversion_gain: float
    zero_level: float
    min_intensity: float
    max_intensity: float
    intensity: Floats
    variance: Floats
    counts: npt.NDArray[np.int64]


def compute_conversion_gain(movie: Movie | npt.ArrayLike, count_weight_gamma: float = 0.2) -> ConversionGain:
    """Estimate conversion gain and zero level, for code that was written for anscombe-transform 1.0.0.

    Parameters
    ----------
    movie : array_like
        Movie of shape (time, y, x), in ADU.
    count_weight_gamma : float, default 0.2
        Without effect: the weights of the fit follow from the noise. Other values than the default give a warning, and
        so does a movie whose noise does not tell the numbers.

    Returns
    -------
    dict
        ``conversion_gain`` in ADU per photon, ``zero_level`` in ADU, and of the bins of intensity that the line was
        fitted to: ``intensity`` in ADU, ``variance`` in ADU squared, ``counts``, and ``min_intensity`` and
        ``max_intensity`` in ADU. Unlike those of 1.0.0, bins are not 1 ADU wide; and there is no ``model``.

    Raises
    ------
    TypeError, ValueError
        As `estimate_parameters` does.
    """
    if count_weight_gamma != 0.2:
        warnings.warn(
            f"count_weight_gamma={count_weight_gamma!r} has no effect: the weights follow from the noise", stacklevel=2
        )
    estimate = estimate_parameters(movie)
    if estimate.unusable is not None:
        warnings.warn(f"the numbers must not be used: {estimate.unusable}", stacklevel=2)
    curve = estimate.photon_transfer_curve
    intensity = curve.intensity[curve.used]
    return {
        "conversion_gain": estimate.conversion_gain,
        "zero_level": estimate.zero_level,
        "min_intensity": float(intensity.min()),
        "max_intensity": float(intensity.max()),
        "intensity": intensity,
        "variance": curve.variance[curve.used],
        "counts": curve.count[curve.used],
    }
