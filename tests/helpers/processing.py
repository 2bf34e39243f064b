"""What happens to movies between the detector and the file, and spoils their noise."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Processing = Callable[[Floats], npt.NDArray[np.generic]]


def filtered(movie: Floats, weights: list[float], axis: int) -> Floats:
    """Return sums of neighbors along an axis with these weights, without the edges."""
    size = movie.shape[axis] - len(weights) + 1
    parts = (np.take(movie, range(start, start + size), axis) for start in range(len(weights)))
    return np.asarray(sum(weight * part for weight, part in zip(weights, parts, strict=True)))


def smoothed(weights: list[float]) -> Processing:
    return lambda movie: filtered(filtered(movie, weights, 1), weights, 2)


def averaged(frames: int) -> Processing:
    return lambda movie: filtered(movie, [1 / frames] * frames, 0)


def recursively_averaged(movie: Floats) -> Floats:
    mean = movie.copy()
    for frame in range(1, len(mean)):
        mean[frame] = 0.6 * mean[frame] + 0.4 * mean[frame - 1]
    return mean


def median_filtered(movie: Floats) -> Floats:
    windows = np.lib.stride_tricks.sliding_window_view(movie, (3, 3), axis=(1, 2))
    return np.asarray(np.median(windows, axis=(3, 4)))


def interpolated_in_space(movie: Floats) -> Floats:
    """As registration by half a pixel does."""
    return smoothed([0.5, 0.5])(movie).astype(np.float64)


def twice_as_many_frames(movie: Floats) -> Floats:
    between = (movie[1:] + movie[:-1]) / 2
    return np.stack([movie[:-1], between], axis=1).reshape(-1, *movie.shape[1:])


def enlarged(movie: Floats) -> Floats:
    return movie.repeat(2, axis=1).repeat(2, axis=2)


def sharpened(movie: Floats) -> Floats:
    blurred: Floats = np.asarray(smoothed([0.25, 0.5, 0.25])(movie))
    return np.asarray(2 * movie[:, 1:-1, 1:-1] - blurred)


def sharpened_with_all_neighbors(movie: Floats) -> Floats:
    """As ImageJ does: 12 times a pixel minus its 8 neighbors, over 4."""
    mean: Floats = np.asarray(smoothed([1 / 3] * 3)(movie), np.float64)
    return 3.25 * movie[:, 1:-1, 1:-1] - 2.25 * mean


def compressed_in_blocks(movie: Floats) -> Floats:
    """Round the cosine transform of blocks of 8 by 8 pixels, high frequencies coarsely, as JPEG does."""
    u = np.arange(8)
    cosines = np.cos(np.pi * np.outer(u, 2 * u + 1) / 16) * np.where(u == 0, np.sqrt(1 / 8), 0.5)[:, None]
    frames, height, width = (movie.shape[0], movie.shape[1] // 8 * 8, movie.shape[2] // 8 * 8)
    blocks = movie[:, :height, :width].reshape(frames, height // 8, 8, width // 8, 8).transpose(0, 1, 3, 2, 4)
    step = 40.0 * (1 + np.add.outer(u, u))
    rounded = np.rint(cosines @ blocks @ cosines.T / step) * step
    pixels = cosines.T @ rounded @ cosines
    return np.asarray(pixels.transpose(0, 1, 3, 2, 4).reshape(frames, height, width))


def components(kept: int) -> Processing:
    """Return what keeps so many of the main components."""

    def denoised(movie: Floats) -> Floats:
        flat = movie.reshape(len(movie), -1)
        mean = flat.mean(axis=0)
        u, s, v = np.linalg.svd(flat - mean, full_matrices=False)
        return np.asarray(((u[:, :kept] * s[:kept]) @ v[:kept] + mean).reshape(movie.shape))

    return denoised


def corrected_for_bleaching(movie: Floats) -> Floats:
    """As if the light had fallen to a third."""
    return np.asarray(100 + (movie - 100) * np.geomspace(1, 3, len(movie))[:, None, None])


def stretched_frames(movie: Floats) -> npt.NDArray[np.uint8]:
    low, high = movie.min(axis=(1, 2), keepdims=True), movie.max(axis=(1, 2), keepdims=True)
    return np.asarray((movie - low) / (high - low) * 255, np.uint8)


def changed_gain(factor: float) -> Processing:
    """Return what multiplies the gain in the second half of the time."""

    def changed(movie: Floats) -> Floats:
        factors = np.where(np.arange(len(movie)) < len(movie) // 2, 1, factor)
        return np.asarray(100 + (movie - 100) * factors[:, None, None])

    return changed


def square_root(movie: Floats) -> Floats:
    return np.sqrt(np.maximum(movie, 0))


def logarithm(movie: Floats) -> Floats:
    return np.log(np.maximum(movie, 1))


def relative_change(movie: Floats) -> Floats:
    baseline = np.median(movie, axis=0) - 100
    return (movie - 100 - baseline) / np.maximum(baseline, 1)


def relative_change_in_integers(movie: Floats) -> npt.NDArray[np.int16]:
    return np.asarray(np.rint(1000 * relative_change(movie)).clip(-32768, 32767), np.int16)


def relative_to_a_percentile(movie: Floats) -> Floats:
    baseline = np.percentile(movie, 20, axis=0) - 100
    return (movie - 100 - baseline) / np.maximum(baseline + 50, 1)


def z_score(movie: Floats) -> Floats:
    return np.asarray((movie - movie.mean(axis=0)) / movie.std(axis=0))


def without_background(movie: Floats) -> Floats:
    return np.asarray(movie - np.median(movie, axis=0))


def two_detectors(part: tuple[slice, ...]) -> Processing:
    """Return what makes part of the image that of a detector with 1.5 times the gain and another offset."""

    def mixed(movie: Floats) -> Floats:
        movie = movie.copy()
        movie[part] = 1.5 * (movie[part] - 100) + 120
        return movie

    return mixed


def wrapped(bits: int) -> Processing:
    """Return what scales a movie beyond the range of unsigned integers of so many bits."""

    def wrap(movie: Floats) -> npt.NDArray[np.uint16]:
        brightest = np.quantile(movie, 0.999)
        return np.asarray(np.rint((movie - 100) * (1.5 * 2**bits / brightest)).astype(np.int64) % 2**bits, np.uint16)

    return wrap
