"""`encode` and `decode` next to those of 1.0.0, memcpy, numpy.take and numpy.sqrt: chunks, threads, and all dtypes."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._kernels.dispatch import INSTRUCTION_SETS
from benchmarks.measuring import OURS, PARAMETERS, RELEASE, Comparison, binary, console, show, spread_text
from benchmarks.releases import Packages, Session, Worker, WorkError
from benchmarks.work import Pixels, calling, calling_in_threads, calling_with, saving

CHUNK, SMALL_CHUNK = (10, 512, 512), (1, 64, 64)
CODEC: dict[str, Any] = PARAMETERS | {"encoded_dtype": "uint8"}
STEPS = ("encode", "decode")
MEMCPY, TAKE, UNCHECKED = "memcpy", "numpy.take", "without range check"
ONE, TWO = "one thread", "two threads"

DTYPES = (
    *("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64"),
)
CODE_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
CODEC_OF_DTYPES = {"zero_level": 40.0, "conversion_gain": 40.0}
"""With which int8 holds the codes of all int16 values: 1.0.0 makes those of all, and inverts them."""
ROUNDING = {"encode": 0, "decode": 1}
"""Codes, or ADU, by which results may differ: 1.0.0 does not round the middle of an interval as this package does."""


def measure(session: Session) -> list[Comparison]:
    movie = session.save_movie(CHUNK)
    settings = session.settings
    with session.packages() as packages:
        return [
            *compare_chunks(packages, movie, session.folder),
            *compare_small_chunks(packages, movie),
            *compare_instructions(packages, movie),
            *compare_sizes(packages, movie, settings.chunk_sizes),
            *compare_threads(packages, movie, settings.chunks_of_threads),
            *compare_dtypes(packages, session.folder, settings.pixels_of_dtypes),
        ]


def pixels_of(movie: str, shape: Sequence[int], dtype: str = "int16") -> Pixels:
    return {"movie": movie, "shape": shape, "dtype": dtype, "parameters": CODEC}


def compare_chunks(packages: Packages, movie: str, folder: Path) -> list[Comparison]:
    comparisons, notes = [], []
    for step in STEPS:
        pixels = pixels_of(movie, CHUNK)
        contenders = packages.both(calling, step, pixels)
        contenders[MEMCPY] = packages.ours.prepare(calling, MEMCPY, pixels)
        contenders[TAKE] = packages.ours.prepare(calling, TAKE if step == "encode" else f"{TAKE}, back", pixels)
        if step == "encode":
            clamping: Pixels = {**pixels, "parameters": CODEC | {"out_of_range": "clamp"}}
            contenders[UNCHECKED] = packages.ours.prepare(calling, step, clamping)
        comparisons.append(packages.compare(f"{step}, {CHUNK}", contenders, math.prod(CHUNK)))
        failure = failure_of_release(packages, step, pixels, folder)
        notes += [f"{step}, {RELEASE}: {failure}"] if failure else []
    others = (RELEASE, MEMCPY, TAKE)
    show(
        f"int16 to uint8 and back, {CHUNK}, one thread",
        ("", "ms", "Gpx/s", *(f"speed to {other}" for other in others)),
        [
            (
                step,
                f"{1e3 * comparison.median():.2f}",
                f"{comparison.gigapixels_per_second():.2f}",
                *(spread_text(comparison.to(other)) for other in others),
            )
            for step, comparison in zip(STEPS, comparisons, strict=True)
        ],
        "\n".join([f"encode, speed to that without range check: {spread_text(comparisons[0].to(UNCHECKED))}", *notes]),
    )
    return comparisons


def compare_shape(packages: Packages, step: str, movie: str, shape: tuple[int, ...]) -> Comparison:
    pixels = pixels_of(movie, shape)
    contenders = packages.both(calling, step, pixels)
    contenders[MEMCPY] = packages.ours.prepare(calling, MEMCPY, pixels)
    return packages.compare(f"{step}, {shape}", contenders, math.prod(shape))


def compare_small_chunks(packages: Packages, movie: str) -> list[Comparison]:
    comparisons = [compare_shape(packages, step, movie, SMALL_CHUNK) for step in STEPS]
    show(
        f"int16 to uint8 and back, {SMALL_CHUNK}, one thread",
        ("", "call, µs", f"call of {RELEASE}, µs", f"speed to {RELEASE}"),
        [
            (
                step,
                *(f"{1e6 * comparison.median(package):.1f}" for package in (OURS, RELEASE)),
                spread_text(comparison.to(RELEASE)),
            )
            for step, comparison in zip(STEPS, comparisons, strict=True)
        ],
    )
    return comparisons


def compare_instructions(packages: Packages, movie: str) -> list[Comparison]:
    """Compare the instruction sets of this processor."""
    comparisons, rows = [], []
    for step, dtype in (("encode", "int16"), ("decode", "int16"), ("encode", "float32")):
        pixels = pixels_of(movie, CHUNK, dtype)
        contenders = {name: packages.ours.prepare(calling_with, name, step, pixels) for name in INSTRUCTION_SETS}
        contenders[MEMCPY] = packages.ours.prepare(calling, MEMCPY, pixels)
        comparison = packages.compare(f"instructions, {step}, {dtype}", contenders, math.prod(CHUNK))
        comparisons.append(comparison)
        row = [f"{step}, {dtype}"]
        for name in INSTRUCTION_SETS:
            row += [f"{comparison.gigapixels_per_second(name):.2f}", f"{comparison.to(MEMCPY, name)[0]:.3g}"]
        rows.append(row)
    columns = [column for name in INSTRUCTION_SETS for column in (f"{name}, Gpx/s", f"to {MEMCPY}")]
    show(f"by the instructions that are used, {CHUNK}, one thread", ("", *columns), rows)
    return comparisons


def compare_sizes(packages: Packages, movie: str, sizes: Sequence[int]) -> list[Comparison]:
    comparisons, rows = [], []
    for size in sizes:
        row = [binary(size)]
        for step in STEPS:
            comparison = compare_shape(packages, step, movie, (size,))
            comparisons.append(comparison)
            ratios = (f"{comparison.to(other)[0]:.3g}" for other in (RELEASE, MEMCPY))
            row += [f"{comparison.nanoseconds_per_pixel():.3f}", *ratios]
        rows.append(row)
    columns = [column for step in STEPS for column in (f"{step}, ns", f"to {RELEASE}", f"to {MEMCPY}")]
    show("ns per pixel, and speed to others, by the pixels of a chunk, one thread", ("pixels", *columns), rows)
    return comparisons


def compare_threads(packages: Packages, movie: str, chunks: int) -> list[Comparison]:
    """Compare two threads to one: for each package, and for a function of NumPy."""
    tasks = [(f"{step}, {OURS}", packages.ours, step) for step in STEPS]
    tasks += [(f"{step}, {RELEASE}", packages.release, step) for step in STEPS]
    tasks.append(("numpy.sqrt", packages.ours, "numpy.sqrt"))
    comparisons, rows = [], []
    for name, worker, step in tasks:
        contenders = {
            threads: worker.prepare(calling_in_threads, step, pixels_of(movie, CHUNK), chunks, number)
            for number, threads in enumerate((ONE, TWO), start=1)
        }
        comparison = packages.compare(f"threads, {name}", contenders, chunks * math.prod(CHUNK))
        comparisons.append(comparison)
        rows.append((name, f"{comparison.gigapixels_per_second(TWO):.2f}", spread_text(comparison.to(ONE, TWO))))
    show(f"{chunks} chunks {CHUNK}", ("", "two threads, Gpx/s", "speed to one thread"), rows)
    return comparisons


def compare_dtypes(packages: Packages, folder: Path, size: int) -> list[Comparison]:
    """Compare the packages for all pairs of dtypes; where 1.0.0 fails or returns other numbers, this one runs alone."""
    movie = folder / "dim.npy"
    random = np.random.default_rng(0)
    adu = 40 + 40 * random.poisson(0.8, size) + 5 * random.standard_normal(size)
    np.save(movie, np.clip(np.rint(adu), 0, 127).astype("int16"))  # all dtypes hold these
    comparisons = []
    for step in STEPS:
        rows = []
        for dtype in DTYPES:
            row = [dtype]
            for code_dtype in CODE_DTYPES:
                parameters = CODEC_OF_DTYPES | {"encoded_dtype": code_dtype}
                pixels: Pixels = {"movie": str(movie), "shape": (size,), "dtype": dtype, "parameters": parameters}
                failure = failure_of_release(packages, step, pixels, folder)
                if failure:
                    contenders = {OURS: packages.ours.prepare(calling, step, pixels)}
                else:
                    contenders = packages.both(calling, step, pixels)
                name = f"{dtype} to {code_dtype}" if step == "encode" else f"{code_dtype} to {dtype}"
                comparison = packages.compare(f"{step}, {name}", contenders, size, failure)
                comparisons.append(comparison)
                other = failure.partition(":")[0] or f"{comparison.to(RELEASE)[0]:.0f}x"
                row.append(f"{comparison.gigapixels_per_second():.2g} {other}")
            rows.append(row)
        show(
            f"{step}, {binary(size)} pixels, one thread: Gpx/s, and speed to {RELEASE}",
            ("input" if step == "encode" else "decoded", *CODE_DTYPES),
            rows,
        )
    console.print(
        f"fails: {RELEASE} raises an error; wrong: it returns other codes, or values off by more than 1 ADU\n"
    )
    return comparisons


def failure_of_release(packages: Packages, step: str, pixels: Pixels, folder: Path) -> str:
    """Return in what way 1.0.0 does not do what this package does; nothing if it does."""
    ours = result(packages.ours, step, pixels, folder)
    try:
        theirs = result(packages.release, step, pixels, folder)
    except WorkError as error:
        return f"fails: {error}"
    if theirs.dtype != ours.dtype:
        return f"wrong: a result of {theirs.dtype}"
    difference = np.abs(theirs.ravel().astype(float) - ours.ravel().astype(float)).max()
    return f"wrong: off by {difference:.3g}" if difference > ROUNDING[step] else ""


def result(worker: Worker, step: str, pixels: Pixels, folder: Path) -> npt.NDArray[Any]:
    path = folder / "result.npy"
    worker.prepare(saving, step, pixels, str(path))()
    returned: npt.NDArray[Any] = np.load(path)
    return returned
