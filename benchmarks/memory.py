"""The memory that `encode` and `decode` take above their input and output."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.comparison import OURS, PEER, Comparison
from benchmarks.kernels import CODEC
from benchmarks.session import Session
from benchmarks.tables import binary, left_titled, show_table
from benchmarks.work.memory import decoding, encoding
from benchmarks.work.resident_memory import resolution
from benchmarks.worker import Worker, WorkError

GIVEN = f"{OURS}, out given"

Work = Callable[[str, int, bool, dict[str, Any]], Callable[[], int]]


def measure(session: Session) -> list[Comparison]:
    movie = session.folder / "movie.npy"
    np.save(movie, np.random.default_rng(0).poisson(50, 1 << 20).astype("int16") * 2 + 100)
    comparisons = [of_step(session, name, work, movie) for name, work in (("encode", encoding), ("decode", decoding))]
    show(comparisons, session.settings.pixels_in_memory)
    return comparisons


def of_step(session: Session, name: str, work: Work, movie: Path) -> Comparison:
    """Return the bytes that several processes took, one after another."""
    settings = session.settings
    values, failures = {}, {}
    for contender, python in ((OURS, session.own), (GIVEN, session.own), (PEER, session.release)):
        try:
            peaks = [
                of_process(python, work, str(movie), settings.pixels_in_memory, contender == GIVEN)
                for _ in range(settings.processes)
            ]
        except WorkError as error:
            failures[contender] = str(error)
        else:
            values[contender] = peaks
    return Comparison(f"{name}, memory", values, unit="bytes", pixels=settings.pixels_in_memory, failures=failures)


def of_process(python: Path, work: Work, movie: str, pixels: int, given: bool) -> int:
    with Worker(python) as worker:
        return worker.prepare(work, movie, pixels, given, CODEC)()


def show(comparisons: list[Comparison], pixels: int) -> None:
    short = resolution() / 2**20
    title = f"peak memory above input and output, {binary(pixels)} pixels of int16, MiB; up to {short:.2f} too small"
    shown = left_titled(title, "", OURS, GIVEN, PEER)
    for comparison in comparisons:
        shown.add_row(comparison.name.partition(",")[0], *(cell(comparison, name) for name in (OURS, GIVEN, PEER)))
    show_table(shown)


def cell(comparison: Comparison, contender: str) -> str:
    if contender in comparison.failures:
        return "fails"
    return f"{max(comparison.values[contender]) / 2**20:.2f}"
