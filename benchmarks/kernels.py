"""`encode` and `decode` from int16 to uint8 and back, next to those of 1.0.0, memcpy, numpy.take and numpy.sqrt."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anscombe_transform._kernels.dispatch import INSTRUCTION_SETS
from benchmarks.agreement import failure_of_peer
from benchmarks.comparison import OURS, PEER, Comparison
from benchmarks.estimate import smooth_frames
from benchmarks.session import Packages, Session
from benchmarks.settings import PARAMETERS
from benchmarks.tables import binary, console, left_titled, median_cell, show_table, spread_cell
from benchmarks.work.kernels import Pixels, calling, calling_in_threads, calling_with

CHUNK, SMALL_CHUNK = (10, 512, 512), (1, 64, 64)
CODEC: dict[str, Any] = PARAMETERS | {"encoded_dtype": "uint8"}
MEMCPY, TAKE, UNCHECKED = "memcpy", "numpy.take", "without range check"
ONE, TWO = "one thread", "two threads"
STEPS = ("encode", "decode")


def measure(session: Session) -> list[Comparison]:
    movie = session.folder / "chunk.npy"
    np.save(movie, np.stack(list(smooth_frames(CHUNK))))
    settings = session.settings
    with session.packages() as packages:
        chunk = [of_a_chunk(packages, step, pixels_of(movie, CHUNK)) for step in STEPS]
        show_chunk(chunk)
        for step in STEPS:
            failure = failure_of_peer(packages, step, pixels_of(movie, CHUNK), session.folder)
            if failure:
                console.print(f"{step}, {PEER}: {failure}")
        console.print()
        small = [of_shape(packages, step, movie, SMALL_CHUNK) for step in STEPS]
        show_small_chunk(small)
        instructions = [
            of_instructions(packages, step, {**pixels_of(movie, CHUNK), "dtype": dtype})
            for step, dtype in (("encode", "int16"), ("decode", "int16"), ("encode", "float32"))
        ]
        show_instructions(instructions)
        sizes = {size: [of_shape(packages, step, movie, (size,)) for step in STEPS] for size in settings.sizes}
        show_sizes(sizes)
        threads = of_threads(packages, pixels_of(movie, CHUNK), settings.chunks_of_threads)
        show_threads(threads, settings.chunks_of_threads)
    return [*chunk, *small, *instructions, *(comparison for pair in sizes.values() for comparison in pair), *threads]


def pixels_of(movie: Path, shape: Sequence[int]) -> Pixels:
    return {"movie": str(movie), "shape": shape, "dtype": "int16", "parameters": CODEC}


def of_a_chunk(packages: Packages, step: str, pixels: Pixels) -> Comparison:
    contenders = packages.both(calling, step, pixels)
    contenders[MEMCPY] = packages.ours.later(calling, MEMCPY, pixels)
    contenders[TAKE] = packages.ours.later(calling, TAKE if step == "encode" else f"{TAKE}, back", pixels)
    if step == "encode":
        clamping: Pixels = {**pixels, "parameters": CODEC | {"out_of_range": "clamp"}}
        contenders[UNCHECKED] = packages.ours.later(calling, step, clamping)
    return packages.compare(f"{step}, {CHUNK}", contenders, math.prod(CHUNK))


def of_shape(packages: Packages, step: str, movie: Path, shape: tuple[int, ...]) -> Comparison:
    pixels = pixels_of(movie, shape)
    contenders = packages.both(calling, step, pixels)
    contenders[MEMCPY] = packages.ours.later(calling, MEMCPY, pixels)
    return packages.compare(f"{step}, {shape}", contenders, math.prod(shape))


def of_instructions(packages: Packages, step: str, pixels: Pixels) -> Comparison:
    """Compare the instruction sets of this processor."""
    contenders = {name: packages.ours.later(calling_with, name, step, pixels) for name in INSTRUCTION_SETS}
    contenders[MEMCPY] = packages.ours.later(calling, MEMCPY, pixels)
    return packages.compare(f"instructions, {step}, {pixels['dtype']}", contenders, math.prod(pixels["shape"]))


def of_threads(packages: Packages, pixels: Pixels, chunks: int) -> list[Comparison]:
    """Compare two threads to one: for each package, and for a function of NumPy."""
    tasks = [(f"{step}, {OURS}", packages.ours, step) for step in STEPS]
    tasks += [(f"{step}, {PEER}", packages.peer, step) for step in STEPS]
    tasks.append(("numpy.sqrt", packages.ours, "numpy.sqrt"))
    comparisons = []
    for name, worker, step in tasks:
        contenders = {
            ONE: worker.later(calling_in_threads, step, pixels, chunks, 1),
            TWO: worker.later(calling_in_threads, step, pixels, chunks, 2),
        }
        comparisons.append(packages.compare(f"threads, {name}", contenders, chunks * math.prod(pixels["shape"])))
    return comparisons


def show_chunk(comparisons: list[Comparison]) -> None:
    title = f"int16 to uint8 and back, {CHUNK}, one thread"
    shown = left_titled(title, "", "ms", "Gpx/s", *(f"speed to {other}" for other in (PEER, MEMCPY, TAKE)))
    for comparison in comparisons:
        shown.add_row(
            comparison.name.partition(",")[0],
            f"{1e3 * comparison.median(OURS):.2f}",
            f"{1 / comparison.nanoseconds_per_pixel(OURS):.2f}",
            *(spread_cell(comparison.to(other)) for other in (PEER, MEMCPY, TAKE)),
        )
    console.print(shown)
    console.print(f"encode, speed to that without range check: {spread_cell(comparisons[0].to(UNCHECKED))}")


def show_small_chunk(comparisons: list[Comparison]) -> None:
    shown = left_titled(
        f"int16 to uint8 and back, {SMALL_CHUNK}, one thread", "", "call, µs", f"call of {PEER}, µs", f"speed to {PEER}"
    )
    for comparison in comparisons:
        calls = (f"{1e6 * comparison.median(package):.1f}" for package in (OURS, PEER))
        shown.add_row(comparison.name.partition(",")[0], *calls, spread_cell(comparison.to(PEER)))
    show_table(shown)


def show_instructions(comparisons: list[Comparison]) -> None:
    columns = [column for name in INSTRUCTION_SETS for column in (f"{name}, Gpx/s", f"to {MEMCPY}")]
    shown = left_titled(f"by the instructions that are used, {CHUNK}, one thread", "", *columns)
    for comparison in comparisons:
        cells = []
        for name in INSTRUCTION_SETS:
            cells.append(f"{1 / comparison.nanoseconds_per_pixel(name):.2f}")
            cells.append(median_cell(comparison.to(MEMCPY, name)))
        shown.add_row(comparison.name.removeprefix("instructions, "), *cells)
    show_table(shown)


def show_sizes(sizes: dict[int, list[Comparison]]) -> None:
    columns = [column for step in STEPS for column in (f"{step}, ns", f"to {PEER}", f"to {MEMCPY}")]
    shown = left_titled("ns per pixel, and speed to others, by the pixels of a chunk, one thread", "pixels", *columns)
    for size, comparisons in sizes.items():
        cells = []
        for comparison in comparisons:
            cells.append(f"{comparison.nanoseconds_per_pixel(OURS):.3f}")
            cells += [median_cell(comparison.to(other)) for other in (PEER, MEMCPY)]
        shown.add_row(binary(size), *cells)
    show_table(shown)


def show_threads(comparisons: list[Comparison], chunks: int) -> None:
    shown = left_titled(f"{chunks} chunks {CHUNK}", "", "two threads, Gpx/s", "speed to one thread")
    for comparison in comparisons:
        speed = 1 / comparison.nanoseconds_per_pixel(TWO)
        shown.add_row(comparison.name.removeprefix("threads, "), f"{speed:.2f}", spread_cell(comparison.to(ONE, TWO)))
    show_table(shown)
