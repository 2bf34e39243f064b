"""Compression of photon-limited movies: the Anscombe transform as NumPy functions and as Zarr codecs."""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if find_spec("anscombe_transform._kernels") is None:
    raise ImportError(
        f"{__path__[0]} is the source of anscombe-transform, and is not compiled for this Python. If the package is "
        "installed, start Python in another folder; to use the source itself, run "
        f"pip install --editable '{Path(__path__[0]).parent}'"
    )

from anscombe_transform.arrays import decode, encode
from anscombe_transform.estimate import ParameterEstimate, estimate_parameters
from anscombe_transform.zarr_v2 import AnscombeTransformV2
from anscombe_transform.zarr_v3 import AnscombeTransformV3

if TYPE_CHECKING:
    from anscombe_transform.compression import Compression, compress
    from anscombe_transform.decompression import Decompression, decompress
    from anscombe_transform.description import Description, describe
    from anscombe_transform.movies import MovieFile, open_movie
    from anscombe_transform.report import Report, make_report

__version__ = version("anscombe-transform")

__all__ = [
    "AnscombeTransformV2",
    "AnscombeTransformV3",
    "Compression",
    "Decompression",
    "Description",
    "MovieFile",
    "ParameterEstimate",
    "Report",
    "compress",
    "decode",
    "decompress",
    "describe",
    "encode",
    "estimate_parameters",
    "make_report",
    "open_movie",
]

# Imported when they are first asked for: every process that reads an array imports this package for the codec alone.
_ROOMS = {
    "Compression": "compression",
    "compress": "compression",
    "Decompression": "decompression",
    "decompress": "decompression",
    "Description": "description",
    "describe": "description",
    "MovieFile": "movies",
    "open_movie": "movies",
    "Report": "report",
    "make_report": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
