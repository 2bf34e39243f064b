"""`encode` from all dtypes to all dtypes of codes, and `decode` back, next to 1.0.0."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD

from benchmarks.agreement import failure_of_peer
from benchmarks.comparison import OURS, PEER, Comparison
from benchmarks.session import Packages, Session
from benchmarks.tables import binary, console, left_titled, show_table
from benchmarks.work.kernels import Pixels, calling

DTYPES = (
    *("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64"),
)
CODE_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
CODEC = {"zero_level": 40.0, "conversion_gain": 40.0}
"""With which int8 holds the codes of all int16 values: 1.0.0 makes those of all, and inverts them."""


def measure(session: Session) -> list[Comparison]:
    size = session.settings.pixels_of_dtypes
    movie = session.folder / "dim.npy"
    random = np.random.default_rng(0)
    adu = 40 + 40 * random.poisson(0.8, size) + 5 * random.standard_normal(size)
    np.save(movie, np.clip(np.rint(adu), 0, 127))  # all dtypes hold these
    comparisons: list[Comparison] = []
    with session.packages() as packages:
        for step in ("encode", "decode"):
            cells = {}
            for dtype in DTYPES:
                for encoded_dtype in CODE_DTYPES:
                    comparison = of_pair(packages, step, pixels_of(movie, size, dtype, encoded_dtype), session.folder)
                    cells[dtype, encoded_dtype] = cell(comparison)
                    comparisons.append(comparison)
            show(step, size, cells)
        console.print(
            f"fails: {PEER} raises an error; wrong: it returns other codes, or values off by more than 1 ADU\n"
        )
    return comparisons


def pixels_of(movie: Path, size: int, dtype: str, encoded_dtype: str) -> Pixels:
    parameters = CODEC | {"encoded_dtype": encoded_dtype}
    return {"movie": str(movie), "shape": (size,), "dtype": dtype, "parameters": parameters}


def of_pair(packages: Packages, step: str, pixels: Pixels, folder: Path) -> Comparison:
    """Compare the packages, or have this one run alone if the other fails, or returns other numbers."""
    contenders = packages.both(calling, step, pixels)
    failure = failure_of_peer(packages, step, pixels, folder)
    if failure:
        del contenders[PEER]
    dtype, encoded_dtype = pixels["dtype"], pixels["parameters"]["encoded_dtype"]
    name = f"encode, {dtype} to {encoded_dtype}" if step == "encode" else f"decode, {encoded_dtype} to {dtype}"
    comparison = packages.compare(name, contenders, pixels["shape"][0])
    return replace(comparison, failures={PEER: failure}) if failure else comparison


def cell(comparison: Comparison) -> str:
    """Return the speed in Gpx/s, and to that of 1.0.0, as text."""
    speed = 1 / comparison.nanoseconds_per_pixel(OURS)
    spread = comparison.to(PEER)
    other = comparison.failures[PEER].partition(":")[0] if spread is None else f"{spread[0]:.0f}x"
    return f"{speed:.2g} {other:>5}"


def show(step: str, size: int, cells: dict[tuple[str, str], str]) -> None:
    title = f"{step}, {binary(size)} pixels, one thread: Gpx/s, and speed to {PEER}"
    shown = left_titled(title, "decoded" if step == "decode" else "input", *CODE_DTYPES)
    shown.box, shown.padding = SIMPLE_HEAD, (0, 1, 0, 0)
    for dtype in DTYPES:
        shown.add_row(dtype, *(cells[dtype, encoded_dtype] for encoded_dtype in CODE_DTYPES))
    show_table(shown)
