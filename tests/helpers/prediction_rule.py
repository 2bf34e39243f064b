"""The rule of the format by which codes are predicted, written down once more in NumPy."""

from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform import Predictor

Array = npt.NDArray[Any]


def residuals_by_the_rule(codes: Array, predictor: Predictor) -> Array:
    """Return the residuals of a chunk, whose first axis is time and whose last two, as far as it has them, y and x."""
    frames, *others = codes.shape or (1,)
    height, width = (1, 1, *others)[-2:]
    planes = codes.reshape(frames, -1, height, width)
    residuals = [_of_a_plane(planes[:, plane], predictor) for plane in range(planes.shape[1])]
    return np.stack(residuals, axis=1).reshape(codes.shape)


def _of_a_plane(codes: Array, predictor: Predictor) -> Array:
    bits = 8 * codes.itemsize
    frames, height, width = codes.shape
    numbers = codes.astype(np.int64) - int(np.iinfo(codes.dtype).min)
    predicted = np.zeros(codes.shape, np.int64)
    predicted[0, 0, 1:] = numbers[0, 0, :-1]
    first = np.pad(128 * numbers[0], ((0, 0), (2, 2)), mode="edge")
    for y in range(1, height):
        above, second = first[y - 1], first[max(y - 2, 0)]
        terms = [*(above[i : i + width] for i in range(5)), *(second[1 + i : 1 + i + width] for i in range(3))]
        predicted[0, y] = _weighted(predictor.first_weights, terms, predictor.first_bias, bits)
    mean, seen = 128 * numbers[0], 1
    for t in range(1, frames):
        if (numbers[t - 1] == numbers[t - 1, 0, 0]).all():
            mean, seen = 128 * numbers[t - 1], 1
        padded = np.pad(mean, 1, mode="edge")
        terms = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
        predicted[t] = _weighted(predictor.weights, terms, predictor.bias, bits)
        seen += 1
        step = min(predictor.shift, (seen - 1).bit_length())
        mean = mean + ((128 * numbers[t] - mean + (1 << step >> 1)) >> step)
    differences = _wrapped(numbers - predicted, bits)
    return np.where(differences >= 0, 2 * differences, -2 * differences - 1).astype(f"u{codes.itemsize}")


def _wrapped(values: Array, bits: int) -> Array:
    half = 2 ** (bits - 1)
    return np.asarray((values + half) % (2 * half) - half)


def _weighted(weights: tuple[int, ...], terms: list[Array], bias: int, bits: int) -> Array:
    products = [(weight * term) >> 16 for weight, term in zip(weights, terms, strict=True)]
    total = bias + np.sum(products, axis=0)
    return np.asarray(_wrapped(total, 2 * bits) >> 5)
