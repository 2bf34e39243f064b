"""The line of noise variance against intensity, fitted to samples of noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anscombe_transform._typing import Floats

LEAST_SIGNIFICANCE = 5.0
"""A slope counts as known if it is this many times its standard error."""

LEAST_VARIANCE = 1e-3
"""The smallest variance to expect, as a share of the largest: no bin is known more precisely."""

_FAR = 4.0
"""Bins this many standard deviations above the line get less weight: what exceeds the noise is something else."""

_TOLERANCE = 0.03
"""How far real noise may deviate from a line, as a share of its variance, and still count as noise."""

_ROUNDS = 30
"""The most iterations in which line and weights converge."""

_CONVERGED = 1e-7
"""They have converged when no slope changes by more than this share: standard errors are a thousand times as large."""

_SIGNIFICANT = 4.0
"""Rough parts of a scene are left out if they have more noise than smooth parts by this many standard errors."""

_LEAST_EXCESS = 0.05
"""Variance above the line that is too small to matter, as a share of it."""


@dataclass(frozen=True)
class NoiseLine:
    """A line with its standard errors, and the classes of roughness that it was fitted to, counted from the smooth."""

    gain: float
    """Slope, in ADU per photon."""
    zero: float
    """Where the line meets zero variance, in ADU."""
    gain_error: float
    zero_error: float
    classes: int

    @property
    def is_known(self) -> bool:
        """Whether the slope is significant."""
        return self.gain > LEAST_SIGNIFICANCE * self.gain_error


@np.errstate(divide="ignore", invalid="ignore")
def fit_noise_line(sums: Floats) -> NoiseLine:
    """Fit a line to samples of noise.

    Where rough parts of the scene have more noise than smooth parts of the same intensity, it is not noise, but motion,
    and they are left out.

    Parameters
    ----------
    sums : ndarray of float64
        Of shape (3, tiles, bins, classes): the number of samples, the sum of their intensities in ADU and the sum of
        their variances in ADU squared. Errors are told from how the line changes without one of the tiles.

    Returns
    -------
    NoiseLine
        The line, with its errors and the classes that it was fitted to.
    """
    without_one = sums.sum(axis=1, keepdims=True) - np.concatenate([np.zeros_like(sums[:, :1]), sums], axis=1)
    without_one = without_one[:, np.append(True, sums[0].any(axis=(1, 2)))]
    classes = 0
    while True:
        classes += 1
        gains, zeros = fit_lines(without_one[..., :classes].sum(axis=-1))
        line = NoiseLine(float(gains[0]), float(zeros[0]), _jackknife_error(gains), _jackknife_error(zeros), classes)
        if classes == sums.shape[-1] or (line.is_known and _exceeds(without_one[..., classes], gains, zeros)):
            return line


def fit_lines(sums: Floats) -> tuple[Floats, Floats]:
    """Fit lines to sums over bins, the last axis; return their slopes, and the intensities where they meet zero.

    An estimate of variance has a standard deviation proportional to the variance, so the weights come from the line.
    Bins far above it get less. Where the intensities of the bins do not differ, both are NaN.
    """
    count, x, y = _means(sums)
    smallest = LEAST_VARIANCE * y.max(axis=-1, keepdims=True)

    def line(weight: Floats) -> tuple[Floats, Floats]:
        total = weight.sum(axis=-1, keepdims=True)
        center_x, center_y = ((weight * values).sum(axis=-1, keepdims=True) / total for values in (x, y))
        spread = (weight * (x - center_x) ** 2).sum(axis=-1, keepdims=True)
        slope = (weight * (x - center_x) * (y - center_y)).sum(axis=-1, keepdims=True) / spread
        return slope, center_x - center_y / slope

    slope, zero = line(count)
    for _ in range(_ROUNDS):
        fitted = slope * (x - zero)
        spread = np.maximum(fitted, smallest)
        above = (y - fitted) / spread / np.sqrt(1 / np.maximum(count, 1) + _TOLERANCE**2)
        scale = np.maximum(1, 1.4826 * np.median(np.abs(above), axis=-1, keepdims=True))
        before = slope
        slope, zero = line(count / spread**2 / np.maximum(1, above / (_FAR * scale)) ** 2)
        if (np.abs(slope - before) <= _CONVERGED * np.abs(slope)).all():
            break
    return slope[..., 0], zero[..., 0]


def _exceeds(sums: Floats, gains: Floats, zeros: Floats) -> bool:
    """Return whether variances are significantly above lines; the first of the sums are those of all tiles."""
    count, x, y = _means(sums)
    fitted = gains[:, None] * (x - zeros[:, None])
    relative = np.maximum(fitted, max(LEAST_VARIANCE * y.max(), np.finfo(np.float64).tiny))
    excess = (count * (y - fitted) / relative**2).sum(axis=-1)
    excess /= np.maximum((count / relative).sum(axis=-1), np.finfo(np.float64).tiny)
    return bool(excess[0] > max(_SIGNIFICANT * _jackknife_error(excess), _LEAST_EXCESS))


def _means(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the number of samples, and the means of their intensities and variances."""
    count, *others = sums
    x, y = (np.divide(values, count, out=np.zeros_like(values), where=count > 0) for values in others)
    return count, x, y


def _jackknife_error(values: Floats) -> float:
    """Return the standard error of the first value, from the other values, each of which leaves one tile out."""
    others = values[1:]
    return float(np.sqrt((len(others) - 1) * others.var()))
