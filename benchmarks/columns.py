"""Tables of the pages: of docs/speed.md, with a column for each processor that somebody has measured; of compressors.

`python -m benchmarks --column docs/speeds/NAME.json` measures one, or adds sections to it; NAME tells the order. The
compressors are measured by `python -m benchmarks compressors --guide docs/how-to`.
`python -m benchmarks.columns` then writes the tables.
"""

import json
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- begin of the table -->\n\n", "<!-- end of the table -->"


def table() -> str:
    """Return the table in Markdown."""
    columns = [json.loads(path.read_text()) for path in sorted((DOCS / "speeds").glob("*.json"))]
    heads = ["{processor}, {cores} cores, {instructions}".format(**column) for column in columns]
    labels = dict.fromkeys(label for column in columns for label in column["figures"])
    rows = [["", *heads], ["---", *("---:" for _ in heads)]]
    for label in labels:
        values = (column["figures"].get(label) for column in columns)
        rows.append([label, *("" if value is None else f"{float(f'{value:.2g}'):g}" for value in values)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def table_of_compressors() -> str:
    """Return the table of compressors in Markdown: each cell has the figure for codes, and for predicted codes."""
    figures = json.loads((DOCS / "how-to/compressors.json").read_text())
    speeds = ("write, 1 thread", "write, 2 threads", "read, 1 thread", "read, 2 threads")
    held: dict[str, dict[str, dict[str, float]]] = {}
    for row in figures["rows"]:
        if not row["compressor"].endswith(" shuffle"):  # does nothing to bytes, as codes are
            held.setdefault(row["compressor"], {})[row["holds"]] = row
    rows = [["compressor", "ratio", "bits above noise", *speeds], ["---", *["---:"] * (2 + len(speeds))]]
    for name, by_holds in held.items():
        pair = [by_holds[holds] for holds in ("codes", "predicted") if holds in by_holds]
        rows.append(
            [
                name,
                " / ".join(f"{row['ratio']:.2f}" for row in pair),
                " / ".join(f"{16 / row['ratio'] - figures['noise']:.2f}" for row in pair),
                *(" / ".join(f"{float(f'{row[speed]:.2g}'):.0f}" for row in pair) for speed in speeds),
            ]
        )
    rows += [
        [f"{name}, int16", f"{raw['ratio']:.2f}", "", *(f"{float(f'{raw[speed]:.2g}'):.0f}" for speed in speeds)]
        for name, by_holds in held.items()
        if (raw := by_holds.get("int16"))
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


PAGES = {"speed.md": table, "how-to/compressors.md": table_of_compressors}


def main() -> None:
    for name, make in PAGES.items():
        page = DOCS / name
        head, begin, rest = page.read_text().partition(BEGIN)
        _, end, tail = rest.partition(END)
        if not end:
            sys.exit(f"{page} has no {BEGIN.strip()} and {END.strip()}")
        page.write_text(f"{head}{begin}{make()}\n{end}{tail}")


if __name__ == "__main__":
    main()
