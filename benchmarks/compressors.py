"""Compressors for codes, as they are and predicted: how small they make a movie, and how fast that is.

The movie is in Zarr V3 arrays in memory, through `AnscombeTransformV3` and, for predicted codes, `PhotonPredictV3`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import cache, partial
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import zarr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from zarr.codecs import BloscCodec, ZstdCodec
from zarr.storage import MemoryStore

from anscombe_transform import (
    AnscombeTransformV3,
    PhotonPredictV3,
    Predictor,
    encode,
    estimate_parameters,
    fit_predictor,
    open_movie,
)
from anscombe_transform.simulate import simulate_movie
from anscombe_transform.storage.zstd import ZstdCodec as FastZstdCodec
from benchmarks.measuring import Comparison, console, show
from benchmarks.releases import Session, Worker
from benchmarks.work import seconds
from benchmarks.work_zarr import exhaust

Movie = npt.NDArray[Any]
Points = dict[str, tuple[float, float]]
"""By what is held, speed and ratio."""

images: Any = None
with suppress(ImportError):
    images = import_module("imagecodecs.zarr")

FRAMES = 50
"""In a chunk."""
PIXELS = 6_000_000
"""About as many are in a chunk of a recording, of which several stretches of time are put side by side."""
BETA = 0.5
NOISE = 0.5 * math.log2(2 * math.pi * math.e * (1 / BETA**2 + 1 / 12))
"""Bits of a code that no compressor takes away: the entropy of Gaussian noise, of 1 / BETA codes, and of rounding.

