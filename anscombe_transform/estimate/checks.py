"""What is wrong with an estimate, in sentences.

The noise of photons is independent from pixel to pixel and from frame to frame, and its variance depends on brightness
alone, along a line. So what happened to a movie after its detector shows in the samples of its noise. Each check asks
for two things: a deviation that matters, and that it exceeds five standard errors, as chance makes it do in fewer than
one movie in a million.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from anscombe_transform._typing import Floats
from anscombe_transform.estimate.curve import PhotonTransferCurve, curve_of
from anscombe_transform.estimate.deviation import (
    OFF_LINE,
    SIGNIFICANT,
    departures,
    error_of_variance,
    least_error,
    rise,
)
from anscombe_transform.estimate.gathering import NoiseSamples
from anscombe_transform.estimate.independence import SUM
from anscombe_transform.estimate.line import LEAST_VARIANCE, NoiseLine, fit_noise_line
from anscombe_transform.estimate.samples import TILES


class Limits(NamedTuple):
    """From where on something is told, and from where on the numbers are unusable."""

    told: float
    unusable: float


_ERROR_OF_PAIRS = 8.0
"""The standard error of correlations and ratios from n residuals, at most, as a multiple of 1 / sqrt(n).

Only every second pair of rows is looked at, and the noise of pixels is known less well than residuals.
"""

_IN_TIME = Limits(0.03, 0.12)
"""The correlation of consecutive differences beyond that of independent frames, which is -0.5.

A running mean of two frames makes it 0.5. An exponential mean to which a frame adds 94 % and 76 % reaches the limits,
and makes the gain 17 % and 53 % too small. The motion and the activity of simulated movies add up to 0.01.
"""

_IN_SPACE = Limits(0.025, 0.05)
"""The correlation of neighbors in x or in y, whichever is less.

A Gaussian filter of 0.34 and 0.37 pixels reaches the limits, and makes the gain 10 % and 18 % too small. A real
movie has 0.002.
"""

_IN_ONE_DIRECTION = Limits(0.06, 0.35)
"""The correlation of neighbors in x or in y, whichever is more. Slow detectors have some: a real movie, 0.04 in x."""

_NEGATIVE = Limits(-0.025, -0.03)
"""The same where it is negative: in x or in y for the first, in both for the second.

Sharpening that makes the gain three times too large reaches -0.04.
"""

_PATTERNS = 0.05
"""How much the correlation of differences without a common frame may vary.

It varies by 1 / sqrt(n) if the noise consists of n patterns, such as main components. Strong motion makes it 0.04.
"""

_LOW = Limits(0.65, 0.5)
"""The variance of the noise in the directions, in the space of frames, that have the least, as a share of the median.

In simulated raw movies it is 0.75 to 0.9. Keeping 250 of 300 components makes it 0.59, and 130 of 150, 0.3.
"""

_SUMS = Limits(0.85, 0.8)
"""The variance of sums over squares of pixels, as a multiple of that of independent pixels.

In simulated raw movies it is 0.94 or more. An unsharp mask that doubles the gain makes it 0.7.
"""

_ERROR_OF_SUMS = 2.8
"""The standard error of that from n sums, as a multiple of 1 / sqrt(n)."""

_OVER_TIME = Limits(1.15, 1.4)
"""The ratio of the variances of pairs of frames at their brightness: what a tenth exceeds to what nine do.

In simulated raw movies it is up to 1.07, and 1.14 where a sharp scene moves.
"""

_FEWEST_PAIRS = 8
"""The fewest pairs of frames that are compared."""

_LINES = Limits(1.08, 1.2)
"""The ratio of the variances of odd and even rows, or columns, at their brightness. In raw movies it is up to 1.03."""

_PHASES = 1.1
"""The ratio of the gains of two phases of an alternation from which on they are told."""

_WRAPPED = 0.05
"""The share of the values at the top of the range that jump to its bottom and back."""

_HALVES = 1.25
"""The ratio of the gains of two halves of the image from which on they belong to different detectors.

In simulated raw movies, strong activity and motion take it to 1.18.
"""

_OF_HALVES = 0.05
"""How much the variances of two halves must differ at the same brightness, as a share, if their gains do.

