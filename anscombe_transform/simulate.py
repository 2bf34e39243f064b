"""Movies whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Scene:
    """Active cells on a dim background, in expected photons per pixel and frame.

    Parameters
    ----------
    background : tuple of float
        The darkest and the brightest background.
    cells : tuple of float
        The darkest and the brightest cell at rest, above the background. There is a cell per 1,500 pixels.
    radius : tuple of float
        The smallest and the largest radius of a cell, in pixels.
    activity : float
        By how much the events of a cell brighten it, on average. They begin in 2 % of the frames and fade by 7 % per
        frame.
    motion : float
        Standard deviation of the displacement of each frame in y and in x, in pixels. What leaves the frame on one
        side comes back on the other.
    bleaching : float
        Share of the light that is lost from the first frame to the last.
    """

    background: tuple[float, float] = (0.5, 2.0)
    cells: tuple[float, float] = (1.0, 5.0)
    radius: tuple[float, float] = (3.0, 6.0)
    activity: float = 10.0
    motion: float = 0.0
    bleaching: float = 0.0


@dataclass(frozen=True)
class Detector:
    """A detector that turns photons into ADU.

    Parameters
    ----------
    zero_level : float
        Mean output without photons, in ADU.
    conversion_gain : float
        Mean signal that one photon adds, in ADU.
    read_noise : float
        Standard deviation of the detector's own noise, in ADU.
    gain_spread : float
        Standard deviation of the signal that one photon adds, as a fraction of the mean: about 0.5 for a
        photomultiplier. Gamma distributed.
    offset_spread : float
        Standard deviation between pixels of the output without photons, in ADU.
    hot_pixels : float
        Share of pixels that put out 50 to 150 `conversion_gain` too much.
    saturation : float, optional
        The largest output, in ADU; by default that of the dtype.
    dtype : data-type
        Of the movie. Integers are rounded, and saturate at the limits of the dtype.
    """

    zero_level: float = 100.0
    conversion_gain: float = 40.0
    read_noise: float = 10.0
    gain_spread: float = 0.0
    offset_spread: float = 0.0
    hot_pixels: float = 0.0
    saturation: float | None = None
    dtype: npt.DTypeLike = "int16"

    @property
    def noise_line(self) -> tuple[float, float]:
        """The conversion gain and the zero level of the line on which variance and intensity lie.

        The spread of what a photon adds raises the slope of the line to ``conversion_gain * (1 + gain_spread**2)``.
        Read noise, and the noise of 1/12 ADU squared from rounding to integers, lower the intensity at which the line
        meets zero variance.
        """
        gain = self.conversion_gain * (1 + self.gain_spread**2)
        exact = not (self.read_noise or self.gain_spread or self.offset_spread) and (
            float(self.conversion_gain).is_integer() and float(self.zero_level).is_integer()
        )
        rounding = 0.0 if exact or np.dtype(self.dtype).kind == "f" else 1 / 12
        return gain, self.zero_level - (self.read_noise**2 + rounding) / gain


def simulate_movie(
    shape: tuple[int, int, int] = (256, 256, 256),
    scene: Scene = Scene(),
    detector: Detector = Detector(),
    seed: int = 0,
) -> npt.NDArray[Any]:
    """Simulate a movie with Poisson distributed photons.

    Parameters
    ----------
    shape : tuple of int
        Frames, height and width in pixels.
    scene : Scene
        What is seen; by default, as a two-photon microscope would see it.
    detector : Detector
        What sees it.
    seed : int
        Seed of the random numbers; the same seed gives the same movie.

    Returns
    -------
    ndarray
        Movie of `shape` and of the detector's dtype, in ADU.

    Examples
    --------
    >>> from anscombe_transform.simulate import Detector, Scene, simulate_movie
    >>> detector = Detector(zero_level=-200, conversion_gain=80, read_noise=40)
    >>> movie = simulate_movie((10, 64, 64), Scene(motion=0.5), detector)
    >>> gain, zero_level = detector.noise_line
    >>> gain, round(zero_level, 3)
    (80.0, -220.001)
    """
    frames, height, width = shape
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    darkest, brightest = scene.background
    background = (darkest + brightest) / 2 + (brightest - darkest) / 2 * np.sin(x / 40) * np.cos(y / 55)
    cells = max(1, height * width // 1500)
    rows, columns = random.uniform(0, height, cells), random.uniform(0, width, cells)
    radii = random.uniform(*scene.radius, cells)
    footprints = np.array(
        [
            np.exp(-((((y - r) ** 2 + (x - c) ** 2) / (2 * s**2)) ** 2))
            for r, c, s in zip(rows, columns, radii, strict=True)
        ]
    )
    rest = random.uniform(*scene.cells, cells)
    of_pixels = np.random.default_rng([seed, 1])
    offsets = detector.offset_spread * of_pixels.standard_normal((height, width))
    hot = of_pixels.random((height, width)) < detector.hot_pixels
    offsets += hot * of_pixels.uniform(50, 150, (height, width)) * detector.conversion_gain
    displacements = np.random.default_rng([seed, 2]).normal(0, scene.motion, (frames, 2))
    light = (1 - scene.bleaching) ** np.linspace(0, 1, frames)
    movie = np.empty(shape, detector.dtype)
    decaying = np.zeros(cells)
    for frame in range(frames):
        decaying = 0.93 * decaying + random.exponential(scene.activity, cells) * (random.random(cells) < 0.02)
        expected = background + np.tensordot(rest + decaying, footprints, axes=1)
        if scene.motion:
            expected = np.maximum(0, _displaced(expected, *displacements[frame]))
        photons = random.poisson(light[frame] * expected)
        noise = detector.read_noise * random.standard_normal(photons.shape)
        signal = detector.zero_level + detector.conversion_gain * _charge(photons, detector.gain_spread, random) + noise
        movie[frame] = _digitized(signal + offsets, detector)
    return movie


def _displaced(image: npt.NDArray[Any], dy: float, dx: float) -> npt.NDArray[Any]:
    """Return a periodic image, displaced by fractions of pixels."""
    waves = dy * np.fft.fftfreq(image.shape[0])[:, None] + dx * np.fft.rfftfreq(image.shape[1])
    displaced: npt.NDArray[Any] = np.fft.irfft2(np.fft.rfft2(image) * np.exp(-2j * np.pi * waves), image.shape)
    return displaced


def _charge(photons: npt.NDArray[Any], spread: float, random: np.random.Generator) -> npt.NDArray[Any]:
    """Return the summed charge of the photons, each of which adds 1 on average."""
    if spread == 0:
        return photons
    charge: npt.NDArray[Any] = random.gamma(photons / spread**2, spread**2)
    return charge


def _digitized(signal: npt.NDArray[Any], detector: Detector) -> npt.NDArray[Any]:
    if detector.saturation is not None:
        signal = np.minimum(signal, detector.saturation)
    dtype = np.dtype(detector.dtype)
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        signal = np.clip(np.rint(signal), limits.min, limits.max)
    return np.asarray(signal, dtype)
