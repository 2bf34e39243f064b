"""What the codec did to a movie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from anscombe_transform.arrays import Array, decode, encode


@dataclass(frozen=True)
class Errors:
    """The largest and the mean absolute error of a decoded movie, in three units, and the format's verdict."""

    largest_adu: float
    mean_adu: float
    largest_noise: float
    """In standard deviations of the pixel's own noise."""
    mean_noise: float
    largest_photons: float
    mean_photons: float
    within_bound: bool
    """Whether each error is at most half the interval that its code stands for, plus rounding."""


def measure_errors(
    original: Array, decoded: Array, *, zero_level: float, conversion_gain: float, beta: float = 0.5
) -> Errors:
    """Compare a decoded movie with the original.

    Parameters
    ----------
    original, decoded : ndarray
        Movies of one shape, (time, y, x), in ADU. They are read frame by frame.
    zero_level : float
        The input at zero photons, in ADU.
    conversion_gain : float
        ADU per photon.
    beta : float, default 0.5
        Noise standard deviations per code.

    Returns
    -------
    Errors
        The noise of an input of u photons is taken as ``conversion_gain * sqrt(u + 3/8)`` ADU, below zero photons as
        that of none.
    """
    largest = np.zeros(2)
    total = np.zeros(2)
    within = True
    for before, after in zip(original, decoded, strict=True):
        x = before.astype(np.float64)
        error = np.abs(after - x)
        photons = np.maximum(0, (x - zero_level) / conversion_gain)
        relative = error / (conversion_gain * np.sqrt(photons + 3 / 8))
        largest = np.maximum(largest, [error.max(), relative.max()])
        total += [error.sum(), relative.sum()]
        rounding = 0.5 if before.dtype.kind != "f" else np.abs(np.spacing(before)).astype(np.float64)
        within &= bool((error <= _half_width(x, zero_level, conversion_gain, beta) + rounding).all())
    mean = total / original.size
    return Errors(
        *(largest[0], mean[0]),
        *(largest[1], mean[1]),
        *(largest[0] / conversion_gain, mean[0] / conversion_gain),
        within_bound=within,
    )


def _half_width(x: Array, zero_level: float, conversion_gain: float, beta: float) -> Array:
    """Return half the width, in ADU, of the intervals of the integer codes of `x`."""
    codes = encode(x, zero_level=zero_level, conversion_gain=conversion_gain, encoded_dtype="float64", beta=beta)
    codes = np.rint(codes)
    left, right = decode(
        np.stack([codes - 0.5, codes + 0.5]),
        zero_level=zero_level,
        conversion_gain=conversion_gain,
        decoded_dtype="float64",
        beta=beta,
    )
    return cast("Array", (right - left) / 2)
