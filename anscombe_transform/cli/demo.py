"""The whole path on one movie: compress it into a Zarr array, read it back in a fresh process, compare."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import ZstdCodec

from anscombe_transform._typing import Array
from anscombe_transform.codecs.anscombe_v3 import AnscombeTransformV3
from anscombe_transform.quality import Errors, measure_errors

_READ = """
import sys, time
import numpy, zarr
start = time.perf_counter()
decoded = zarr.open_array(sys.argv[1], mode="r")[...]
print(time.perf_counter() - start)
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
    write_time: float
    read_time: float
    errors: Errors


def demonstrate(
    movie: Array,
    codec: AnscombeTransformV3,
    folder: Path,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Demonstration:
    """Compress a movie, read it back in a process of its own, and compare.

    Parameters
    ----------
    movie : ndarray
        Movie of shape (time, y, x), in ADU.
    codec : AnscombeTransformV3
        How to compress it.
    folder : Path
        Where to make the arrays ``anscombe.zarr`` and ``raw.zarr`` and the movie as it was read, ``decoded.npy``.
    progress : callable
        Called with the name of the stage, and the frames done and to do in it.

    Raises
    ------
    ValueError
        If the codec cannot hold the movie.
    """
    frames_per_chunk = max(1, min(len(movie), _CHUNK // max(1, movie[0].size)))

    def write(stage: str, name: str, filters: list[AnscombeTransformV3]) -> tuple[int, float]:
        array = zarr.create_array(
            folder / name,
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
            progress(stage, start + len(frames), len(movie))
        return array.nbytes_stored(), elapsed

    anscombe_size, write_time = write("Writing with the codec", "anscombe.zarr", [codec])
    compressed_size, _ = write("Writing without it", "raw.zarr", [])
    progress("Reading in a fresh process", 0, len(movie))
    decoded_file = folder / "decoded.npy"
    # -P keeps the folder in which the user stands from hiding the installed package.
    read = subprocess.run(
        [sys.executable, "-P", "-c", _READ, str(folder / "anscombe.zarr"), str(decoded_file)],
        check=True,
        capture_output=True,
        text=True,
    )
    progress("Reading in a fresh process", len(movie), len(movie))
    decoded: npt.NDArray[np.generic] = np.load(decoded_file, mmap_mode="r")
    return Demonstration(
        raw_size=movie.nbytes,
        compressed_size=compressed_size,
        anscombe_size=anscombe_size,
        write_time=write_time,
        read_time=float(read.stdout),
        errors=measure_errors(
            movie,
            decoded,
            zero_level=codec.zero_level,
            conversion_gain=codec.conversion_gain,
            beta=codec.beta,
        ),
    )
