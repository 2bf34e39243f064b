"""Zarr arrays of a movie: through the codec, through that of 1.0.0, without a codec, and the codes alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.comparison import OURS, PEER, Comparison
from benchmarks.estimate import smooth_frames
from benchmarks.session import Packages, Session
from benchmarks.settings import PARAMETERS
from benchmarks.tables import console, left_titled, show_table, spread_cell
from benchmarks.work.arrays import (
    COMPRESSORS,
    Stored,
    reading,
    reading_at_random,
    reading_in_threads,
    writing,
    writing_all,
)

RAW, FLOOR = "int16", "codes"
"""The movie without a codec; and its uint8 codes without one, which is what no codec can do better than."""
OTHERS = (PEER, RAW, FLOOR)
FORMATS: tuple[tuple[Literal[2, 3], int | None], ...] = ((3, None), (3, 50), (2, None))
"""Formats, and the frames of a shard."""
OPERATIONS = {
    "write": writing,
    "write all": writing_all,
    "read": reading,
    "parallel read": reading_in_threads,
    "random reads": reading_at_random,
}


def measure(session: Session) -> list[Comparison]:
    shape = session.settings.movie
    movie = session.folder / "movie.npy"
    np.save(movie, np.stack(list(smooth_frames(shape))))
    speeds, sizes = [], []
    with session.packages() as packages:
        for name, stored in layouts(movie, shape):
            folder = session.folder / "arrays"
            measured = of_layout(packages, name, stored, folder)
            show(name, measured)
            speeds += measured
            sizes.append(stored_sizes(name, folder))
            shutil.rmtree(folder)
    console.print(
        "write all: without the search for empty chunks, which takes long for unsigned integers, as codes are\n"
    )
    show_sizes(sizes, movie.stat().st_size)
    return speeds + sizes


def layouts(movie: Path, shape: tuple[int, int, int]) -> Iterator[tuple[str, Stored]]:
    """Yield the names of the layouts of arrays, and what is stored."""
    _, height, width = shape
    for zarr_format, frames in FORMATS:
        shards = (frames, height, width) if frames else None
        for compressor in COMPRESSORS[zarr_format]:
            yield (
                f"Zarr V{zarr_format}{', sharded' if shards else ''}, {compressor}",
                {
                    "movie": str(movie),
                    "shape": shape,
                    "holds": "codec",
                    "parameters": PARAMETERS,
                    "zarr_format": zarr_format,
                    "chunks": (10, height, width),
                    "shards": shards,
                    "compressor": compressor,
                },
            )


def of_layout(packages: Packages, name: str, stored: Stored, folder: Path) -> list[Comparison]:
    contents = {
        OURS: (packages.ours, "codec"),
        PEER: (packages.peer, "codec"),
        RAW: (packages.ours, "raw"),
        FLOOR: (packages.ours, "codes"),
    }
    comparisons = []
    for operation, work in OPERATIONS.items():
        contenders = {}
        for contender, (worker, holds) in contents.items():
            held: Stored = {**stored, "holds": holds}
            contenders[contender] = worker.later(work, str(folder / contender), held)
        comparisons.append(packages.compare(f"{name}, {operation}", contenders, int(np.prod(stored["shape"]))))
    return comparisons


def stored_sizes(name: str, folder: Path) -> Comparison:
    """Return the bytes of all files of the arrays."""
    sizes = {
        store.name: [sum(path.stat().st_size for path in store.rglob("*") if path.is_file())]
        for store in folder.iterdir()
    }
    return Comparison(f"{name}, stored", sizes, unit="bytes")


def show(name: str, comparisons: list[Comparison]) -> None:
    shown = left_titled(name, "", "MB/s of int16", *(f"speed to {other}" for other in OTHERS))
    for comparison in comparisons:
        speed = 2e3 / comparison.nanoseconds_per_pixel(OURS)
        others = (spread_cell(comparison.to(other)) for other in OTHERS)
        shown.add_row(comparison.name.removeprefix(f"{name}, "), f"{speed:.0f}", *others)
    show_table(shown)


def show_sizes(comparisons: list[Comparison], size: int) -> None:
    shown = left_titled(f"stored size, MB; the movie has {size / 1e6:.1f}", "", OURS, *OTHERS, f"{RAW} to {OURS}")
    for comparison in comparisons:
        sizes = {contender: comparison.median(contender) for contender in comparison.values}
        cells = [f"{sizes[name] / 1e6:.1f}" if name in sizes else "fails" for name in (OURS, *OTHERS)]
        shown.add_row(comparison.name.removesuffix(", stored"), *cells, f"{sizes[RAW] / sizes[OURS]:.2f}")
    show_table(shown)
