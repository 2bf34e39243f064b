"""The pictures of a report; they need Matplotlib."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from anscombe_transform._optional import require_extra
from anscombe_transform._typing import Floats
from anscombe_transform.estimate.plot import REASON
from anscombe_transform.report.frames import FramePair

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from anscombe_transform.report.excerpt import Regions
    from anscombe_transform.report.tradeoff import CodeHistogram, Tradeoff


_STYLES = {0.25: ("#56b4e9", "o"), 0.5: ("#0072b2", "s"), 1.0: ("#e69f00", "^"), 2.0: ("#d55e00", "D")}
"""Colors and markers by beta: colors that color-blind readers can tell apart (M. Okabe, K. Ito)."""

_ABOVE: dict[str, Any] = {
    "loc": "lower left",
    "bbox_to_anchor": (0, 1),
    "borderaxespad": 0.3,
    "frameon": False,
    "fontsize": "small",
    "columnspacing": 1.2,
    "handletextpad": 0.5,
}
"""Options for a legend above its axes."""


def check_drawing() -> None:
    """Raise ModuleNotFoundError if Matplotlib is missing."""
    with require_extra(REASON, "plot"):
        import matplotlib  # noqa: F401


def new_axes(height: float, *ratios: float) -> tuple[Figure, list[Axes]]:
    """Return a figure as wide as a column of the page, with axes on top of one another that share x.

    Parameters
    ----------
    height : float
        Height of the figure, in inches.
    *ratios : float
        Heights of the axes, relative to one another.
    """
    from matplotlib.figure import Figure

    figure = Figure((5.2, height), layout="constrained")
    column = figure.subplots(len(ratios), sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    for ax in column:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, list(column)


def new_image(height: float, width: float) -> tuple[Figure, Axes]:
    """Return a figure of the shape of an image, and axes that fill it; of an extreme shape, with room at its sides."""
    from matplotlib.figure import Figure

    side = 5.2 / max(height, width)
    figure = Figure((max(0.6, side * width), max(0.6, side * height)))
    return figure, figure.add_axes((0, 0, 1, 1))


def as_data_uri(figure: Figure, picture_format: Literal["svg", "png"]) -> str:
    """Return a figure as a data URI, an address that contains the whole picture, with nothing behind it."""
    stream = io.BytesIO()
    if picture_format == "svg":
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(stream, format="svg", metadata=nothing, transparent=True)
    else:
        figure.savefig(stream, format="png", dpi=200, transparent=True)
    return _data_uri(stream, picture_format)


def _data_uri(stream: io.BytesIO, picture_format: Literal["svg", "png"]) -> str:
    media_type = {"svg": "image/svg+xml", "png": "image/png"}[picture_format]
    return f"data:{media_type};base64,{base64.b64encode(stream.getvalue()).decode()}"


@dataclass(frozen=True)
class Scale:
    """Which colors stand for which values, the same for several pictures.

    Attributes
    ----------
    low, high : float
        What the first and the last color stand for, and all values beyond.
    colors : str
        The name of a Matplotlib colormap.
    """

    low: float
    high: float
    colors: str

    def picture(self, values: Floats) -> str:
        """Return an address that contains a picture with a pixel for each value, shape (y, x)."""
        from matplotlib.image import imsave

        stream = io.BytesIO()
        imsave(stream, values, vmin=self.low, vmax=self.high, cmap=self.colors, format="png")
        return _data_uri(stream, "png")

    def gradient(self) -> str:
        """Return the colors in CSS, from left to right."""
        from matplotlib import colormaps
        from matplotlib.colors import to_hex

        shades = ", ".join(to_hex(colormaps[self.colors](share)) for share in np.linspace(0, 1, 11))
        return f"linear-gradient(to right, {shades})"


NOISE_SCALE = Scale(-2, 2, "RdBu_r")
"""The scale of differences, in standard deviations of the noise: the same in every report."""


def gray_scale(image: Floats) -> Scale:
    """Return a scale from black to white, from the 0.5th to the 99.5th percentile of what is finite of an image."""
    low, high = np.quantile(image[np.isfinite(image)], [0.005, 0.995])
    return Scale(float(low), float(max(high, np.nextafter(low, np.inf))), "gray")


def draw_frames(pair: FramePair) -> dict[str, Any]:
    """Return the pictures of a frame before and after, of the difference, and of noise, by name, and their scale."""
    gray = gray_scale(pair.original)
    return {
        "before": gray.picture(pair.original),
        "after": gray.picture(pair.decoded),
        "difference": NOISE_SCALE.picture(pair.difference),
        "noise": NOISE_SCALE.picture(pair.noise),
        "scale": gray,
    }


def plot_mean_image(
    image: Floats,
    ax: Axes,
    *,
    scale: Scale,
    regions: Regions | None = None,
    numbered: Sequence[int] = (),
    window: tuple[int, int, int, int] | None = None,
    pixel_size: tuple[float, float] | None = None,
) -> None:
    """Draw the mean image of a movie, with a scale bar, and without axes.

    Parameters
    ----------
    image : ndarray of float64
        Shape (y, x), in ADU.
    ax : matplotlib.axes.Axes
        Where to draw.
    scale : Scale
        What its grays stand for.
    regions : Regions, optional
        Squares to outline, counted from the corner of `window`.
    numbered : sequence of int
        Which of them get the numbers 1, 2, 3, and so on.
    window : tuple of int, optional
        First row, first column, rows and columns of the part of the image to outline; by default, there is none.
    pixel_size : tuple of float, optional
        Height and width of a pixel in µm, for the scale bar and the shape of pixels; by default, the bar is in pixels.
    """
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    dy, dx = pixel_size or (1.0, 1.0)
    ax.imshow(image, cmap=scale.colors, vmin=scale.low, vmax=scale.high, aspect=dy / dx)
    ax.set_axis_off()
    top, left = window[:2] if window else (0, 0)
    if window:
        ax.add_patch(Rectangle((left - 0.5, top - 0.5), window[3], window[2], fill=False, color="w", linestyle="--"))
    if regions is not None:
        for index, corner in enumerate(zip(left + regions.left - 0.5, top + regions.top - 0.5, strict=True)):
            color, width, order = ("#e69f00", 1.6, 3) if index in numbered else ("#56b4e9", 0.9, 2)
            square = Rectangle(corner, regions.side, regions.side, fill=False, color=color, linewidth=width)
            ax.add_patch(square).set_zorder(order)
        for number, index in enumerate(numbered, start=1):
            place = left + regions.left[index] + regions.side, top + regions.top[index]
            text = ax.annotate(
                str(number), place, (3, -1), textcoords="offset points", color="#e69f00", weight="bold", va="center"
            )
            text.set_path_effects([withStroke(linewidth=2.5, foreground="black")])
    _draw_scale_bar(ax, image.shape[1], dx, "pixels" if pixel_size is None else "µm")


def _draw_scale_bar(ax: Axes, columns: int, pixel_width: float, unit: str) -> None:
    """Draw a bar of 1, 2 or 5 times a power of 10, at most a quarter of the image, outlined for bright places."""
    from matplotlib.patheffects import withStroke

    longest = columns * pixel_width / 4
    decade = 10.0 ** np.floor(np.log10(longest))
    length = max(step * decade for step in (1, 2, 5) if step * decade <= longest)
    ax.plot(
        [0.96 - length / pixel_width / columns, 0.96],
        [0.04, 0.04],
        transform=ax.transAxes,
        color="w",
        linewidth=3,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=5, foreground="k")],
    )
    label = ax.annotate(
        f"{length:g} {unit}", (0.96, 0.06), xycoords="axes fraction", color="w", weight="bold", ha="right", va="bottom"
    )
    label.set_path_effects([withStroke(linewidth=2, foreground="k")])


def plot_given_line(ax: Axes, zero_level: float, conversion_gain: float) -> None:
    """Add the noise line of given parameters to a photon transfer curve."""
    end = max(ax.get_xlim()[1], zero_level)
    ax.plot(
        [zero_level, end],
        [0, conversion_gain * (end - zero_level)],
        "--",
        color="black",
        label=f"given: gain {conversion_gain:g} ADU per photon,\nzero level {zero_level:g} ADU",
    )
    ax.legend(loc="lower right", fontsize="small")


def plot_stabilized_noise(intensity: Floats, noise: Floats, ax: Axes, *, zero_level: float, gain: float) -> None:
    """Draw the noise after the transform by intensity, with a band of 10 % around 1.

    Parameters
    ----------
    intensity : ndarray of float64
        In ADU.
    noise : ndarray of float64
        In noise standard deviations.
    ax : matplotlib.axes.Axes
        Where to draw.
    zero_level, gain : float
        The parameters, in ADU and in ADU per photon, for a second scale in photons.
    """
    ax.axhspan(0.9, 1.1, color="0.5", alpha=0.15, linewidth=0, label="within 10 %")
    ax.axhline(1, color="0.5", linewidth=1)
    ax.plot(intensity, noise, "o-", color=_STYLES[0.5][0], label="measured")
    ax.set(xlabel="Intensity (ADU)", ylabel="Noise (noise standard deviations)")
    ax.set_ylim(min(0.7, noise.min() - 0.05), max(1.3, noise.max() + 0.05))
    photons = ax.secondary_xaxis(
        "top",
        functions=(
            lambda adu: (np.asarray(adu) - zero_level) / gain,
            lambda photons: zero_level + gain * np.asarray(photons),
        ),
    )
    photons.set_xlabel("Photons")
    ax.legend(fontsize="small")


def plot_code_histogram(histogram: CodeHistogram, ax: Axes, limits: tuple[float, float]) -> None:
    """Draw how often codes occur, and the limits of their dtype if these are near."""
    edges = histogram.first - 0.5 + histogram.width * np.arange(len(histogram.count) + 1)
    share = np.array(histogram.count) / sum(histogram.count)
    ax.stairs(100 * share, edges, fill=True, color=_STYLES[0.5][0], baseline=1e-9)
    ax.set_yscale("log")
    ax.set_ylim(50 * share[share > 0].min(), 200 * share.max())
    span = edges[-1] - edges[0]
    for limit in limits:
        if edges[0] - span < limit < edges[-1] + span:
            ax.axvline(limit, color=_STYLES[2.0][0], linestyle="--", linewidth=1)
    together = "" if histogram.width == 1 else f", {histogram.width} together"
    ax.set(xlabel=f"Code{together}", ylabel="Share of values (%)")


def plot_errors(tradeoffs: Sequence[Tradeoff], intensity: Floats, top: Axes, bottom: Axes, noise: Floats) -> None:
    """Draw the error of decoding by intensity for each beta, with what theory predicts.

    Parameters
    ----------
    tradeoffs : sequence of Tradeoff
        Of the betas 0.25, 0.5, 1 or 2.
    intensity : ndarray of float64
        Mean intensity of each bin, in ADU.
    top, bottom : matplotlib.axes.Axes
        Where to draw the root mean square error, and the mean error.
    noise : ndarray of float64
        Standard deviation of the noise in each bin, in photons.
    """
    for tradeoff in tradeoffs:
        color, marker = _STYLES[tradeoff.beta]
        theory = tradeoff.beta**2 / 12
        top.plot(intensity, np.full_like(intensity, np.sqrt(theory)), color="0.6", linestyle="--", linewidth=1)
        bottom.plot(intensity, theory / noise, color="0.6", linestyle="--", linewidth=1)
        points: dict[str, Any] = {"color": color, "marker": marker, "markersize": 4, "linestyle": "none"}
        top.plot(intensity, tradeoff.rms_error, **points, label=f"beta {tradeoff.beta:g}")
        bottom.plot(intensity, tradeoff.mean_error, **points)
    top.plot([], [], color="0.6", linestyle="--", linewidth=1, label="theory")
    top.set_ylim(bottom=0)
    top.set(ylabel="RMS error")
    bottom.set(xlabel="Intensity (ADU)", ylabel="Mean error")
    top.legend(ncols=5, **_ABOVE)


def plot_traces(
    time: Floats, original: Floats, decoded: dict[float, Floats], top: Axes, bottom: Axes, time_label: str
) -> None:
    """Draw a trace with its decoded versions on top, and their differences below.

    Parameters
    ----------
    time : ndarray of float64
        Shape (time,).
    original : ndarray of float64
        Shape (time,), in photons.
    decoded : dict
        By beta, 0.25, 0.5, 1 or 2: the trace, shape (time,), in photons.
    top, bottom : matplotlib.axes.Axes
        Where to draw the traces, and the differences.
    time_label : str
        What `time` is, with its unit.
    """
    top.plot(time, original, color="0.65", linewidth=3, label="original")
    bottom.axhline(0, color="0.65", linewidth=1)
    for beta, trace in decoded.items():
        color = _STYLES[beta][0]
        top.plot(time, trace, color=color, linewidth=0.9, label=f"beta {beta:g}")
        bottom.plot(time, trace - original, color=color, linewidth=0.9)
    top.set(ylabel="Photons per pixel")
    bottom.set(xlabel=time_label, ylabel="Difference")
    top.legend(ncols=3, **_ABOVE)
