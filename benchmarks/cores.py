"""Zarr arrays that are read and written chunk by chunk by more and more threads, with each pipeline that Zarr has."""

import math
import os

from benchmarks.measuring import OURS, PARAMETERS, Comparison, show, spread_text
from benchmarks.releases import Packages, Session
from benchmarks.work_zarr import Stored, naming_pipelines, working_in_pool
from benchmarks.zarr_arrays import FLOOR, RAW

HOLDS = {OURS: "codec", RAW: "raw", FLOOR: "codes"}
LOOP = "event loop"
OPERATIONS = ("read", "write")
FRAMES = 10
"""In a chunk."""


def measure(session: Session) -> list[Comparison]:
    shape = session.settings.movie_of_cores
    stored: Stored = {
        "movie": session.save_movie((2 * FRAMES, *shape[1:])),
        "shape": shape,
        "holds": "codec",
        "parameters": PARAMETERS,
        "zarr_format": 3,
        "chunks": (FRAMES, *shape[1:]),
        "shards": None,
        "compressor": "Zstd 1",
    }
    processors = os.cpu_count() or 1
    numbers = sorted({1, 2, processors, *(2**power for power in range(processors.bit_length()))})
    with session.packages() as packages:
        pipelines = packages.ours.prepare(naming_pipelines)()
        return [
            comparison
            for pipeline in pipelines
            for comparison in compare_pipeline(packages, str(session.folder), stored, pipeline, numbers)
        ]


def threads_of(contender: str, threads: int) -> str:
    return f"{contender}, {threads} thread{'s' if threads > 1 else ''}"


def compare_pipeline(
    packages: Packages, folder: str, stored: Stored, pipeline: str, numbers: list[int]
) -> list[Comparison]:
    comparisons, rows = [], []
    chunks = math.ceil(stored["shape"][0] / FRAMES)
    for operation in OPERATIONS:
        contenders = {}
        for threads in numbers:
            for contender, holds in HOLDS.items():
                held: Stored = {**stored, "holds": holds}
                work = packages.ours.prepare(
                    working_in_pool, f"{folder}/{threads} {holds}", held, operation, threads, pipeline
                )
                contenders[threads_of(contender, threads)] = work
            contenders[threads_of(LOOP, threads)] = packages.ours.prepare(
                working_in_pool, f"{folder}/{threads} loop", stored, operation, threads, pipeline, of_event_loop=True
            )
        comparison = packages.compare(f"{pipeline}, {operation}", contenders, math.prod(stored["shape"]))
        comparisons.append(comparison)
        for threads in numbers:
            ours = threads_of(OURS, threads)
            rows.append(
                (
                    f"{operation}, {threads}",
                    f"{2e3 * comparison.gigapixels_per_second(ours):.0f}",
                    spread_text(comparison.to(threads_of(OURS, 1), ours)),
                    *(f"{comparison.to(threads_of(other, threads), ours)[0]:.3g}" for other in (RAW, FLOOR)),
                    f"{1e3 * comparison.median(threads_of(LOOP, threads)) / chunks:.2f}",
                )
            )
    show(
        f"Zarr V3, Zstd 1, {chunks} chunks {stored['chunks']}, each read or written by itself: {pipeline}",
        ("threads", "MB/s of int16", "to one thread", f"to {RAW}", f"to {FLOOR}", "event loop, ms per chunk"),
        rows,
    )
    return comparisons
