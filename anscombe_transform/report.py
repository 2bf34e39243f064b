"""One page that says what compression does to a movie, to look at and to send."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from anscombe_transform.estimate import ParameterEstimate, estimate_parameters, range_with_headroom
from anscombe_transform.extras import needed
from anscombe_transform.photon_transfer import Movie
from anscombe_transform.plots import (
    as_data_uri,
    check_drawing,
    new_axes,
    plot_code_histogram,
    plot_errors,
    plot_given_line,
    plot_mean_image,
    plot_photon_transfer_curve,
    plot_stabilized_noise,
    plot_traces,
)
from anscombe_transform.quality import measure_stabilized_noise
from anscombe_transform.tradeoff import (
    CodeHistogram,
    Excerpt,
    Regions,
    Tradeoff,
    TradeoffMeter,
    count_codes,
    excerpt_length,
    find_regions,
    read_excerpt,
)
from anscombe_transform.transform import EncodedDType, Transform, code_limits, narrowest_dtype, parse_encoded_dtype
from anscombe_transform.zarr_v3 import AnscombeTransformV3

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, int, int], None]

BETAS = (0.25, 0.5, 1.0, 2.0)
"""What a report compares."""

_HISTOGRAM = 0.5
"""The beta of the histogram of codes: the default."""

_DRAWN = (0.5, 2.0)
"""The betas whose traces are drawn."""

_EXAMPLES = 3
"""Regions whose traces are drawn."""

_FRAMES_DRAWN = 400
"""Frames of a trace, at most: as many as a column of the page can show."""

_FEWEST_FRAMES = 3
"""Frames that a correlation needs: of two, it is 1 or -1."""

_CLOSE = 0.999
"""The correlation above which the page calls a trace kept."""

_STABILIZED = 1 << 23
"""Values in which the stabilized noise is measured, at most."""


@dataclass(frozen=True)
class Report:
    """The figures of a report. Sizes are in bytes, and those of the excerpt that was looked at.

    Attributes
    ----------
    name : str or None
        What the movie is called.
    shape : tuple of int
        Of the movie: (time, y, x).
    dtype : str
        Of the movie.
    frame_rate : float or None
        In Hz.
    pixel_size : tuple of float or None
        Height and width of a pixel, in µm.
    conversion_gain, zero_level : float
        The parameters, in ADU per photon and in ADU.
    conversion_gain_error, zero_level_error : float or None
        Their standard errors; None if they were given.
    first_frame, frames : int
        The excerpt: its first frame, counted from 0, and how many.
    rows, columns : int
        Of the excerpt: those of the movie, or of the middle of its frames.
    raw_size, size_without_codec : int
        As it is, and as a Zarr array with the same chunks and compressor as with the codec.
    region_side, regions : int
        Pixels along a side of a region, and how many regions were compared.
    intensity : tuple of float
        Mean intensity, in ADU, of each bin of `tradeoffs`.
    stabilized_intensity, stabilized_noise : tuple of float
        Intensity in ADU, and the noise after the transform, in noise standard deviations.
    codes : CodeHistogram
        At the default beta.
    tradeoffs : tuple of Tradeoff
        What each beta saves and costs.
    """

    name: str | None
    shape: tuple[int, int, int]
    dtype: str
    frame_rate: float | None
    pixel_size: tuple[float, float] | None
    conversion_gain: float
    zero_level: float
    conversion_gain_error: float | None
    zero_level_error: float | None
    first_frame: int
    frames: int
    rows: int
    columns: int
    raw_size: int
    size_without_codec: int
    region_side: int
    regions: int
    intensity: tuple[float, ...]
    stabilized_intensity: tuple[float, ...]
    stabilized_noise: tuple[float, ...]
    codes: CodeHistogram
    tradeoffs: tuple[Tradeoff, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON has them: names, numbers, lists."""
        return asdict(self)


