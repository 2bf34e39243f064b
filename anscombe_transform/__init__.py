"""Compression of photon-limited movies: the Anscombe transform as NumPy functions and as Zarr codecs."""

from importlib.metadata import version

from anscombe_transform.arrays import decode, encode
from anscombe_transform.estimate import ParameterEstimate, estimate_parameters
from anscombe_transform.zarr_v2 import AnscombeTransformV2
from anscombe_transform.zarr_v3 import AnscombeTransformV3

__version__ = version("anscombe-transform")

__all__ = [
    "AnscombeTransformV2",
    "AnscombeTransformV3",
    "ParameterEstimate",
    "decode",
    "encode",
    "estimate_parameters",
]
