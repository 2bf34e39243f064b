"""What large arrays do not show: the time until the package can work, its memory, and what each chunk costs."""

import math
import subprocess
from functools import partial
from pathlib import Path

from benchmarks.kernels import SMALL_CHUNK, STEPS, pixels_of
from benchmarks.measuring import OURS, PARAMETERS, RELEASE, Comparison, binary, in_turn, show, spread, spread_text
from benchmarks.releases import Session, Worker
from benchmarks.work import Pixels, calling_again, calling_first, resolution, taking_memory
from benchmarks.work_zarr import Stored, reading_in_memory, writing_in_memory
from benchmarks.zarr_arrays import FLOOR

IMPORT = "import anscombe_transform"
AFTER_ZARR = f"import time, zarr; start = time.perf_counter(); {IMPORT}; "
ZARR = "import time; start = time.perf_counter(); import zarr; "
GIVEN = f"{OURS}, out given"


def measure_startup(session: Session) -> list[Comparison]:
    movie = session.save_movie(SMALL_CHUNK)
    imports = {
        OURS: partial(import_seconds, session.own, AFTER_ZARR),
        RELEASE: partial(import_seconds, session.release, AFTER_ZARR),
        "zarr": partial(import_seconds, session.own, ZARR),
    }
    comparisons = [Comparison(IMPORT, in_turn(imports, session.settings.rounds))]
    with session.packages() as packages:
        for step in STEPS:
            contenders = packages.both(calling_first, step, pixels_of(movie, SMALL_CHUNK))
            comparisons.append(packages.compare(f"{step}, new parameters", contenders))
    rows = []
    for comparison in comparisons:
        cells = (spread_text(spread([1e3 * value for value in comparison.values[name]])) for name in (OURS, RELEASE))
        rows.append((comparison.name, *cells, spread_text(comparison.to(RELEASE))))
    show(
        f"import after Zarr; a first call, {SMALL_CHUNK}, int16 and uint8",
        ("", f"{OURS}, ms", f"{RELEASE}, ms", f"speed to {RELEASE}"),
        rows,
        f"import of zarr before: {1e3 * comparisons[0].median('zarr'):.0f} ms",
    )
    return comparisons


def import_seconds(python: Path, statements: str) -> float:
    """Return the seconds from `start` to the end of the statements, in a process of its own."""
    command = [str(python), "-I", "-c", f"{statements}print(time.perf_counter() - start)"]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def measure_memory(session: Session) -> list[Comparison]:
    """Measure what `encode` and `decode` take above their input and output, in several processes one after another."""
    part = (1, 256, 256)  # small, as what it leaves in the heap could serve the work
    pixels = pixels_of(session.save_movie(part), part)
    size = session.settings.pixels_in_memory
    contenders = {OURS: (session.own, False), GIVEN: (session.own, True), RELEASE: (session.release, False)}
    comparisons, rows = [], []
    for step in STEPS:
        values = {
            name: [
                peak_memory(python, step, pixels, size // math.prod(part), given)
                for _ in range(session.settings.processes)
            ]
            for name, (python, given) in contenders.items()
        }
        comparisons.append(Comparison(f"{step}, memory", values, unit="bytes", pixels=size))
        rows.append((step, *(f"{max(peaks) / 2**20:.2f}" for peaks in values.values())))
    short = resolution() / 2**20
    show(
        f"peak memory above input and output, {binary(size)} pixels of int16, MiB; up to {short:.2f} too small",
        ("", *contenders),
        rows,
    )
    return comparisons


def peak_memory(python: Path, step: str, pixels: Pixels, repeats: int, given: bool) -> int:
    with Worker(python) as worker:
        return worker.prepare(taking_memory, step, pixels, repeats, given)()


def measure_scaling(session: Session) -> list[Comparison]:
    """Measure the time per pixel by the number of chunks, and what of that is Zarr's own."""
    movie = session.save_movie((100, *SMALL_CHUNK[1:]))
    comparisons, rows = [], []
    with session.packages() as packages:
        for count in session.settings.chunk_counts:
            stored: Stored = {
                "movie": movie,
                "shape": (count, *SMALL_CHUNK[1:]),
                "holds": "codec",
                "parameters": PARAMETERS,
                "zarr_format": 3,
                "chunks": SMALL_CHUNK,
                "shards": None,
                "compressor": "Zstd 1",
            }
            codes: Stored = {**stored, "holds": "codes"}
            size = count * math.prod(SMALL_CHUNK)
            row = [str(count)]
            for name, work in (("write", writing_in_memory), ("read", reading_in_memory)):
                contenders = {OURS: packages.ours.prepare(work, stored), FLOOR: packages.ours.prepare(work, codes)}
                arrays = packages.compare(f"{count} chunks, {name}", contenders, size)
                row += [f"{arrays.nanoseconds_per_pixel(contender):.1f}" for contender in (OURS, FLOOR)]
                row.append(spread_text(arrays.to(FLOOR)))
                comparisons.append(arrays)
            calls = packages.ours.prepare(calling_again, "encode", pixels_of(movie, SMALL_CHUNK), count)
            encode = packages.compare(f"{count} chunks, encode", {OURS: calls}, size)
            comparisons.append(encode)
            rows.append([*row, f"{encode.nanoseconds_per_pixel():.2f}"])
    columns = [column for step in ("write", "read") for column in (step, FLOOR, f"speed to {FLOOR}")]
    show(
        f"Zarr V3 in memory, Zstd 1, and calls of encode, chunks {SMALL_CHUNK}: ns per pixel",
        ("chunks", *columns, "encode"),
        rows,
    )
    return comparisons
