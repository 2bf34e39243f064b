"""The codec of Zarr format 2, for numcodecs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray, ensure_ndarray

from anscombe_transform._typing import Array
from anscombe_transform.codecs.configuration import CODEC_NAME, CodecParameters, fields_in
from anscombe_transform.transform.arrays import decode_array, encode_array, is_bytes
from anscombe_transform.transform.parameters import DECODED_DTYPES, OutOfRange, parse_real_dtype


@dataclass(frozen=True, init=False, repr=False)
class AnscombeTransformV2(CodecParameters, Codec):  # type: ignore[misc]
    """Codec of numcodecs that stores photon-limited data in units of their noise, for Zarr V2 arrays.

    It works as a filter and, alone, as a compressor. It gives the same numbers as `encode` and `decode`.

    Parameters
    ----------
    zero_level : float
        The input at zero photons, in ADU.
    conversion_gain : float
        ADU per photon, above 0.
    encoded_dtype : dtype_like, default "uint8"
        The dtype of the codes: int8, uint8, int16, uint16, int32, uint32, float32 or float64. Negative inputs have
        negative codes and need a signed one; so may a negative `zero_level`.
    decoded_dtype : dtype_like, default "int16"
        The dtype of the array, in its byte order.
    beta : float, default 0.5
        Noise standard deviations per code, above 0.
    out_of_range : "clamp", optional
        Store an input whose code `encoded_dtype` cannot hold as the nearest code that it can. By default that is an
        error, and the chunk that has the input is not written.

    Raises
    ------
    TypeError
        If `zero_level`, `conversion_gain` or `beta` is not a real number.
    ValueError
        If a parameter is not allowed.

    Examples
    --------
    >>> import zarr
    >>> from anscombe_transform import AnscombeTransformV2
    >>> codec = AnscombeTransformV2(zero_level=100, conversion_gain=2.5)
    >>> array = zarr.create_array(
    ...     {}, shape=(100, 64, 64), chunks=(10, 64, 64), dtype="int16", filters=[codec], zarr_format=2
    ... )
    """

    codec_id: ClassVar[str] = CODEC_NAME
    _decoded_dtypes: ClassVar[tuple[str, ...]] = (
        *DECODED_DTYPES,
        *(np.dtype(name).newbyteorder(">").str for name in DECODED_DTYPES if np.dtype(name).itemsize > 1),
    )

    def __init__(
        self,
        zero_level: float,
        conversion_gain: float,
        encoded_dtype: npt.DTypeLike = "uint8",
        decoded_dtype: npt.DTypeLike = "int16",
        beta: float = 0.5,
        out_of_range: OutOfRange | None = None,
    ) -> None:
        if decoded_dtype is None:
            raise ValueError("decoded_dtype must be the dtype of the array: a Zarr V2 codec is not told it")
        super().__init__(zero_level, conversion_gain, encoded_dtype, decoded_dtype, beta, out_of_range)

    @staticmethod
    def _dtype_name(dtype: np.dtype[Any]) -> str:
        return dtype.name if dtype == dtype.newbyteorder("<") else dtype.str

    def encode(self, buf: Any) -> Array:
        """Encode an array of `decoded_dtype`, or the bytes of one.

        Parameters
        ----------
        buf : buffer
            Values in ADU, of any shape, or their bytes, in the byte order of `decoded_dtype`.

        Returns
        -------
        ndarray
            Codes of `encoded_dtype`, little-endian, of the shape of `buf` (one axis if it is bytes).

        Raises
        ------
        ValueError
            If `buf` is an array of another dtype, values are out of range, or the parameters are beyond the precision
            of float64.
        """
        self._transform.check_precision()
        decoded = self._decoded
        if is_bytes(buf):
            values = np.frombuffer(buf, decoded)
        else:
            values = buf if isinstance(buf, np.ndarray) else ensure_ndarray(buf)
        if values.dtype != decoded:
            name = self._dtype_name(parse_real_dtype("the array's dtype", values.dtype))
            raise ValueError(
                f"the array's dtype is {name}, but decoded_dtype is {self.decoded_dtype}: make it {name!r}, "
                "for an array that exists already by adding it to the codec in the file .zarray"
            )
        codes = encode_array(values, self._transform, self.encoded_dtype, self.out_of_range)
        return codes.astype(self._encoded, copy=False)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode codes of `encoded_dtype`, or their bytes.

        Parameters
        ----------
        buf : buffer
            An array of codes of any shape, or the bytes of codes, little-endian.
        out : buffer, optional
            Contiguous writable memory of the size of the result to decode into.

        Returns
        -------
        ndarray
            Values of `decoded_dtype` in ADU, of the shape of `buf` (one axis if it is bytes); `out` if it was given.

        Raises
        ------
        ValueError
            If the bytes are not whole codes, or `out` has the wrong size.
        """
        codes = ensure_ndarray(buf)
        if codes.dtype.itemsize == 1:
            codes = self._codes_in_bytes(codes)
        elif codes.dtype != self._encoded:
            raise ValueError(f"the codes are {codes.dtype}, but encoded_dtype is {self.encoded_dtype}")
        if out is None:
            return decode_array(codes, self._transform, self.encoded_dtype, self._decoded)
        values = ensure_contiguous_ndarray(out).view("u1")
        if values.size != codes.size * self._decoded.itemsize:
            raise ValueError(f"out has {values.size} bytes, but the result {codes.size * self._decoded.itemsize}")
        codes = codes.reshape(-1, order="A")
        decode_array(codes, self._transform, self.encoded_dtype, self._decoded, values.view(self._decoded))
        return out

    def _codes_in_bytes(self, codes: Array) -> Array:
        if self._encoded.itemsize == 1:
            return codes.view(self._encoded)
        if codes.nbytes % self._encoded.itemsize:
            raise ValueError(f"{codes.nbytes} bytes are not a whole number of {self.encoded_dtype} codes")
        contiguous: Array = ensure_contiguous_ndarray(codes)
        return contiguous.view(self._encoded)

    def get_config(self) -> dict[str, Any]:
        """Return the metadata, ready for JSON."""
        return {"id": self.codec_id, **self._configuration()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make the codec from its metadata, including those that anscombe-transform 1.0.0 wrote.

        Parameters
        ----------
        config : mapping
            What `get_config` returns; an ``id`` in it is ignored.

        Returns
        -------
        AnscombeTransformV2
            The codec that these metadata describe.

        Raises
        ------
        TypeError
            If `zero_level`, `conversion_gain` or `beta` is not a real number.
        ValueError
            If a field is missing, unknown or not allowed.
        """
        return cls._from_configuration(fields_in(config))

    @property
    def _encoded(self) -> np.dtype[Any]:
        return np.dtype(self.encoded_dtype).newbyteorder("<")

    @property
    def _decoded(self) -> np.dtype[Any]:
        dtype = np.dtype(self.decoded_dtype)
        return dtype.newbyteorder("<") if self.decoded_dtype == dtype.name else dtype
