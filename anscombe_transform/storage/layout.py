"""How an array lies in its store: chunks, shards, compressor, Zarr format, and the metadata that say so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numcodecs
import numpy as np
import zarr
from zarr.abc.buffer import Buffer
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec
from zarr.storage import MemoryStore

from anscombe_transform._optional import require_extra
from anscombe_transform.codecs.configuration import CodecParameters
from anscombe_transform.storage.draft import Draft
from anscombe_transform.storage.location import Location

Compressor = Literal["zstd", "blosc-zstd", "blosc-lz4", "gzip", "none"]

Sizes = int | tuple[int, int, int]
"""A shape along (time, y, x) in which -1 is the whole axis, or a number of whole frames."""

_LEVELS = {"zstd": (1, range(1, 23)), "blosc-zstd": (1, range(10)), "blosc-lz4": (5, range(10)), "gzip": (5, range(10))}
"""The default level of each compressor, and its range of levels."""

_CHUNK = 1 << 22
"""The most pixels of a chunk by default."""

_AXES = ("t", "y", "x")


@dataclass(frozen=True)
class Layout:
    """The choices for an array of a movie, as `compress` takes them; what is None follows from the movie."""

    chunks: Sizes | None = None
    shards: Sizes | None = None
    compressor: Compressor = "zstd"
    level: int | None = None
    zarr_format: Literal[2, 3] = 3

    def __post_init__(self) -> None:
        if self.zarr_format not in (2, 3):
            raise ValueError(f"zarr_format must be 2 or 3, not {self.zarr_format!r}")
        if self.zarr_format == 2 and self.shards is not None:
            raise ValueError("shards are for Zarr format 3, not 2")
        self._compressor(1)

    def draft(
        self,
        location: Location,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        codec: CodecParameters | None,
        fill_value: Any = 0,
        attributes: Mapping[str, Any],
        image: Mapping[str, Any] | None = None,
    ) -> Draft:
        """Return the draft of an array.

        Parameters
        ----------
        location : Location
            Where it will be kept.
        shape : tuple of int
            Frames, height and width.
        dtype : dtype
            Of the movie.
        codec : CodecParameters or None
            The filter before the compressor.
        fill_value : float, default 0
            In ADU.
        attributes : mapping
            Of the array.
        image : mapping, optional
            Attributes of the group that makes an OME-NGFF image of the array; without, there is no group.

        Raises
        ------
        ValueError
            If Zarr refuses: because shards are no multiple of chunks, or because of the codec.
        """
        chunks = _shape_of("chunks", self.chunks, shape) or default_chunks(shape)
        shards = _shape_of("shards", self.shards, shape)
        if shards is not None and any(shard % chunk for shard, chunk in zip(shards, chunks, strict=True)):
            raise ValueError(f"shards of {shards} are not a whole number of chunks of {chunks} along each axis")
        created: dict[str, Buffer] = {}
        store = MemoryStore(created)
        if image is not None:
            zarr.create_group(store, attributes=dict(image), zarr_format=3)
        format_2 = self.zarr_format == 2
        zarr.create_array(
            store,
            name="" if image is None else "0",
            shape=shape,
            dtype=dtype,
            chunks=chunks,
            shards=shards,
            filters=cast("Any", [codec] if codec else None),
            compressors=self._compressor(np.dtype(getattr(codec, "encoded_dtype", dtype)).itemsize),
            fill_value=fill_value,
            zarr_format=self.zarr_format,
            dimension_names=None if format_2 else _AXES,
            attributes=dict(attributes) | ({"_ARRAY_DIMENSIONS": list(_AXES)} if format_2 else {}),
        )
        return Draft.of(created, location, "" if image is None else "0")

    def _compressor(self, itemsize: int) -> Any:
        """Return the compressor for elements of so many bytes."""
        name, level = self.compressor, self.level
        if name == "none":
            if level is not None:
                raise ValueError(f"level {level} needs a compressor, and there is none: leave it out")
            return None
        if name not in _LEVELS:
            raise ValueError(f"compressor must be one of {', '.join(get_args(Compressor))}, not {name!r}")
        default, levels = _LEVELS[name]
        level = default if level is None else level
        if level not in levels:
            raise ValueError(f"level of {name} must be from {levels[0]} to {levels[-1]}, not {level}")
        format_2 = self.zarr_format == 2
        if name == "zstd":
            return numcodecs.Zstd(level) if format_2 else ZstdCodec(level=level)
        if name == "gzip":
            return numcodecs.GZip(level) if format_2 else GzipCodec(level=level)
        inner: Literal["zstd", "lz4"] = "zstd" if name == "blosc-zstd" else "lz4"
        if format_2:
            return numcodecs.Blosc(inner, level, numcodecs.Blosc.BITSHUFFLE)
        # Left to itself, the codec takes the size of the array's elements for that of the codes.
        return BloscCodec(cname=inner, clevel=level, shuffle="bitshuffle", typesize=itemsize)


def default_chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of chunks of whole frames, or of squares of large ones, of 4 Mi pixels at most."""
    height, width = shape[1:]
    if height * width > _CHUNK:
        height, width = (min(size, math.isqrt(_CHUNK)) for size in (height, width))
    return max(1, min(shape[0], _CHUNK // (height * width))), height, width


def _shape_of(name: str, sizes: Sizes | None, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    if sizes is None:
        return None
    given = (sizes, -1, -1) if isinstance(sizes, int) else tuple(sizes)
    if len(given) != 3 or any(size < 1 and size != -1 for size in given):
        raise ValueError(f"{name} must be a number of frames, or three sizes along (time, y, x), not {sizes}")
    return tuple(whole if size == -1 else size for size, whole in zip(given, shape, strict=True))


def ome_image(name: str, frame_rate: float | None, pixel_size: tuple[float, float] | None) -> dict[str, Any]:
    """Return the attributes of a group whose array ``0`` is an OME-NGFF 0.5 image; needs ome-zarr-models.

    Parameters
    ----------
    name : str
        Name of the image.
    frame_rate : float or None
        In Hz.
    pixel_size : tuple of float or None
        Height and width of a pixel, in micrometers.

    References
    ----------
    Next-generation file formats (NGFF), version 0.5: https://ngff.openmicroscopy.org/0.5/
    """
    with require_extra("OME-NGFF metadata need ome-zarr-models"):
        from ome_zarr_models.v05.axes import Axis
        from ome_zarr_models.v05.image import ImageAttrs
        from ome_zarr_models.v05.multiscales import Dataset, Multiscale
    time, y, x = _AXES
    length = None if pixel_size is None else "micrometer"
    axes = (
        Axis(name=time, type="time", unit=None if frame_rate is None else "second"),
        Axis(name=y, type="space", unit=length),
        Axis(name=x, type="space", unit=length),
    )
    scale = [1.0 if frame_rate is None else 1 / frame_rate, *(pixel_size or (1.0, 1.0))]
    image = Multiscale(axes=axes, datasets=(Dataset.build(path="0", scale=scale, translation=None),), name=name)
    return {"ome": ImageAttrs(multiscales=[image], version="0.5").model_dump(mode="json", exclude_none=True)}