Else, what differs is their brightness, and the detector is not linear.
"""

_PARTS = Limits(1.25, 1.5)
"""The ratio of the variances of parts of the image at the same brightness: what a tenth exceeds to what nine do.

A resonant scanner stays longer on pixels at the edges: a real movie has 1.27.
"""

_QUANTILES_APART = 2.56
"""How many standard deviations lie between what a tenth of a normal distribution exceeds, and nine; twice that is not
chance."""

_SAMPLES_OF_PART = 200
"""The fewest samples of a part of the image that is compared."""

_OFF = 0.02
"""The share of the samples that depart from the line, at its ends, from which on it is told."""

_FAR, _FAR_OFF = 0.3, 0.1
"""A deviation of the variance that makes codes 15 % too wide or too narrow, and the share of samples with it from which
on the numbers are unusable."""

_UNCERTAIN = Limits(0.05, 0.08)
"""The standard error of the gain, as a share of it, where noise does not explain it."""

_MORE, _MUCH_MORE = 3.0, 4.0
"""A standard error of the gain that is as many times as large as noise explains has other causes.

For simulated raw movies it is 0.7 to 2 times as large, and with strong motion up to 5.
"""

_CONTRAST = (0.02, 0.06, 0.1)
"""Pixels hardly differ in brightness if they differ less than this in how often they are below the median.

