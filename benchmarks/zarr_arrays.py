"""Zarr arrays of a movie: through the codec, through that of 1.0.0, without a codec, and the codes alone."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from benchmarks.measuring import OURS, PARAMETERS, RELEASE, Comparison, Shape, show, spread_text
from benchmarks.releases import Packages, Session
from benchmarks.work_zarr import (
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
OTHERS = (RELEASE, RAW, FLOOR)
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
    movie = session.save_movie(shape)
    folder = session.folder / "arrays"
    speeds, sizes = [], []
    with session.packages() as packages:
        for name, stored in layouts(movie, shape):
            speeds += compare_layout(packages, name, stored, folder)
            sizes.append(stored_sizes(name, folder))
            shutil.rmtree(folder)
    show_sizes(sizes, 2 * math.prod(shape))
    return speeds + sizes


def layouts(movie: str, shape: Shape) -> Iterator[tuple[str, Stored]]:
    """Yield the names of the layouts of arrays, and what is stored."""
    _, height, width = shape
    for zarr_format, frames in FORMATS:
        shards = (frames, height, width) if frames else None
        for compressor in COMPRESSORS[zarr_format]:
            yield (
                f"Zarr V{zarr_format}{', sharded' if shards else ''}, {compressor}",
                {
                    "movie": movie,
                    "shape": shape,
                    "holds": "codec",
                    "parameters": PARAMETERS,
                    "zarr_format": zarr_format,
                    "chunks": (10, height, width),
                    "shards": shards,
                    "compressor": compressor,
                },
            )


def compare_layout(packages: Packages, name: str, stored: Stored, folder: Path) -> list[Comparison]:
    contents = {
        OURS: (packages.ours, "codec"),
        RELEASE: (packages.release, "codec"),
        RAW: (packages.ours, "raw"),
        FLOOR: (packages.ours, "codes"),
    }
    comparisons, rows = [], []
    for operation, work in OPERATIONS.items():
        contenders = {}
        for contender, (worker, holds) in contents.items():
            held: Stored = {**stored, "holds": holds}
            contenders[contender] = worker.prepare(work, str(folder / contender), held)
        comparison = packages.compare(f"{name}, {operation}", contenders, math.prod(stored["shape"]))
        comparisons.append(comparison)
        others = (spread_text(comparison.to(other)) for other in OTHERS)
        rows.append((operation, f"{2e3 * comparison.gigapixels_per_second():.0f}", *others))
    show(name, ("", "MB/s of int16", *(f"speed to {other}" for other in OTHERS)), rows)
    return comparisons


def stored_sizes(name: str, folder: Path) -> Comparison:
    """Return the bytes of all files of the arrays."""
    sizes = {
        store.name: [sum(path.stat().st_size for path in store.rglob("*") if path.is_file())]
        for store in folder.iterdir()
    }
    return Comparison(f"{name}, stored", sizes, unit="bytes")


def show_sizes(comparisons: list[Comparison], size: int) -> None:
    rows = []
    for comparison in comparisons:
        sizes = [f"{comparison.median(name) / 1e6:.1f}" for name in (OURS, *OTHERS)]
        ratio = comparison.median(RAW) / comparison.median(OURS)
        rows.append((comparison.name.removesuffix(", stored"), *sizes, f"{ratio:.2f}"))
    show(
        f"stored size, MB; the movie has {size / 1e6:.1f}",
        ("", OURS, *OTHERS, f"{RAW} to {OURS}"),
        rows,
        "write all: without the search for empty chunks, which takes long for unsigned integers, as codes are",
    )
