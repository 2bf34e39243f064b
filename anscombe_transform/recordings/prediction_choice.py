"""Whether the codes of a movie are stored as they are, or what is left of them by the prediction that suits them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import zarr
from zarr.storage import MemoryStore

from anscombe_transform._typing import Array
from anscombe_transform.codecs.configuration import CodecParameters
from anscombe_transform.movies.movie import Movie, frames_to_read, size_of
from anscombe_transform.recordings.provenance import predictor_of
from anscombe_transform.storage.draft import ZarrArray
from anscombe_transform.storage.layout import Layout
from anscombe_transform.transform.arrays import encode_array
from anscombe_transform.transform.prediction import PREDICTED_DTYPES, Predictor, check_dtype
from anscombe_transform.transform.prediction_fit import fit_predictor

_WORTH_IT = 0.98
"""What is left of the size, at most, for codes to be predicted: predicting costs time when they are read."""

_LONGEST = 64
"""The most frames of a chunk that are looked at: the mean of earlier frames has long been as good as it gets."""

_FRAMES = 256
"""The most frames that are looked at, in chunks that are spread over the movie."""

_CHUNKS = 32
"""The most such chunks."""

_PIXELS = 1 << 21
"""The most pixels of them in all."""

_READ = 1 << 25
"""Bytes of a movie to read at a time."""

_READ_IN_ALL = 1 << 27
"""The most bytes to read of all of them, unless a frame has more."""


def choose_predictor(
    movie: Movie,
    codec: CodecParameters,
    layout: Layout,
    begun: ZarrArray | None = None,
    predict: bool | None = None,
) -> Predictor | None:
    """Return the predictor for the codes of a movie, or None if they are stored as they are.

    Parameters
    ----------
    movie : Movie
        Of shape (time, y, x) or (time, plane, y, x), in ADU.
    codec : CodecParameters
        What encodes it.
    layout : Layout
        The chunks, within which codes are predicted, and the compressor.
    begun : Array, optional
        The array that is to be continued, which keeps its predictor.
    predict : bool, optional
        Whether to predict; by default if it pays.

    Raises
    ------
    ValueError
        If codes of this dtype cannot be predicted and should be.
    """
    if predict:
        check_dtype(codec.encoded_dtype)
    if predict is False or codec.encoded_dtype not in PREDICTED_DTYPES:
        return None
    if begun is not None and (predict is None or predictor_of(begun) is not None):
        return predictor_of(begun)
    chunks = _chunks_of_codes(movie, codec, layout.chunk_shape(tuple(movie.shape)))
    if not chunks:
        return Predictor() if predict else None
    codes, depth = np.concatenate(chunks), len(chunks[0])
    predictor = fit_predictor(codes, depth)
    if predict:
        return predictor
    sizes = [_stored_size(codes, depth, layout, one) for one in (None, predictor)]
    return predictor if sizes[1] <= _WORTH_IT * sizes[0] else None


def _chunks_of_codes(movie: Movie, codec: CodecParameters, chunk: tuple[int, ...]) -> list[Array]:
    """Return the codes of windows of some chunks, all of the same shape (time, y, x), from all over the movie.

    Chunks with NaN or infinities are left out, and what is out of range is clamped: writing will find it.
    """
    frames, *_, height, width = movie.shape
    frame_size = size_of(movie) // frames
    depth = min(chunk[0], frames, _LONGEST, max(1, _READ_IN_ALL // frame_size))
    number = max(1, min(_CHUNKS, _FRAMES // depth, _READ_IN_ALL // (depth * frame_size), frames // chunk[0]))
    area = max(1, _PIXELS // (number * depth))
    rows = min(chunk[-2], height, max(math.isqrt(area), area // min(chunk[-1], width)))
    columns = min(chunk[-1], width, max(1, area // rows))
    last = max(0, frames // chunk[0] - 1)
    found = []
    for i in range(number):
        first = round(last * i / max(1, number - 1)) * chunk[0]
        top, left = int(0.618 * i % 1 * (height - rows + 1)), int(0.382 * i % 1 * (width - columns + 1))
        values = _read(movie, slice(first, first + depth), i, (slice(top, top + rows), slice(left, left + columns)))
        if values.dtype.kind != "f" or np.isfinite(values).all():
            found.append(encode_array(values, codec.transform, codec.encoded_dtype, "clamp"))
    return found


def _read(movie: Movie, frames: slice, number: int, window: tuple[slice, slice]) -> Array:
    """Return a window of frames; of planes, of one of them, which `number` chooses."""
    step = frames_to_read(movie, _READ)
    parts = []
    for start in range(frames.start, frames.stop, step):
        part = slice(start, min(start + step, frames.stop))
        if len(movie.shape) == 3:
            block = np.asarray(movie[part])
        else:
            plane = number % movie.shape[1]
            block = np.asarray(movie[part, plane : plane + 1])[:, 0]
        parts.append(block[:, *window])
    return np.concatenate(parts)


def _stored_size(codes: Array, depth: int, layout: Layout, predictor: Predictor | None) -> int:
    """Return the bytes that codes take in a store, in chunks of so many frames."""
    store = MemoryStore()
    replace(layout, chunks=depth, shards=None).create(
        store, "", codes.shape, codes.dtype, codec=None, predictor=predictor, attributes={}
    )
    array = zarr.open_array(store, mode="r+")
    array[:] = codes
    return array.nbytes_stored()
