"""The page that shows the figures of a report."""

from __future__ import annotations

import math
from datetime import datetime
from importlib.resources import files
from typing import Any

import numpy as np

from anscombe_transform._typing import Floats
from anscombe_transform.estimate.estimation import ParameterEstimate
from anscombe_transform.report.figures import (
    NOISE_SCALE,
    as_data_uri,
    draw_frames,
    gray_scale,
    new_axes,
    new_image,
    plot_code_histogram,
    plot_errors,
    plot_given_line,
    plot_mean_image,
    plot_stabilized_noise,
    plot_traces,
)
from anscombe_transform.report.frames import FramePair
from anscombe_transform.report.result import Report
from anscombe_transform.report.tradeoff import Tradeoff, TradeoffMeter
from anscombe_transform.transform.parameters import Transform
from anscombe_transform.transform.ranges import code_limits

_DOCS = "https://github.com/datajoint/anscombe-transform/blob/main/docs"
"""Where the guide is."""

_EXAMPLES = 3
"""Regions whose traces are drawn."""

_FRAMES_DRAWN = 400
"""The most frames of a trace to draw: as many as a column of the page can show."""

_CLOSE = 0.999
"""The correlation above which the page says that a trace is preserved."""


def draw_pictures(
    report: Report,
    meter: TradeoffMeter,
    errors: dict[float, Floats],
    estimate: ParameterEstimate | None,
    pair: FramePair,
) -> dict[str, Any]:
    """Return the addresses of the pictures by name; those of the traces are a list."""
    gain, zero = report.conversion_gain, report.zero_level
    excerpt, regions = meter.excerpt, meter.regions
    pictures: dict[str, Any] = {"frames": draw_frames(pair), "gray": gray_scale(excerpt.mean_image)}
    examples = regions.apart(_EXAMPLES)

    height, width = excerpt.mean_image.shape
    dy, dx = report.pixel_size or (1.0, 1.0)
    figure, ax = new_image(height * dy, width * dx)
    cropped = (report.rows, report.columns) != (height, width)
    plot_mean_image(
        excerpt.mean_image,
        ax,
        scale=pictures["gray"],
        regions=regions,
        numbered=examples,
        window=(excerpt.top, excerpt.left, report.rows, report.columns) if cropped else None,
        pixel_size=report.pixel_size,
    )
    pictures["mean_image"] = as_data_uri(figure, "png")

    pictures["traces"] = [
        _picture_of_trace(report, regions.traces[:, i], {beta: of_beta[:, i] for beta, of_beta in errors.items()})
        for i in examples
    ]

    if estimate is not None:
        figure, (ax,) = new_axes(3.6, 1)
        estimate.plot(ax).set_title("")
        if report.conversion_gain_error is None:
            plot_given_line(ax, zero, gain)
        pictures["photon_transfer_curve"] = as_data_uri(figure, "svg")

    if report.stabilized_noise:
        figure, (ax,) = new_axes(3.6, 1)
        intensity, noise = np.array(report.stabilized_intensity), np.array(report.stabilized_noise)
        plot_stabilized_noise(intensity, noise, ax, zero_level=zero, gain=gain)
        pictures["stabilized_noise"] = as_data_uri(figure, "svg")

    figure, (top, bottom) = new_axes(4.2, 1, 1)
    intensity = np.array(report.intensity)
    noise = Transform(zero, gain).noise(intensity) / gain
    plot_errors(report.tradeoffs, intensity, top, bottom, noise)
    pictures["errors"] = as_data_uri(figure, "svg")

    figure, (ax,) = new_axes(4.2, 1)
    plot_code_histogram(report.codes, ax, code_limits(default_tradeoff(report).encoded_dtype))
    pictures["codes"] = as_data_uri(figure, "svg")
    return pictures


