"""The tables that benchmarks print."""

from rich.console import Console
from rich.table import Table

from benchmarks.timing import Spread

console = Console(width=110, highlight=False)


def left_titled(title: str, *columns: str) -> Table:
    """Return a table with these columns, of which the first is text and the others numbers."""
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def show_table(table: Table) -> None:
    console.print(table)
    console.print()


def spread_cell(spread: Spread | None) -> str:
    """Return a median and its quartiles as text."""
    if spread is None:
        return "fails"
    middle, low, high = spread
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def median_cell(spread: Spread | None) -> str:
    return "fails" if spread is None else f"{spread[0]:.3g}"


def binary(number: int) -> str:
    """Return a number with a binary prefix."""
    for prefix, power in (("Mi", 20), ("Ki", 10)):
        if number % (1 << power) == 0:
            return f"{number >> power} {prefix}"
    return str(number)
