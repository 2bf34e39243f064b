"""What the package has to reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.comparison import OURS, PEER, Comparison
from benchmarks.kernels import CHUNK, MEMCPY, SMALL_CHUNK
from benchmarks.startup import IMPORT
from benchmarks.tables import left_titled, show_table, spread_cell
from benchmarks.timing import Spread, spread
from benchmarks.zarr_arrays import FLOOR


@dataclass(frozen=True)
class Target:
    """What the median of a comparison has to be."""

    comparison: str
    limit: float
    to: str | None = None
    """Whose speed ours is compared with, which has to reach the limit; if nobody's, the value must not exceed it."""
    unit: str = ""
    scale: float = 1
    """Of the unit, in a second or a byte."""

    def measured(self, comparison: Comparison) -> Spread | None:
        """Return what is compared with the limit; None if a contender failed."""
        if self.to is not None:
            return comparison.to(self.to)
        return spread([value * self.scale for value in comparison.values[OURS]])

    def is_met(self, measured: Spread) -> bool:
        """Return whether the median is on the right side of the limit."""
        return measured[0] >= self.limit if self.to is not None else measured[0] <= self.limit


TARGETS = (
    Target(f"encode, {CHUNK}", 7, to=PEER),
    Target(f"encode, {CHUNK}", 0.11, to=MEMCPY),
    Target(f"decode, {CHUNK}", 8, to=PEER),
    Target(f"decode, {CHUNK}", 0.5, to=MEMCPY),
    Target(f"encode, {SMALL_CHUNK}", 20, to=PEER),
    Target(f"decode, {SMALL_CHUNK}", 40, to=PEER),
    Target("Zarr V3, Zstd 1, parallel read", 4, to=PEER),
    Target("Zarr V3, Zstd 1, parallel read", 0.80, to=FLOOR),
    Target("Zarr V3, Zstd 1, write", 0.88, to=FLOOR),
    Target("Zarr V3, Zstd 1, write all", 0.88, to=FLOOR),
    Target("encode, memory", 1, unit="MiB", scale=2**-20),
    Target(IMPORT, 30, unit="ms", scale=1e3),
)


def judge(comparisons: Mapping[str, Comparison]) -> list[dict[str, Any]]:
    """Print how far the targets are reached of which something was measured; return what JSON holds of it."""
    shown = left_titled("targets", "", "measured", "target", "met")
    judged = []
    for target in TARGETS:
        if target.comparison not in comparisons:
            continue
        name = target.comparison + (f", speed to {target.to}" if target.to else f", {target.unit}")
        measured = target.measured(comparisons[target.comparison])
        met = measured is not None and target.is_met(measured)
        limit = f"at {'least' if target.to else 'most'} {target.limit:g}"
        shown.add_row(name, spread_cell(measured), limit, "yes" if met else "no")
        judged.append({"name": name, "measured": measured, "target": limit, "met": met})
    show_table(shown)
    return judged