Where there is less than about a photon per pixel, the noise is neither Gaussian nor that large, and takes less.
"""
RAW, CODES, PREDICTED = "int16", "codes", "predicted"
RECORDING, SIMULATED = "recording", "simulated movie"
SIZE = "stored"
OPERATIONS = {
    f"{operation}, {threads} thread{'s' if threads > 1 else ''}": (operation, threads)
    for operation, threads in product(("write", "read"), (1, 2))
}


class Compressor(NamedTuple):
    """What Zarr needs to know of it."""

    family: str
    variant: str
    make: Callable[[int], dict[str, Any]]
    """Return the keywords of `zarr.create_array`, for elements of so many bytes."""
    holds: Sequence[str] = (CODES, PREDICTED)
    frames: int = FRAMES
    """Of a chunk."""


def _zstd(level: int) -> Callable[[int], dict[str, Any]]:
    return lambda itemsize: {"compressors": ZstdCodec(level=level)}


def _blosc(name: Any, shuffle: Any) -> Callable[[int], dict[str, Any]]:
    return lambda itemsize: {"compressors": BloscCodec(cname=name, shuffle=shuffle, typesize=itemsize)}


def _image(name: str, **options: Any) -> Callable[[int], dict[str, Any]]:
    return lambda itemsize: {"serializer": getattr(images, name)(**options), "compressors": None}


OF_ZARR = [
    Compressor("Zstd", "1 of compress", lambda itemsize: {"compressors": FastZstdCodec(level=1)}),
    *(Compressor("Zstd", str(level), _zstd(level)) for level in (1, 3, 9)),
    *(
        Compressor(f"Blosc-{name}", shuffle, _blosc(name, shuffle))
        for name, shuffle in product(("zstd", "lz4", "zlib"), ("noshuffle", "shuffle", "bitshuffle"))
    ),
]
OF_IMAGECODECS = [
    Compressor("pcodec", "", _image("Pcodec")),
    Compressor("LERC", "", _image("Lerc")),
    # These predict by themselves.
    Compressor("JPEG XL", "effort 1", _image("Jpegxl", effort=1, lossless=True, numthreads=1), (CODES,)),
    Compressor("JPEG-LS", "frame by frame", _image("Jpegls"), (CODES,), frames=1),
]
COMPRESSORS = {
    " ".join(filter(None, (compressor.family, compressor.variant))): compressor
    for compressor in (*OF_ZARR, *(OF_IMAGECODECS if images else ()))
}

WITHOUT_CODEC = ("Zstd 1", "Blosc-zstd bitshuffle", "Blosc-lz4 bitshuffle")
"""They compress int16, too."""


def measure(session: Session) -> list[Comparison]:
    if images is None:
        names = ", ".join(compressor.family for compressor in OF_IMAGECODECS)
        console.print(f"Without {names}: imagecodecs has no codecs of Zarr V3 here.\n")
    movies = {SIMULATED: simulate_movie(session.settings.movie_of_compressors)}
    if session.recording:
        movies = {RECORDING: side_by_side(open_movie(session.recording)[:]), **movies}
    return [comparison for name, movie in movies.items() for comparison in compare(session, name, movie)]


def side_by_side(movie: Movie) -> Movie:
    """Return two chunks of a movie; in a chunk, stretches of time that follow each other are side by side.

    So chunks are as large as those of other recordings are, and nothing in them repeats.

    Raises
    ------
    RuntimeError
        If the movie is shorter than a chunk, or has more axes.
    """
    if movie.ndim != 3 or len(movie) < FRAMES:
        raise RuntimeError(
            f"the recording must be (time, y, x) of at least {FRAMES} frames, not of shape {movie.shape}"
        )
    stretches = max(1, min(len(movie) // FRAMES, round(PIXELS / movie[:FRAMES].size)))
    chunk = np.concatenate([movie[FRAMES * number :][:FRAMES] for number in range(stretches)], axis=2)
    return np.concatenate([chunk, chunk])


def compare(session: Session, name: str, movie: Movie) -> list[Comparison]:
    path = session.folder / f"{name}.npy"
    np.save(path, movie)
    estimate = estimate_parameters(movie)
    parameters = {"zero_level": estimate.zero_level, "conversion_gain": estimate.conversion_gain, "beta": BETA}
    # The few values that uint8 codes of an estimated zero level cannot hold are clamped: every compressor takes uint8.
    codec: dict[str, Any] = {**parameters, "encoded_dtype": "uint8", "out_of_range": "clamp"}
    predictor = asdict(fit_predictor(encode(movie, **codec), frames=FRAMES))
    with Worker(session.own) as worker:
        contenders = {
            f"{compressor}: {holds}": worker.prepare(working, str(path), codec, predictor, compressor, holds)
            for compressor, choice in COMPRESSORS.items()
            for holds in (*((RAW,) if compressor in WITHOUT_CODEC else ()), *choice.holds)
        }
        runs: dict[str, list[dict[str, float]]] = {contender: [] for contender in contenders}
        for _ in range(session.settings.rounds_of_compressors):
            for contender, run in contenders.items():
                runs[contender].append(run())
    comparisons = {
        operation: Comparison(
            f"{name}, {operation}",
            {contender: [run[operation] for run in of_contender] for contender, of_contender in runs.items()},
            unit="bytes" if operation == SIZE else "s",
            pixels=movie.size,
        )
        for operation in (SIZE, *OPERATIONS)
    }
    show_table(name, movie.shape, comparisons)
    return list(comparisons.values())


def working(
    path: str, codec: dict[str, Any], predictor: dict[str, Any], compressor: str, holds: str
) -> Callable[[], dict[str, float]]:
    """Prepare an array of the movie at a path; the answer is the bytes it takes, and the seconds of each operation."""
    movie = loaded(path)
    choice = COMPRESSORS[compressor]
    filters: list[Any] = [] if holds == RAW else [AnscombeTransformV3(**codec)]
    if holds == PREDICTED:
        filters.append(PhotonPredictV3(Predictor(**predictor)))
    store = MemoryStore()
    array: Any = zarr.create_array(
        store,
        shape=movie.shape,
        chunks=(choice.frames, *movie.shape[1:]),
        dtype=movie.dtype,
        filters=filters,
        config={"write_empty_chunks": True},
        **choice.make(2 if holds == RAW else 1),
    )
    array[:] = movie
    held, expected = array[:], movie
    if holds != RAW:
        held, expected = encode(held, **codec), encode(movie, **codec)
    if not np.array_equal(held, expected):
        raise ValueError(f"what was read with {compressor} is not what was written")
    size = array.nbytes_stored()
    pools = {threads: ThreadPoolExecutor(threads) for _, threads in OPERATIONS.values()}

    def write(start: int) -> None:
        array[start : start + FRAMES] = movie[start : start + FRAMES]

    def read(start: int) -> None:
        array[start : start + FRAMES]

    def work(operation: str, threads: int) -> None:
        exhaust(pools[threads].map({"write": write, "read": read}[operation], range(0, len(movie), FRAMES)))

    def run() -> dict[str, float]:
        return {SIZE: size} | {name: seconds(partial(work, *how)) for name, how in OPERATIONS.items()}

    return run


@cache
def loaded(path: str) -> Movie:
    movie: Movie = np.load(path)
    return movie


def rows_of(name: str, comparisons: Mapping[str, Comparison]) -> list[dict[str, Any]]:
    """Return the ratio to int16 of each contender for a movie, and its speeds in MB of int16 per second."""
    stored = comparisons[f"{name}, {SIZE}"]
    assert stored.pixels is not None
    rows = []
    for contender in stored.values:
        compressor, holds = contender.split(": ")
        speeds = {
            operation: 2e3 * comparisons[f"{name}, {operation}"].gigapixels_per_second(contender)
            for operation in OPERATIONS
        }
        ratio = 2 * stored.pixels / stored.median(contender)
        rows.append({"compressor": compressor, "holds": holds, "ratio": ratio, **speeds})
    return rows


def show_table(name: str, shape: Sequence[int], comparisons: Mapping[str, Comparison]) -> None:
    rows = rows_of(name, {comparison.name: comparison for comparison in comparisons.values()})
    show(
        f"{name} {tuple(shape)}: ratio to int16; MB of int16 per second, by threads",
        ("", "", "ratio", "bits above noise", *(operation.partition(" thread")[0] for operation in OPERATIONS)),
        [
            (
                row["compressor"],
                row["holds"],
                f"{row['ratio']:.3f}",
                "" if row["holds"] == RAW else f"{16 / row['ratio'] - NOISE:.2f}",
                *(f"{row[operation]:.0f}" for operation in OPERATIONS),
            )
            for row in rows
        ],
        f"chunks of {FRAMES} frames; noise of about a photon per pixel or more has {NOISE:.2f} bits per pixel, "
        f"so that its ratio is {16 / NOISE:.2f}",
    )


def write_guide(folder: Path, comparisons: Mapping[str, Comparison], machine: Mapping[str, Any]) -> None:
    """Write the figures, as `benchmarks.columns` takes them, and the picture; of the recording, if there was one."""
    name = RECORDING if f"{RECORDING}, {SIZE}" in comparisons else SIMULATED
    rows = rows_of(name, comparisons)
    figures = {**machine, "movie": name, "noise": NOISE, "rows": rows}
    (folder / "compressors.json").write_text(json.dumps(figures, indent=2) + "\n")
    draw(rows, folder / "compressors.png")


COLORS = {
    "Zstd": "#0072b2",
    "Blosc-zstd": "#009e73",
    "Blosc-lz4": "#d55e00",
    "Blosc-zlib": "#cc79a7",
}
"""Of Okabe and Ito; all others are gray."""
LEAST = 3
"""Codes with a smaller ratio are out of the picture: their compressor finds next to nothing."""
SIDES = [
    (distance * x, distance * y, horizontal, vertical)
    for distance in (7, 14, 24)
    for x, y, horizontal, vertical in (
        (1, 0, "left", "center"),
        (-1, 0, "right", "center"),
        (0, 1, "center", "bottom"),
        (0, -1, "center", "top"),
        (0.7, 0.7, "left", "bottom"),
        (0.7, -0.7, "left", "top"),
        (-0.7, 0.7, "right", "bottom"),
        (-0.7, -0.7, "right", "top"),
    )
]
"""Where a label can be: by how many points it is off, and how it is aligned."""


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the ratio against the speed of reading, for codes; a line goes to the same compressor of predicted codes."""
    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots()
    points: dict[str, Points] = {}
    for row in rows:
        # To bytes, as codes are, shuffle without bits does nothing.
        if row["holds"] != RAW and COMPRESSORS[row["compressor"]].variant != "shuffle":
            points.setdefault(row["compressor"], {})[row["holds"]] = row["read, 1 thread"], row["ratio"]
    small = [name for name, of_compressor in points.items() if of_compressor[CODES][1] < LEAST]
    words = (f"{shown(name)} ({max(ratio for _, ratio in points.pop(name).values()):.2g})" for name in small)
    below = ", ".join(words)
    for name, of_compressor in points.items():
        color = color_of(name)
        axes.plot(*zip(*of_compressor.values(), strict=True), color=color, linewidth=0.8, alpha=0.5, zorder=1)
        for holds, point in of_compressor.items():
            axes.plot(*point, "o", color=color, markerfacecolor=color if holds == PREDICTED else "white", zorder=2)
    axes.axhline(16 / NOISE, color="black", linewidth=0.8, linestyle="--")
    axes.text(0.01, 16 / NOISE, "the noise alone", transform=axes.get_yaxis_transform(), va="bottom")
    if below:
        axes.text(0.01, 0.01, f"not shown: {below}", transform=axes.transAxes, fontsize=9)
    axes.set_xscale("log")
    axes.set_xticks(ticks := [100, 200, 500, 1000, 2000, 5000], map(str, ticks))
    axes.xaxis.set_minor_formatter("")
    speeds = [speed for of_compressor in points.values() for speed, _ in of_compressor.values()]
    axes.set_xlim(0.75 * min(speeds), 1.25 * max(speeds))
    axes.margins(y=0.1)
    axes.set_title("Compressors of codes (open) and of predicted codes (filled)", loc="left", fontsize=11)
    axes.set_xlabel("read by one thread, MB of int16 per second")
    axes.set_ylabel("ratio to int16")
    axes.spines[["top", "right"]].set_visible(False)
    figure.draw_without_rendering()
    label(axes, points)
    figure.savefig(path, dpi=150)


