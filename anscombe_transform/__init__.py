"""Compression of photon-limited movies: the Anscombe transform as NumPy functions and as Zarr codecs."""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if find_spec("anscombe_transform._kernels.anscombe") is None:
    raise ImportError(
        f"{__path__[0]} is the source of anscombe-transform, and is not compiled for this Python. If the package is "
        "installed, start Python in another folder; to use the source itself, run "
        f"pip install --editable '{Path(__path__[0]).parent}'"
    )

from anscombe_transform.codecs.anscombe_zarr2 import AnscombeTransformV2
from anscombe_transform.codecs.anscombe_zarr3 import AnscombeTransformV3
from anscombe_transform.codecs.predict_zarr2 import PhotonPredictV2
from anscombe_transform.codecs.predict_zarr3 import PhotonPredictV3
from anscombe_transform.transform.arrays import decode, encode
from anscombe_transform.transform.prediction import Predictor

if TYPE_CHECKING:
    from anscombe_transform.estimate import ParameterEstimate, estimate_parameters
    from anscombe_transform.movies.movie_file import MovieFile
    from anscombe_transform.movies.opening import open_movie, open_recording
    from anscombe_transform.movies.recording import Recording
    from anscombe_transform.recordings.compression import compress
    from anscombe_transform.recordings.decompression import decompress
    from anscombe_transform.recordings.description import Description, describe, describe_recording
    from anscombe_transform.recordings.results import Compression, Decompression
    from anscombe_transform.recordings.verification import Verification, verify
    from anscombe_transform.report import Report, make_report
    from anscombe_transform.transform.prediction_fit import fit_predictor

__version__ = version("anscombe-transform")

__all__ = [
    "AnscombeTransformV2",
    "AnscombeTransformV3",
    "Compression",
    "Decompression",
    "Description",
    "MovieFile",
    "ParameterEstimate",
    "PhotonPredictV2",
    "PhotonPredictV3",
    "Predictor",
    "Recording",
    "Report",
    "Verification",
    "compress",
    "decode",
    "decompress",
    "describe",
    "describe_recording",
    "encode",
    "estimate_parameters",
    "fit_predictor",
    "make_report",
    "open_movie",
    "open_recording",
    "verify",
]

# Imported when they are first asked for: a process that reads an array imports this package for the codec alone.
_LAZY = {
    "Compression": "recordings.results",
    "compress": "recordings.compression",
    "Decompression": "recordings.results",
    "decompress": "recordings.decompression",
    "Description": "recordings.description",
    "describe": "recordings.description",
    "describe_recording": "recordings.description",
    "MovieFile": "movies.movie_file",
    "open_movie": "movies.opening",
    "open_recording": "movies.opening",
    "Recording": "movies.recording",
    "ParameterEstimate": "estimate",
    "estimate_parameters": "estimate",
    "fit_predictor": "transform.prediction_fit",
    "Report": "report",
    "Verification": "recordings.verification",
    "verify": "recordings.verification",
    "make_report": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
