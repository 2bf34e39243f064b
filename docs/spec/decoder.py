"""Decodes anscombe-v1 and photon-predict-v1, by their specification alone."""

from math import inf, isnan, sqrt

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def decode(codes, dtype, zero_level, conversion_gain, beta=0.5):
    """Return the values of `dtype`, in ADU, that codes of anscombe-v1 stand for."""
    root, slope, scale = sqrt(0.375), 1 / beta / sqrt(0.375), 2 / beta
    offset = zero_level * slope / conversion_gain
    to_integers = np.dtype(dtype).kind != "f"
    info = np.iinfo(dtype) if to_integers else np.finfo(dtype)
    lowest, highest = np.array([info.min, info.max], dtype).tolist()

    def code_of(x):
        u = (x - zero_level) / conversion_gain
        above = scale * (sqrt(max(u, 0) + 0.375) - root)
        return round(offset + (u * slope if u < 0 else above))

    def input_of(y):
        d, t = y - offset, (y - offset) * (1 / scale)
        u = d * (1 / slope) if d < 0 else t * (t + 2 * root)
        return zero_level + conversion_gain * u

    def first_integer(code):  # that has this code or a higher one
        low, high = lowest, highest + 1
        while low < high:
            middle = (low + high) // 2
            reaches = code_of(float(middle)) >= code
            low, high = (low, middle) if reaches else (middle + 1, high)
        return low

    def value_of(code):
        x = zero_level if isnan(code) and to_integers else input_of(code)
        if isinstance(code, int) and to_integers:
            first, last = first_integer(code), first_integer(code + 1) - 1
            if first <= last:
                return (first + last + ((first + last) % 4 == 3)) // 2
        elif isinstance(code, int):
            x = (input_of(code - 0.5) + input_of(code + 0.5)) / 2
        elif code in (-inf, inf) and not to_integers:
            return code
        x = min(max(x, lowest), highest)
        return round(x) if to_integers else x

    distinct, places = np.unique(codes, return_inverse=True)
    values = np.array([value_of(code) for code in distinct.tolist()], dtype)
    return values[places].reshape(codes.shape)


def restore(residuals, dtype, weights, bias, first_weights, first_bias, shift):
    """Return the codes of `dtype` in a chunk of residuals of photon-predict-v1."""
    height, width = (1, 1, *residuals.shape[1:])[-2:]
    codes = residuals.reshape(len(residuals), -1, height, width).astype("int64")
    codes = codes >> 1 ^ -(codes & 1)
    modulus = 256**residuals.itemsize

    def add_predicted(codes, weights, bias, means):
        products = [w * mean >> 16 for w, mean in zip(weights, means, strict=True)]
        codes[...] = (codes + (bias + sum(products) >> 5)) % modulus

    for plane in codes.swapaxes(0, 1):
        plane[0, 0] = np.cumsum(plane[0, 0]) % modulus
        for y in range(1, height):
            rows = 128 * plane[0, [max(y - 2, 0), y - 1]]
            rows = np.pad(rows, ((0, 0), (2, 2)), "edge")
            second, above = sliding_window_view(rows, width, 1)
            means = [*above, *second[1:4]]
            add_predicted(plane[0, y], first_weights, first_bias, means)
        mean, seen = np.zeros((height, width), "int64"), 0
        for t, frame in enumerate(plane):
            if t > 0:
                around = sliding_window_view(np.pad(mean, 1, "edge"), mean.shape)
                add_predicted(frame, weights, bias, around.reshape(9, *mean.shape))
            seen = 1 if frame.min() == frame.max() else seen + 1
            step = min(shift, (seen - 1).bit_length())
            mean += (128 * frame - mean + (1 << step >> 1)) >> step
    return (codes + np.iinfo(dtype).min).astype(dtype).reshape(residuals.shape)
