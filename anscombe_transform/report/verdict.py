"""Whether parameters fit a movie, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from anscombe_transform._typing import Floats
from anscombe_transform.estimate.deviation import OFF_LINE, departures, usual_deviation
from anscombe_transform.estimate.estimation import ParameterEstimate
from anscombe_transform.estimate.pixels import saturated_values
from anscombe_transform.report.excerpt import Excerpt
from anscombe_transform.transform.parameters import Transform

_LEAST_SHARE = 0.001
"""The least share of the samples, at an end of the curve, whose departure from the line is told,"""

_OF_OTHERS = 0.01
"""that of others,"""

_MOST = 3
"""how many of those are told at most,"""

_MUCH = 0.5
"""and the share of all with which the parameters do not fit."""

_UNIFORM = 0.1
"""How far from 1 the noise after the transform may be."""

_BRIGHT = 4.0
"""The photons from which on the transform makes noise uniform."""


@dataclass(frozen=True)
class Verdict:
    """Whether the parameters fit.

    Attributes
    ----------
    fits : str
        ``"yes"``, ``"mostly"`` or ``"no"``.
    sentences : tuple of str
        What that is said by.
    unstable : tuple of float or None
        The least and the largest noise after the transform, from 4 photons on, if it is more than 10 % off 1.
    """

    fits: Literal["yes", "mostly", "no"]
    sentences: tuple[str, ...]
    unstable: tuple[float, float] | None


_Problem = tuple[bool, str]
"""Whether parameters do not fit because of it, and a sentence."""


def verdict_on(
    detector: Transform,
    estimate: ParameterEstimate | None,
    excerpt: Excerpt,
    stabilized: tuple[Floats, Floats],
    *,
    given: bool,
) -> Verdict:
    """Return whether parameters fit a movie.

    Parameters
    ----------
    detector : Transform
        The parameters.
    estimate : ParameterEstimate or None
        What the movie says of them, if it does.
    excerpt : Excerpt
        The frames that are measured.
    stabilized : tuple of ndarray
        Intensity in ADU, and the noise after the transform.
    given : bool
        Whether the parameters were given, and are not those of the estimate.
    """
    noise = _bright_noise(detector, *stabilized)
    problems = [
        *_unusable(estimate, given),
        *_of_curve(detector, estimate),
        *_of_noise(noise),
        *_of_saturation(excerpt),
        *_warnings(estimate),
    ]
    sentences = []
    if estimate is not None:
        usual = usual_deviation(estimate.photon_transfer_curve, detector.conversion_gain, detector.zero_level)
        sentences.append(
            f"For 95 % of its samples, the variance of the noise is within {100 * usual:.1f} % of the line."
        )
    if not problems:
        sentences.append("Nothing shows that values are saturated.")
        if noise.size:
            sentences.append(
                f"After the transform, the noise is {noise.min():.2f} to {noise.max():.2f} standard deviations from "
                f"{_BRIGHT:g} photons on, and should be 1."
            )
    sentences += [sentence[0].upper() + sentence[1:] + "." for _, sentence in problems]
    fits: Literal["yes", "mostly", "no"] = (
        "no" if any(much for much, _ in problems) else "mostly" if problems else "yes"
    )
    return Verdict(fits, tuple(sentences), None if _is_uniform(noise) else (float(noise.min()), float(noise.max())))


def _of_curve(detector: Transform, estimate: ParameterEstimate | None) -> Iterator[_Problem]:
    if estimate is None:
        yield False, "how the variance of the noise follows brightness could not be measured"
        return
    curve = estimate.photon_transfer_curve
    off = departures(curve, detector.conversion_gain, detector.zero_level)
    ends = [one for one in off if one.in_the_dark or one.in_the_bright]
    largest = sorted(off, key=lambda one: one.share)[-_MOST:]
    told = [one for one in off if one.share >= (_LEAST_SHARE if one in ends else _OF_OTHERS) and one in ends + largest]
    much = sum(one.share for one in off) > _MUCH
    if told:
        yield (
            much,
            "the variance is " + ", and ".join(f"{one} ({100 * one.share:.1f} % of the samples)" for one in told),
        )


def _of_noise(noise: Floats) -> Iterator[_Problem]:
    if not _is_uniform(noise):
        yield (
            False,
            f"after the transform, the noise is {noise.min():.2f} to {noise.max():.2f} standard deviations from "
            f"{_BRIGHT:g} photons on, and should be 1: the parameters do not fit, or the scene moves",
        )


def _of_saturation(excerpt: Excerpt) -> Iterator[_Problem]:
    saturated = saturated_values(excerpt.values, excerpt.highest)
    if saturated is not None:
        values, pixels = np.count_nonzero(saturated), np.count_nonzero(saturated.any(axis=0))
        yield False, f"{values:,} values in {pixels:,} pixels are saturated, at {excerpt.highest:,.10g} ADU"


def _unusable(estimate: ParameterEstimate | None, given: bool) -> Iterator[_Problem]:
    if estimate is not None and estimate.unusable is not None and not estimate.unusable.startswith(OFF_LINE):
        yield not given, estimate.unusable


def _warnings(estimate: ParameterEstimate | None) -> Iterator[_Problem]:
    for warning in () if estimate is None else estimate.warnings:
        if not warning.startswith(OFF_LINE):
            yield False, warning


def _bright_noise(detector: Transform, intensity: Floats, noise: Floats) -> Floats:
    bright: Floats = noise[(intensity - detector.zero_level) / detector.conversion_gain >= _BRIGHT]
    return bright


def _is_uniform(noise: Floats) -> bool:
    return not bool((np.abs(noise - 1) > _UNIFORM).any())
