"""What the command line prints: progress, tables, and one line for an error."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from anscombe_transform._typing import StageProgress
from anscombe_transform.cli.options import with_options

console = Console()


@contextmanager
def one_line_for_errors() -> Iterator[None]:
    """Print what went wrong on one line, and exit with status 2."""
    logging.disable()  # asyncio, distributed and others report the same fault in lines of their own
    try:
        yield
    except KeyboardInterrupt as interrupt:
        _print_error("Interrupted.", interrupt)
        raise typer.Exit(130) from interrupt
    except (ValueError, TypeError, OSError, RuntimeError, ModuleNotFoundError) as error:
        _print_error(str(error), error)
        raise typer.Exit(2) from error
    finally:
        logging.disable(logging.NOTSET)


def _print_error(text: str, error: BaseException) -> None:
    whole = ". ".join(part.rstrip(".") for part in [text, *getattr(error, "__notes__", ())])
    Console(stderr=True).print(f"[bold red]Error:[/] {escape(with_options(whole))}", highlight=False, soft_wrap=True)


@contextmanager
def progress_bar() -> Iterator[StageProgress]:
    """Yield a function that shows progress: the name of a stage, and the bytes done and to do."""
    stderr = Console(stderr=True)
    if not stderr.is_terminal:
        yield lambda stage, done, total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield show


def print_rows(rows: Iterable[tuple[str, str]], title: str | None = None) -> None:
    """Print names and values as a table."""
    table = Table(show_header=False, title=title)
    for name, value in rows:
        table.add_row(name, escape(with_options(value)))
    console.print(table)


def print_json(value: Any) -> None:
    """Print what a `to_dict` returned."""
    print(json.dumps(value, indent=2))
