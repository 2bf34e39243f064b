"""One frame of an excerpt, before and after compression, and what differs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anscombe_transform._typing import Array, Floats
from anscombe_transform.report.excerpt import Excerpt, Regions
from anscombe_transform.report.tradeoff import Tradeoff
from anscombe_transform.transform.arrays import decode_array, encode_array
from anscombe_transform.transform.parameters import Transform

_LARGEST = 256
"""The most rows and columns of a frame to show: no more pixels than a screen has for it."""


@dataclass(frozen=True, eq=False)
class FramePair:
    """A frame, or a part of it, as it was recorded and as it comes back.

    Attributes
    ----------
    number : int
        Of the frame in the movie, from 0.
    top, left : int
        First row and column in the movie.
    original, decoded : ndarray of float64
        Shape (y, x), in photons.
    difference : ndarray of float64
        Decoded - original, in standard deviations of the noise of each pixel.
    noise : ndarray of float64
        The difference from a neighboring frame, divided by the square root of 2, in the same unit.
    """

    number: int
    top: int
    left: int
    original: Floats
    decoded: Floats
    difference: Floats
    noise: Floats


def frame_pair(excerpt: Excerpt, regions: Regions, detector: Transform, tradeoff: Tradeoff) -> FramePair:
    """Return the frame in which the most active region is brightest; of a large frame, what surrounds the region.

    Parameters
    ----------
    excerpt : Excerpt
        Where the frame is from.
    regions : Regions
        Its most active regions.
    detector : Transform
        The parameters, with the beta of `tradeoff`.
    tradeoff : Tradeoff
        What its beta does, and the dtypes of codes and array.
    """
    values = excerpt.values
    frame = int(np.argmax(regions.traces[:, 0]))
    neighbor = frame + 1 if frame + 1 < len(values) else frame - 1
    rows = _around(int(regions.top[0]) + regions.side // 2, values.shape[1])
    columns = _around(int(regions.left[0]) + regions.side // 2, values.shape[2])
    recorded = np.ascontiguousarray(values[frame, rows, columns])
    other = values[neighbor, rows, columns].astype(np.float64)
    decoded = _round_trip(recorded, detector, tradeoff).astype(np.float64)
    original = recorded.astype(np.float64)
    return FramePair(
        number=excerpt.first + frame,
        top=excerpt.top + rows.start,
        left=excerpt.left + columns.start,
        original=(original - detector.zero_level) / detector.conversion_gain,
        decoded=(decoded - detector.zero_level) / detector.conversion_gain,
        difference=(decoded - original) / detector.noise(original),
        noise=(other - original) / np.sqrt(2) / detector.noise((other + original) / 2),
    )


def _around(center: int, length: int) -> slice:
    """Return the part of an axis that is shown."""
    start = min(max(0, center - _LARGEST // 2), max(0, length - _LARGEST))
    return slice(start, min(length, start + _LARGEST))


def _round_trip(values: Array, detector: Transform, tradeoff: Tradeoff) -> Array:
    codes = encode_array(values, detector, tradeoff.encoded_dtype, None)
    return decode_array(codes, detector, tradeoff.encoded_dtype, np.dtype(tradeoff.array_dtype))