def _picture_of_trace(report: Report, trace: Floats, errors: dict[float, Floats]) -> str:
    """Draw the frames around the highest point of a trace."""
    start = int(np.clip(np.argmax(trace) - _FRAMES_DRAWN // 2, 0, max(0, trace.size - _FRAMES_DRAWN)))
    part = slice(start, start + _FRAMES_DRAWN)
    frame = report.first_frame + np.arange(trace.size, dtype=np.float64)[part]
    photons = (trace[part] - report.zero_level) / report.conversion_gain
    figure, (top, bottom) = new_axes(3.4, 2, 1)
    plot_traces(
        frame / (report.frame_rate or 1),
        photons,
        {beta: photons + error[part] / report.conversion_gain for beta, error in errors.items()},
        top,
        bottom,
        "Time (s)" if report.frame_rate else "Frame",
    )
    return as_data_uri(figure, "svg")


def default_tradeoff(report: Report) -> Tradeoff:
    """Return the trade-off of the beta whose codes are counted."""
    return next(tradeoff for tradeoff in report.tradeoffs if tradeoff.beta == report.codes.beta)


def render_page(
    report: Report, estimate: ParameterEstimate | None, reason: str, pictures: dict[str, Any], pair: FramePair
) -> str:
    """Return the HTML of a report."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "percent": _percent,
        "size": _size,
        "correlation": _correlation,
        "number": _number,
        "unbroken": _unbroken,
    }
    template = environment.from_string(
        files("anscombe_transform.report").joinpath("page.html.jinja").read_text("utf-8")
    )
    kept = [tradeoff.beta for tradeoff in report.tradeoffs if tradeoff.region_correlation[1] >= _CLOSE]
    default = default_tradeoff(report)
    dy, dx = report.pixel_size or (1.0, 1.0)
    rows, columns = pair.original.shape
    return template.render(
        report=report,
        pictures=pictures,
        estimate=estimate,
        reason=reason,
        parameters=dict(estimate.table()) if estimate is not None else {},
        whole_size=math.prod(report.shape) * np.dtype(report.dtype).itemsize,
        is_part=report.frames < report.shape[0] or (report.rows, report.columns) != report.shape[1:],
        close=_CLOSE,
        largest_kept=max(kept, default=None),
        default=default,
        limits=None if default.encoded_dtype[0] == "f" else [_integer(x) for x in code_limits(default.encoded_dtype)],
        first_code=_integer(report.codes.first),
        last_code=_integer(report.codes.first + report.codes.width * len(report.codes.count) - 1),
        pair=pair,
        frame_shape=columns * dx / (rows * dy),
        noise_scale=NOISE_SCALE,
        changed=float(np.sqrt((pair.difference**2).mean())),
        noise=float(np.sqrt((pair.noise**2).mean())),
        date=datetime.fromisoformat(report.date),
        docs=_DOCS,
    )


def _percent(share: float) -> str:
    """Return a share in percent, with two digits at least."""
    percent = 100 * share
    digits = 0 if percent <= 0 else max(0, 1 - math.floor(math.log10(percent)))
    return f"{percent:.{min(digits, 4)}f}\N{NO-BREAK SPACE}%"


def _integer(value: float) -> str:
    return f"{value:.0f}".replace("-", "\N{MINUS SIGN}")


def _number(value: float) -> str:
    """Return a value with three digits, or with all those before the point."""
    text = f"{value:,.0f}" if 100 <= abs(value) < 1e15 or float(value).is_integer() else f"{value:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _size(size: float) -> str:
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= limit:
            return f"{size / limit:.3g}\N{NO-BREAK SPACE}{unit}"
    return f"{size / 1e3:.3g}\N{NO-BREAK SPACE}kB"


def _unbroken(text: str) -> str:
    """Return a text in which no line ends between a number and its percent sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _correlation(value: float) -> str:
    """Return four decimals, truncated rather than rounded: only identical traces have a correlation of 1.0000."""
    return f"{math.floor(value * 1e4) / 1e4:.4f}"
