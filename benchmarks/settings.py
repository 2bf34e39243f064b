"""How much work the sections do."""

from dataclasses import dataclass

PARAMETERS = {"zero_level": 100.0, "conversion_gain": 40.0}
"""Those of the movies in Zarr arrays."""


@dataclass(frozen=True)
class Settings:
    """Sizes of the data, and numbers of repetitions."""

    rounds: int
    sizes: tuple[int, ...] = tuple(1 << power for power in range(12, 27, 2))
    """Pixels of the chunks of which the time per pixel is taken."""
    chunks_of_threads: int = 64
    pixels_of_dtypes: int = 1 << 20
    movie: tuple[int, int, int] = (200, 512, 512)
    """Shape of the movie in Zarr arrays."""
    pixels_in_memory: int = 1 << 29
    processes: int = 3
    """How often the memory is measured."""
    chunk_counts: tuple[int, ...] = (1, 10, 100, 1000, 10000)


def quick(rounds: int) -> Settings:
    """Return settings with which all is done, and nothing is measured well."""
    return Settings(
        rounds=rounds,
        sizes=(1 << 12, 1 << 16),
        chunks_of_threads=2,
        pixels_of_dtypes=1 << 12,
        movie=(100, 64, 64),
        pixels_in_memory=1 << 20,
        processes=1,
        chunk_counts=(1, 10),
    )
