"""The table of docs/speed.md, which has a column for each processor that somebody has measured.

`python -m benchmarks --column docs/speeds/NAME.json` measures one, or adds sections to it; NAME tells the order.
`python -m benchmarks.columns` then writes the table.
"""

import json
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


def main() -> None:
    page = DOCS / "speed.md"
    head, begin, rest = page.read_text().partition(BEGIN)
    _, end, tail = rest.partition(END)
    page.write_text(f"{head}{begin}{table()}\n{end}{tail}")


if __name__ == "__main__":
    main()
