"""Where a photon transfer curve departs from a line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Floats
from anscombe_transform.estimate.curve import PhotonTransferCurve

OFF = 0.05
"""How far off the line a variance must be to depart from it, as a share: codes are then 2.5 % too wide or narrow."""

_ERROR = 2.0
"""The standard error of the variance of n samples of many photons, as a multiple of the variance / sqrt(n).

It would be sqrt(2) if they were independent; but samples of neighboring pixels share some of their noise.
"""

_OF_PHOTONS = 0.75
"""How much more its square is for samples of a photon.

It is half the excess kurtosis of the difference of two frames: 0.25 for photons that are counted, and 0.75 for pulses
of a photomultiplier with an exponential distribution.
"""

OFF_LINE = "the noise does not lie on one line"
"""How a sentence begins that says where a curve departs from its line."""

SIGNIFICANT = 5.0
"""The standard errors that a deviation must exceed to be none of chance, which it does in one of a million cases."""

_TAIL = 0.005
"""The share of the darkest, and of the brightest, samples that do not count for the range of the curve."""

_FEWEST_PHOTONS = 0.01
"""Less light than this is not told from none."""

_LEAST = 0.02
"""The least variance that a deviation is a share of, as a share of that of the brightest samples."""


@dataclass(frozen=True)
class Departure:
    """Neighboring bins of intensity in which the variance of the noise is above the line, or below.

    Attributes
    ----------
    lowest, highest : float
        Mean intensity of the darkest and of the brightest of the bins, in ADU.
    least, most : float
        The smallest and the largest deviation of the variance, as a share of what the line promises; below it negative.
    share : float
        The share of the samples that are in these bins.
    in_the_dark, in_the_bright : bool
        Whether there are no darker or brighter bins.
    """

    lowest: float
    highest: float
    least: float
    most: float
    share: float
    in_the_dark: bool
    in_the_bright: bool

    def __str__(self) -> str:
        """Say it: above or below the line, by how many percent, and where."""
        least, most = sorted(abs(100 * deviation) for deviation in (self.least, self.most))
        by = f"{least:.0f} to {most:.0f} %" if f"{least:.0f}" != f"{most:.0f}" else f"{most:.0f} %"
        where = (
            "everywhere"
            if self.in_the_dark and self.in_the_bright
            else f"up to {self.highest:,.4g} ADU"
            if self.in_the_dark
            else f"from {self.lowest:,.4g} ADU on"
            if self.in_the_bright
            else f"from {self.lowest:,.4g} to {self.highest:,.4g} ADU"
        )
        return f"{by} {'above' if self.most > 0 else 'below'} the line {where}"


def error_of_variance(count: npt.ArrayLike, photons: Floats) -> Floats:
    """Return the standard errors of variances, as shares of them, of so many samples of so much light."""
    of_one = 1 + _OF_PHOTONS / np.maximum(photons, _FEWEST_PHOTONS)
    return np.asarray(_ERROR * np.sqrt(of_one / np.asarray(count)), np.float64)


def departures(
    curve: PhotonTransferCurve, conversion_gain: float, zero_level: float, off: float = OFF
) -> list[Departure]:
    """Return where a curve departs from a line by more than chance, in the order of intensity.

    Parameters
    ----------
    curve : PhotonTransferCurve
        The curve; of bins that do not take part in the line, nothing is said.
    conversion_gain, zero_level : float
        The line, in ADU per photon and in ADU.
    off : float, optional
        How far the variance must be off the line, as a share of it.
    """
    intensity, count = curve.intensity[curve.used], curve.count[curve.used]
    deviation, promised = _deviation(curve, conversion_gain, zero_level)
    order = np.argsort(intensity)
    intensity, count, deviation, promised = intensity[order], count[order], deviation[order], promised[order]
    photons = promised / conversion_gain**2
    side = np.sign(deviation) * (np.abs(deviation) > off)
    found = []
    for bins in np.split(np.arange(len(side)), 1 + np.flatnonzero(np.diff(side))):
        weight = count[bins] * promised[bins]
        of_all = np.average(deviation[bins], weights=weight)
        error = np.sqrt(((weight * error_of_variance(count[bins], photons[bins])) ** 2).sum()) / weight.sum()
        if side[bins[0]] and abs(of_all) > SIGNIFICANT * error:
            found.append(
                Departure(
                    lowest=float(intensity[bins[0]]),
                    highest=float(intensity[bins[-1]]),
                    least=float(deviation[bins].min()),
                    most=float(deviation[bins].max()),
                    share=float(count[bins].sum() / count.sum()),
                    in_the_dark=bool(bins[0] == 0),
                    in_the_bright=bool(bins[-1] == len(side) - 1),
                )
            )
    return found


def usual_deviation(curve: PhotonTransferCurve, conversion_gain: float, zero_level: float) -> float:
    """Return how far the variance is off a line, as a share of it, for all but 5 % of the samples."""
    deviation, _ = _deviation(curve, conversion_gain, zero_level)
    order = np.argsort(np.abs(deviation))
    share = np.cumsum(curve.count[curve.used][order]) / curve.count[curve.used].sum()
    return float(np.abs(deviation)[order][np.searchsorted(share, 0.95)])


def rise(curve: PhotonTransferCurve, conversion_gain: float, zero_level: float) -> float:
    """Return how many times as large the variance on a line is at the brightest of the samples as at the darkest."""
    darkest, brightest = _ends(curve, conversion_gain * (curve.intensity[curve.used] - zero_level))
    return brightest / darkest if darkest > 0 else np.inf


def least_error(curve: PhotonTransferCurve, conversion_gain: float, zero_level: float) -> float:
    """Return the standard error that a gain would have if there were nothing but noise, as a share of it."""
    intensity, count = curve.intensity[curve.used], curve.count[curve.used]
    _, promised = _deviation(curve, conversion_gain, zero_level)
    weight = count / promised**2
    lever = weight * (intensity - np.average(intensity, weights=weight))
    spread = float((lever**2 / weight).sum())
    error = promised * error_of_variance(count, promised / conversion_gain**2)
    return float(np.sqrt(((lever * error) ** 2).sum())) / spread / conversion_gain if spread > 0 else np.inf


def _deviation(curve: PhotonTransferCurve, conversion_gain: float, zero_level: float) -> tuple[Floats, Floats]:
    """Return how far the variance is off the line, as a share of what it promises, and that."""
    promised = conversion_gain * (curve.intensity[curve.used] - zero_level)
    brightest = max(_ends(curve, promised))
    least = np.maximum(promised, _LEAST * (brightest if brightest > 0 else curve.variance[curve.used].max()))
    deviation: Floats = (curve.variance[curve.used] - promised) / least
    return deviation, least


def _ends(curve: PhotonTransferCurve, values: Floats) -> tuple[float, float]:
    """Return what values of the bins are at the darkest and at the brightest of the samples, without the tails."""
    below = np.cumsum(curve.count[curve.used])
    darkest, brightest = np.interp([_TAIL, 1 - _TAIL], below / below[-1], values)
    return float(darkest), float(brightest)
