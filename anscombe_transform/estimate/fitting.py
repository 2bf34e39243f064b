"""The line through the samples of noise of a movie, the bins that it is fitted to, and what is wrong with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from anscombe_transform.estimate.checks import Finding, check_line, check_samples
from anscombe_transform.estimate.curve import PhotonTransferCurve, curve_of
from anscombe_transform.estimate.deviation import departures
from anscombe_transform.estimate.gathering import NoiseSamples
from anscombe_transform.estimate.line import LEAST_SIGNIFICANCE, NoiseLine, fit_noise_line
from anscombe_transform.estimate.pixels import Mask

_FEWEST_BINS = 3
"""The fewest bins that a line can be fitted to."""

_FEWEST_TILES = 4
"""The fewest tiles of the image that standard errors can be estimated from."""

_FEWEST_SAMPLES = 50
"""The fewest samples of a bin that the line is fitted to."""

_CUT_OFF = (0.01, 0.03, 0.1)
"""The shares of smallest values from which on a bin is left out: the first with which the gain is certain enough.

Where a normal distribution is cut off at its smallest 1, 3 and 10 %, its variance is 2, 6 and 17 % too small.
"""

_CERTAIN = 0.03
"""The standard error of the gain, as a share of it, that is small enough for that."""

_FEWEST_CUT_OFF = 20
"""Smallest values of a bin that are no more than this can be chance."""

_PILE = 0.25
"""Values that are not cut off become rarer towards the smallest.

Of integers so coarse that more than 1 % have the smallest value, though nothing is cut off, 8 times as many have the
next one. Where 10 % of a normal distribution are cut off, twice as many have it if its standard deviation is 1, and
fewer if that is more.
"""

_LIKE_A_PHOTON = 0.3
"""What differs from a photon by less than this, as a share of it, is one."""

_CLOSE = 0.003
"""The values within a tenth of a standard deviation above the smallest, for each of the smallest, that are hardly any.

