"""What the codec did to a movie."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Array
from anscombe_transform.transform.arrays import decode, encode
from anscombe_transform.transform.parameters import Transform


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
        The noise of an input of u photons is taken as ``conversion_gain * sqrt(u + 3/8)`` ADU, and below zero photons
        as that at zero.
    """
    transform = Transform(zero_level, conversion_gain, beta)
    largest = np.zeros(2)
    total = np.zeros(2)
    within = True
    for before, after in zip(original, decoded, strict=True):
        x = before.astype(np.float64)
        error = np.abs(after - x)
        relative = error / transform.noise(x)
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


def measure_stabilized_noise(
    movie: Array, *, zero_level: float, conversion_gain: float, bins: int = 8
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Measure the noise of a movie after the transform, by intensity.

    It is 1 where the parameters are right, nothing moves, and there are 4 photons or more: the transform makes the
    noise uniform, but cannot do so for the steps of single photons. At 2 photons it is 0.96, at 1 photon 0.85.

    Parameters
    ----------
    movie : ndarray
        Movie of shape (time, y, x), in ADU, with at least 2 frames.
    zero_level : float
        The input at zero photons, in ADU.
    conversion_gain : float
        ADU per photon.
    bins : int, default 8
        Bins with the same number of pixels each, from the 10th to the 98th percentile of intensity. The intensity is
        the mean of a pixel over two consecutive frames.

    Returns
    -------
    intensity : ndarray of float64
        Mean intensity in each bin, in ADU.
    noise : ndarray of float64
        Standard deviation of the difference of consecutive frames after the transform, divided by the square root of
        2, in noise standard deviations.
    """

    def intensity_of_pair(t: int) -> Array:
        return cast("Array", (movie[t].astype(np.float64) + movie[t + 1]) / 2)

    pairs = range(len(movie) - 1)
    sample = [intensity_of_pair(t) for t in pairs[:: max(1, len(pairs) // 50)]]
    edges = np.quantile(sample, np.linspace(0.1, 0.98, bins + 1))
    stabilized = (
        encode(frame, zero_level=zero_level, conversion_gain=conversion_gain, encoded_dtype="float64", beta=1)
        for frame in movie
    )
    sums = np.zeros((4, bins))
    for t, (earlier, later) in enumerate(pairwise(stabilized)):
        intensity, difference = intensity_of_pair(t), later - earlier
        bin_of_pixel = np.searchsorted(edges, intensity.ravel(), side="right")
        for total, values in zip(sums, (np.ones_like(difference), intensity, difference, difference**2), strict=True):
            total += np.bincount(bin_of_pixel, values.ravel(), bins + 2)[1:-1]
    count, intensity, difference, square = sums
    return intensity / count, np.sqrt((square / count - (difference / count) ** 2) / 2)
