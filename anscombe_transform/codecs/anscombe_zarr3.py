"""The codec of Zarr format 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from anscombe_transform.codecs.chunks import LARGE_CHUNK, ChunkCodec, zarr_dtype
from anscombe_transform.codecs.configuration import CODEC_NAME, CodecParameters
from anscombe_transform.transform.arrays import decode_array, encode_array
from anscombe_transform.transform.parameters import EncodedDType, OutOfRange, Transform, parse_real_dtype, shown
from anscombe_transform.transform.tables import TABLE_DTYPES

if TYPE_CHECKING:
    from zarr.abc.buffer import NDBuffer
    from zarr.dtype import ZDType

    from anscombe_transform._dependencies import ArraySpec

_NAMES = (CODEC_NAME, "anscombe-transform")
_FIELDS_OF_1_0_0 = {"zero_level", "conversion_gain", "encoded_dtype", "decoded_dtype"}

_HUGE_CHUNK = 1 << 20
"""Chunks of at least this many elements are looked up in a thread, too: smaller ones are faster without.

Zarr's event loop is one thread for all reads, and more cores cannot speed up what runs there.
"""


@dataclass(frozen=True, init=False)
class AnscombeTransformV3(CodecParameters, ChunkCodec):
    """Zarr V3 codec that stores photon-limited data in units of their noise.

    It is a filter for `zarr.create_array`. It gives the same numbers as `encode` and `decode`.

    Parameters
    ----------
    zero_level : float
        The input at zero photons, in ADU.
    conversion_gain : float
        ADU per photon, above 0.
    encoded_dtype : dtype_like, default "uint8"
        The dtype of the codes: int8, uint8, int16, uint16, int32, uint32, float32 or float64. Negative inputs have
        negative codes and need a signed one; so may a negative `zero_level`.
    decoded_dtype : dtype_like, optional
        The dtype of the array. By default the codec takes it from the array when the array is created or opened.
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
        If a parameter is not allowed; when an array is created whose dtype is not `decoded_dtype`, whose fill value is
        out of range, or whose elements have 8 bits and its codes more; when values are written that are out of range.

    Examples
    --------
    >>> import zarr
    >>> from anscombe_transform import AnscombeTransformV3
    >>> codec = AnscombeTransformV3(zero_level=100, conversion_gain=2.5)
    >>> array = zarr.create_array({}, shape=(100, 64, 64), chunks=(10, 64, 64), dtype="int16", filters=[codec])
    >>> array.filters[0].decoded_dtype
    'int16'
    """

    is_fixed_size = True
    _of_1_0_0: ClassVar[bool] = False

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make the codec from its metadata, including those that anscombe-transform 1.0.0 wrote.

        Parameters
        ----------
        data : dict
            What `to_dict` returns: the name of the codec, and its configuration.

        Returns
        -------
        AnscombeTransformV3
            The codec that these metadata describe.

        Raises
        ------
        TypeError
            If `zero_level`, `conversion_gain` or `beta` is not a real number.
        ValueError
            If the name is another codec's, or a field is missing, unknown or not allowed.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"the codec's metadata must be a mapping of fields, not {shown(data)}")
        name, configuration = data.get("name"), data.get("configuration")
        if name not in _NAMES:
            raise ValueError(f"the codec's name must be {' or '.join(map(repr, _NAMES))}, not {shown(name)}")
        if not isinstance(configuration, Mapping):
            raise ValueError(
                f"{name} metadata must have a configuration, a mapping of fields, not {shown(configuration)}"
            )
        if configuration.keys() != _FIELDS_OF_1_0_0:
            return cls._from_configuration(configuration)
        parse_real_dtype("decoded_dtype", configuration["decoded_dtype"])
        codec = cls(**{**configuration, "decoded_dtype": None})  # dtypes as they were given to 1.0.0, such as "u2"
        codec._set(_of_1_0_0=True)
        return codec

    def to_dict(self) -> dict[str, Any]:
        """Return the metadata, ready for JSON; `decoded_dtype` is left out as long as it is not known."""
        configuration = self._configuration()
        if self._of_1_0_0:
            del configuration["beta"]  # so that the array is known for what it is when its metadata are written again
        return {"name": CODEC_NAME, "configuration": configuration}

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> Self:
        """Return the codec for an array, with its dtype as `decoded_dtype`, after checking its fill value.

        Raises
        ------
        ValueError
            If the array's dtype is not of real numbers or not `decoded_dtype`, if it has 8 bits and the codes have
            more, or if the array's fill value is out of range.
        """
        self._check_dtype(array_spec.dtype)
        codec = replace(self, decoded_dtype=array_spec.dtype.to_native_dtype().name)
        codec._set(_of_1_0_0=self._of_1_0_0)
        codec._fill_code(array_spec)
        return codec

    def validate(self, *, shape: tuple[int, ...], dtype: ZDType[Any, Any], chunk_grid: object) -> None:
        """Raise ValueError if the codec is not for arrays of `dtype`."""
        self._check_dtype(dtype)

    def resolve_metadata(self, chunk_spec: ArraySpec) -> ArraySpec:
        """Return the specification of the codes of a chunk: their dtype, and the code of the fill value.

        Within shards, Zarr also asks for a fill value of 0 that the array does not have: without a code, it gets 0.
        """
        try:
            fill_value = self._fill_code(chunk_spec)
        except ValueError:  # which `evolve_from_array_spec` raises for the fill value of the array
            fill_value = np.dtype(self.encoded_dtype).type(0)
        return replace(chunk_spec, dtype=zarr_dtype(self.encoded_dtype), fill_value=fill_value)

    def _fill_code(self, spec: ArraySpec) -> Any:
        """Return the code of the fill value, or raise ValueError if it has none."""
        # anscombe-transform 1.0.0 never looked at the fill value, and its arrays have to open all the same.
        out_of_range = "clamp" if self._of_1_0_0 else self.out_of_range
        return _fill_code(self._transform, self.encoded_dtype, out_of_range, spec.fill_value)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Return the bytes that the codes of `input_byte_length` bytes of input take."""
        input_itemsize = chunk_spec.dtype.to_native_dtype().itemsize
        return input_byte_length // input_itemsize * np.dtype(self.encoded_dtype).itemsize

    def _check_dtype(self, dtype: ZDType[Any, Any]) -> None:
        native = parse_real_dtype("the array's dtype", dtype.to_native_dtype())
        name = native.name
        if self.decoded_dtype not in (None, name):
            raise ValueError(
                f"the array's dtype is {name}, but decoded_dtype is {self.decoded_dtype}: leave decoded_dtype out"
            )

        # The bytes codec of Zarr 3.1 goes by the array's dtype: for 8 bits it drops the byte order, without which it
        # then cannot read wider codes.
        if native.itemsize == 1 and np.dtype(self.encoded_dtype).itemsize > 1:
            raise ValueError(
                f"Zarr 3.1 cannot read {self.encoded_dtype} codes back in an array of {name}: "
                "use encoded_dtype='uint8' or 'int8', a larger beta, an array of a wider dtype, or Zarr format 2"
            )

    def _encode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer:
        self._transform.check_precision()
        values = chunk_array.as_numpy_array()
        codes = encode_array(values, self._transform, self.encoded_dtype, self.out_of_range)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(codes)

    def _decode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer:
        codes = chunk_array.as_numpy_array()
        values = decode_array(codes, self._transform, self.encoded_dtype, chunk_spec.dtype.to_native_dtype())
        return chunk_spec.prototype.nd_buffer.from_numpy_array(values)

    @property
    def _large_to_decode(self) -> int:
        return _HUGE_CHUNK if self.encoded_dtype in TABLE_DTYPES else LARGE_CHUNK


@lru_cache
def _fill_code(
    transform: Transform, encoded_dtype: EncodedDType, out_of_range: OutOfRange | None, fill_value: Any
) -> Any:
    try:
        return encode_array(fill_value, transform, encoded_dtype, out_of_range)[()]
    except ValueError as error:
        is_nan = fill_value != fill_value
        advice = " Or create the array with another fill_value, in xarray with encoding={NAME: {'fill_value': 0}}"
        raise ValueError(
            f"the array's fill value, {fill_value}, cannot be encoded: {error}{advice if is_nan else ''}"
        ) from error
