"""How an array lies in its store: chunks, shards, compressor, Zarr format, and the metadata that say so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numcodecs
import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec
from zarr.storage import MemoryStore

from anscombe_transform._typing import Floats
from anscombe_transform.codecs.configuration import CodecParameters
from anscombe_transform.codecs.predict_zarr2 import PhotonPredictV2
from anscombe_transform.codecs.predict_zarr3 import PhotonPredictV3
from anscombe_transform.transform.prediction import Predictor

Compressor = Literal["zstd", "blosc-zstd", "blosc-lz4", "gzip", "none"]

Sizes = int | tuple[int, ...]
"""A shape along (time[, plane], y, x) in which -1 is the whole axis, or a number of whole frames of a plane."""

_LEVELS = {"zstd": (1, range(1, 23)), "blosc-zstd": (1, range(10)), "blosc-lz4": (5, range(10)), "gzip": (5, range(10))}
"""The default level of each compressor, and its range of levels."""

_CHUNK = 1 << 22
"""The most pixels of a chunk by default."""

_AXES = {3: ("time", "y", "x"), 4: ("time", "plane", "y", "x")}
"""The axes of a movie, by their number."""


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

    def create(
        self,
        store: MemoryStore,
        path: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        codec: CodecParameters | None,
        predictor: Predictor | None = None,
        fill_value: Any = 0,
        attributes: Mapping[str, Any],
    ) -> None:
        """Create the array of a movie, without chunks, in a store in memory.

        Parameters
        ----------
        store : MemoryStore
            What `Draft.of` makes a draft of.
        path : str
            The path of the array in it, ``""`` for the root.
        shape : tuple of int
            Frames, height and width; or frames, planes, height and width.
        dtype : dtype
            Of the movie.
        codec : CodecParameters or None
            The first filter, if there is any.
        predictor : Predictor, optional
            What predicts its codes, or the movie itself if that is of codes.
        fill_value : float, default 0
            In ADU.
        attributes : mapping
            Of the array.

        Raises
        ------
        ValueError
            If Zarr refuses: because shards are no multiple of chunks, or because of the codec.
        """
        chunks = self.chunk_shape(shape)
        shards = _shape_of("shards", self.shards, shape)
        if shards is not None and any(shard % chunk for shard, chunk in zip(shards, chunks, strict=True)):
            raise ValueError(f"shards of {shards} are not a whole number of chunks of {chunks} along each axis")
        names = dimension_names(len(shape))
        format_2 = self.zarr_format == 2
        encoded_dtype = np.dtype(getattr(codec, "encoded_dtype", dtype))
        compressor = self._compressor(encoded_dtype.itemsize)
        filters: list[Any] = [] if codec is None else [codec]
        if predictor is not None:
            filters.append(
                PhotonPredictV2(chunks, encoded_dtype.name, predictor) if format_2 else PhotonPredictV3(predictor)
            )
        zarr.create_array(
            store,
            name=path,
            shape=shape,
            dtype=dtype,
            chunks=chunks,
            shards=shards,
            filters=filters or None,
            compressors=compressor if format_2 else [*([] if compressor is None else [compressor]), Crc32cCodec()],
            fill_value=fill_value,
            zarr_format=self.zarr_format,
            dimension_names=None if format_2 else names,
            attributes=dict(attributes) | ({"_ARRAY_DIMENSIONS": list(names)} if format_2 else {}),
        )

    def chunk_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the chunks of a movie of a shape."""
        return _shape_of("chunks", self.chunks, shape) or default_chunks(shape)

    def create_coordinate(self, store: MemoryStore, name: str, length: int, unit: str) -> None:
        """Create the array of the positions along an axis, without chunks, in a store in memory."""
        format_2 = self.zarr_format == 2
        zarr.create_array(
            store,
            name=name,
            shape=(length,),
            dtype=np.float64,
            chunks=(length,),
            compressors=None,
            fill_value=np.nan,
            zarr_format=self.zarr_format,
            dimension_names=None if format_2 else (name,),
            attributes={"units": unit} | ({"_ARRAY_DIMENSIONS": [name]} if format_2 else {}),
        )

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
            return numcodecs.Zstd(level, checksum=True) if format_2 else ZstdCodec(level=level)
        if name == "gzip":
            return numcodecs.GZip(level) if format_2 else GzipCodec(level=level)
        inner: Literal["zstd", "lz4"] = "zstd" if name == "blosc-zstd" else "lz4"
        if format_2:
            return numcodecs.Blosc(inner, level, numcodecs.Blosc.BITSHUFFLE)
        # Left to itself, the codec takes the size of the array's elements for that of the codes.
        return BloscCodec(cname=inner, clevel=level, shuffle="bitshuffle", typesize=itemsize)


def dimension_names(ndim: int) -> tuple[str, ...]:
    """Return the names of the axes of a movie, with or without planes."""
    return ("t", "y", "x") if ndim == 3 else ("t", "z", "y", "x")


def default_chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of chunks of whole frames of a plane, or of squares of large ones, of 4 Mi pixels at most."""
    frames, *planes, height, width = shape
    if height * width > _CHUNK:
        height, width = (min(size, math.isqrt(_CHUNK)) for size in (height, width))
    return (max(1, min(frames, _CHUNK // (height * width))), *(1 for _ in planes), height, width)


def _shape_of(name: str, sizes: Sizes | None, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    if sizes is None:
        return None
    given = (sizes, *(1 for _ in shape[1:-2]), -1, -1) if isinstance(sizes, int) else tuple(sizes)
    if len(given) != len(shape) or any(size < 1 and size != -1 for size in given):
        raise ValueError(
            f"{name} must be a number of frames, or {len(shape)} sizes along ({', '.join(_AXES[len(shape)])}), not "
            f"{sizes}"
        )
    return tuple(whole if size == -1 else size for size, whole in zip(given, shape, strict=True))


def coordinates(
    shape: tuple[int, ...],
    frame_rate: float | None,
    pixel_size: tuple[float, float] | None,
    z_step: float | None,
) -> dict[str, tuple[Floats, str]]:
    """Return the positions along those axes of a movie of which the step is known, in s or µm, and their unit."""
    lengths = dict(zip(dimension_names(len(shape)), shape, strict=True))
    steps = axis_steps(frame_rate, pixel_size, z_step)
    return {
        axis: (np.arange(lengths[axis], dtype=np.float64) * step, "s" if axis == "t" else "um")
        for axis, step in steps.items()
        if axis in lengths
    }


def axis_steps(
    frame_rate: float | None, pixel_size: tuple[float, float] | None, z_step: float | None
) -> dict[str, float]:
    """Return the step along each axis of which it is known, in s or µm."""
    height, width = pixel_size or (None, None)
    steps = {"t": None if frame_rate is None else 1 / frame_rate, "z": z_step, "y": height, "x": width}
    return {axis: step for axis, step in steps.items() if step is not None}
