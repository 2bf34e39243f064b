"""The figure of speeds, in Zarr arrays and in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison import OURS, PEER, Comparison
from benchmarks.kernels import CHUNK, MEMCPY
from benchmarks.zarr_arrays import FLOOR, RAW

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELS = {
    RAW: "int16, no codec",
    FLOOR: "uint8 codes, no codec",
    MEMCPY: "memcpy of int16",
}
COLORS = {OURS: "#0072b2", PEER: "#e69f00"}
"""Of Okabe and Ito; what only sets the scale is gray."""
PANELS = (
    (
        "Zarr V3, Zstd level 1; parallel: two threads",
        ("write all", "read", "parallel read"),
        "Zarr V3, Zstd 1, {}",
        (OURS, PEER, RAW, FLOOR),
    ),
    (f"NumPy arrays {CHUNK}, one thread", ("encode", "decode"), f"{{}}, {CHUNK}", (OURS, PEER, MEMCPY)),
)
"""Titles, what is done, the names of the comparisons, and the contenders."""


def draw(comparisons: Mapping[str, Comparison], path: Path, note: str = "") -> None:
    """Draw the speeds to a file, whose name tells the format."""
    from matplotlib.figure import Figure

    heights = [len(names) * (len(contenders) + 1.2) for _, names, _, contenders in PANELS]
    figure = Figure(figsize=(8, 0.22 * sum(heights) + 1.4), layout="constrained")
    for axes, (title, names, template, contenders) in zip(
        figure.subplots(2, height_ratios=heights), PANELS, strict=True
    ):
        draw_panel(axes, {name: comparisons[template.format(name)] for name in names}, contenders)
        axes.set_title(title, loc="left", fontweight="bold", fontsize=11)
        axes.set_xlabel("GB of int16 pixels per second")
    figure.suptitle(note, color="#d55e00")
    figure.savefig(path, dpi=200)


def draw_panel(axes: Axes, comparisons: Mapping[str, Comparison], contenders: Sequence[str]) -> None:
    positions, labels = [], []
    for group, (name, comparison) in enumerate(comparisons.items()):
        top = group * (len(contenders) + 1.2)
        axes.text(0, top, f" {name}", va="center", fontstyle="italic")
        for row, contender in enumerate(contenders, start=1):
            if contender in comparison.failures:
                continue
            speed = 2 / comparison.nanoseconds_per_pixel(contender)
            axes.barh(top + row, speed, height=0.85, color=COLORS.get(contender, "#b0b0b0"))
            axes.text(speed, top + row, speed_text(comparison, contender, speed), va="center")
            positions.append(top + row)
            labels.append(LABELS.get(contender, contender))
    axes.set_yticks(positions, labels)
    axes.set_ylim(max(positions) + 0.7, -0.6)
    axes.margins(x=0.15)
    axes.tick_params(left=False)
    axes.spines[["top", "right", "left"]].set_visible(False)


def speed_text(comparison: Comparison, contender: str, speed: float) -> str:
    to_peer = comparison.to(PEER) if contender == OURS else None
    return f" {speed:.2f}" + (f", {to_peer[0]:.2g} times {PEER}" if to_peer else "")
