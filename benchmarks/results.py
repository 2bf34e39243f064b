"""What a run ends with: the table of targets, figures for docs/speed.md, and a picture of speeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cores import OPERATIONS, threads_of
from benchmarks.estimate import FRAMES, TILES
from benchmarks.kernels import CHUNK, MEMCPY, SMALL_CHUNK
from benchmarks.measuring import OURS, RELEASE, Comparison, Spread, show, spread, spread_text
from benchmarks.overhead import IMPORT
from benchmarks.work_zarr import PIPELINES
from benchmarks.zarr_arrays import FLOOR, RAW

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Target:
    """What the median of a comparison has to be."""

    comparison: str
    limit: float
    to: str = ""
    """Whose speed ours is compared with, which has to reach the limit; if nobody's, the value must not exceed it."""
    unit: str = ""
    scale: float = 1
    """Of the unit, in a second or a byte."""
    contender: str = OURS

    @property
    def name(self) -> str:
        """What is measured, in words."""
        words = [self.comparison] + ([self.contender] if self.contender != OURS else [])
        return ", ".join([*words, f"speed to {self.to}" if self.to else self.unit])

    def measured(self, comparison: Comparison) -> Spread:
        """Return what is compared with the limit."""
        if self.to:
            return comparison.to(self.to, self.contender)
        return spread([value * self.scale for value in comparison.values[self.contender]])


TARGETS = (
    Target(f"encode, {CHUNK}", 7, to=RELEASE),
    Target(f"encode, {CHUNK}", 0.11, to=MEMCPY),
    Target(f"decode, {CHUNK}", 8, to=RELEASE),
    Target(f"decode, {CHUNK}", 0.25, to=MEMCPY),
    Target(f"encode, {SMALL_CHUNK}", 20, to=RELEASE),
    Target(f"decode, {SMALL_CHUNK}", 40, to=RELEASE),
    Target("Zarr V3, Zstd 1, parallel read", 4, to=RELEASE),
    *(
        Target(f"Zarr V3, Zstd 1, {operation}", limit, to=other)
        for operation in ("read", "parallel read")
        for other, limit in ((FLOOR, 0.6), (RAW, 1))
    ),
    Target("Zarr V3, Zstd 1, write all", 0.85, to=RAW),
    *(
        Target(f"FusedCodecPipeline, {operation}", 1.7, to=threads_of(OURS, 1), contender=threads_of(OURS, 2))
        for operation in OPERATIONS
    ),
    Target("encode, memory", 1, unit="MiB", scale=2**-20),
    Target(IMPORT, 30, unit="ms", scale=1e3),
    Target("estimate", 8, to=RELEASE),
    *(Target("estimate, memory", 200, unit="MB", scale=1e-6, contender=name) for name in (OURS, FRAMES, TILES)),
    Target("compress", 0.7, to=FLOOR),
)


def judge(comparisons: Mapping[str, Comparison], note: str) -> list[dict[str, Any]]:
    """Print how far the targets are reached of which something was measured; return what JSON holds of it."""
    judged, rows = [], []
    for target in TARGETS:
        if target.comparison not in comparisons:
            continue
        measured = target.measured(comparisons[target.comparison])
        met = measured[0] >= target.limit if target.to else measured[0] <= target.limit
        limit = f"at {'least' if target.to else 'most'} {target.limit:g}"
        rows.append((target.name, spread_text(measured), limit, "yes" if met else "no"))
        judged.append({"name": target.name, "measured": measured, "target": limit, "met": met})
    if rows:
        show("targets", ("", "measured", "target", "met"), rows, note)
    return judged


ROWS = {
    f"{words}, to {other}": (f"Zarr V3, Zstd 1, {operation}", other)
    for words, operation in (
        ("write", "write all"),
        ("read all at once", "read"),
        ("read by chunks, two threads", "parallel read"),
    )
    for other in (RAW, FLOOR, RELEASE)
} | {
    f"`{step}` of a chunk, to {other}": (f"{step}, {CHUNK}", other)
    for step in ("encode", "decode")
    for other in (MEMCPY, RELEASE)
}
"""Names of comparisons, and whose speed ours is compared with."""


def figures(comparisons: Mapping[str, Comparison], processors: int) -> dict[str, float]:
    """Return the figures for which something was measured."""
    found = {row: comparisons[name].to(other)[0] for row, (name, other) in ROWS.items() if name in comparisons}
    for pipeline in PIPELINES:
        for operation in OPERATIONS:
            if comparison := comparisons.get(f"{pipeline}, {operation}"):
                ratio = comparison.to(threads_of(OURS, 1), threads_of(OURS, max(2, processors)))[0]
                found[f"{operation} by chunks, one thread for each core, to one thread: {pipeline}"] = ratio
    if comparison := comparisons.get("compress"):
        found["`compress`, to plain Zarr that writes the codes"] = comparison.to(FLOOR)[0]
        found["`compress`, MB/s"] = 2e3 * comparison.gigapixels_per_second()
    return found


def begin_column(path: Path, machine: Mapping[str, Any], instructions: str) -> dict[str, Any]:
    """Return what a file of figures has to hold, with the figures that it has already.

    Raises
    ------
    RuntimeError
        If the file is of another machine, or of other versions.
    """
    versions = machine["software"][OURS]
    column = {
        "processor": machine["processor"],
        "cores": machine["processors"],
        "instructions": instructions,
        "versions": {name: versions[name] for name in ("python", "numpy", "zarr")},
    }
    before = json.loads(path.read_text()) if path.exists() else column | {"figures": {}}
    if column | {"figures": before["figures"]} != before:
        raise RuntimeError(f"{path} is of another processor, or of other versions: name a new file")
    return dict(before)


LABELS = {
    RAW: "int16, no codec",
    FLOOR: "uint8 codes, no codec",
    MEMCPY: "memcpy of int16",
}
COLORS = {OURS: "#0072b2", RELEASE: "#e69f00"}
"""Of Okabe and Ito; what only sets the scale is gray."""
PANELS = (
    (
        "Zarr V3, Zstd level 1; parallel: two threads",
        ("write all", "read", "parallel read"),
        "Zarr V3, Zstd 1, {}",
        (OURS, RELEASE, RAW, FLOOR),
    ),
    (f"NumPy arrays {CHUNK}, one thread", ("encode", "decode"), f"{{}}, {CHUNK}", (OURS, RELEASE, MEMCPY)),
)
"""Titles, what is done, the names of the comparisons, and the contenders."""


def draw(comparisons: Mapping[str, Comparison], path: Path, machine: str) -> None:
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
    figure.suptitle(machine)
    figure.savefig(path, dpi=200)


def draw_panel(axes: Axes, comparisons: Mapping[str, Comparison], contenders: Sequence[str]) -> None:
    positions, labels = [], []
    for group, (name, comparison) in enumerate(comparisons.items()):
        top = group * (len(contenders) + 1.2)
        axes.text(0, top, f" {name}", va="center", fontstyle="italic")
        for row, contender in enumerate(contenders, start=1):
            speed = 2 * comparison.gigapixels_per_second(contender)
            text = f" {speed:.2f}"
            if contender == OURS:
                text += f", {comparison.to(RELEASE)[0]:.2g} times {RELEASE}"
            axes.barh(top + row, speed, height=0.85, color=COLORS.get(contender, "#b0b0b0"))
            axes.text(speed, top + row, text, va="center")
            positions.append(top + row)
            labels.append(LABELS.get(contender, contender))
    axes.set_yticks(positions, labels)
    axes.set_ylim(max(positions) + 0.7, -0.6)
    axes.margins(x=0.15)
    axes.tick_params(left=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
