"""The choice of the parameters and of the dtype of codes for a movie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from anscombe_transform._typing import Progress
from anscombe_transform.codecs.configuration import CodecParameters, codec_in
from anscombe_transform.estimate.estimation import estimate_parameters
from anscombe_transform.estimate.gathering import range_of_frames
from anscombe_transform.movies.movie import Movie, PlanesBelow
from anscombe_transform.movies.movie_file import MovieFile
from anscombe_transform.transform.parameters import (
    EncodedDType,
    OutOfRange,
    Transform,
    parse_encoded_dtype,
    parse_out_of_range,
)
from anscombe_transform.transform.ranges import dtype_with_headroom, held_range, narrowest_dtype

FRAMES_TO_READ = 256
"""Frames, spread over the movie, from which parameters and range are taken."""

Range = tuple[float, float]
"""The smallest and the largest value that was seen, in ADU."""


def choose_parameters(
    movie: Movie,
    zero_level: float | None,
    conversion_gain: float | None,
    progress: Progress | None,
) -> tuple[dict[str, Any], Range | None]:
    """Return the parameters, given or estimated, with their source and errors; and the range, if frames were read.

    Estimated parameters have ``warnings``, sentences, if there is something to know about them.

    Raises
    ------
    ValueError
        If only one is given, or they cannot be estimated from the movie: its noise is not that of raw frames, for
        example.
    """
    if (zero_level is None) != (conversion_gain is None):
        raise ValueError("zero_level and conversion_gain belong together: give both, or neither")
    if zero_level is not None and conversion_gain is not None:
        given = Transform(zero_level, conversion_gain)
        return {"source": "given", "zero_level": given.zero_level, "conversion_gain": given.conversion_gain}, None
    try:
        estimate = estimate_parameters(movie, max_frames=FRAMES_TO_READ, progress=progress)
        if estimate.unusable is not None:
            name = movie.name if isinstance(movie, MovieFile | PlanesBelow) else None
            raise ValueError(f"the parameters cannot be estimated from {name or 'the movie'}: {estimate.unusable}")
    except ValueError as error:
        error.add_note("Or give zero_level and conversion_gain.")
        raise
    parameters: dict[str, Any] = {
        "source": "estimated",
        "zero_level": estimate.zero_level,
        "zero_level_error": estimate.zero_level_error,
        "conversion_gain": estimate.conversion_gain,
        "conversion_gain_error": estimate.conversion_gain_error,
        "frames": estimate.frames,
    }
    if estimate.warnings:
        parameters["warnings"] = list(estimate.warnings)
    return parameters, (estimate.lowest, estimate.highest)


def choose_codec(
    codec_class: Callable[..., CodecParameters],
    movie: Movie,
    parameters: Mapping[str, Any],
    seen: Range | None,
    *,
    beta: float,
    encoded_dtype: npt.DTypeLike | None,
    out_of_range: OutOfRange | None,
) -> CodecParameters:
    """Return the codec; without `encoded_dtype`, the narrowest that holds the range with headroom.

    Raises
    ------
    ValueError
        If its codes do not hold what was seen, or float64 is not precise enough for them: nothing has been written yet.
    """
    dtype = np.dtype(movie.dtype)
    transform = Transform(parameters["zero_level"], parameters["conversion_gain"], beta)
    transform.check_precision()
    if encoded_dtype is None or parse_encoded_dtype(encoded_dtype)[0] != "f":
        seen = seen or range_of_frames(movie, FRAMES_TO_READ)
        if encoded_dtype is None:
            encoded_dtype = dtype_with_headroom(transform, *seen, dtype)
        if parse_out_of_range(out_of_range) is None:
            _check_held(transform, parse_encoded_dtype(encoded_dtype), seen)
    return codec_class(
        transform.zero_level, transform.conversion_gain, encoded_dtype, dtype, beta, out_of_range=out_of_range
    )


def _check_held(transform: Transform, encoded_dtype: EncodedDType, seen: Range) -> None:
    (lowest, highest), (first, last) = seen, held_range(transform, encoded_dtype)
    if not first <= lowest <= highest <= last:
        raise ValueError(
            f"the movie has values from {lowest:g} to {highest:g} ADU, and {encoded_dtype} codes hold {first:g} to "
            f"{last:g} with these parameters: use encoded_dtype={narrowest_dtype(transform, *seen)!r}, or "
            "out_of_range='clamp', or frames=slice(start, stop) without them"
        )


def codec_before(movie: Movie) -> CodecParameters | None:
    """Return the codec of this package that the values of a movie went through when they were stored, or None."""
    if isinstance(movie, zarr.Array):
        return codec_in(movie)
    return movie.codec if isinstance(movie, MovieFile) else None


def keep_codec(
    codec_class: Callable[..., CodecParameters],
    before: CodecParameters,
    dtype: np.dtype[Any],
    given: tuple[float | None, float | None],
    beta: float | None,
    encoded_dtype: npt.DTypeLike | None,
    out_of_range: OutOfRange | None,
) -> tuple[dict[str, Any], CodecParameters]:
    """Return the parameters and the codec of a movie that was compressed before, which it keeps.

    Raises
    ------
    ValueError
        If others are asked for: they would add to its error.
    """
    asked = {
        "zero_level": given[0],
        "conversion_gain": given[1],
        "beta": beta,
        "encoded_dtype": None if encoded_dtype is None else parse_encoded_dtype(encoded_dtype),
        "out_of_range": parse_out_of_range(out_of_range),
    }
    kept = {name: getattr(before, name) for name in asked}
    if others := [name for name, value in asked.items() if value not in (None, kept[name])]:
        name = others[0]
        what = " and ".join(f"{other}={asked[other]}" for other in others)
        raise ValueError(
            f"movie was compressed before, with {name}={kept[name]}, and {name}={asked[name]} would add noise to it "
            f"once more: leave out {what} to store it exactly as it is, or compress the original"
        )
    codec = codec_class(
        before.zero_level,
        before.conversion_gain,
        before.encoded_dtype,
        dtype,
        before.beta,
        out_of_range=before.out_of_range,
    )
    return {name: kept[name] for name in ("zero_level", "conversion_gain")} | {"source": "kept"}, codec
