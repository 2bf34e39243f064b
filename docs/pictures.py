"""Draw the pictures about noise and parameters, next to the pages that show them: `python docs/pictures.py`."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from anscombe_transform import (
    AnscombeTransformV3,
    ParameterEstimate,
    PhotonPredictV3,
    decode,
    encode,
    estimate_parameters,
)
from anscombe_transform.quality import measure_stabilized_noise
from anscombe_transform.simulate import Detector, Scene, simulate_movie

BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
"""Colors that color-blind readers can tell apart (M. Okabe, K. Ito)."""

BRIGHTNESSES = {4: GREEN, 20: BLUE, 80: RED}
"""Photons per frame of the pixels that stand for dim, medium and bright ones."""

DETECTOR = Detector(zero_level=100, conversion_gain=40, read_noise=30)
GAIN, ZERO_LEVEL = DETECTOR.noise_line


@cache
def movie() -> npt.NDArray[Any]:
    """Return the movie of the guide: active cells on a dim background."""
    return simulate_movie((100, 256, 256), Scene(background=(3, 15), cells=(10, 60)), DETECTOR)


@cache
def estimate() -> ParameterEstimate:
    """Return what the movie says about its detector."""
    return estimate_parameters(movie())


def in_photons(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return values of the movie, in photons above the zero level."""
    return (np.asarray(values, np.float64) - ZERO_LEVEL) / GAIN


