"""How long it takes until the package can work: its import, and the first chunk with new parameters."""

import subprocess
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.comparison import OURS, PEER, Comparison
from benchmarks.kernels import SMALL_CHUNK, pixels_of
from benchmarks.session import Session
from benchmarks.tables import console, left_titled, spread_cell
from benchmarks.timing import in_turn, spread
from benchmarks.work.kernels import calling_first

AFTER_ZARR = "import time, zarr; start = time.perf_counter(); import anscombe_transform; "
ZARR = "import time; start = time.perf_counter(); import zarr; "
IMPORT = "import anscombe_transform"


def measure(session: Session) -> list[Comparison]:
    movie = session.folder / "movie.npy"
    np.save(movie, np.full(SMALL_CHUNK, 150, "int16"))
    imports = {
        OURS: partial(import_seconds, session.own, AFTER_ZARR),
        PEER: partial(import_seconds, session.release, AFTER_ZARR),
        "zarr": partial(import_seconds, session.own, ZARR),
    }
    comparisons = [Comparison(IMPORT, in_turn(imports, session.settings.rounds))]
    with session.packages() as packages:
        for step in ("encode", "decode"):
            contenders = packages.both(calling_first, step, pixels_of(movie, SMALL_CHUNK))
            comparisons.append(packages.compare(f"{step}, new parameters", contenders))
    show(comparisons)
    return comparisons


def import_seconds(python: Path, statements: str) -> float:
    """Return the seconds from `start` to the end of the statements, in a process of its own."""
    command = [str(python), "-I", "-c", f"{statements}print(time.perf_counter() - start)"]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def show(comparisons: list[Comparison]) -> None:
    titles = (f"{OURS}, ms", f"{PEER}, ms", f"speed to {PEER}")
    shown = left_titled(f"import after Zarr; a first call, {SMALL_CHUNK}, int16 and uint8", "", *titles)
    for comparison in comparisons:
        cells = (spread_cell(spread([1e3 * value for value in comparison.values[name]])) for name in (OURS, PEER))
        shown.add_row(comparison.name, *cells, spread_cell(comparison.to(PEER)))
    console.print(shown)
    console.print(f"import of zarr before: {1e3 * comparisons[0].median('zarr'):.0f} ms\n")
