"""The weights of a prediction that leave the least of a movie."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from anscombe_transform._typing import Array, Floats
from anscombe_transform.transform.prediction import (
    LARGEST,
    UNIT_BIAS,
    UNIT_WEIGHT,
    Predictor,
    as_offset,
    check_codes,
    planes_of,
)


def fit_predictor(codes: Array, frames: int | None = None) -> Predictor:
    """Find the predictor whose residuals have the least squares.

    That is linear regression of codes on what they are predicted from, with an intercept, by the normal equations. It
    takes about 0.1 µs for each code: 10 million of them, from several chunks of a movie, are plenty.

    Codes that have gaps, as those of photon counts without read noise, may become larger by any prediction: compare
    what the compressor makes of them. `compress` does so.

    Parameters
    ----------
    codes : ndarray
        Codes of int8, uint8, int16 or uint16, of shape (time, y, x) or (time, plane, y, x): some whole chunks of a
        movie, one after the other.
    frames : int, optional
        The number of frames in a chunk, since the first frame of each has nothing before it; by default all of them.

    Returns
    -------
    Predictor
        The weights, for chunks of so many frames.

    Raises
    ------
    TypeError
        If `codes` are not a NumPy array, or masked.
    ValueError
        If they are of another dtype, or `frames` is below 1.

    Examples
    --------
    >>> from anscombe_transform import encode, fit_predictor
    >>> from anscombe_transform.simulate import simulate_movie
    >>> codes = encode(simulate_movie((100, 64, 64)), zero_level=100, conversion_gain=40)
    >>> predictor = fit_predictor(codes, frames=50)
    >>> bool(predictor.residuals(codes[:50]).mean() < codes.mean())
    True
    """
    check_codes(codes)
    if frames is not None and frames < 1:
        raise ValueError(f"frames must be at least 1, not {frames}")
    step = frames or max(1, *codes.shape[:1])
    default = Predictor()
    later, first = _Regression(9), _Regression(8)
    for plane in planes_of(as_offset(codes)) if codes.size else ():
        for start in range(0, len(plane), step):
            chunk = plane[start : start + step]
            first.add(_rows_above(chunk[0].astype(np.float64)), chunk[0, 1:])
            for mean, frame in _means_and_frames(chunk, default.shift):
                later.add(_around(mean), frame)
    weights, bias = later.solution() or (default.weights, default.bias)
    first_weights, first_bias = first.solution() or (default.first_weights, default.first_bias)
    return Predictor(weights, bias, first_weights, first_bias, default.shift)


class _Regression:
    """The normal equations for some weights and an intercept."""

    def __init__(self, weights: int) -> None:
        self._matrix, self._vector = np.zeros((weights + 1, weights + 1)), np.zeros(weights + 1)

    def add(self, terms: list[Floats], values: Array) -> None:
        """Add the values at all pixels, and the terms that are to predict them."""
        rows = np.stack([*(term.ravel() for term in terms), np.ones(values.size)])
        self._matrix += rows @ rows.T
        self._vector += rows @ values.ravel()

    def solution(self) -> tuple[tuple[int, ...], int] | None:
        """Return the weights and the bias in their units, or None if nothing was added."""
        if not self._matrix[-1, -1]:
            return None
        found = np.linalg.lstsq(self._matrix, self._vector, rcond=None)[0]
        weights = np.clip(np.rint(found[:-1] * UNIT_WEIGHT), -LARGEST, LARGEST).astype(int)
        # Each product is rounded down, and so is the sum.
        bias = np.clip(np.rint(found[-1] * UNIT_BIAS + (UNIT_BIAS + len(weights)) / 2), -LARGEST, LARGEST)
        return tuple(weights.tolist()), int(bias)


def _means_and_frames(chunk: Array, shift: int) -> Iterator[tuple[Floats, Array]]:
    """Yield each frame but the first, and before it the running mean of those before, which it then joins."""
    mean, seen = chunk[0].astype(np.float64), 1
    for frame in chunk[1:]:
        yield mean, frame
        seen += 1
        mean += (frame - mean) / 2 ** min(shift, math.ceil(math.log2(seen)))


def _around(mean: Floats) -> list[Floats]:
    """Return an image moved by -1, 0 and 1 pixels, with its edges repeated."""
    height, width = mean.shape
    padded = np.pad(mean, 1, mode="edge")
    return [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]


def _rows_above(image: Floats) -> list[Floats]:
    """Return what all rows but the first are predicted from."""
    height, width = image.shape
    padded = np.pad(image, ((1, 0), (2, 2)), mode="edge")
    above = [padded[1:height, x : x + width] for x in range(5)]
    return above + [padded[: height - 1, 1 + x : 1 + x + width] for x in range(3)]
