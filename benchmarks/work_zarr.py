"""What runs in the processes of either release: Zarr arrays of a movie, with and without the codec, and of its codes.

As in `benchmarks.work`, a function prepares a piece of work and returns it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Literal, TypedDict

import numcodecs
import numpy as np
import numpy.typing as npt
import zarr
import zarr.core.codec_pipeline
import zarr.core.sync
from zarr.codecs import BloscCodec, ZstdCodec
from zarr.storage import MemoryStore

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, encode
from benchmarks.work import seconds, timed

COMPRESSORS: dict[Literal[2, 3], dict[str, Callable[[int], Any]]] = {
    2: {
        "no compressor": lambda itemsize: None,
        "Zstd 1": lambda itemsize: numcodecs.Zstd(level=1),
        "Blosc-LZ4": lambda itemsize: numcodecs.Blosc("lz4", shuffle=numcodecs.Blosc.BITSHUFFLE),
    },
    3: {
        "no compressor": lambda itemsize: None,
        "Zstd 1": lambda itemsize: ZstdCodec(level=1),
        "Blosc-LZ4": lambda itemsize: BloscCodec(cname="lz4", shuffle="bitshuffle", typesize=itemsize),
    },
}
"""By the bytes of an element that is compressed: Zarr V3 would tell Blosc those of the array's dtype, not of codes."""
PIPELINES = {
    "Zarr's default": "zarr.core.codec_pipeline.BatchedCodecPipeline",
    "FusedCodecPipeline": "zarr.core.codec_pipeline.FusedCodecPipeline",
}
CODECS: dict[int, Any] = {2: AnscombeTransformV2, 3: AnscombeTransformV3}

THREADS = 2


class Stored(TypedDict):
    """An array, and what it holds."""

    movie: str
    """The path of a .npy file, which is repeated, or cut, to the shape."""
    shape: Sequence[int]
    holds: str
    """"codec": the movie, through the codec; "raw": the movie; "codes": its codes."""
    parameters: dict[str, Any]
    zarr_format: Literal[2, 3]
    chunks: Sequence[int]
    shards: Sequence[int] | None
    compressor: str


