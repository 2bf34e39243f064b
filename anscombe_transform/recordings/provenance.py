"""What an array says about how it was made, in its attribute ``anscombe_transform``.

=============== ========================================================================================
``version``     of this package
``parameters``  of a compressed array: ``zero_level`` in ADU and ``conversion_gain`` in ADU per photon; their
                ``source``, "given", "estimated", or "kept" where the movie had been compressed before;
                if they were estimated, their standard errors, ``zero_level_error`` and
                ``conversion_gain_error``, how many ``frames`` were read, and ``warnings``, if there were any
``input``       ``shape`` and ``dtype`` of the movie; of a file also its ``name``, the ``key`` of the
                array in it, the ``channel`` and the ``plane``, if it has several, which ``frames`` of
                it: ``start``, ``stop`` and ``step``; and ``notes`` on what was left out of it
``frame_rate``  of each plane, in Hz, if it is known
``pixel_size``  [y, x] in µm, if it is known
``z_step``      from plane to plane in µm, if it is known
``calibration`` what the file says its values mean: ``scale``, ``offset`` and ``unit``, with value =
                scale * ADU + offset
=============== ========================================================================================

The group of a recording with several channels or planes has the same attribute, without ``parameters``, and with
``channels``: the ``name`` of each and the ``path`` of its array.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from anscombe_transform._formatting import with_error
from anscombe_transform.codecs.configuration import CodecParameters, codec_in
from anscombe_transform.codecs.predict_zarr2 import PhotonPredictV2
from anscombe_transform.codecs.predict_zarr3 import PhotonPredictV3
from anscombe_transform.movies.movie import Movie
from anscombe_transform.movies.movie_file import MovieFile
from anscombe_transform.storage.draft import ZarrArray
from anscombe_transform.transform.prediction import Predictor


def provenance_of(movie: Movie, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what an array of a movie says about how it was made."""
    provenance: dict[str, Any] = {"version": version("anscombe-transform")}
    if parameters is not None:
        provenance["parameters"] = dict(parameters)
    provenance["input"] = {"shape": list(movie.shape), "dtype": np.dtype(movie.dtype).name}
    if isinstance(movie, MovieFile):
        frames = movie.frames
        provenance["input"] |= {"name": movie.name, "key": movie.key}
        if movie.channel is not None:
            provenance["input"]["channel"] = movie.channel
        if movie.plane is not None:
            provenance["input"]["plane"] = movie.plane
        provenance["input"]["frames"] = {"start": frames.start, "stop": frames.stop, "step": frames.step}
        if movie.notes:
            provenance["input"]["notes"] = list(movie.notes)
        known = {
            "frame_rate": movie.frame_rate,
            "pixel_size": None if movie.pixel_size is None else list(movie.pixel_size),
            "z_step": movie.z_step,
            "calibration": dict(movie.calibration) or None,
        }
        provenance |= {name: value for name, value in known.items() if value is not None}
    return provenance


def provenance_of_recording(movie: Movie, paths: Mapping[str, str]) -> dict[str, Any]:
    """Return what the group of a recording says; `movie` is one of its channels, `paths` has the array of each."""
    provenance = provenance_of(movie)
    provenance["input"].pop("channel", None)
    return provenance | {"channels": [{"name": name, "path": path} for name, path in paths.items()]}


def parameter_rows(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values of the parameters, with standard errors where they were estimated, and warnings."""
    rows = []
    for title, name, unit in (
        ("Conversion gain", "conversion_gain", "ADU per photon"),
        ("Zero level", "zero_level", "ADU"),
    ):
        value, error = parameters[name], parameters.get(f"{name}_error")
        number = f"{value:g}" if error is None else with_error(value, error)
        rows.append((title, f"{number} {unit}"))
    source = parameters["source"]
    if frames := parameters.get("frames"):
        source += f" from {frames} frames"
    elif source == "kept":
        source += ", as the movie had been compressed before"
    rows.append(("Source", source))
    return [*rows, *(("Warning", sentence) for sentence in parameters.get("warnings", ()))]


def beta_row(beta: float) -> tuple[str, str]:
    """Return the name and the value of beta."""
    return "Beta", f"{beta:g} noise standard deviations per code"


def prediction_row(predicted: bool) -> tuple[str, str]:
    """Return the name of the prediction, and what it is."""
    return "Prediction", "from earlier frames and rows" if predicted else "none"


def predictor_of(array: ZarrArray) -> Predictor | None:
    """Return what predicts the codes of an array, or None."""
    return next(
        (codec.predictor for codec in array.filters if isinstance(codec, PhotonPredictV2 | PhotonPredictV3)), None
    )


def codec_of(array: ZarrArray) -> CodecParameters:
    """Return the codec of this package that an array has.

    Raises
    ------
    ValueError
        If it has none.
    """
    if (codec := codec_in(array)) is None:
        raise ValueError(f"{array.store_path} was not compressed by this package: it has no anscombe-v1 filter")
    return codec
