"""What the codecs of both Zarr formats share: their parameters and the fields of their metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from anscombe_transform.transform.parameters import (
    DECODED_DTYPES,
    ENCODED_DTYPES,
    EncodedDType,
    OutOfRange,
    Transform,
    parse_encoded_dtype,
    parse_out_of_range,
    parse_real_dtype,
    shown,
)

if TYPE_CHECKING:
    import zarr

CODEC_NAME = "anscombe-v1"
"""The name of the codec in the metadata of arrays."""

_NEEDED = frozenset({"zero_level", "conversion_gain"})

_KNOWN = _NEEDED | {"encoded_dtype", "decoded_dtype", "beta", "out_of_range"}


def fields_in(config: object) -> dict[str, Any]:
    """Return the fields of the metadata of a codec of numcodecs, without its name, or raise ValueError."""
    if not isinstance(config, Mapping):
        raise ValueError(f"the codec's metadata must be a mapping of fields, not {shown(config)}")
    return {name: value for name, value in config.items() if name != "id"}


def check_fields(
    codec: str, configuration: Mapping[str, Any], *, needed: frozenset[str], known: frozenset[str]
) -> None:
    """Raise ValueError if a field of the metadata of a codec is missing or unknown."""
    if missing := needed - configuration.keys():
        raise ValueError(f"{codec} metadata lack {' and '.join(sorted(missing))}: {shown(dict(configuration))}")
    if unknown := configuration.keys() - known:
        raise ValueError(
            f"{codec} metadata have an unknown field, {min(map(shown, unknown))}: "
            "a newer version of anscombe-transform may have written them"
        )


@dataclass(frozen=True, init=False)
class CodecParameters:
    """The parameters of a codec, checked, in the form in which metadata hold them."""

    zero_level: float
    conversion_gain: float
    encoded_dtype: EncodedDType
    decoded_dtype: str | None
    beta: float
    out_of_range: OutOfRange | None
    _transform: Transform = field(init=False, repr=False, compare=False)

    _decoded_dtypes: ClassVar[tuple[str, ...]] = DECODED_DTYPES
    """What `decoded_dtype` can be in the metadata."""

    def __init__(
        self,
        zero_level: float,
        conversion_gain: float,
        encoded_dtype: npt.DTypeLike = "uint8",
        decoded_dtype: npt.DTypeLike | None = None,
        beta: float = 0.5,
        out_of_range: OutOfRange | None = None,
    ) -> None:
        transform = Transform(zero_level, conversion_gain, beta)
        if decoded_dtype is not None:
            decoded_dtype = self._dtype_name(parse_real_dtype("decoded_dtype", decoded_dtype))
        self._set(
            zero_level=transform.zero_level,
            conversion_gain=transform.conversion_gain,
            encoded_dtype=parse_encoded_dtype(encoded_dtype),
            decoded_dtype=decoded_dtype,
            beta=transform.beta,
            out_of_range=parse_out_of_range(out_of_range),
            _transform=transform,
        )

    @property
    def transform(self) -> Transform:
        """The transform that has these parameters."""
        return self._transform

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @staticmethod
    def _dtype_name(dtype: np.dtype[Any]) -> str:
        return dtype.name

    @classmethod
    def _from_configuration(cls, configuration: Mapping[str, Any]) -> Self:
        """Make the codec from the fields of its metadata; raise an error if one is missing, unknown or wrong."""
        check_fields(CODEC_NAME, configuration, needed=_NEEDED, known=_KNOWN)
        choices = {
            "encoded_dtype": ENCODED_DTYPES,
            "decoded_dtype": cls._decoded_dtypes,
            "out_of_range": ("clamp",),
        }
        for name in choices.keys() & configuration.keys():
            value = configuration[name]
            if not isinstance(value, str) or value not in choices[name]:
                raise ValueError(
                    f"{name} in {CODEC_NAME} metadata must be one of {', '.join(choices[name])}, not {shown(value)}"
                )
        return cls(**configuration)

    def _configuration(self) -> dict[str, Any]:
        """Return the fields of the metadata, ready for JSON, without those that are None."""
        names = ("zero_level", "conversion_gain", "beta", "encoded_dtype", "decoded_dtype", "out_of_range")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def codec_in(array: zarr.Array[Any]) -> CodecParameters | None:
    """Return the codec of this package that an array has, or None; in Zarr V2, it may be the compressor."""
    codecs = (*array.filters, *array.compressors)
    return next((codec for codec in codecs if isinstance(codec, CodecParameters)), None)
