"""The table of docs/speed.md, which has a column for each processor that somebody has measured.

`python -m benchmarks --column docs/speeds/NAME.json` measures one, or adds sections to it; NAME tells the order.
`python -m benchmarks.columns` then writes the table.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.cores import threads_of
from benchmarks.kernels import CHUNK, MEMCPY
from benchmarks.measuring import OURS, RELEASE, Comparison
from benchmarks.zarr_arrays import FLOOR, RAW

PAGE = Path("docs/speed.md")
COLUMNS = Path("docs/speeds")
BEGIN, END = "<!-- begin of the table -->\n\n", "\n<!-- end of the table -->"

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
    most = 2 ** (processors.bit_length() - 1)
    for pipeline in ("Zarr's default", "FusedCodecPipeline"):
        for operation in ("read", "write"):
            if comparison := comparisons.get(f"{pipeline}, {operation}"):
                ratio = comparison.to(threads_of(OURS, 1), threads_of(OURS, most))[0]
                found[f"{operation} by chunks, one thread for each core, to one thread: {pipeline}"] = ratio
    if comparison := comparisons.get("compress"):
        found["`compress`, to plain Zarr that writes the codes"] = comparison.to(FLOOR)[0]
        found["`compress`, MB/s"] = 2e3 * comparison.gigapixels_per_second()
    return found


def add_column(
    path: Path, machine: Mapping[str, Any], instructions: str, comparisons: Mapping[str, Comparison]
) -> None:
    """Write a file of figures, or add to what is there."""
    before = json.loads(path.read_text())["figures"] if path.exists() else {}
    versions = machine["software"][OURS]
    column = {
        "processor": machine["processor"],
        "cores": machine["processors"],
        "instructions": instructions,
        "versions": {name: versions[name] for name in ("python", "numpy", "zarr")},
        "figures": before | figures(comparisons, machine["processors"]),
    }
    path.write_text(json.dumps(column, indent=2) + "\n")


def table() -> str:
    """Return the table in Markdown."""
    columns = [json.loads(path.read_text()) for path in sorted(COLUMNS.glob("*.json"))]
    heads = ["{processor}, {cores} cores, {instructions}".format(**column) for column in columns]
    labels = dict.fromkeys(label for column in columns for label in column["figures"])
    rows = [["", *heads], ["---", *("---:" for _ in heads)]]
    for label in labels:
        values = (column["figures"].get(label) for column in columns)
        rows.append([label, *("" if value is None else f"{value:.2g}" for value in values)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    written = f"{head}{BEGIN}{table()}{END}{tail}"
    if sys.argv[1:] == ["--check"]:
        sys.exit(f"{PAGE} does not have the figures of {COLUMNS}" if text != written else 0)
    PAGE.write_text(written)


if __name__ == "__main__":
    main()