@cache
def movie_of(path: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return np.resize(np.load(path), shape)


def contents(stored: Stored) -> npt.NDArray[Any]:
    movie = movie_of(stored["movie"], tuple(stored["shape"]))
    return codes_of(movie, stored) if stored["holds"] == "codes" else movie


def codes_of(movie: npt.NDArray[Any], stored: Stored) -> npt.NDArray[Any]:
    return encode(movie, encoded_dtype="uint8", **stored["parameters"])


def create(store: Any, stored: Stored, dtype: np.dtype[Any], empty_chunks: bool = False) -> zarr.Array[Any]:
    zarr_format = stored["zarr_format"]
    return zarr.create_array(
        store,
        shape=tuple(stored["shape"]),
        chunks=tuple(stored["chunks"]),
        shards=tuple(stored["shards"]) if stored["shards"] else None,
        dtype=dtype,
        filters=[CODECS[zarr_format](**stored["parameters"])] if stored["holds"] == "codec" else None,
        compressors=COMPRESSORS[zarr_format][stored["compressor"]](2 if stored["holds"] == "raw" else 1),
        zarr_format=zarr_format,
        config={"write_empty_chunks": empty_chunks},
        overwrite=True,
    )


def writing(path: str, stored: Stored, empty_chunks: bool = False) -> Callable[[], float]:
    """Prepare to write an array to a folder that is new each time; the answer is the seconds, without making it.

    Without `empty_chunks`, Zarr looks first whether all of a chunk is the fill value. That takes much longer where
    integers are unsigned, as codes are, so that only with it codes are written as fast as they can be.
    """
    values = contents(stored)

    def write() -> float:
        shutil.rmtree(path, ignore_errors=True)
        array = create(path, stored, values.dtype, empty_chunks)
        return seconds(lambda: array.__setitem__(..., values))

    return write


def writing_all(path: str, stored: Stored) -> Callable[[], float]:
    """Do what `writing` does, without looking for empty chunks."""
    return writing(path, stored, empty_chunks=True)


def reading(path: str, stored: Stored) -> Callable[[], float]:
    """Prepare to read an array at once, which is checked first; the answer is the seconds."""
    array: Any = zarr.open_array(path, mode="r")
    check(array[:], stored)
    return lambda: seconds(lambda: array[:])


def reading_in_threads(path: str, stored: Stored) -> Callable[[], float]:
    """Prepare to read an array chunk by chunk in a pool of threads; the answer is the seconds of all."""
    read, starts = chunk_reader(path, stored)
    pool = ThreadPoolExecutor(THREADS)
    return lambda: seconds(lambda: exhaust(pool.map(read, starts)))


def reading_at_random(path: str, stored: Stored) -> Callable[[], float]:
    """Prepare to read an array chunk by chunk, in an order that is the same for all; the answer is the seconds."""
    read, starts = chunk_reader(path, stored)
    order = np.random.default_rng(0).permutation(starts).tolist()
    return lambda: seconds(lambda: exhaust(map(read, order)))


def naming_pipelines() -> Callable[[], list[str]]:
    """Prepare to name the pipelines that Zarr has."""
    return lambda: [
        name for name, path in PIPELINES.items() if hasattr(zarr.core.codec_pipeline, path.rpartition(".")[2])
    ]


def working_in_pool(
    path: str, stored: Stored, operation: str, threads: int, pipeline: str, of_event_loop: bool = False
) -> Callable[[], float]:
    """Prepare to "read" or "write" an array chunk by chunk in a pool of threads; the answer is the seconds of all.

    Or those for which Zarr's event loop, a thread of its own, had the processor.
    """
    values = contents(stored)
    with zarr.config.set({"codec_pipeline.path": PIPELINES[pipeline]}):
        array = create(path, stored, values.dtype, empty_chunks=True)
    array[...] = values
    frames = stored["chunks"][0]
    starts = range(0, len(values), frames)
    pool = ThreadPoolExecutor(threads)

    def work(start: int) -> None:
        chunk = slice(start, start + frames)
        if operation == "write":
            array[chunk] = values[chunk]
        else:
            array[chunk]

    def run() -> float:
        before = event_loop_seconds()
        taken = seconds(lambda: exhaust(pool.map(work, starts)))
        return event_loop_seconds() - before if of_event_loop else taken

    return run


def event_loop_seconds() -> float:
    async def ask() -> float:
        return time.thread_time()

    return zarr.core.sync.sync(ask())


def exhaust(results: Iterable[object]) -> None:
    for _ in results:
        pass


def chunk_reader(path: str, stored: Stored) -> tuple[Callable[[int], object], range]:
    """Return a function that reads the chunk that begins at a frame, and where chunks begin."""
    array: Any = zarr.open_array(path, mode="r")
    frames = stored["chunks"][0]
    return lambda start: array[start : start + frames], range(0, stored["shape"][0], frames)


def check(read: npt.NDArray[Any], stored: Stored) -> None:
    """Raise an error if what was read is another movie, or has other codes where it went through the codec."""
    expected = contents(stored)
    if stored["holds"] == "codec":
        read, expected = codes_of(read, stored), codes_of(expected, stored)
    if not np.array_equal(read, expected):
        raise ValueError("what was read is not what was written")


def writing_in_memory(stored: Stored) -> Callable[[], float]:
    """Prepare to write an array in memory; the answer is the seconds."""
    values = contents(stored)
    array = create(MemoryStore(), stored, values.dtype)
    return timed(lambda: array.__setitem__(..., values))


def reading_in_memory(stored: Stored) -> Callable[[], float]:
    """Prepare to read an array in memory; the answer is the seconds."""
    values = contents(stored)
    array = create(MemoryStore(), stored, values.dtype)
    array[...] = values
    return timed(lambda: array[...])
