"""The time per pixel by the number of chunks: what an array costs by chunk, and what of that is Zarr's own."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.comparison import OURS, Comparison, compare
from benchmarks.estimate import smooth_frames
from benchmarks.kernels import SMALL_CHUNK, pixels_of
from benchmarks.session import Session
from benchmarks.settings import PARAMETERS
from benchmarks.tables import left_titled, show_table, spread_cell
from benchmarks.work.arrays import Stored, reading_in_memory, writing_in_memory
from benchmarks.work.kernels import calling_again
from benchmarks.worker import Worker
from benchmarks.zarr_arrays import FLOOR


def measure(session: Session) -> list[Comparison]:
    movie = session.folder / "movie.npy"
    np.save(movie, np.stack(list(smooth_frames((100, *SMALL_CHUNK[1:])))))
    rounds = session.settings.rounds
    by_count = {}
    for count in session.settings.chunk_counts:
        with Worker(session.own) as worker:
            by_count[count] = [
                of_arrays(worker, f"{count} chunks, write", writing_in_memory, stored_of(movie, count), rounds),
                of_arrays(worker, f"{count} chunks, read", reading_in_memory, stored_of(movie, count), rounds),
                of_calls(worker, f"{count} chunks, encode", movie, count, rounds),
            ]
    show(by_count)
    return [comparison for comparisons in by_count.values() for comparison in comparisons]


def stored_of(movie: Path, count: int) -> Stored:
    return {
        "movie": str(movie),
        "shape": (count, *SMALL_CHUNK[1:]),
        "holds": "codec",
        "parameters": PARAMETERS,
        "zarr_format": 3,
        "chunks": SMALL_CHUNK,
        "shards": None,
        "compressor": "Zstd 1",
    }


def of_arrays(
    worker: Worker, name: str, work: Callable[[Stored], Callable[[], float]], stored: Stored, rounds: int
) -> Comparison:
    contenders = {OURS: worker.later(work, stored), FLOOR: worker.later(work, {**stored, "holds": "codes"})}
    comparison = compare(name, contenders, rounds, math.prod(stored["shape"]))
    worker.forget()
    return comparison


def of_calls(worker: Worker, name: str, movie: Path, count: int, rounds: int) -> Comparison:
    calls = worker.later(calling_again, "encode", pixels_of(movie, SMALL_CHUNK), count)
    return compare(name, {OURS: calls}, rounds, count * math.prod(SMALL_CHUNK))


def show(by_count: dict[int, list[Comparison]]) -> None:
    title = f"Zarr V3 in memory, Zstd 1, and calls of encode, chunks {SMALL_CHUNK}: ns per pixel"
    columns = [column for step in ("write", "read") for column in (step, FLOOR, f"speed to {FLOOR}")]
    shown = left_titled(title, "chunks", *columns, "encode")
    for count, (*of_arrays, of_calls) in by_count.items():
        cells = []
        for comparison in of_arrays:
            cells += [f"{comparison.nanoseconds_per_pixel(name):.1f}" for name in (OURS, FLOOR)]
            cells.append(spread_cell(comparison.to(FLOOR)))
        shown.add_row(str(count), *cells, f"{of_calls.nanoseconds_per_pixel(OURS):.2f}")
    show_table(shown)
