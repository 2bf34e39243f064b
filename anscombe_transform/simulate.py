"""Movies with known parameters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def simulate_movie(
    shape: tuple[int, int, int] = (256, 256, 256),
    *,
    zero_level: float = 100.0,
    conversion_gain: float = 40.0,
    read_noise: float = 10.0,
    seed: int = 0,
) -> npt.NDArray[np.int16]:
    """Simulate a two-photon recording of active cells on a dim background.

    Photons are Poisson distributed with a mean of 0.5 to 2 per pixel in the background and up to about 40 in an
    active cell. The detector adds normally distributed noise, and saturates at the limits of int16.

    Parameters
    ----------
    shape : tuple of int
        Frames, height and width in pixels.
    zero_level : float
        Mean output without photons, in ADU.
    conversion_gain : float
        ADU per photon.
    read_noise : float
        Standard deviation of the detector's own noise, in ADU.
    seed : int
        Seed of the random numbers; the same seed gives the same movie.

    Returns
    -------
    ndarray of int16
        Movie of `shape`, in ADU.
    """
    frames, height, width = shape
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    background = 1.25 + 0.75 * np.sin(x / 40) * np.cos(y / 55)
    cells = max(1, height * width // 1500)
    rows, columns = random.uniform(0, height, cells), random.uniform(0, width, cells)
    radii = random.uniform(3, 6, cells)
    footprints = np.array(
        [
            np.exp(-((((y - r) ** 2 + (x - c) ** 2) / (2 * s**2)) ** 2))
            for r, c, s in zip(rows, columns, radii, strict=True)
        ]
    )
    activity = random.uniform(1, 5, cells)
    movie = np.empty(shape, np.int16)
    decaying = np.zeros(cells)
    for frame in range(frames):
        decaying = 0.93 * decaying + random.exponential(10, cells) * (random.random(cells) < 0.02)
        photons = random.poisson(background + np.tensordot(activity + decaying, footprints, axes=1))
        signal = zero_level + conversion_gain * photons + read_noise * random.standard_normal(photons.shape)
        movie[frame] = np.clip(np.rint(signal), -32768, 32767)
    return movie