def transformed(photons: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return photons after the transform: standard deviations of the noise, from 0 photons on."""
    codes: npt.NDArray[np.float64] = encode(
        np.asarray(photons, np.float64), zero_level=0, conversion_gain=1, beta=1, encoded_dtype="float64"
    )
    return codes


def of_still_pixels(frames: int) -> dict[int, npt.NDArray[np.int64]]:
    """Return the photons that dim, medium and bright pixels catch in each of the frames."""
    random = np.random.default_rng(3)
    return {mean: random.poisson(mean, frames) for mean in BRIGHTNESSES}


def problem_and_result() -> Figure:
    """Draw the noise before and after the transform, and the sizes of the movie without and with the codec."""
    figure = Figure((7, 3.1), layout="constrained")
    parts: Any = figure.subfigures(1, 3, width_ratios=(1.13, 1, 0.92), wspace=0.03)
    left, middle, right = parts
    curve = estimate().photon_transfer_curve
    pair = in_photons(movie()[60:62, 100:170])
    raw_noise = in_photons(curve.intensity[curve.used]), np.sqrt(curve.variance[curve.used]) / GAIN
    intensity, noise = measure_stabilized_noise(movie(), zero_level=ZERO_LEVEL, conversion_gain=GAIN, bins=40)
    pixels, plot = _column(left, "Raw: bright pixels\nare noisier", pair, 12)
    pixels[0].set_ylabel("frame", rotation="horizontal", ha="right", va="center")
    pixels[1].set_ylabel("noise", rotation="horizontal", ha="right", va="center")
    plot.plot(*raw_noise, "o", color=RED, markersize=3)
    light = np.linspace(0, 52, 200)
    plot.plot(light, np.sqrt(light), color="0.6", linewidth=1, zorder=0)
    plot.set(ylim=(0, 9), yticks=[0, 4, 8], ylabel="Noise\n(photons)")
    _, plot = _column(middle, "Transformed: all pixels\nare equally noisy", transformed(pair), 3)
    plot.plot(in_photons(intensity), noise, "o", color=BLUE, markersize=3)
    plot.axhline(1, color="0.6", linewidth=1, zorder=0)
    plot.set(ylim=(0, 2.4), yticks=[0, 1, 2], ylabel="Noise (SD)")
    _draw_sizes(right.subplots())
    return figure


def _column(figure: Any, title: str, pair: npt.NDArray[np.float64], largest: float) -> tuple[tuple[Axes, Axes], Axes]:
    """Draw a strip of a frame and of its noise; return their axes, and those for a plot below."""
    top, between, bottom = figure.subplots(3, height_ratios=(1, 1, 1.5))
    low, high = np.quantile(pair[0], [0.005, 0.998])
    top.set_title(title)
    top.imshow(pair[0], cmap="gray", vmin=low, vmax=high, aspect="auto")
    between.imshow((pair[1] - pair[0]) / np.sqrt(2), cmap="gray", vmin=-largest, vmax=largest, aspect="auto")
    for ax in (top, between):
        ax.set(xticks=[], yticks=[])
    bottom.set(xlim=(0, 52), xlabel="Brightness (photons)")
    bottom.spines[["top", "right"]].set_visible(False)
    return (top, between), bottom


def _draw_sizes(ax: Axes) -> None:
    codec = AnscombeTransformV3(ZERO_LEVEL, GAIN, "int8")
    sizes = {
        "int16": movie().nbytes,
        "int16 + Zstd": _stored([]),
        "codec + Zstd": _stored([codec]),
        "codec + prediction + Zstd": _stored([codec, PhotonPredictV3()]),
    }
    for place, ((name, size), color) in enumerate(zip(sizes.items(), ("0.75", "0.75", BLUE, BLUE), strict=True)):
        ax.barh(place, size, color=color, height=0.42)
        ax.annotate(name, (0, place - 0.27), va="bottom", ha="left")
        ax.annotate(f" {size / 1e6:.1f} MB ", (size, place), va="center", ha="left" if size < 12e6 else "right")
    ax.set_xlim(0, 13.6e6)
    ax.set_ylim(3.4, -0.75)
    ax.set_title("Stored: a fifth\nof the size")
    ax.set_axis_off()


def _stored(filters: list[Any]) -> int:
    """Return the bytes of the movie in a Zarr array with these filters."""
    array = zarr.create_array(
        MemoryStore(),
        shape=movie().shape,
        chunks=(16, 256, 256),
        dtype=movie().dtype,
        filters=filters,
        compressors=ZstdCodec(level=1),
    )
    array[:] = movie()
    return array.nbytes_stored()


def photon_noise() -> Figure:
    """Draw the photons of three pixels of constant brightness over time, and their noise."""
    figure = Figure((8, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    for mean, counts in of_still_pixels(100).items():
        color, noise = BRIGHTNESSES[mean], np.sqrt(mean)
        left.axhspan(mean - noise, mean + noise, color=color, alpha=0.15, linewidth=0)
        left.plot(counts, color=color, linewidth=1)
        left.annotate(f"{mean} ± {noise:.2g}", (101, mean), va="center", color=color, annotation_clip=False)
        right.plot(mean, np.std(of_still_pixels(100_000)[mean]), "o", color=color)
    left.set(xlim=(0, 99), ylim=(0, 115), xlabel="Frame", ylabel="Photons", title="Three pixels of constant brightness")
    light = np.linspace(0, 100, 200)
    right.plot(light, np.sqrt(light), color="0.6", linewidth=1, zorder=0, label="square root")
    right.set(xlim=(0, 100), ylim=(0, 11), xlabel="Mean (photons)", ylabel="SD (photons)", title="Noise")
    right.legend(frameon=False)
    return figure


def bit_planes() -> Figure:
    """Draw the bits of a part of a frame, and those of its codes."""
    values = movie()[60, 100:170, 60:160]
    codes = encode(values, zero_level=ZERO_LEVEL, conversion_gain=GAIN, encoded_dtype="int8")
    figure = Figure((8, 3.2), layout="constrained")
    axes = figure.subplots(3, 6)
    for rows, pixels, title in ((axes[:2], values, "Bits of the raw values"), (axes[2:], codes, "Bits of the codes")):
        for bit, ax in zip(reversed(range(rows.size)), rows.flat, strict=True):
            ax.imshow(pixels >> bit & 1, cmap="gray", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
            ax.set_xlabel(f"{2**bit:,}", labelpad=2)
        rows[0, 0].set_title(title, loc="left")
    return figure


def square_root() -> Figure:
    """Draw the transform with the noise of three pixels on both axes, and what comes back of two pixels."""
    figure = Figure((8, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    light = np.linspace(0, 100, 400)
    left.plot(light, transformed(light), color="black")
    for mean, color in BRIGHTNESSES.items():
        dark, bright = mean - np.sqrt(mean), mean + np.sqrt(mean)
        low, high = transformed([dark, bright])
        left.fill(
            [0, dark, dark, bright, bright, 0], [low, low, 0, 0, high, high], color=color, alpha=0.25, linewidth=0
        )
    left.set(xlim=(0, 100), ylim=(0, 20), xticks=range(0, 101, 20), yticks=range(0, 21, 5))
    left.set(xlabel="Photons", ylabel="After the transform (noise SD)", title="The square root")
    parameters: dict[str, Any] = {"zero_level": 0.0, "conversion_gain": 1.0}
    levels = decode(np.arange(64, dtype="uint8"), **parameters, decoded_dtype="float64")
    right.hlines(levels, -1, 30, color="0.85", linewidth=0.8, zorder=0)
    random = np.random.default_rng(1)
    for mean in (80, 20):
        values = random.poisson(mean, 30) + 0.75 * random.standard_normal(30)
        decoded = decode(encode(values, **parameters), **parameters, decoded_dtype="float64")
        right.plot(values, "o-", color="0.55", markersize=4, linewidth=0.8, label="raw" if mean == 80 else None)
        right.plot(
            decoded,
            "_",
            color=BRIGHTNESSES[mean],
            markersize=8,
            markeredgewidth=2,
            label="decoded" if mean == 80 else None,
        )
    right.legend(ncols=2, loc="upper center", fontsize="small")
    right.set(xlim=(-1, 30), ylim=(0, 125), xlabel="Frame", ylabel="Photons", title="Rounding to half a noise SD")
    return figure


def check_parameters() -> Figure:
    """Draw the photon transfer curve, and the noise after the transform with right and with wrong parameters."""
    figure = Figure((10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    estimate().plot(left)
    gain, zero_level = estimate().conversion_gain, estimate().zero_level
    for name, g, z, style in (
        ("estimate", gain, zero_level, "o-"),
        ("gain 20 % too large", 1.2 * gain, zero_level, "v--"),
        ("gain 20 % too small", 0.8 * gain, zero_level, "^--"),
        ("zero level 80 ADU too high", gain, zero_level + 80, "^:"),
        ("zero level 80 ADU too low", gain, zero_level - 80, "v:"),
    ):
        intensity, noise = measure_stabilized_noise(movie(), zero_level=z, conversion_gain=g)
        right.semilogx(intensity, noise, style, markersize=5, label=name)
    right.set(xlabel="Mean intensity (ADU)", ylabel="Standard deviation", title="Noise after the transform")
    right.set_xticks([300, 500, 1000], ["300", "500", "1000"])
    right.set_xticks([], minor=True)
    right.axhline(1, color="gray", linewidth=0.8)
    right.legend()
    return figure


PICTURES: dict[str, tuple[Callable[[], Figure], float, int]] = {
    "problem-and-result.png": (problem_and_result, 8.5, 200),
    "explanation/photon-noise.png": (photon_noise, 10, 150),
    "explanation/bit-planes.png": (bit_planes, 9, 150),
    "explanation/square-root.png": (square_root, 10, 150),
    "how-to/check-parameters.png": (check_parameters, 10, 120),
}
"""What draws each picture, the size of its letters in points, and its dots per inch."""


def main() -> None:
    """Write all pictures."""
    for name, (draw, letters, dots_per_inch) in PICTURES.items():
        with rc_context({"font.size": letters, "axes.titlesize": letters + 1}):
            drawn = io.BytesIO()
            draw().savefig(drawn, dpi=dots_per_inch)
        # A palette makes the file a third as large, and no difference to the eye.
        Image.open(drawn).convert("RGB").quantize(256).save(Path(__file__).parent / name, optimize=True)


if __name__ == "__main__":
    main()
