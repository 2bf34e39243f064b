"""Whether parameters fit a movie, in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from anscombe_transform._typing import Floats
from anscombe_transform.estimate.deviation import OFF_LINE, departures, usual_deviation
from anscombe_transform.estimate.estimation import ParameterEstimate
from anscombe_transform.report.saturation import Saturation
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
"""How far from 1 the noise after the transform may be,"""

_WRONG = 0.3
"""and how far off it is at every brightness if the parameters are wrong."""

_BRIGHT = 4.0
"""The photons from which on the transform makes noise uniform."""


@dataclass(frozen=True)
class Verdict:
    """Whether the parameters fit.

    Attributes
    ----------
    fits : str
        ``"yes"``, ``"mostly"`` or ``"no"``.
    summary : str
        One sentence: whether the movie is fit for compression with these parameters, and why.
    sentences : tuple of str
        What that is said by.
    unstable : tuple of float or None
        The least and the largest noise after the transform, from 4 photons on, if it is more than 10 % off 1.
    """

    fits: Literal["yes", "mostly", "no"]
    summary: str
    sentences: tuple[str, ...]
    unstable: tuple[float, float] | None


class _Problem(NamedTuple):
    much: bool
    """Whether parameters do not fit because of it."""
    sentence: str
    """Without a capital and a full stop."""
    short: str
    """The same in the summary."""


def verdict_on(
    detector: Transform,
    estimate: ParameterEstimate | None,
    saturation: Saturation,
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
    saturation : Saturation
        Its highest value.
    stabilized : tuple of ndarray
        Intensity in ADU, and the noise after the transform.
    given : bool
        Whether the parameters were given, and are not those of the estimate.
    """
    noise = _bright_noise(detector, *stabilized)
    problems = [
        *_unusable(estimate, given),
        *_of_curve(detector, estimate, given),
        *_of_noise(noise),
        *_of_saturation(saturation),
        *_warnings(estimate),
    ]
    sentences = []
    usual = None
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
    sentences += [problem.sentence[0].upper() + problem.sentence[1:] + "." for problem in problems]
    fits: Literal["yes", "mostly", "no"] = (
        "no" if any(problem.much for problem in problems) else "mostly" if problems else "yes"
    )
    unstable = None if _is_uniform(noise) else (float(noise.min()), float(noise.max()))
    return Verdict(fits, _summary(fits, problems, usual), tuple(sentences), unstable)


def _summary(fits: str, problems: Sequence[_Problem], usual: float | None) -> str:
    if fits == "no":
        return f"Not fit for compression with these parameters: {next(one.sentence for one in problems if one.much)}."
    if fits == "mostly":
        *others, last = [problem.short for problem in problems]
        return f"Fit for compression, with reservations: {', '.join(others)}{', and ' * bool(others)}{last}."
    within = "" if usual is None else f" (within {100 * usual:.1f} % for 95 % of the samples)"
    return (
        f"Fit for compression: the variance of the noise is proportional to the light, as for photons{within}, and "
        "nothing shows that values are saturated."
    )


def _of_curve(detector: Transform, estimate: ParameterEstimate | None, given: bool) -> Iterator[_Problem]:
    if estimate is None:
        sentence = "how the variance of the noise follows brightness could not be measured"
        yield _Problem(False, sentence, sentence)
        return
    curve = estimate.photon_transfer_curve
    off = departures(curve, detector.conversion_gain, detector.zero_level)
    ends = [one for one in off if one.in_the_dark or one.in_the_bright]
    largest = sorted(off, key=lambda one: one.share)[-_MOST:]
    told = [one for one in off if one.share >= (_LEAST_SHARE if one in ends else _OF_OTHERS) and one in ends + largest]
    share = sum(one.share for one in off)
    if told and (given or not _is_off_line(estimate.unusable)):
        where = ", and ".join(f"{one} ({100 * one.share:.1f} % of the samples)" for one in told)
        of_told = 100 * sum(one.share for one in told)
        short = f"the noise is off the line of photon noise in {of_told:.1f} % of the samples"
        yield _Problem(share > _MUCH, f"the variance is {where}", short)


def _of_noise(noise: Floats) -> Iterator[_Problem]:
    if not _is_uniform(noise):
        measured = f"after the transform, the noise is {noise.min():.2f} to {noise.max():.2f} standard deviations"
        yield _Problem(
            bool(noise.min() > 1 + _WRONG or noise.max() < 1 - _WRONG),
            f"{measured} from {_BRIGHT:g} photons on, and should be 1: the parameters do not fit, or the scene moves",
            f"{measured} instead of 1",
        )


def _of_saturation(saturation: Saturation) -> Iterator[_Problem]:
    if saturation.is_cut_off:
        count = f"{saturation.values:,} values in {saturation.pixels:,} pixels are saturated"
        yield _Problem(False, f"{count}, at {saturation.highest:,.10g} ADU", count)


def _unusable(estimate: ParameterEstimate | None, given: bool) -> Iterator[_Problem]:
    if estimate is not None and estimate.unusable is not None and not (given and _is_off_line(estimate.unusable)):
        yield _Problem(not given, estimate.unusable, _without_reasons(estimate.unusable))


def _warnings(estimate: ParameterEstimate | None) -> Iterator[_Problem]:
    for warning in () if estimate is None else estimate.warnings:
        if not _is_off_line(warning):
            yield _Problem(False, warning, _without_reasons(warning))


def _is_off_line(sentence: str | None) -> bool:
    """Return whether an estimate says that the curve leaves the line, which the report says in its own words."""
    return sentence is not None and sentence.startswith(OFF_LINE)


def _without_reasons(sentence: str) -> str:
    """Return what was found, without what may be the reason."""
    return re.split(r": |, as ", sentence, maxsplit=1)[0]


def _bright_noise(detector: Transform, intensity: Floats, noise: Floats) -> Floats:
    bright: Floats = noise[(intensity - detector.zero_level) / detector.conversion_gain >= _BRIGHT]
    return bright


def _is_uniform(noise: Floats) -> bool:
    return not bool((np.abs(noise - 1) > _UNIFORM).any())
