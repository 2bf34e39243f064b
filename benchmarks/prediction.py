"""What prediction saves of codes of many kinds of scenes, in chunks of few and of many frames; sizes, and no times."""

from __future__ import annotations

from typing import Any

import numcodecs
import numpy as np
import numpy.typing as npt

from anscombe_transform import Predictor, encode, estimate_parameters, fit_predictor, open_movie
from benchmarks.measuring import PARAMETERS, Comparison, show
from benchmarks.releases import Session

Array = npt.NDArray[Any]

FRAMES = (1, 4, 10, 50, 100)
"""Of a chunk."""
LENGTH = 100
"""Frames of a movie."""
READ_NOISE = 0.25
"""In photons."""


def scenes(side: int) -> dict[str, Array]:
    """Return the photons per pixel and frame that are expected of each scene, of shape (time, y, x)."""
    random = np.random.default_rng(0)
    wide = side + LENGTH
    frequency = np.hypot(np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide))

    def texture(scale: float) -> Array:
        noise = np.fft.rfft2(random.standard_normal((wide, wide))) * np.exp(-10 * (frequency * scale) ** 2)
        image = np.fft.irfft2(noise, (wide, wide))
        return np.asarray(image / image.std())

    def still(image: Array) -> Array:
        return np.broadcast_to(image[:side, :side], (LENGTH, side, side))

    def moving(image: Array) -> Array:
        return np.stack([image[:side, t : t + side] for t in range(LENGTH)])

    fine, smooth = np.exp(0.5 * texture(1)), np.exp(0.5 * texture(6))
    shaken = [image[y : y + side, x : x + side] for image in [fine] for y, x in random.integers(0, 3, (LENGTH, 2))]
    flicker = 1 + 0.3 * random.standard_normal((LENGTH, 1, 1)).clip(-3, 3)
    return {
        "still and smooth, 50 photons": 50 * still(smooth),
        "still and fine, 50 photons": 50 * still(fine),
        "still and fine, 500 photons": 500 * still(fine),
        "still and fine, 1 photon": still(fine),
        "still and fine, 0.1 photons": 0.1 * still(fine),
        "moving and smooth, 50 photons": 50 * moving(smooth),
        "moving and fine, 50 photons": 50 * moving(fine),
        "shaken and fine, 50 photons": 50 * np.stack(shaken),
        "flickering and fine, 50 photons": 50 * still(fine) * flicker,
        "another scene in each frame": 50 * np.stack([np.roll(fine, 7 * t * t)[:side, :side] for t in range(LENGTH)]),
        "light sheet, 20 to 2000 photons": 20 + 300 * still(smooth**2 * (fine > 1)),
    }


def recorded(photons: Array, random: np.random.Generator, read_noise: float) -> Array:
    """Return the codes of a simulated recording of a scene."""
    counts = random.poisson(photons) + read_noise * random.standard_normal(photons.shape)
    zero_level, gain = PARAMETERS["zero_level"], PARAMETERS["conversion_gain"]
    return codes_of(np.rint(zero_level + gain * counts).astype(np.int32), zero_level, gain)


def codes_of(movie: Array, zero_level: float, conversion_gain: float) -> Array:
    return encode(
        movie, zero_level=zero_level, conversion_gain=conversion_gain, encoded_dtype="uint8", out_of_range="clamp"
    )


def measure(session: Session) -> list[Comparison]:
    movies = {}
    if session.recording:
        recording = open_movie(session.recording)[:]
        estimate = estimate_parameters(recording)
        movies["recording"] = codes_of(recording, estimate.zero_level, estimate.conversion_gain)
    random = np.random.default_rng(1)
    of_scenes = scenes(session.settings.side_of_scenes)
    movies |= {name: recorded(photons, random, READ_NOISE) for name, photons in of_scenes.items()}
    movies["still and fine, 1 photon, no read noise"] = recorded(of_scenes["still and fine, 1 photon"], random, 0)
    comparisons = [
        sizes_of(codes[: len(codes) // frames * frames], frames, f"{name}, chunks of {frames}")
        for name, codes in movies.items()
        for frames in FRAMES
    ]
    cells = {comparison.name: cell(comparison) for comparison in comparisons}
    show(
        "Ratio to int16 of codes with Zstd at level 1: as they are, predicted by default, and by fitted weights",
        ("frames of a chunk", *map(str, FRAMES)),
        [(name, *(cells[f"{name}, chunks of {frames}"] for frames in FRAMES)) for name in movies],
    )
    return comparisons


def sizes_of(codes: Array, frames: int, name: str) -> Comparison:
    """Compare the bytes of whole chunks of codes, as they are and predicted."""
    predictors = {"codes": None, "predicted": Predictor(), "fitted": fit_predictor(codes, frames)}
    chunks = np.split(codes, len(codes) // frames)
    zstd = numcodecs.Zstd(1)
    sizes = {
        held: [sum(len(zstd.encode(chunk if predictor is None else predictor.residuals(chunk))) for chunk in chunks)]
        for held, predictor in predictors.items()
    }
    return Comparison(name, sizes, unit="bytes", pixels=codes.size)


def cell(comparison: Comparison) -> str:
    plain, *predicted = (comparison.median(name) for name in comparison.values)
    assert comparison.pixels is not None
    ratios = [2 * comparison.pixels / size for size in (plain, *predicted)]
    return " ".join(f"{ratio:.2f}" for ratio in ratios)
