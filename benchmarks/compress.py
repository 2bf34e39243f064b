"""The command `compress` next to plain Zarr that writes the same codes: ``python -m benchmarks.compress``."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from zarr.codecs import ZstdCodec

from anscombe_transform import encode, open_movie
from benchmarks.command import existing_folder, run
from benchmarks.estimate import smooth_frames
from benchmarks.tables import console, left_titled, spread_cell
from benchmarks.timing import Times, ratio, seconds

SHAPE = (3000, 512, 512)
CHUNKS = (10, 512, 512)
ROUNDS = 5

WRITING, WHOLE, PLAIN = "compress, while it writes", "compress, the whole command", "plain Zarr, codes in memory"


@dataclass(frozen=True)
class Run:
    """What one run of the command took."""

    seconds: float
    cores: float
    """Processor time to time."""
    peak_memory: int
    """Bytes."""
    answer: dict[str, Any]
    """What it printed."""


def run_command(*arguments: str | Path) -> Run:
    command = [Path(sys.executable).with_name("anscombe-transform"), *arguments, "--json"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command} ended with status {process.returncode}")
    elapsed = time.perf_counter() - start
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(elapsed, (usage.ru_utime + usage.ru_stime) / elapsed, peak, json.loads(output))


def write_codes(path: Path, answer: dict[str, Any], folder: Path) -> float:
    """Return the seconds in which plain Zarr writes the codes of a movie, which are in memory."""
    movie = open_movie(path)
    parameters = {name: answer["parameters"][name] for name in ("zero_level", "conversion_gain")}
    codes = np.empty(movie.shape, answer["encoded_dtype"])
    for start in range(0, len(movie), 100):
        block = slice(start, start + 100)
        encode(movie[block], **parameters, beta=answer["beta"], encoded_dtype=codes.dtype, out=codes[block])
    start_time = time.perf_counter()
    array = zarr.create_array(
        folder, shape=codes.shape, chunks=CHUNKS, dtype=codes.dtype, compressors=ZstdCodec(level=1)
    )
    array[:] = codes
    return time.perf_counter() - start_time


def other_process() -> ProcessPoolExecutor:
    """Return a process for large arrays: the memory of this one would count as that of the commands it starts."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compress", description=__doc__)
    parser.add_argument("--frames", type=int, default=SHAPE[0], help="frames of the movie; %(default)s make 1.6 GB")
    parser.add_argument("--folder", type=existing_folder, help="an existing folder on the disk to write to")
    arguments = parser.parse_args()
    if arguments.frames < 100:
        parser.error(f"--frames is {arguments.frames}, but a movie takes at least 100")
    shape = (arguments.frames, *SHAPE[1:])
    times: Times = {WRITING: [], WHOLE: [], PLAIN: []}
    runs = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary, other_process() as other:
        movie, compressed, plain = (Path(temporary) / name for name in ("movie.tif", "compressed.zarr", "plain.zarr"))
        tifffile.imwrite(
            movie, smooth_frames(shape), shape=shape, dtype="int16", bigtiff=True, photometric="minisblack"
        )
        for number in range(ROUNDS + 1):
            compression = run_command("compress", movie, compressed, "--chunks", ",".join(map(str, CHUNKS)))
            plain_time = other.submit(write_codes, movie, compression.answer, plain).result()
            shutil.rmtree(compressed)
            shutil.rmtree(plain)
            if number > 0:  # the first round warms up
                runs.append(compression)
                for name, value in (
                    (WRITING, compression.answer["seconds"]),
                    (WHOLE, compression.seconds),
                    (PLAIN, plain_time),
                ):
                    times[name].append(value)
    show(times, runs, shape)


def show(times: Times, runs: list[Run], shape: tuple[int, ...]) -> None:
    size = np.prod(shape) * 2
    shown = left_titled(f"int16 BigTIFF {shape}, {size / 1e9:.2f} GB", "", "s", "MB/s of the movie")
    for name in times:
        shown.add_row(name, f"{seconds(times, name):.2f}", f"{size / seconds(times, name) / 1e6:.0f}")
    console.print(shown)
    shown = left_titled("", "throughput to that of plain Zarr", "ratio", "at least")
    for name, least in ((WRITING, "0.7"), (WHOLE, "")):
        shown.add_row(name, spread_cell(ratio(times, PLAIN, name)), least)
    console.print(shown)
    peak, cores = max(run.peak_memory for run in runs), np.median([run.cores for run in runs])
    console.print(f"peak memory of the command: {peak / 1e6:.0f} MB; cores busy, mean: {cores:.2f} of {os.cpu_count()}")


if __name__ == "__main__":
    run(main)