Photomultipliers without other noise have less. Of a normal distribution that is cut off, there are 0.24 where 2 % are
cut off, 0.08 where half are, and 0.006 where 98 % are.
"""

_WIDE = 3.0
"""A range of brightness is wide if it is this many times the noise."""


@dataclass(frozen=True)
class Fit:
    """A line, the curve that it was fitted to, and what is wrong with both."""

    line: NoiseLine
    curve: PhotonTransferCurve
    findings: list[Finding]


def fit_samples(samples: NoiseSamples) -> Fit:
    """Fit the noise line to the bins of intensity that have enough samples and are neither saturated nor cut off.

    Raises
    ------
    ValueError
        If there is no noise, if there are too few bins or parts of the image, or if the slope of the line is not known.
        Notes say what else was found.
    """
    findings = check_samples(samples)
    try:
        _check_noise(samples)
        used, line, cut_off = _fitted(samples)
        curve = curve_of(samples.sums[..., : line.classes], used)
        _check_slope(line, curve)
    except ValueError as error:
        for unusable, sentence in findings:
            if unusable:
                error.add_note(sentence[0].upper() + sentence[1:] + ".")
        raise
    return Fit(line, curve, [*findings, *cut_off, *check_line(samples, line, curve)])


def _check_noise(samples: NoiseSamples) -> None:
    """Raise ValueError if there is no noise."""
    seen = samples.seen
    _, highest = seen.range
    count, _, variance = samples.sums
    if not variance.any() and (count.any() or seen.read - seen.constant - seen.repeated < 2):
        raise ValueError(
            "movie has no noise: consecutive frames are the same everywhere; give raw frames, not an image repeated, "
            "smoothed or averaged"
        )
    if not count.any():
        raise ValueError(
            "movie has no pixel that tells its noise: within two pixels of each is one that is hot or saturated, at "
            f"{highest:g} ADU, or has no value, or the scene changes too much; give larger frames, or less light"
        )


def _fitted(samples: NoiseSamples) -> tuple[Mask, NoiseLine, list[Finding]]:
    """Return the bins that the line is fitted to, the line, and what is to be said of bins that are cut off.

    Where the smallest values of noise were replaced by a larger one, such as 0, its variance is too small. Of the bins
    where that happened, as few are left out as leave a gain that is certain enough.
    """
    count = samples.sums[0].sum(axis=(0, 2))
    used = (count >= _FEWEST_SAMPLES) & ~samples.saturated
    _check_bins(samples, used)
    line = fit_noise_line(samples.sums[:, :, used])
    piled = used & (samples.at_floor > _CUT_OFF[0]) & (samples.at_floor * count > _FEWEST_CUT_OFF)
    if not piled.any() or not _is_pile(samples) or _counts_photons(samples, line, piled):
        return used, line, []
    best: tuple[float, Mask, NoiseLine] = (np.inf, used, line)
    for share in _CUT_OFF:
        rest = used & (samples.at_floor <= share)
        if np.count_nonzero(rest) >= _FEWEST_BINS:
            line = fit_noise_line(samples.sums[:, :, rest])
            error = line.gain_error / line.gain if line.is_known else np.inf
            if error < best[0]:
                best = (error, rest, line)
        if best[0] < _CERTAIN:
            break
    error, used, line = best
    share_of_all = (samples.at_floor * count).sum() / count.sum()
    smallest = f"{100 * share_of_all:.2f} % of the values are {samples.floor:g} ADU, and none is smaller"
    what = f"{smallest}: noise is cut off there"
    if error < np.inf:
        finding = Finding(False, f"{what}, and bins of intensity that this concerns are not part of the line")
    else:
        finding = Finding(True, f"{what}, and too few bins of intensity are without")
    return used, line, [finding]


def _is_pile(samples: NoiseSamples) -> bool:
    """Return whether there are many of the smallest value, compared with those of the next larger one."""
    smallest = samples.values == samples.floor
    above = samples.values[~smallest]
    return bool(above.size and np.count_nonzero(smallest) > _PILE * np.count_nonzero(above == above.min()))


def _counts_photons(samples: NoiseSamples, line: NoiseLine, piled: Mask) -> bool:
    """Return whether the smallest value means no photon, so that nothing is cut off there.

    Then the next larger ones are one and two photons; or it is the zero level, and hardly any value is close to it.
    """
    levels = np.unique(samples.values)
    photon, *others = (levels[levels > samples.floor] - float(samples.floor))[:2].tolist() or [0.0]
    dark = piled & (samples.at_floor > samples.at_floor[piled].max() / 2)
    count, _, variance = samples.sums[:, :, dark].sum(axis=(1, 2, 3))
    distance = 0.1 * math.sqrt(variance / count)
    close = np.count_nonzero((samples.values > samples.floor) & (samples.values < samples.floor + distance))
    told_apart = samples.values.dtype.kind == "f" or distance >= 1
    hardly_any = told_apart and close <= _CLOSE * np.count_nonzero(samples.values == samples.floor)
    if hardly_any and others and abs(others[0] - 2 * photon) < _LIKE_A_PHOTON * photon:
        return True
    off = departures(curve_of(samples.sums[..., : line.classes]), line.gain, line.zero)
    return bool(
        line.is_known
        and abs(line.zero - samples.floor) < _LIKE_A_PHOTON * line.gain + 3 * line.zero_error
        and sum(departure.share for departure in off) < _LIKE_A_PHOTON
        and (abs(line.gain - photon) < _LIKE_A_PHOTON * line.gain or (hardly_any and photon < line.gain))
    )


def _check_bins(samples: NoiseSamples, used: Mask) -> None:
    """Raise ValueError if there are too few bins for a line, or too few parts of the image for its errors."""
    if np.count_nonzero(used) < _FEWEST_BINS:
        saturated = np.count_nonzero(samples.saturated)
        of_those = (
            f"{saturated} are saturated, at {samples.seen.range[1]:g} ADU, and others have"
            if saturated
            else "others have"
        )
        raise ValueError(
            f"movie leaves {used.sum()} bins of intensity of the {_FEWEST_BINS} that a line needs: {of_those} fewer "
            f"than {_FEWEST_SAMPLES} samples; give {'less light, or ' if saturated else ''}more frames that are not "
            "dark, or larger ones"
        )
    tiles = np.count_nonzero(samples.sums[0].any(axis=(1, 2)))
    if tiles < _FEWEST_TILES:
        raise ValueError(
            f"movie has samples in {tiles} tiles of the image, and standard errors need {_FEWEST_TILES}: give larger "
            "frames"
        )


def _check_slope(line: NoiseLine, curve: PhotonTransferCurve) -> None:
    """Raise ValueError if the slope of the line is not known."""
    if line.gain < -LEAST_SIGNIFICANCE * line.gain_error:
        raise ValueError(
            f"movie has noise that falls with intensity, by {-line.gain:.3g} ADU: give raw values, which rise with "
            "light"
        )
    if line.is_known:
        return
    means = f"means of {curve.intensity.min():.6g} to {curve.intensity.max():.6g} ADU"
    slope = f"{line.gain:.3g} ± {line.gain_error:.2g} ADU per photon"
    noise = float(np.sqrt(np.average(curve.variance, weights=curve.count)))
    order = np.argsort(curve.intensity)
    share = np.cumsum(curve.count[order]) / curve.count.sum()
    darkest, brightest = np.interp([0.01, 0.99], share, curve.intensity[order])
    if brightest - darkest > _WIDE * noise:
        raise ValueError(
            f"movie has noise that does not follow from brightness: {means}, with a noise of {noise:.3g} ADU, give "
            f"{slope}; give raw values, not their square roots, dF/F or denoised ones"
        )
    raise ValueError(
        f"movie has too little range of brightness to tell its conversion gain: {means} give {slope}; give more "
        "frames, or a scene with dark and bright parts, in raw values: dF/F and z-scores have none"
    )
