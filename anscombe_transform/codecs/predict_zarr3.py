"""The codec of Zarr format 3 that predicts codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from anscombe_transform.codecs.chunks import ChunkCodec, zarr_dtype
from anscombe_transform.codecs.prediction import (
    PREDICTING_CODEC_NAME,
    configuration_of,
    predictor_of,
)
from anscombe_transform.transform.parameters import shown
from anscombe_transform.transform.prediction import Predictor, check_dtype

if TYPE_CHECKING:
    from zarr.abc.buffer import NDBuffer

    from anscombe_transform._dependencies import ArraySpec


@dataclass(frozen=True)
class PhotonPredictV3(ChunkCodec):
    """Zarr V3 codec that stores how codes differ from what earlier frames and rows predict.

    It is a filter for `zarr.create_array`, after `AnscombeTransformV3`, and loses nothing. The first axis of the array
    is time, and the last two are y and x. It predicts only within a chunk: the more frames that has, the better.

    Parameters
    ----------
    predictor : Predictor, optional
        The weights of the prediction, such as `fit_predictor` finds for a movie; by default some that suit many.

    Raises
    ------
    TypeError
        If `predictor` is not a Predictor.

    Examples
    --------
    >>> import zarr
    >>> from anscombe_transform import AnscombeTransformV3, PhotonPredictV3
    >>> filters = [AnscombeTransformV3(zero_level=100, conversion_gain=2.5), PhotonPredictV3()]
    >>> array = zarr.create_array({}, shape=(100, 64, 64), chunks=(50, 64, 64), dtype="int16", filters=filters)
    """

    is_fixed_size: ClassVar[bool] = True  # type: ignore[misc]  # which Zarr also declares as a field

    predictor: Predictor = field(default_factory=Predictor)

    def __post_init__(self) -> None:
        if not isinstance(self.predictor, Predictor):
            raise TypeError(f"predictor must be a Predictor, not {type(self.predictor).__name__}")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make the codec from its metadata.

        Parameters
        ----------
        data : dict
            What `to_dict` returns: the name of the codec, and its configuration.

        Returns
        -------
        PhotonPredictV3
            The codec that these metadata describe.

        Raises
        ------
        TypeError
            If a weight, a bias or the shift is not an integer.
        ValueError
            If the name is another codec's, or a field is missing, unknown or not allowed.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"the codec's metadata must be a mapping of fields, not {shown(data)}")
        if data.get("name") != PREDICTING_CODEC_NAME:
            raise ValueError(f"the codec's metadata must have the name {PREDICTING_CODEC_NAME!r}, not {shown(data)}")
        configuration = data.get("configuration")
        if not isinstance(configuration, Mapping):
            raise ValueError(f"{PREDICTING_CODEC_NAME} metadata must have a configuration, not {shown(configuration)}")
        return cls(predictor_of(configuration))

    def to_dict(self) -> dict[str, Any]:
        """Return the metadata, ready for JSON."""
        return {"name": PREDICTING_CODEC_NAME, "configuration": configuration_of(self.predictor)}

    def resolve_metadata(self, chunk_spec: ArraySpec) -> ArraySpec:
        """Return the specification of the residuals of a chunk: unsigned integers of the same size.

        Zarr asks for it when an array is created, and older releases of it when one is written.

        Raises
        ------
        ValueError
            If the codes are not of int8, uint8, int16 or uint16, or the array has no axes.
        """
        if not chunk_spec.shape:
            raise ValueError("an array without axes has no frames to predict: leave the prediction out")
        codes = chunk_spec.dtype.to_native_dtype()
        check_dtype(codes.name)
        name = f"uint{8 * codes.itemsize}"
        return replace(chunk_spec, dtype=zarr_dtype(name), fill_value=np.dtype(name).type(0))

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Return the bytes that the residuals of `input_byte_length` bytes of codes take: as many."""
        return input_byte_length

    def _encode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer:
        residuals = self.predictor.residuals(chunk_array.as_numpy_array())
        return chunk_spec.prototype.nd_buffer.from_numpy_array(residuals)

    def _decode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer:
        dtype = chunk_spec.dtype.to_native_dtype().newbyteorder("=")
        codes = self.predictor.codes(chunk_array.as_numpy_array(), dtype)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(codes)
