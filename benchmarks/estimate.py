"""Estimation of parameters, next to that of release 1.0.0: speed, memory, and how far off it is."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from benchmarks.measuring import DETECTOR, OURS, RELEASE, Comparison, in_turn, show, spread_text
from benchmarks.releases import Session, Worker
from benchmarks.work import estimating

REPEATS = 4
"""How often a movie in Zarr repeats that in memory."""
FRAMES, TILES = "Zarr, chunks of frames", "Zarr, chunks of 64 by 64 pixels"


class Task(NamedTuple):
    """An estimate, by an interpreter."""

    python: Path
    function: str
    movie: str
    repeats: int = 1


def measure(session: Session) -> list[Comparison]:
    tasks = prepare_tasks(session)
    speed = compare_speed(session, tasks)
    answers = {name: [first_answer(task) for _ in range(session.settings.processes)] for name, task in tasks.items()}
    peaks = {name: [answer["peak_memory"] for answer in of_task] for name, of_task in answers.items()}
    show(
        f"estimates, peak memory above that before, {session.settings.processes} processes",
        ("", "MB"),
        [(name, f"{min(values) / 1e6:.0f} to {max(values) / 1e6:.0f}") for name, values in peaks.items()],
    )
    show_estimates({name: of_task[0] for name, of_task in answers.items()})
    return [speed, Comparison("estimate, memory", peaks, unit="bytes")]


def prepare_tasks(session: Session) -> dict[str, Task]:
    """Write the movie as .npy, and longer ones as Zarr arrays."""
    frames, height, width = session.settings.estimated_movie
    path = session.save_movie((frames, height, width))
    tasks = {
        OURS: Task(session.own, "estimate_parameters", path),
        RELEASE: Task(session.release, "compute_conversion_gain", path),
    }
    movie = np.load(path)
    for name, chunks in ((FRAMES, (10, height, width)), (TILES, (frames, 64, 64))):
        store = session.folder / name
        array = zarr.create_array(
            store,
            shape=(REPEATS * frames, height, width),
            chunks=chunks,
            dtype=movie.dtype,
            compressors=ZstdCodec(level=1),
        )
        for start in range(0, REPEATS * frames, frames):
            array[start : start + frames] = movie
        tasks[name] = Task(session.own, "estimate_parameters", str(store), REPEATS)
    return tasks


def compare_speed(session: Session, tasks: dict[str, Task]) -> Comparison:
    """Compare the times that estimates take, those from Zarr for as many pixels as there are in memory."""
    shape = session.settings.estimated_movie
    with Worker(session.own) as ours, Worker(session.release) as release:
        runs = {name: prepare(release if name == RELEASE else ours, task) for name, task in tasks.items()}
        times = in_turn(runs, session.settings.rounds_of_estimates)
    speed = Comparison("estimate", times, pixels=math.prod(shape))
    show(
        f"estimates from an int16 movie {shape}, in memory; in Zarr, {REPEATS} times as long",
        ("", "ns per pixel", f"speed to {RELEASE}"),
        [
            (name, f"{speed.nanoseconds_per_pixel(name):.1f}", spread_text(speed.to(RELEASE, name)))
            for name in speed.values
        ],
    )
    return speed


def prepare(worker: Worker, task: Task) -> Callable[[], float]:
    """Return a function that has the worker do the task, and returns the seconds for the pixels of one repeat."""
    estimate = worker.prepare(estimating, task.function, task.movie)
    return lambda: estimate()["seconds"] / task.repeats


def first_answer(task: Task) -> dict[str, float]:
    """Return the first answer of a new process."""
    with Worker(task.python) as worker:
        return worker.prepare(estimating, task.function, task.movie)()


def show_estimates(answers: dict[str, dict[str, float]]) -> None:
    truth = dict(zip(("conversion_gain", "zero_level"), DETECTOR.noise_line, strict=True))
    rows = [["truth", f"{truth['conversion_gain']:.3f}", "", f"{truth['zero_level']:.3f}", ""]]
    for name, answer in answers.items():
        row = [name]
        for parameter, true in truth.items():
            value, error = answer[parameter], answer.get(f"{parameter}_error")
            row += [f"{value:.3f}" + (f" ± {error:.3f}" if error else ""), f"{value - true:+.3f}"]
        rows.append(row)
    show(
        "estimates, with standard errors where they are told",
        ("", "conversion gain, ADU/photon", "off by", "zero level, ADU", "off by"),
        rows,
    )
