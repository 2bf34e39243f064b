"""The codec of Zarr format 2 that predicts codes, for numcodecs."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray

from anscombe_transform._typing import Array
from anscombe_transform.codecs.configuration import fields_in
from anscombe_transform.codecs.prediction import (
    PREDICTING_CODEC_NAME,
    configuration_of,
    predictor_of,
)
from anscombe_transform.transform.parameters import shown
from anscombe_transform.transform.prediction import Predictor, check_dtype


@dataclass(frozen=True)
class PhotonPredictV2(Codec):  # type: ignore[misc]
    """Codec of numcodecs that stores how codes differ from what earlier frames and rows predict, for Zarr V2.

    It is a filter after `AnscombeTransformV2`, and loses nothing. The first axis of the array is time, and the last two
    are y and x. It predicts only within a chunk: the more frames that has, the better.

    Parameters
    ----------
    chunks : sequence of int
        The shape of the chunks of the array, which a Zarr V2 codec is not told.
    encoded_dtype : str, default "uint8"
        The dtype of the codes: int8, uint8, int16 or uint16.
    predictor : Predictor, optional
        The weights of the prediction, such as `fit_predictor` finds for a movie; by default some that suit many.

    Raises
    ------
    TypeError
        If `predictor` is not a Predictor, or `chunks` is not a sequence of integers.
    ValueError
        If the dtype is another one, or `chunks` is empty or has a number below 1 or beyond the memory of any machine.

    Examples
    --------
    >>> import zarr
    >>> from anscombe_transform import AnscombeTransformV2, PhotonPredictV2
    >>> chunks = (50, 64, 64)
    >>> filters = [AnscombeTransformV2(zero_level=100, conversion_gain=2.5), PhotonPredictV2(chunks)]
    >>> array = zarr.create_array(
    ...     {}, shape=(100, 64, 64), chunks=chunks, dtype="int16", filters=filters, zarr_format=2
    ... )
    """

    codec_id: ClassVar[str] = PREDICTING_CODEC_NAME

    chunks: tuple[int, ...]
    encoded_dtype: str = "uint8"
    predictor: Predictor = field(default_factory=Predictor)

    def __post_init__(self) -> None:
        if not isinstance(self.predictor, Predictor):
            raise TypeError(f"predictor must be a Predictor, not {type(self.predictor).__name__}")
        if not isinstance(self.encoded_dtype, str):
            raise TypeError(f"encoded_dtype must be the name of a dtype, not {shown(self.encoded_dtype)}")
        check_dtype(self.encoded_dtype)
        object.__setattr__(self, "chunks", _parsed_chunks(self.chunks))

    def encode(self, buf: Any) -> Array:
        """Return the residuals of a chunk of codes.

        Parameters
        ----------
        buf : ndarray
            Codes of `encoded_dtype`, little-endian, of the shape `chunks`, in C order.

        Returns
        -------
        ndarray
            Of uint8, or uint16 in little-endian byte order, of the same shape.

        Raises
        ------
        ValueError
            If the codes have another dtype, shape, order or byte order.
        """
        codes = np.asanyarray(buf)
        if codes.shape != self.chunks or codes.dtype.name != self.encoded_dtype:
            raise ValueError(
                f"a chunk of codes has the shape {codes.shape} and the dtype {codes.dtype}, and the codec was made for "
                f"{self.chunks} and {self.encoded_dtype}"
            )
        little_endian = codes.dtype.newbyteorder("<")
        if codes.dtype != little_endian:
            raise ValueError(
                f"only little-endian codes can be predicted: create the array with dtype='{little_endian.str}'"
            )
        if not codes.flags.c_contiguous:
            raise ValueError("only chunks in C order can be predicted: create the array with order='C'")
        return self.predictor.residuals(codes).astype(self._encoded.newbyteorder("<"), copy=False)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Return the codes of a chunk.

        Parameters
        ----------
        buf : buffer
            The residuals, or their bytes, as many as a chunk has.
        out : buffer, optional
            Contiguous writable memory of the size of the result to write to.

        Returns
        -------
        ndarray
            Codes of `encoded_dtype`, little-endian, of the shape `chunks`; `out` if it was given.

        Raises
        ------
        ValueError
            If there are more or fewer bytes than a chunk has.
        """
        residuals = ensure_contiguous_ndarray(buf).view("u1").reshape(-1)
        size = math.prod(self.chunks) * self._encoded.itemsize
        if residuals.nbytes != size:
            raise ValueError(
                f"a chunk has {residuals.nbytes} bytes of residuals, and chunks of {self.chunks} have {size}"
            )
        stored = residuals.view(self._encoded.newbyteorder("<")).reshape(self.chunks)
        dtype = np.dtype(self.encoded_dtype)
        codes = self.predictor.codes(stored, dtype).astype(dtype.newbyteorder("<"), copy=False)
        if out is None:
            return codes
        written = ensure_contiguous_ndarray(out).view("u1").reshape(-1)
        if written.size != size:
            raise ValueError(f"out has {written.size} bytes, but the result {size}")
        written[...] = codes.reshape(-1).view("u1")
        return out

    def get_config(self) -> dict[str, Any]:
        """Return the metadata, ready for JSON."""
        return {
            "id": self.codec_id,
            "chunks": list(self.chunks),
            "encoded_dtype": self.encoded_dtype,
            **configuration_of(self.predictor),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make the codec from its metadata.

        Parameters
        ----------
        config : mapping
            What `get_config` returns; an ``id`` in it is ignored.

        Returns
        -------
        PhotonPredictV2
            The codec that these metadata describe.

        Raises
        ------
        TypeError
            If a number is not an integer.
        ValueError
            If a field is missing, unknown or not allowed.
        """
        configuration = fields_in(config)
        predictor = predictor_of(configuration, frozenset({"chunks", "encoded_dtype"}))
        return cls(configuration["chunks"], configuration["encoded_dtype"], predictor)

    @property
    def _encoded(self) -> np.dtype[Any]:
        """The dtype of residuals, in native byte order."""
        return np.dtype(f"u{np.dtype(self.encoded_dtype).itemsize}")


def _parsed_chunks(chunks: Any) -> tuple[int, ...]:
    problem = f"chunks must be the shape of a chunk, such as (50, 512, 512), not {shown(chunks)}"
    if isinstance(chunks, str | bytes) or not isinstance(chunks, Sequence) or any(isinstance(n, bool) for n in chunks):
        raise TypeError(problem)
    try:
        sizes = tuple(map(operator.index, chunks))
    except TypeError:
        raise TypeError(problem) from None
    if not sizes or not all(1 <= size <= sys.maxsize for size in sizes):
        raise ValueError(problem)
    return sizes