def color_of(name: str) -> str:
    return COLORS.get(COMPRESSORS[name].family, "#595959")


def shown(name: str) -> str:
    return name.replace("noshuffle", "no shuffle")


def label(axes: Axes, points: Mapping[str, Points]) -> None:
    """Write names next to their points, as near as can be without lying on others, and on few lines."""
    dots, lines = [], []
    for of_compressor in points.values():
        ends = axes.transData.transform(list(of_compressor.values()))
        dots += [Bbox.from_extents(*(end - 8), *(end + 8)) for end in ends]
        lines += [Bbox.from_extents(*(place - 2), *(place + 2)) for place in np.linspace(ends[0], ends[-1], 80)]
    for name, of_compressor in points.items():
        write = partial(
            axes.annotate,
            shown(name),
            of_compressor.get(PREDICTED, of_compressor[CODES]),
            textcoords="offset points",
            color=color_of(name),
            fontsize=9,
        )
        costs, boxes = [], []
        for x, y, horizontal, vertical in SIDES:
            text = write(xytext=(x, y), ha=horizontal, va=vertical)
            box = text.get_window_extent()
            text.remove()
            hidden = box.count_overlaps(dots) + (box.x0 < axes.bbox.x0) + (box.x1 > axes.bbox.x1)
            costs.append(100 * hidden + box.count_overlaps(lines) + math.hypot(x, y))
            boxes.append(box)
        best = int(np.argmin(costs))
        x, y, horizontal, vertical = SIDES[best]
        write(xytext=(x, y), ha=horizontal, va=vertical)
        dots.append(boxes[best])
