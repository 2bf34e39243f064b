"""The command `compress`, next to plain Zarr that writes the same codes."""

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from zarr.codecs import ZstdCodec

from anscombe_transform import encode, open_movie
from benchmarks.measuring import OURS, Comparison, console, in_turn, show, smooth_frames, spread_text
from benchmarks.releases import Session, Worker
from benchmarks.work import seconds
from benchmarks.zarr_arrays import FLOOR

WHOLE = "whole command"


def measure(session: Session) -> list[Comparison]:
    shape = session.settings.compressed_movie
    movie, compressed, plain = (str(session.folder / name) for name in ("movie.tif", "compressed.zarr", "plain.zarr"))
    frames = smooth_frames(shape)
    tifffile.imwrite(movie, frames, shape=shape, dtype="int16", bigtiff=True, photometric="minisblack")
    chunks = (10, *shape[1:])
    runs: list[dict[str, Any]] = []
    # In workers: large arrays of the process that starts a command would count as the command's memory.
    with Worker(session.own) as commands, Worker(session.own) as arrays:
        compress = commands.prepare(compressing, movie, compressed, chunks)

        def whole_command() -> float:
            runs.append(compress())
            return float(runs[-1]["whole"])

        write = arrays.prepare(writing_codes, movie, plain, chunks, compress())
        times = in_turn({WHOLE: whole_command, FLOOR: write}, session.settings.rounds_of_compress)
    del runs[0]  # it warmed up
    writing = [run["seconds"] for run in runs]
    comparison = Comparison("compress", {OURS: writing, **times}, pixels=math.prod(shape))
    show(
        f"compress of an int16 BigTIFF {shape}, {2e-9 * math.prod(shape):.2f} GB",
        ("", "s", "MB/s of the movie", "speed to plain Zarr"),
        [
            (
                label,
                f"{comparison.median(name):.2f}",
                f"{2e3 * comparison.gigapixels_per_second(name):.0f}",
                spread_text(comparison.to(FLOOR, name)),
            )
            for name, label in (
                (OURS, "while it writes"),
                (WHOLE, "the whole command"),
                (FLOOR, "plain Zarr, codes in memory"),
            )
        ],
    )
    peak, cores = max(run["peak_memory"] for run in runs), statistics.median(run["cores"] for run in runs)
    console.print(
        f"peak memory of the command: {peak / 1e6:.0f} MB; cores busy, mean: {cores:.2f} of {os.cpu_count()}\n"
    )
    return [comparison]


def compressing(movie: str, folder: str, chunks: Sequence[int]) -> Callable[[], dict[str, Any]]:
    """Prepare the command; the answer is what it printed, with more.

    That is the seconds of the whole command, the cores that it kept busy on average, and its peak memory in bytes.
    """
    program = str(Path(sys.executable).with_name("anscombe-transform"))
    command = [program, "compress", movie, folder, "--chunks", ",".join(map(str, chunks)), "--json"]

    def run() -> dict[str, Any]:
        shutil.rmtree(folder, ignore_errors=True)
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            output = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        whole = time.perf_counter() - start
        if process.returncode != 0:
            raise RuntimeError(f"{command} ended with status {process.returncode}")
        printed: dict[str, Any] = json.loads(output)
        return printed | {
            "whole": whole,
            "cores": (usage.ru_utime + usage.ru_stime) / whole,
            "peak_memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        }

    return run


def writing_codes(path: str, folder: str, chunks: Sequence[int], printed: dict[str, Any]) -> Callable[[], float]:
    """Prepare the codes that the command made of a movie, for plain Zarr to write; the answer is the seconds."""
    movie = open_movie(path)
    parameters = {name: printed["parameters"][name] for name in ("zero_level", "conversion_gain")}
    codes = np.empty(movie.shape, printed["encoded_dtype"])
    for start in range(0, len(movie), 100):
        block = slice(start, start + 100)
        encode(movie[block], **parameters, beta=printed["beta"], encoded_dtype=codes.dtype, out=codes[block])

    def write() -> None:
        array = zarr.create_array(
            folder, shape=codes.shape, chunks=tuple(chunks), dtype=codes.dtype, compressors=ZstdCodec(level=1)
        )
        array[:] = codes

    def run() -> float:
        shutil.rmtree(folder, ignore_errors=True)
        return seconds(write)

    return run