Their means then differ by less than 0.05, 0.15 and 0.25 standard deviations of the noise of a frame. Raw movies of very
little light are like that, too. So the second counts only where noise does not explain the error of the gain, and the
third where the variance departs from the line.
"""

_LEAST_RISE = 2.0
"""How many times as large as in the dark the variance must be in the bright, but for the third of these."""

_CONSTANT = 1.5
"""The same where the zero level is below 0 and below all values, by half of their range."""


class Finding(NamedTuple):
    """What is wrong with an estimate."""

    unusable: bool
    """Whether its numbers must not be used."""
    sentence: str
    """In words, without a capital and a full stop."""


def check_samples(samples: NoiseSamples) -> list[Finding]:
    """Return what is wrong with the noise of a movie, whatever the line is."""
    return [
        finding
        for check in (_wrapped, _in_time, _in_space, _independence, _lines, _alternation, _not_counted)
        for finding in check(samples)
    ]


def check_line(samples: NoiseSamples, line: NoiseLine, curve: PhotonTransferCurve) -> list[Finding]:
    """Return what is wrong with a line that was fitted to the bins of a curve that are `used`."""
    return [
        finding
        for check in (_contrast, _over_time, _halves, _parts, _departures)
        for finding in check(samples, line, curve)
    ]


def _not_counted(samples: NoiseSamples) -> Iterator[Finding]:
    seen = samples.seen
    bands = seen.read / samples.frames
    if seen.constant:
        number = f"{math.ceil(seen.constant / bands)} of the {samples.frames} frames that were read"
        yield Finding(False, f"{number} are constant, as if they had never been written, and do not count")
    if seen.repeated:
        number = f"{math.ceil(seen.repeated / bands)} of the {samples.frames} frames that were read"
        yield Finding(False, f"{number} equal the one before, and these pairs do not count")
    if seen.invalid:
        yield Finding(False, f"{seen.invalid} pixels have NaN or infinite values, and are left out where they do")
    if seen.masked:
        what = f"{seen.masked} pixels have the largest value of the dtype, far from all others"
        yield Finding(False, f"{what}: it counts as a mask, and is not in the range that the codes hold")


def _wrapped(samples: NoiseSamples) -> Iterator[Finding]:
    if samples.wrapped > _WRAPPED:
        low, high = samples.seen.range
        what = f"{100 * samples.wrapped:.0f} % of the values near {high:g} ADU jump to {low:g} ADU and back"
        yield Finding(True, f"{what}: integers were too large and wrapped around, or their bytes are swapped")


def _in_time(samples: NoiseSamples) -> Iterator[Finding]:
    excess = samples.correlation.time
    if excess > max(_IN_TIME.told, _chance(samples)):
        yield Finding(
            excess > _IN_TIME.unusable,
            f"the noise of consecutive frames is correlated: their differences correlate by {excess - 0.5:z.2f} "
            "instead of -0.50, so the movie was averaged, filtered or interpolated over time",
        )
    if samples.correlation.spread > _PATTERNS:
        yield Finding(
            True,
            "the noise of frames consists of a few patterns, not of independent pixels: the movie was denoised, for "
            "example by its main components",
        )


def _in_space(samples: NoiseSamples) -> Iterator[Finding]:
    x, y = samples.correlation.x, samples.correlation.y
    less, more = sorted((x, y))
    chance = _chance(samples)
    what = f"the noise of neighboring pixels is correlated, by {x:z.2f} in x and {y:z.2f} in y"
    if less > max(_IN_SPACE.told, chance):
        unusable = less > _IN_SPACE.unusable
        yield Finding(unusable, f"{what}: the movie was smoothed, denoised, interpolated or compressed with losses")
    elif more > max(_IN_ONE_DIRECTION.told, chance):
        unusable = more > _IN_ONE_DIRECTION.unusable
        yield Finding(unusable, f"{what}: the detector is slow, the scene moves, or the movie was interpolated")
    elif less < min(_NEGATIVE.told, -chance):
        yield Finding(more < _NEGATIVE.unusable, f"{what}: the movie was sharpened, or compressed with losses")


def _independence(samples: NoiseSamples) -> Iterator[Finding]:
    """Tell what neighbors in time and space do not."""
    if any(_in_time(samples)) or any(_in_space(samples)):
        return
    low, sums, count = samples.independence.low, samples.independence.sums, samples.independence.count
    if low < _LOW.told:
        yield Finding(
            low < _LOW.unusable,
            "the noise of frames consists of fewer patterns than there are frames: the movie was denoised, for example "
            "by its main components",
        )
    if sums < min(_SUMS.told, 1 - SIGNIFICANT * _ERROR_OF_SUMS / math.sqrt(max(1, count))):
        yield Finding(
            sums < _SUMS.unusable,
            f"the noise of sums over {SUM} by {SUM} pixels has {sums:.2f} times the variance of that of independent "
            "pixels: the movie was sharpened, or the surroundings of each pixel were subtracted",
        )


def _lines(samples: NoiseSamples) -> Iterator[Finding]:
    for name, odd in (("rows", samples.correlation.rows), ("columns", samples.correlation.columns)):
        ratio, more, less = (odd, "odd", "even") if odd > 1 else (1 / odd, "even", "odd")
        if ratio > max(_LINES.told, 1 + _chance(samples)):
            yield Finding(
                ratio > _LINES.unusable,
                f"at the same brightness, the noise of {more} {name} has {ratio:.2f} times the variance of that of "
                f"{less} ones, as with two detectors or two gains",
            )


def _chance(samples: NoiseSamples) -> float:
    """Return what chance may make of correlations, from the samples that have noise at all."""
    count, _, variance = samples.sums.sum(axis=(1, 3))
    of_sample = variance / np.maximum(1, count)
    noisy = float(count[of_sample > LEAST_VARIANCE * of_sample.max()].sum())
    return SIGNIFICANT * _ERROR_OF_PAIRS / math.sqrt(max(1.0, noisy))


def _alternation(samples: NoiseSamples) -> Iterator[Finding]:
    found = samples.alternation
    if found is None or (found.same_scene and samples.correlation.time > _IN_TIME.unusable):  # interpolated frames
        return
    period = found.period
    lines = [line for line in map(fit_noise_line, samples.of_phases) if line.is_known]
    gains = _differing_gains(lines)
    if gains or not found.same_scene:
        factors = f", or both, such as channels=2 and planes={period // 2}" if period in (4, 6, 8) else ""
        yield Finding(
            bool(gains) or not lines,
            f"the frames show {period} {'gains' if found.same_scene else 'scenes'} in turn{gains}, as interleaved "
            f"channels or planes do: give channels={period}, or planes={period}{factors}",
        )
    elif found.displacement:
        yield Finding(
            False,
            f"the scene moves by up to {found.displacement} pixels and back with a period of {period} frames, as in a "
            "scan in both directions",
        )
    else:
        yield Finding(
            False,
            f"the brightness changes by {100 * (found.brightness - 1):.1f} % with a period of {period} frames, "
            "and the scene is the same, as under a light that flickers",
        )


def _differing_gains(lines: list[NoiseLine]) -> str:
    """Return words that say the range of gains; none where they agree."""
    if not lines:
        return ""
    least, most = (choose(lines, key=lambda line: line.gain) for choose in (min, max))
    chance = SIGNIFICANT * math.hypot(least.gain_error, most.gain_error)
    if most.gain - least.gain < max((_PHASES - 1) * least.gain, chance):
        return ""
    return f" with {least.gain:.3g} to {most.gain:.3g} ADU per photon"


def _contrast(samples: NoiseSamples, line: NoiseLine, curve: PhotonTransferCurve) -> Iterator[Finding]:
    off = sum(departure.share for departure in departures(curve, line.gain, line.zero)) > _OFF
    rises = rise(curve, line.gain, line.zero)
    least = _CONTRAST[0] if _is_explained(line, curve) else _CONTRAST[1]
    lowest, highest = samples.seen.range
    if (samples.contrast < least and rises < _LEAST_RISE) or (samples.contrast < _CONTRAST[2] and off):
        yield Finding(
            True,
            "the pixels hardly differ in their mean brightness, as in dF/F, z-scores or without a background, so it "
            "does not tell their noise",
        )
    elif rises < _CONSTANT and line.zero < min(0, lowest) - (highest - lowest) / 2:
        yield Finding(
            True,
            f"the noise does not follow from brightness: its variance rises only {rises:.2f} times from the darkest to "
            "the brightest pixels, as after a square root, and no light would be far below all values",
        )


def _over_time(samples: NoiseSamples, line: NoiseLine, curve: PhotonTransferCurve) -> Iterator[Finding]:
    """Tell whether pairs of frames differ in their noise at the same brightness."""
    ratios, lights, counts = [np.empty(0)], [np.empty(0)], [np.empty(0)]
    for count, intensity, variance in samples.of_pairs:
        light = intensity / count - line.zero
        known = light > SIGNIFICANT * line.zero_error
        ratio = variance[known] / (line.gain * light * count)[known]
        if ratio.any():
            ratios.append(ratio / np.median(ratio[ratio > 0]))
            lights.append(light[known])
            counts.append(count[known])
    ratio = np.concatenate(ratios)
    if len(ratio) < _FEWEST_PAIRS:
        return
    least, most = np.quantile(ratio, [0.1, 0.9])
    promised = np.maximum(line.gain * (curve.intensity - line.zero), 0)
    of_samples = promised * error_of_variance(np.maximum(1, curve.count), promised / line.gain**2) * curve.count
    of_all = math.sqrt((of_samples**2).sum()) / (promised * curve.count).sum()
    chance = 2 * _QUANTILES_APART * of_all * math.sqrt(curve.count.sum() / np.median(np.concatenate(counts)))
    darkest, brightest = np.quantile(np.concatenate(lights), [0.1, 0.9])
    chance += SIGNIFICANT * line.zero_error * float(1 / darkest - 1 / brightest)
    if most > max(_OVER_TIME.told, 1 + chance) * least:
        yield Finding(
            bool(most > _OVER_TIME.unusable * least),
            f"at the same brightness, the variance of the noise in some frames is {_times(most, least)} times that in "
            "others, as where the gain was changed, bleaching was corrected, frames were scaled or interpolated "
            "one by one, or a baseline of each pixel was subtracted",
        )


def _halves(samples: NoiseSamples, line: NoiseLine, curve: PhotonTransferCurve) -> Iterator[Finding]:
    """Tell whether two halves of the image are each explained by a line, but not both by one."""
    if _is_explained(line, curve):
        return
    tile = np.arange(samples.sums.shape[1])
    sides = [(tile % TILES < TILES // 2, "left half of the columns", "right half")]
    if len(tile) == TILES * TILES:
        sides.append((tile < len(tile) // 2, "upper half of the rows", "lower half"))
    for first, name, other_name in sides:
        one, other = (fit_noise_line(samples.sums[:, half]) for half in (first, ~first))
        curves = [curve_of(samples.sums[:, half, :, : of.classes]) for half, of in ((first, one), (~first, other))]
        if not (_is_explained(one, curves[0]) and _is_explained(other, curves[1])):
            continue
        if _difference(samples.sums[:, first], samples.sums[:, ~first], line.gain) < _OF_HALVES:
            continue
        ratio = max(one.gain / other.gain, other.gain / one.gain)
        chance = SIGNIFICANT * math.hypot(one.gain_error / one.gain, other.gain_error / other.gain)
        if ratio > max(_HALVES, 1 + chance):
            yield Finding(
                True,
                f"the {name} has {one.gain:.3g} ADU per photon, and the {other_name} {other.gain:.3g}, as with two "
                "detectors",
            )


def _difference(one: Floats, other: Floats, gain: float) -> float:
    """Return how much variances of two parts of the image differ at the same brightness: root mean square, no noise."""
    both = (one[0].sum(axis=(0, 2)) > 1) & (other[0].sum(axis=(0, 2)) > 1) & (other[2].sum(axis=(0, 2)) > 0)
    if not both.any():
        return 0.0
    count, _, variance = one.sum(axis=(1, 3))[:, both]
    other_count, _, other_variance = other.sum(axis=(1, 3))[:, both]
    of_other = other_variance / other_count
    photons = of_other / gain**2
    noise = error_of_variance(count, photons) ** 2 + error_of_variance(other_count, photons) ** 2
    square = np.average((variance / count / of_other - 1) ** 2 - noise, weights=1 / noise)
    return math.sqrt(max(0.0, float(square)))


def _is_explained(line: NoiseLine, curve: PhotonTransferCurve) -> bool:
    """Return whether noise explains the error of the gain of a line."""
    return line.is_known and line.gain_error < _MORE * line.gain * least_error(curve, line.gain, line.zero)


def _parts(samples: NoiseSamples, line: NoiseLine, curve: PhotonTransferCurve) -> Iterator[Finding]:
    """Tell whether parts of the image differ in their noise at the same brightness."""
    count, intensity, variance = samples.sums[..., : line.classes].sum(axis=-1)
    of_bin = variance.sum(axis=0) / np.maximum(1, count.sum(axis=0))
    mean = intensity.sum(axis=0) / np.maximum(1, count.sum(axis=0))
    weight = np.divide(1, of_bin, out=np.zeros_like(of_bin), where=of_bin > 0)
    expected = ((count * of_bin + line.gain * (intensity - count * mean)) * weight).sum(axis=1)
    samples_of_part = count.sum(axis=1)
    large = (samples_of_part > _SAMPLES_OF_PART) & (expected > 0)
    if np.count_nonzero(large) < TILES:
        return
    least, most = np.quantile((variance * weight).sum(axis=1)[large] / expected[large], [0.1, 0.9])
    of_samples = np.maximum(1, count) * error_of_variance(np.maximum(1, count), of_bin / line.gain**2)
    error = np.sqrt((of_samples**2).sum(axis=1, where=count > 0))[large] / samples_of_part[large]
    chance = 2 * _QUANTILES_APART * float(np.median(error))
    if most > max(_PARTS.told, 1 + chance) * least:
        unusable = bool(most > _PARTS.unusable * least)
        yield Finding(
            unusable,
            "at the same brightness, the variance of the noise in some parts of the image is "
            f"{_times(most, least)} times that in others, as "
            + ("in dF/F, or with several detectors" if unusable else "where a scanner does not stay equally long"),
        )


def _times(most: float, least: float) -> str:
    return f"{most / least:.2f}" if most < 100 * least else "more than 100"


def _departures(samples: NoiseSamples, line: NoiseLine, curve: PhotonTransferCurve) -> Iterator[Finding]:
    far = sum(departure.share for departure in departures(curve, line.gain, line.zero, _FAR)) > _FAR_OFF
    off = departures(curve, line.gain, line.zero)
    ends = [departure for departure in off if departure.in_the_dark or departure.in_the_bright]
    if far or sum(departure.share for departure in ends) > _OFF:
        where = ", and ".join(map(str, ends or off))
        yield Finding(
            far,
            f"{OFF_LINE}: its variance is {where}; the detector is not linear there, the scene moves, or the movie was "
            "processed",
        )
    error, explained = line.gain_error / line.gain, least_error(curve, line.gain, line.zero)
    if error > max(_UNCERTAIN.told, _MUCH_MORE * explained):
        yield Finding(
            error > _UNCERTAIN.unusable,
            f"the noise does not follow from brightness: the gain changes by {100 * error:.0f} % with the part of the "
            f"image that it is taken from, of which noise explains {100 * explained:.1f} %",
        )