def make_report(
    movie: Movie | npt.ArrayLike,
    output: str | Path,
    *,
    zero_level: float | None = None,
    conversion_gain: float | None = None,
    encoded_dtype: npt.DTypeLike | None = None,
    max_frames: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Write a page about what compression does to a movie: how much it saves, and what it does to noise and traces.

    The parameters are estimated from frames all over the movie. All else is measured on consecutive frames from its
    middle, which are compressed with each beta of 0.25, 0.5, 1 and 2, and read back.

    Parameters
    ----------
    movie : array_like
        Movie of shape (time, y, x), in ADU, as `estimate_parameters` takes it. Attributes `name`, `frame_rate` in Hz
        and `pixel_size`, height and width in µm, are shown if there are such.
    output : str or Path
        The HTML file to write. It needs no other file and no network, and appears only once it is complete.
    zero_level, conversion_gain : float, optional
        The parameters, in ADU and in ADU per photon: both, or neither to estimate them.
    encoded_dtype : dtype_like, optional
        dtype of the codes, for each beta whose codes it holds. By default, and for others, it is chosen as
        `ParameterEstimate.codec` does.
    max_frames : int, optional
        Look at no more frames than so many; by default at as many as make 64 Mi values, but at 256 at least.
    progress : callable, optional
        Called with the name of the stage, and the frames done and to do in it.

    Returns
    -------
    Report
        The figures that the page shows.

    Raises
    ------
    ModuleNotFoundError
        If Matplotlib or Jinja2 is missing.
    OSError
        If the page cannot be written.
    TypeError
        If the movie is not of real numbers.
    ValueError
        If there is no folder for `output`; if only one of the parameters is given, or one is not allowed; if the movie
        has not three axes or fewer than 3 frames, does not change in the middle, or has values there that are not
        finite; or if parameters are to be estimated, and `estimate_parameters` cannot.

    Examples
    --------
    >>> from anscombe_transform.report import make_report
    >>> from anscombe_transform.simulate import simulate_movie
    >>> report = make_report(simulate_movie((100, 64, 64)), "report.html")
    >>> default = report.tradeoffs[1]
    >>> default.beta, round(default.noise_added, 2)
    (0.5, 0.02)
    """
    output = Path(output)
    _check_output(output)
    asked = None if encoded_dtype is None else parse_encoded_dtype(encoded_dtype)
    if (zero_level is None) != (conversion_gain is None):
        raise ValueError("zero_level and conversion_gain must be given together, or both be left out")
    given = None if zero_level is None or conversion_gain is None else Transform(zero_level, conversion_gain)
    source = cast("Movie", movie if hasattr(movie, "shape") and hasattr(movie, "dtype") else np.asarray(movie))
    _check_shape(source, max_frames)
    show = progress or (lambda stage, done, total: None)

    estimate, detector, reason = _estimate(source, given, max_frames, partial(show, "Estimating"))
    excerpt = read_excerpt(source, max_frames, partial(show, "Reading"))
    limits = excerpt.lowest, excerpt.highest
    if estimate is not None:
        limits = min(limits[0], estimate.lowest), max(limits[1], estimate.highest)
    regions = find_regions(excerpt)
    meter = TradeoffMeter(excerpt, regions, detector.zero_level, detector.conversion_gain)
    measured = [
        meter.measure(
            _codec(detector, beta, asked, limits, excerpt.values.dtype),
            partial(show, f"Compressing with beta {beta:g}"),
        )
        for beta in BETAS
    ]
    intensity, noise = _stabilized_noise(excerpt, detector)
    frames, rows, columns = excerpt.values.shape
    frame_rate, pixel_size = getattr(source, "frame_rate", None), getattr(source, "pixel_size", None)
    report = Report(
        name=None if hasattr(source, "dask") else getattr(source, "name", None),  # a Dask array has a token
        shape=cast("tuple[int, int, int]", tuple(map(int, source.shape))),
        dtype=np.dtype(source.dtype).name,
        frame_rate=None if frame_rate is None else float(frame_rate),
        pixel_size=None if pixel_size is None else (float(pixel_size[0]), float(pixel_size[1])),
        conversion_gain=detector.conversion_gain,
        zero_level=detector.zero_level,
        conversion_gain_error=None if given or estimate is None else estimate.conversion_gain_error,
        zero_level_error=None if given or estimate is None else estimate.zero_level_error,
        first_frame=excerpt.first,
        frames=frames,
        rows=rows,
        columns=columns,
        raw_size=excerpt.values.nbytes,
        size_without_codec=meter.size_without_codec(),
        region_side=regions.side,
        regions=len(regions.top),
        intensity=tuple(meter.intensity.tolist()),
        stabilized_intensity=tuple(intensity.tolist()),
        stabilized_noise=tuple(noise.tolist()),
        codes=count_codes(excerpt, detector.zero_level, detector.conversion_gain, _HISTOGRAM),
        tradeoffs=tuple(tradeoff for tradeoff, _ in measured),
    )
    errors = {beta: errors for beta, (_, errors) in zip(BETAS, measured, strict=True) if beta in _DRAWN}
    page = _page(report, estimate, reason, _pictures(report, excerpt, regions, errors, estimate))
    _write(output, page)
    return report


def _check_output(output: Path) -> None:
    check_drawing()
    with needed("reports need Jinja2"):
        import jinja2  # noqa: F401
    if not output.parent.is_dir():
        raise ValueError(f"{output} cannot be written: there is no folder {output.parent}")
    if output.is_dir():
        raise ValueError(f"{output} is a folder: name a file in it, such as {output / 'report.html'}")


def _check_shape(movie: Movie, max_frames: int | None) -> None:
    shape = tuple(movie.shape)
    if len(shape) != 3 or 0 in shape or shape[0] < _FEWEST_FRAMES:
        raise ValueError(
            f"movie has the shape {shape}, but a report needs (time, y, x), and {_FEWEST_FRAMES} frames at least"
        )
    if max_frames is not None and max_frames < _FEWEST_FRAMES:
        raise ValueError(f"max_frames must be {_FEWEST_FRAMES} at least, not {max_frames}")


def _estimate(
    movie: Movie, given: Transform | None, max_frames: int | None, progress: Callable[[int, int], None]
) -> tuple[ParameterEstimate | None, Transform, str]:
    """Return the estimate, the parameters to use, and why there is no estimate, if they are given and it fails."""
    try:
        estimate = estimate_parameters(movie, max_frames=excerpt_length(movie, max_frames), progress=progress)
    except ValueError as error:
        if given is None:
            raise
        return None, given, str(error)
    return estimate, given or Transform(estimate.zero_level, estimate.conversion_gain), ""


def _codec(
    detector: Transform, beta: float, asked: EncodedDType | None, limits: tuple[float, float], dtype: np.dtype[Any]
) -> AnscombeTransformV3:
    """Return a codec for values within some limits, in ADU: with the dtype that was asked for if that holds them."""
    transform = replace(detector, beta=beta)
    encoded_dtype = asked and narrowest_dtype(transform, *limits, of=[asked])
    if encoded_dtype is None:
        encoded_dtype = narrowest_dtype(transform, *range_with_headroom(transform, *limits, dtype)) or "float64"
    return AnscombeTransformV3(detector.zero_level, detector.conversion_gain, encoded_dtype, beta=beta)


def _stabilized_noise(excerpt: Excerpt, detector: Transform) -> tuple[Floats, Floats]:
    """Return intensity in ADU and noise of bins that are not empty, from the first frames of the excerpt."""
    frames = max(2, _STABILIZED // excerpt.values[0].size)
    with np.errstate(invalid="ignore"):  # bins without a pixel, where most pixels have one of a few values
        intensity, noise = measure_stabilized_noise(
            excerpt.values[:frames], zero_level=detector.zero_level, conversion_gain=detector.conversion_gain
        )
    filled = np.isfinite(noise)
    return intensity[filled], noise[filled]


def _pictures(
    report: Report,
    excerpt: Excerpt,
    regions: Regions,
    errors: dict[float, Floats],
    estimate: ParameterEstimate | None,
) -> dict[str, Any]:
    """Return the addresses of the pictures by name; those of the traces are a list."""
    gain, zero = report.conversion_gain, report.zero_level
    pictures: dict[str, Any] = {}
    examples = regions.apart(_EXAMPLES)

    height, width = excerpt.mean_image.shape
    dy, dx = report.pixel_size or (1.0, 1.0)
    figure, (ax,) = new_axes(float(np.clip(4.2 * height * dy / (width * dx), 1.5, 4.6)), 1)
    cropped = (report.rows, report.columns) != (height, width)
    plot_mean_image(
        excerpt.mean_image,
        ax,
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
        plot_photon_transfer_curve(estimate, ax).set_title("")
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
    noise = np.sqrt(np.maximum(0, (intensity - zero) / gain) + 3 / 8)
    plot_errors(report.tradeoffs, intensity, top, bottom, noise)
    pictures["errors"] = as_data_uri(figure, "svg")

    figure, (ax,) = new_axes(4.2, 1)
    plot_code_histogram(report.codes, ax, code_limits(_of_histogram(report).encoded_dtype))
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


def _of_histogram(report: Report) -> Tradeoff:
    return next(tradeoff for tradeoff in report.tradeoffs if tradeoff.beta == report.codes.beta)


def _page(report: Report, estimate: ParameterEstimate | None, reason: str, pictures: dict[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": _percent, "size": _size, "correlation": _correlation}
    template = environment.from_string(files("anscombe_transform").joinpath("report.html.jinja").read_text("utf-8"))
    kept = [tradeoff.beta for tradeoff in report.tradeoffs if tradeoff.region_correlation[1] >= _CLOSE]
    photons = (np.array(report.stabilized_intensity) - report.zero_level) / report.conversion_gain
    stabilized = np.array(report.stabilized_noise)[photons >= 4]
    default = _of_histogram(report)
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
        unstable=(stabilized.min(), stabilized.max()) if (np.abs(stabilized - 1) > 0.1).any() else None,
        default=default,
        limits=None if default.encoded_dtype[0] == "f" else [_integer(x) for x in code_limits(default.encoded_dtype)],
        first_code=_integer(report.codes.first),
        last_code=_integer(report.codes.first + report.codes.width * len(report.codes.count) - 1),
        version=version("anscombe-transform"),
    )


def _percent(share: float) -> str:
    """Return a share in percent, with two digits at least."""
    percent = 100 * share
    digits = 0 if percent <= 0 else max(0, 1 - math.floor(math.log10(percent)))
    return f"{percent:.{min(digits, 4)}f}\N{NO-BREAK SPACE}%"


def _integer(value: float) -> str:
    return f"{value:.0f}".replace("-", "\N{MINUS SIGN}")


def _size(size: float) -> str:
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= limit:
            return f"{size / limit:.3g}\N{NO-BREAK SPACE}{unit}"
    return f"{size / 1e3:.3g}\N{NO-BREAK SPACE}kB"


def _correlation(value: float) -> str:
    """Return four decimals, cut off rather than rounded: only what is the same has a correlation of 1.0000."""
    return f"{math.floor(value * 1e4) / 1e4:.4f}"


def _write(output: Path, page: str) -> None:
    """Write the page to a file of another name in the same folder first, so that `output` never is half a page."""
    temporary = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(output)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
