"""One page that says what compression does to a movie, to read and to send."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from anscombe_transform._files import whole_file
from anscombe_transform._optional import require_extra
from anscombe_transform._typing import Floats, Progress, StageProgress
from anscombe_transform.codecs.anscombe_zarr3 import AnscombeTransformV3
from anscombe_transform.estimate.estimation import ParameterEstimate, estimate_parameters
from anscombe_transform.movies.movie import Movie, as_movie, check_movie
from anscombe_transform.quality import measure_stabilized_noise
from anscombe_transform.report.command import Words, compress_call, compress_command
from anscombe_transform.report.excerpt import Excerpt, excerpt_length, find_regions, read_excerpt
from anscombe_transform.report.figures import check_drawing
from anscombe_transform.report.frames import frame_pair
from anscombe_transform.report.page import default_tradeoff, draw_pictures, render_page
from anscombe_transform.report.result import Report
from anscombe_transform.report.saturation import measure_saturation
from anscombe_transform.report.tradeoff import Tradeoff, TradeoffMeter, count_codes
from anscombe_transform.report.verdict import verdict_on
from anscombe_transform.storage.location import Location
from anscombe_transform.storage.overwriting import check_apart
from anscombe_transform.transform.parameters import EncodedDType, Transform, parse_encoded_dtype
from anscombe_transform.transform.ranges import dtype_with_headroom, held_range, narrowest_dtype

BETAS = (0.25, 0.5, 1.0, 2.0)
"""The settings of beta that a report compares."""

DEFAULT_BETA = 0.5
"""The beta of the frame that is shown, of the histogram of codes, and of the command."""

_DRAWN = (0.5, 2.0)
"""The betas whose traces are drawn."""

_FEWEST_FRAMES = 3
"""The fewest frames for a correlation: that of two is always 1 or -1."""

_STABILIZED = 1 << 23
"""The most values in which to measure the stabilized noise."""


def make_report(
    movie: Movie | npt.ArrayLike,
    output: str | Path,
    *,
    zero_level: float | None = None,
    conversion_gain: float | None = None,
    encoded_dtype: npt.DTypeLike | None = None,
    max_frames: int | None = None,
    overwrite: bool = False,
    progress: StageProgress | None = None,
) -> Report:
    """Write a page about what compression does to a movie: how much it saves, and what it does to noise and traces.

    It opens with a verdict, and with a frame before and after compression. The parameters are estimated from frames all
    over the movie. Everything else is measured on consecutive frames from its middle, which are compressed with each
    beta of 0.25, 0.5, 1 and 2, and read back.

    Parameters
    ----------
    movie : array_like
        Movie of shape (time, y, x), in ADU, as `estimate_parameters` takes it, or a recording of a single channel.
        Attributes `name`, `channel`, `frame_rate` in Hz, `pixel_size`, height and width in µm, and `notes`, a tuple
        of sentences on what was left out, are shown if there are any.
    output : str or Path
        The HTML file to write. It needs no other file and no network, and appears only once it is complete.
    zero_level, conversion_gain : float, optional
        The parameters, in ADU and in ADU per photon: both, or neither to estimate them.
    encoded_dtype : dtype_like, optional
        The dtype of the codes, for each beta whose codes it holds. By default, and for others, it is chosen as
        `ParameterEstimate.codec` does.
    max_frames : int, optional
        Look at no more than this many frames; by default, at as many as make up 64 Mi values, but at least 256.
    overwrite : bool, default False
        Replace the file that is at `output`.
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
        If the movie is a path, or not of real numbers.
    ValueError
        If there is no folder for `output`, or something is there already, or the movie; if only one of the
        parameters is given, or one is not allowed; if a recording has several channels; if the movie does not
        have three axes, has fewer than 3 frames, does not change in the middle, or has hardly any values there
        that are finite; or if parameters are to be estimated, and `estimate_parameters` cannot.

    Examples
    --------
    >>> from anscombe_transform import make_report
    >>> from anscombe_transform.simulate import simulate_movie
    >>> report = make_report(simulate_movie((100, 64, 64)), "report.html")
    >>> default = report.tradeoffs[1]
    >>> default.beta, round(default.noise_added, 2)
    (0.5, 0.02)
    """
    return write_report(
        movie,
        output,
        None,
        zero_level=zero_level,
        conversion_gain=conversion_gain,
        encoded_dtype=encoded_dtype,
        max_frames=max_frames,
        overwrite=overwrite,
        progress=progress,
    )


def write_report(
    movie: Movie | npt.ArrayLike,
    output: str | Path,
    words: Words | None,
    *,
    zero_level: float | None,
    conversion_gain: float | None,
    encoded_dtype: npt.DTypeLike | None,
    max_frames: int | None = None,
    overwrite: bool,
    progress: StageProgress | None,
) -> Report:
    """Do what `make_report` does; `words` name the movie to the command, which the page then shows."""
    output = Path(output)
    _check_output(output, overwrite=overwrite)
    check_apart(Location.parse(output), movie)
    asked = None if encoded_dtype is None else parse_encoded_dtype(encoded_dtype)
    if (zero_level is None) != (conversion_gain is None):
        raise ValueError("zero_level and conversion_gain must be given together, or both be left out")
    given = None if zero_level is None or conversion_gain is None else Transform(zero_level, conversion_gain)
    source = as_movie(movie)
    _check_frames(source, max_frames)
    show = progress or (lambda stage, done, total: None)
    estimate, detector, reason = _estimate(source, given, max_frames, partial(show, "Estimating"))
    excerpt = read_excerpt(source, max_frames, partial(show, "Reading"))
    meter = TradeoffMeter(excerpt, find_regions(excerpt), detector)
    measured = [
        meter.measure(
            _codec(replace(detector, beta=beta), asked, excerpt, estimate),
            partial(show, f"Compressing with beta {beta:g}"),
        )
        for beta in BETAS
    ]
    report = _figures(
        source,
        meter,
        estimate,
        [tradeoff for tradeoff, _ in measured],
        given=given is not None,
        words=words,
        asked=asked,
    )
    errors = {beta: errors for beta, (_, errors) in zip(BETAS, measured, strict=True) if beta in _DRAWN}
    pair = frame_pair(excerpt, meter.regions, replace(detector, beta=DEFAULT_BETA), default_tradeoff(report))
    page = render_page(report, estimate, reason, draw_pictures(report, meter, errors, estimate, pair), pair)
    with whole_file(output) as path:
        path.write_text(page, encoding="utf-8")
    return report


def _figures(
    movie: Movie,
    meter: TradeoffMeter,
    estimate: ParameterEstimate | None,
    tradeoffs: Sequence[Tradeoff],
    *,
    given: bool,
    words: Words | None,
    asked: EncodedDType | None,
) -> Report:
    """Return the figures; `given` is whether the parameters are others than those of the estimate."""
    excerpt, detector = meter.excerpt, meter.detector
    intensity, noise = _stabilized_noise(excerpt, detector)
    errors = None if estimate is None or given else (estimate.conversion_gain_error, estimate.zero_level_error)
    frames, rows, columns = excerpt.values.shape
    frame_rate, pixel_size = getattr(movie, "frame_rate", None), getattr(movie, "pixel_size", None)
    notes, channel = getattr(movie, "notes", None), getattr(movie, "channel", None)
    name = None if hasattr(movie, "dask") else getattr(movie, "name", None)  # that of a Dask array is a token
    default = replace(detector, beta=DEFAULT_BETA)
    saturation = measure_saturation(excerpt)
    verdict = verdict_on(detector, estimate, saturation, (intensity, noise), given=given)
    return Report(
        name=name,
        channel=channel if isinstance(channel, str) else None,
        shape=cast("tuple[int, int, int]", tuple(map(int, movie.shape))),
        dtype=np.dtype(movie.dtype).name,
        frame_rate=None if frame_rate is None else float(frame_rate),
        pixel_size=None if pixel_size is None else (float(pixel_size[0]), float(pixel_size[1])),
        notes=notes if isinstance(notes, tuple) else (),
        conversion_gain=detector.conversion_gain,
        zero_level=detector.zero_level,
        conversion_gain_error=errors and errors[0],
        zero_level_error=errors and errors[1],
        first_frame=excerpt.first,
        frames=frames,
        rows=rows,
        columns=columns,
        raw_size=excerpt.values.nbytes,
        size_without_codec=meter.size_without_codec(),
        region_side=meter.regions.side,
        regions=len(meter.regions.top),
        intensity=tuple(meter.intensity.tolist()),
        stabilized_intensity=tuple(intensity.tolist()),
        stabilized_noise=tuple(noise.tolist()),
        verdict=verdict,
        saturation=saturation,
        held=held_range(default, next(one.encoded_dtype for one in tradeoffs if one.beta == DEFAULT_BETA)),
        codes=count_codes(excerpt, default),
        tradeoffs=tuple(tradeoffs),
        command=_command(name, default, asked, words) if given or verdict.fits != "no" else None,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={name: version(name) for name in ("anscombe-transform", "zarr", "numpy")}
        | {"python": platform.python_version()},
    )


def _command(name: object, default: Transform, asked: EncodedDType | None, words: Words | None) -> str:
    """Return what compresses a movie with the default beta."""
    if words is None:
        return compress_call(None if name is None else str(name), default, asked)
    return compress_command(words, str(name), default, asked)


def _check_output(output: Path, *, overwrite: bool) -> None:
    check_drawing()
    with require_extra("reports need Jinja2"):
        import jinja2  # noqa: F401
    if not output.parent.is_dir():
        raise ValueError(f"{output} cannot be written: there is no folder {output.parent}")
    if output.is_dir():
        raise ValueError(f"{output} is a folder: name a file in it, such as {output / 'report.html'}")
    if output.exists() and not overwrite:
        raise ValueError(f"{output} exists already: overwrite=True replaces it, or choose another output")


def _check_frames(movie: Movie, max_frames: int | None) -> None:
    check_movie(movie)
    if movie.shape[0] < _FEWEST_FRAMES:
        raise ValueError(f"movie has {movie.shape[0]} frames, but a report needs at least {_FEWEST_FRAMES}")
    if max_frames is not None and max_frames < _FEWEST_FRAMES:
        raise ValueError(f"max_frames must be at least {_FEWEST_FRAMES}, not {max_frames}")


def _estimate(
    movie: Movie, given: Transform | None, max_frames: int | None, progress: Progress
) -> tuple[ParameterEstimate | None, Transform, str]:
    """Return the estimate, the parameters to use, and, if they were given and estimating fails, why it fails."""
    try:
        estimate = estimate_parameters(movie, max_frames=excerpt_length(movie, max_frames), progress=progress)
    except ValueError as error:
        if given is None:
            raise
        return None, given, str(error)
    return estimate, given or Transform(estimate.zero_level, estimate.conversion_gain), ""


def _codec(
    transform: Transform, asked: EncodedDType | None, excerpt: Excerpt, estimate: ParameterEstimate | None
) -> AnscombeTransformV3:
    """Return a codec for all values that were seen, with the requested dtype if that holds them."""
    lowest, highest = excerpt.lowest, excerpt.highest
    if estimate is not None:
        lowest, highest = min(lowest, estimate.lowest), max(highest, estimate.highest)
    encoded_dtype = asked and narrowest_dtype(transform, lowest, highest, of=[asked])
    if encoded_dtype is None:
        encoded_dtype = dtype_with_headroom(transform, lowest, highest, excerpt.values.dtype)
    return AnscombeTransformV3(transform.zero_level, transform.conversion_gain, encoded_dtype, beta=transform.beta)


def _stabilized_noise(excerpt: Excerpt, detector: Transform) -> tuple[Floats, Floats]:
    """Return intensity in ADU and noise of bins that are not empty, from the first frames of the excerpt."""
    frames = max(2, _STABILIZED // excerpt.values[0].size)
    with np.errstate(invalid="ignore"):  # bins without a pixel, where most pixels have one of a few values
        intensity, noise = measure_stabilized_noise(
            excerpt.values[:frames], zero_level=detector.zero_level, conversion_gain=detector.conversion_gain
        )
    filled = np.isfinite(noise)
    return intensity[filled], noise[filled]
