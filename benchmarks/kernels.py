"""The speed of encode and decode next to memcpy, numpy.take and numpy.sqrt: ``python -m benchmarks.kernels``."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from anscombe_transform import _kernels, decode, encode
from anscombe_transform.tables import as_unsigned, decoding_table, encoding_table, kernel
from anscombe_transform.transform import Transform
from benchmarks.timing import Times, in_turn, ratio, seconds

PARAMETERS: dict[str, Any] = {"zero_level": 100.0, "conversion_gain": 2.5}
ROUNDS = 31

console = Console(width=110)


def report(title: str, rows: list[tuple[str, tuple[float, float, float], str]]) -> None:
    table = Table("", "ratio", "quartiles", "at least", title=title, title_justify="left")
    for name, (middle, low, high), target in rows:
        table.add_row(name, f"{middle:.3g}", f"{low:.3g} to {high:.3g}", target)
    console.print(table)


def speeds(title: str, times: Times, pixels: int) -> None:
    table = Table("", "ms", "Gpx/s", title=title, title_justify="left")
    for name in times:
        table.add_row(name, f"{1e3 * seconds(times, name):.3f}", f"{pixels / seconds(times, name) / 1e9:.2f}")
    console.print(table)


def int16_and_uint8() -> None:
    movie = np.random.default_rng(0).poisson(50, (10, 512, 512)).astype("int16") * 2 + 100
    codes = encode(movie, **PARAMETERS)
    table = np.arange(1 << 16, dtype="uint8")
    inverse = np.arange(1 << 8, dtype="int16")
    copied = np.empty_like(movie)
    times = in_turn(
        {
            "encode": lambda: encode(movie, **PARAMETERS),
            "encode without range check": lambda: encode(movie, out_of_range="clamp", **PARAMETERS),
            "numpy.take, encoding": lambda: np.take(table, movie),
            "decode": lambda: decode(codes, decoded_dtype="int16", **PARAMETERS),
            "numpy.take, decoding": lambda: np.take(inverse, codes),
            "memcpy": lambda: np.copyto(copied, movie),
        },
        ROUNDS,
    )
    speeds("int16 to uint8 and back, (10, 512, 512), one thread", times, movie.size)
    report(
        "ratios",
        [
            ("encode, speed to numpy.take", ratio(times, "numpy.take, encoding", "encode"), "2"),
            ("encode, speed to memcpy", ratio(times, "memcpy", "encode"), "0.07"),
            ("decode, speed to numpy.take", ratio(times, "numpy.take, decoding", "decode"), "2"),
            ("decode, speed to memcpy", ratio(times, "memcpy", "decode"), "0.07"),
            ("encode, speed to that without range check", ratio(times, "encode without range check", "encode"), "0.67"),
        ],
    )


def run_all(function: Callable[[Any], object], arrays: list[Any], pool: ThreadPoolExecutor) -> None:
    list(pool.map(function, arrays))


def two_threads() -> None:
    movie = np.random.default_rng(0).poisson(50, (10, 512, 512)).astype("int16") * 2 + 100
    chunks = [movie.copy() for _ in range(8)] * 8
    coded = [encode(chunk, **PARAMETERS) for chunk in chunks]
    work: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
        "encode": (lambda chunk: encode(chunk, **PARAMETERS), chunks),
        "decode": (lambda codes: decode(codes, decoded_dtype="int16", **PARAMETERS), coded),
        "numpy.sqrt, to compare": (np.sqrt, chunks),
    }
    rows = []
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(2) as two:
        for name, (function, arrays) in work.items():
            run = partial(run_all, function, arrays)
            times = in_turn({"one": partial(run, one), "two": partial(run, two)}, ROUNDS)
            rows.append((name, ratio(times, "one", "two"), "" if "sqrt" in name else "1.8"))
    report("64 such chunks, speed of two threads to one", rows)


def small_chunks() -> None:
    movie = np.full((1, 64, 64), 150, "int16")
    codes = encode(movie, **PARAMETERS)
    transform = Transform(**PARAMETERS)
    table = encoding_table(transform, "int16", "uint8")
    inverse = decoding_table(transform, "uint8", np.dtype("int16"))
    look_up = kernel(_kernels.lookup, "uint16", "uint8")
    look_back = kernel(_kernels.lookup, "uint8", "uint16")
    flat, flat_codes = as_unsigned(movie.ravel()), codes.ravel()
    times = in_turn(
        {
            "encode": lambda: encode(movie, **PARAMETERS),
            "its kernel": lambda: look_up(flat, table.codes, flat_codes, table.first, table.held - 1),
            "decode": lambda: decode(codes, decoded_dtype="int16", **PARAMETERS),
            "its kernel, decoding": lambda: look_back(flat_codes, inverse, flat, 0, 255),
        },
        ROUNDS,
        calls=200,
    )
    microseconds = {name: 1e6 * seconds(times, name) for name in times}
    shown = Table(
        "", "call, µs", "its kernel, µs", "more, µs", "at most", title="(1, 64, 64) chunk", title_justify="left"
    )
    for name, inner in (("encode", "its kernel"), ("decode", "its kernel, decoding")):
        call, own = microseconds[name], microseconds[inner]
        shown.add_row(name, f"{call:.1f}", f"{own:.1f}", f"{call - own:.1f}", "10")
    console.print(shown)


def computed() -> None:
    values = np.random.default_rng(0).poisson(50, (10, 512, 512)) * 2 + 100
    rows = []

    def compare(name: str, work: Callable[[], object], array: Any) -> None:
        times = in_turn({"work": work, "sqrt": lambda: np.sqrt(array)}, 11)
        speed = array.size / seconds(times, "work") / 1e9
        rows.append((f"{name}: {speed:.2f} Gpx/s", ratio(times, "sqrt", "work"), ""))

    for dtype in ("int32", "uint32", "float32", "int64", "float64", "float16"):
        x = values.astype(dtype)
        compare(f"{dtype} to uint8", partial(encode, x, **PARAMETERS), x)
    for encoded_dtype in ("int32", "float32"):
        codes = encode(values, encoded_dtype=encoded_dtype, **PARAMETERS)
        for dtype in ("int16", "float32"):
            work = partial(decode, codes, decoded_dtype=dtype, **PARAMETERS)
            compare(f"{encoded_dtype} back to {dtype}", work, codes)
    report("computed without a table, (10, 512, 512), one thread: speed to numpy.sqrt of the same array", rows)


if __name__ == "__main__":
    int16_and_uint8()
    two_threads()
    small_chunks()
    computed()
