"""The format's formulas in plain float64 NumPy, written down a second time to judge the package by.

Everywhere `x` is an input in ADU, `y` a code, rounded or not, `z` the zero level in ADU, `g` the conversion gain in
ADU per photon and `beta` the number of noise standard deviations per code.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROOT = np.sqrt(3 / 8)


def unrounded_code(x: npt.ArrayLike, z: float, g: float, beta: float = 0.5) -> Floats:
    """Return y(x)."""
    slope = 1 / beta / _ROOT
    with np.errstate(over="ignore"):  # inputs near the limits of float64 have infinite codes
        u = (np.asarray(x, np.float64) - z) / g
        below = u * slope
        above = (2 / beta) * (np.sqrt(np.maximum(u, 0) + 3 / 8) - _ROOT)
    return np.asarray(z * slope / g + np.where(u < 0, below, above))


def code(x: npt.ArrayLike, z: float, g: float, beta: float = 0.5) -> Floats:
    """Return y(x) rounded half to even: the code that an integer dtype stores if it is wide enough."""
    return np.rint(unrounded_code(x, z, g, beta))


def inverse(y: npt.ArrayLike, z: float, g: float, beta: float = 0.5) -> Floats:
    """Return the input whose unrounded code is `y`."""
    slope = 1 / beta / _ROOT
    d = np.asarray(y, np.float64) - z * slope / g
    below = d / slope
    above = (np.maximum(d, 0) * beta / 2 + _ROOT) ** 2 - 3 / 8
    return np.asarray(z + g * np.where(d < 0, below, above))


def decoded(y: npt.ArrayLike, dtype: npt.DTypeLike, z: float, g: float, beta: float = 0.5) -> Floats:
    """Return the middle of the inputs of `dtype` whose code is the integer `y`, before it is rounded to a float dtype.

    For integers of which float64 holds every one between the limits.
    """
    left, right = inverse(np.subtract(y, 0.5), z, g, beta), inverse(np.add(y, 0.5), z, g, beta)
    if np.dtype(dtype).kind == "f":
        largest = float(np.finfo(dtype).max)
        return np.asarray(np.clip((left + right) / 2, -largest, largest))
    info = np.iinfo(dtype)
    y = np.asarray(y, np.float64)
    near = np.arange(-1, 2).reshape(-1, *[1] * y.ndim)  # rounding errors may move a limit past an integer
    has_code = code(np.ceil(left) + near, z, g, beta) >= y
    first = np.ceil(left) + near.ravel()[has_code.argmax(axis=0)]
    has_code = code(np.floor(right) - near, z, g, beta) <= y
    last = np.floor(right) - near.ravel()[has_code.argmax(axis=0)]
    first, last = np.maximum(first, float(info.min)), np.minimum(last, float(info.max))
    clipped = np.clip(inverse(y, z, g, beta), float(info.min), float(info.max))
    return np.rint(np.where(first <= last, (first + last) / 2, clipped))


def noise(x: npt.ArrayLike, z: float, g: float) -> Floats:
    """Return the standard deviation of the noise at `x`, in ADU, as the transform sees it; NaN below -3/8 photons."""
    photons = (np.asarray(x, np.float64) - z) / g
    variance = photons + 3 / 8
    return np.asarray(g * np.sqrt(np.where(variance < 0, np.nan, variance)))


def largest_error(x: npt.ArrayLike, z: float, g: float, beta: float = 0.5) -> Floats:
    """Return by how much what is read back may differ from `x`: half the interval of its code, and rounding."""
    c = code(x, z, g, beta)
    return (inverse(c + 0.5, z, g, beta) - inverse(c - 0.5, z, g, beta)) / 2 + 0.5
