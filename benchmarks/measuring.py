"""What all sections measure with: sizes, a movie, times that are taken in turn, and tables of their ratios."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from anscombe_transform.simulate import Detector

OURS, RELEASE = "this package", "1.0.0"

DETECTOR = Detector(zero_level=100, conversion_gain=40, read_noise=10)
PARAMETERS = {"zero_level": DETECTOR.zero_level, "conversion_gain": DETECTOR.conversion_gain}

Shape = tuple[int, int, int]
"""Frames, height and width."""

Spread = tuple[float, float, float]
"""The median and the quartiles."""

console = Console(width=120, highlight=False)


@dataclass(frozen=True)
class Settings:
    """Sizes of the data, and numbers of repetitions."""

    rounds: int = 9
    """How often all contenders do their work, one after another."""
    chunk_sizes: tuple[int, ...] = tuple(1 << power for power in range(12, 27, 2))
    """Pixels of the chunks of which the time per pixel is taken."""
    chunks_of_threads: int = 64
    pixels_of_dtypes: int = 1 << 20
    movie: Shape = (200, 512, 512)
    """Of the movie in Zarr arrays."""
    movie_of_cores: Shape = (320, 512, 512)
    pixels_in_memory: int = 1 << 29
    processes: int = 3
    """How often memory is measured, each time in a new process."""
    chunk_counts: tuple[int, ...] = (1, 10, 100, 1000, 10000)
    estimated_movie: Shape = (300, 512, 512)
    rounds_of_estimates: int = 3
    compressed_movie: Shape = (3000, 512, 512)
    rounds_of_compress: int = 5
    movie_of_compressors: Shape = (100, 256, 384)
    rounds_of_compressors: int = 3
    side_of_scenes: int = 160


QUICK = Settings(
    rounds=2,
    chunk_sizes=(1 << 12, 1 << 16),
    chunks_of_threads=2,
    pixels_of_dtypes=1 << 12,
    movie=(100, 64, 64),
    movie_of_cores=(40, 64, 64),
    pixels_in_memory=1 << 20,
    processes=1,
    chunk_counts=(1, 10),
    estimated_movie=(100, 64, 64),
    rounds_of_estimates=2,
    compressed_movie=(100, 64, 64),
    rounds_of_compress=2,
    movie_of_compressors=(100, 64, 64),
    rounds_of_compressors=1,
    side_of_scenes=32,
)
"""With these, all is done, and nothing is measured well."""


def smooth_frames(shape: Shape) -> Iterator[npt.NDArray[np.int16]]:
    """Yield the frames of a movie of 1 to 9 photons per pixel and frame, in ADU."""
    random = np.random.default_rng(0)
    frames, height, width = shape
    y, x = np.mgrid[:height, :width]
    photons = 5 + 4 * np.sin(x / 40) * np.cos(y / 55)
    for _ in range(frames):
        noise = DETECTOR.read_noise * random.standard_normal(photons.shape, np.float32)
        signal = DETECTOR.zero_level + DETECTOR.conversion_gain * random.poisson(photons) + noise
        yield np.rint(signal).astype(np.int16)


def in_turn(work: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds that each piece of work says it took, in each of many rounds over all of them."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, run in work.items():
            taken = run()
            if number > 0:  # the first round warms up
                times[name].append(taken)
    return times


def spread(values: Sequence[float]) -> Spread:
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


@dataclass(frozen=True)
class Comparison:
    """What was measured of one piece of work: by contender and round, seconds or bytes."""

    name: str
    values: Mapping[str, Sequence[float]]
    unit: str = "s"
    pixels: int | None = None
    failure: str = ""
    """Why 1.0.0 is not among the contenders."""

    def median(self, contender: str = OURS) -> float:
        """Return the median over the rounds."""
        return spread(self.values[contender])[0]

    def nanoseconds_per_pixel(self, contender: str = OURS) -> float:
        """Return the median time."""
        assert self.pixels is not None
        return 1e9 * self.median(contender) / self.pixels

    def gigapixels_per_second(self, contender: str = OURS) -> float:
        """Return the median speed."""
        return 1 / self.nanoseconds_per_pixel(contender)

    def to(self, other: str, contender: str = OURS) -> Spread:
        """Return the speed of a contender to that of another."""
        return spread([o / c for o, c in zip(self.values[other], self.values[contender], strict=True)])

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds of it."""
        contenders = {}
        for name, values in self.values.items():
            median, low, high = spread(values)
            contenders[name] = {"median": median, "quartiles": [low, high], "rounds": list(values)}
        return {"unit": self.unit, "pixels": self.pixels, "contenders": contenders, "failure": self.failure}


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], note: str = "") -> None:
    """Print a table, of which the first column is text and the others numbers, and a note below it."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)  # it ends with an empty line
    if note:
        console.print(f"{note}\n")


def spread_text(spread: Spread) -> str:
    middle, low, high = spread
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def binary(number: int) -> str:
    """Return a number with a binary prefix."""
    for prefix, power in (("Mi", 20), ("Ki", 10)):
        if number % (1 << power) == 0:
            return f"{number >> power} {prefix}"
    return str(number)
