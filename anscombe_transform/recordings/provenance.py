"""What an array says about how it was made, in its attribute ``anscombe_transform``.

=============== ========================================================================================
``version``     of this package
``parameters``  of a compressed array: ``source``, "given" or "estimated"; ``zero_level`` in ADU and
                ``conversion_gain`` in ADU per photon; if they were estimated, their standard errors,
                ``zero_level_error`` and ``conversion_gain_error``, and how many ``frames`` were read
``input``       ``shape`` and ``dtype`` of the movie; of a file also its ``name``, the ``key`` of the
                array in it, and which ``frames`` of it: ``start``, ``stop`` and ``step``
``frame_rate``  in Hz, if it is known
``pixel_size``  [y, x] in µm, if it is known
=============== ========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from anscombe_transform._formatting import with_error
from anscombe_transform.codecs.configuration import CodecParameters
from anscombe_transform.movies.movie import Movie
from anscombe_transform.movies.opening import MovieFile
from anscombe_transform.storage.draft import ZarrArray


def provenance_of(movie: Movie, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the attributes that say how an array was made: the frame rate in Hz, the pixel size, (y, x), in µm."""
    provenance: dict[str, Any] = {"version": version("anscombe-transform")}
    if parameters is not None:
        provenance["parameters"] = dict(parameters)
    provenance["input"] = {"shape": list(movie.shape), "dtype": np.dtype(movie.dtype).name}
    if isinstance(movie, MovieFile):
        frames = movie.frames
        provenance["input"] |= {
            "name": movie.name,
            "key": movie.key,
            "frames": {"start": frames.start, "stop": frames.stop, "step": frames.step},
        }
        if movie.frame_rate is not None:
            provenance["frame_rate"] = movie.frame_rate
        if movie.pixel_size is not None:
            provenance["pixel_size"] = list(movie.pixel_size)
    return provenance


def parameter_rows(parameters: Mapping[str, Any], beta: float) -> list[tuple[str, str]]:
    """Return names and values of the parameters, with standard errors where they were estimated."""
    rows = []
    for title, name, unit in (
        ("Conversion gain", "conversion_gain", "ADU per photon"),
        ("Zero level", "zero_level", "ADU"),
    ):
        value, error = parameters[name], parameters.get(f"{name}_error")
        number = f"{value:g}" if error is None else with_error(value, error)
        rows.append((title, f"{number} {unit}"))
    frames = parameters.get("frames")
    rows.append(("Source", parameters["source"] + (f" from {frames} frames" if frames else "")))
    return [*rows, ("Beta", f"{beta:g} noise standard deviations per code")]


def codec_of(array: ZarrArray) -> CodecParameters:
    """Return the codec of this package among the filters of an array.

    Raises
    ------
    ValueError
        If it has none.
    """
    for codec in array.filters:
        if isinstance(codec, CodecParameters):
            return codec
    raise ValueError(f"{array.store_path} was not compressed by this package: it has no anscombe-v1 filter")
