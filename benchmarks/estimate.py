"""Estimation of parameters next to that of the release 1.0.0: ``python -m benchmarks.estimate``."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import ZstdCodec

from anscombe_transform.simulate import Detector
from benchmarks.command import existing_folder, run
from benchmarks.peer import RELEASE, release_interpreter
from benchmarks.tables import console, left_titled
from benchmarks.timing import Times, in_turn, ratio, seconds
from benchmarks.work.estimate import estimating
from benchmarks.worker import Worker

SHAPE = (300, 512, 512)
REPEATS = 4
"""How often a movie on disk repeats that in memory."""
CHUNKS = ((10, 512, 512), (300, 64, 64))
DETECTOR = Detector(zero_level=100, conversion_gain=40, read_noise=10)
ROUNDS = 3
PROCESSES = 3

IN_MEMORY, PEER = "in memory", f"in memory, release {RELEASE}"

Task = tuple[Path, str, Path]
"""An interpreter, the name of an estimator, and a movie."""


def smooth_frames(shape: tuple[int, int, int]) -> Iterator[npt.NDArray[np.int16]]:
    """Yield the frames of a movie of 1 to 9 photons per pixel and frame, in ADU."""
    random = np.random.default_rng(0)
    frames, height, width = shape
    y, x = np.mgrid[:height, :width]
    photons = 5 + 4 * np.sin(x / 40) * np.cos(y / 55)
    for _ in range(frames):
        noise = DETECTOR.read_noise * random.standard_normal(photons.shape, np.float32)
        signal = DETECTOR.zero_level + DETECTOR.conversion_gain * random.poisson(photons) + noise
        yield np.rint(signal).astype(np.int16)


def write_movies(folder: Path) -> tuple[Path, dict[str, Path]]:
    """Write the movie as .npy, and longer ones as Zarr arrays; return the path of the first, and of the others."""
    movie = np.stack(list(smooth_frames(SHAPE)))
    np.save(folder / "movie.npy", movie)
    stores = {}
    for chunks in CHUNKS:
        path = folder / "_".join(map(str, chunks))
        shape = (REPEATS * len(movie), *movie.shape[1:])
        array = zarr.create_array(path, shape=shape, chunks=chunks, dtype="int16", compressors=ZstdCodec(level=1))
        for start in range(0, shape[0], len(movie)):
            array[start : start + len(movie)] = movie
        stores[f"Zarr, chunks {chunks}"] = path
    return folder / "movie.npy", stores


def measure_times(tasks: dict[str, Task]) -> Times:
    """Have the first task done before each of the others; return as many times of each."""
    with ExitStack() as running:
        first, *others = (seconds_of(task, running) for task in tasks.values())
        turns: dict[str, Callable[[], float]] = {}
        for name, other in zip(list(tasks)[1:], others, strict=True):
            turns |= {f"before {name}": first, name: other}
        times = in_turn(turns, ROUNDS)
    before = chain.from_iterable(times.pop(name) for name in list(times) if name.startswith("before "))
    return {IN_MEMORY: list(before)} | {name: values * len(others) for name, values in times.items()}


def seconds_of(task: Task, running: ExitStack) -> Callable[[], float]:
    """Return a function that has a worker do the task, and returns the seconds that it took."""
    python, function, movie = task
    estimate = running.enter_context(Worker(python)).prepare(estimating, function, str(movie))
    return lambda: estimate()["seconds"]


def first_answers(task: Task) -> list[dict[str, float]]:
    """Return the first answers of several workers."""
    python, function, movie = task
    answers = []
    for _ in range(PROCESSES):
        with Worker(python) as worker:
            answers.append(worker.prepare(estimating, function, str(movie))())
    return answers


def show_speed(times: Times) -> None:
    pixels = dict.fromkeys(times, np.prod(SHAPE) * REPEATS) | dict.fromkeys((IN_MEMORY, PEER), np.prod(SHAPE))
    shown = left_titled(f"int16 movie {SHAPE}; in Zarr, {REPEATS} times as long", "", "s", "ns per pixel")
    for name in times:
        shown.add_row(name, f"{seconds(times, name):.2f}", f"{1e9 * seconds(times, name) / pixels[name]:.1f}")
    console.print(shown)
    shown = left_titled("ratios", "", "ratio", "quartiles", "at least")
    middle, low, high = ratio(times, PEER, IN_MEMORY)
    shown.add_row(f"speed to release {RELEASE}", f"{middle:.3g}", f"{low:.3g} to {high:.3g}", "8")
    for name in list(times)[2:]:
        middle, low, high = (value / REPEATS for value in ratio(times, name, IN_MEMORY))
        shown.add_row(f"time per pixel, {name}, to that in memory", f"{middle:.3g}", f"{low:.3g} to {high:.3g}", "")
    console.print(shown)


def show_memory(answers: dict[str, list[dict[str, float]]]) -> None:
    shown = left_titled(f"peak memory above that before, {PROCESSES} processes", "", "MB", "at most")
    for name, of_task in answers.items():
        least, *_, most = sorted(answer["peak_memory"] / 1e6 for answer in of_task)
        shown.add_row(name, f"{least:.0f} to {most:.0f}", "" if name == PEER else "200")
    console.print(shown)


def show_estimates(answers: dict[str, list[dict[str, float]]]) -> None:
    truth = dict(zip(("conversion_gain", "zero_level"), DETECTOR.noise_line, strict=True))
    names = ("", "conversion gain, ADU/photon", "off by", "zero level, ADU", "off by")
    shown = left_titled("estimates, with standard errors where they are told", *names)
    shown.add_row("truth", f"{truth['conversion_gain']:.3f}", "", f"{truth['zero_level']:.3f}", "")
    for name, (answer, *_) in answers.items():
        cells = []
        for parameter, true in truth.items():
            value, error = answer[parameter], answer.get(f"{parameter}_error")
            cells += [f"{value:.3f}" + (f" ± {error:.3f}" if error else ""), f"{value - true:+.3f}"]
        shown.add_row(name, *cells)
    console.print(shown)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimate", description=__doc__)
    parser.add_argument("--environment", type=Path, help=f"folder to keep an environment with {RELEASE} in")
    parser.add_argument("--folder", type=existing_folder, help="an existing folder on the disk to write to")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder, own = Path(temporary), Path(sys.executable)
        python = release_interpreter(arguments.environment or folder / "environment")
        movie, stores = write_movies(folder)
        tasks = {IN_MEMORY: (own, "estimate_parameters", movie), PEER: (python, "compute_conversion_gain", movie)}
        tasks |= {name: (own, "estimate_parameters", path) for name, path in stores.items()}
        show_speed(measure_times(tasks))
        answers = {name: first_answers(task) for name, task in tasks.items()}
    show_memory(answers)
    show_estimates(answers)


if __name__ == "__main__":
    run(main)
