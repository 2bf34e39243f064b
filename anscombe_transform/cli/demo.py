"""The whole path on one movie: compress it into a Zarr array, read it back in a fresh process, compare."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from anscombe_transform._typing import Array, Progress, StageProgress
from anscombe_transform.codecs.anscombe_zarr3 import AnscombeTransformV3
from anscombe_transform.codecs.predict_zarr3 import PhotonPredictV3
from anscombe_transform.quality import Errors, measure_errors
from anscombe_transform.recordings.prediction_choice import choose_predictor
from anscombe_transform.storage.layout import Layout

_READ = """
import sys, time
import numpy, zarr
start = time.perf_counter()
decoded = zarr.open_array(sys.argv[1], mode="r")[...]
sys.stdout.buffer.write(str(time.perf_counter() - start).encode())
numpy.save(sys.argv[2], decoded)
"""

_CHUNK = 1 << 20
"""Pixels per chunk."""


@dataclass(frozen=True)
class Demonstration:
    """The figures of a demonstration; sizes in bytes, times in seconds."""

    raw_size: int
    compressed_size: int
    """Of the movie as it is, with the same compressor."""
    anscombe_size: int
    predicted_size: int | None
    """With codes that are predicted; None if that does not make them smaller."""
    write_time: float
    read_time: float
    errors: Errors


def demonstrate(
    movie: Array,
    codec: AnscombeTransformV3,
    folder: Path,
    progress: StageProgress = lambda stage, done, total: None,
) -> Demonstration:
    """Compress a movie, read it back in a process of its own, and compare.

    Parameters
    ----------
    movie : ndarray
        Movie of shape (time, y, x), in ADU.
    codec : AnscombeTransformV3
        How to compress it.
    folder : Path
        Where to make the arrays ``anscombe.zarr``, ``predicted.zarr`` and ``raw.zarr``, and the movie as it was read,
        ``decoded.npy``.
    progress : callable
        Called with the name of the stage, and the frames done and to do in it.

    Returns
    -------
    Demonstration
        What was saved, and what came back.

    Raises
    ------
    ValueError
        If the codec cannot hold the movie.
    """
    anscombe_size, write_time = _write(
        movie, folder / "anscombe.zarr", [codec], partial(progress, "Writing with the codec")
    )
    predictor = choose_predictor(movie, codec, Layout(chunks=_frames_per_chunk(movie)))
    predicted_size, kept = None, folder / "anscombe.zarr"
    if predictor is not None:
        kept = folder / "predicted.zarr"
        filters = [codec, PhotonPredictV3(predictor)]
        predicted_size, write_time = _write(movie, kept, filters, partial(progress, "Writing with prediction"))
    compressed_size, _ = _write(movie, folder / "raw.zarr", [], partial(progress, "Writing without it"))
    progress("Reading in a fresh process", 0, len(movie))
    decoded, read_time = _read_in_a_fresh_process(kept, folder / "decoded.npy")
    progress("Reading in a fresh process", len(movie), len(movie))
    return Demonstration(
        raw_size=movie.nbytes,
        compressed_size=compressed_size,
        anscombe_size=anscombe_size,
        predicted_size=predicted_size,
        write_time=write_time,
        read_time=read_time,
        errors=measure_errors(
            movie,
            decoded,
            zero_level=codec.zero_level,
            conversion_gain=codec.conversion_gain,
            beta=codec.beta,
        ),
    )


def _frames_per_chunk(movie: Array) -> int:
    return int(max(1, min(len(movie), _CHUNK // max(1, movie[0].size))))


def _write(movie: Array, path: Path, filters: list[Any], progress: Progress) -> tuple[int, float]:
    """Write a movie to an array with these filters; return its bytes in the store, and the seconds that it took."""
    frames_per_chunk = _frames_per_chunk(movie)
    array = zarr.create_array(
        path,
        shape=movie.shape,
        chunks=(frames_per_chunk, *movie.shape[1:]),
        dtype=movie.dtype,
        filters=filters,
        compressors=ZstdCodec(level=1),
    )
    elapsed = 0.0
    for start in range(0, len(movie), 4 * frames_per_chunk):
        frames = movie[start : start + 4 * frames_per_chunk]
        began = time.perf_counter()
        array[start : start + len(frames)] = frames
        elapsed += time.perf_counter() - began
        progress(start + len(frames), len(movie))
    return array.nbytes_stored(), elapsed


def _read_in_a_fresh_process(path: Path, decoded: Path) -> tuple[Array, float]:
    """Return what a process reads that has only Zarr imported, by way of a file, and the seconds that it took."""
    # -P keeps the folder in which the user stands from hiding the installed package.
    read = subprocess.run([sys.executable, "-P", "-c", _READ, str(path), str(decoded)], check=True, capture_output=True)
    return np.load(decoded, mmap_mode="r"), float(read.stdout)
