"""What the command line prints: progress, tables, and one line for an error."""

from __future__ import annotations

import json
import logging
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column, Table
from rich.text import Text

from anscombe_transform._faults import RAISED_BY_PYTHON, how_to_report
from anscombe_transform._formatting import one_line, without_secrets
from anscombe_transform._typing import StageProgress
from anscombe_transform.cli.options import with_options
from anscombe_transform.cli.streams import make_streams_robust, printable

console = Console()

_WHOLE_LINE = 1 << 16
"""Characters in a line of a file or pipe, where values need not be wrapped."""

_SENTENCES = {"Finished", "Not to be used", "Note", "Warning"}
"""The rows of tables that may speak of parameters; others have names and numbers, which stay as they are."""


def use_any_console() -> None:
    """Print to streams of any encoding; in a file or a pipe, tables are as wide as their values."""
    make_streams_robust()
    if not console.file.isatty():
        console.width = _WHOLE_LINE


_FORESEEN = (ValueError, TypeError, OSError, RuntimeError, ModuleNotFoundError)
"""Errors that are raised with a message for people."""

_shows_tracebacks = ContextVar("shows_tracebacks", default=False)


def show_tracebacks(wanted: bool) -> None:
    """Print also where an error was raised, from now on, or no longer."""
    _shows_tracebacks.set(wanted)


@contextmanager
def one_line_for_errors() -> Iterator[None]:
    """Print what went wrong on one line, and exit with status 2."""
    logging.disable()  # asyncio, distributed and others report the same fault in lines of their own
    try:
        with warnings.catch_warnings():
            if not _shows_tracebacks.get():
                warnings.simplefilter("ignore")  # they are for who writes programs
            yield
    except KeyboardInterrupt as interrupt:
        _print_error("Interrupted.", interrupt)
        raise typer.Exit(130) from interrupt
    except Exception as error:
        if isinstance(error, _FORESEEN) and not isinstance(error, RAISED_BY_PYTHON):
            _print_error(str(error), error)
        else:
            print_unforeseen(error)
        raise typer.Exit(2) from error
    finally:
        logging.disable(logging.NOTSET)


def print_unforeseen(error: Exception) -> None:
    """Print one line on an error that nobody thought of."""
    _print_error(f"{type(error).__name__}: {one_line(error)}. This was not foreseen: {how_to_report(error)}", error)


def _print_error(text: str, error: BaseException) -> None:
    whole = ". ".join(part.rstrip(".") for part in [text, *getattr(error, "__notes__", ())])
    stderr = Console(stderr=True)
    if _shows_tracebacks.get():
        for line in "".join(traceback.format_exception(error)).splitlines():
            stderr.print(Text(printable(without_secrets(line), stderr.encoding)), soft_wrap=True)
    shown = printable(with_options(without_secrets(whole)), stderr.encoding)
    stderr.print(Text.assemble(("Error:", "bold red"), " ", shown), soft_wrap=True)


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


def print_line(text: str) -> None:
    """Print a text that may have names of files in it."""
    console.print(Text(printable(text, console.encoding)), soft_wrap=True)


def print_rows(rows: Iterable[tuple[str, str]], title: str | None = None) -> None:
    """Print names and values as a table."""
    table = Table(Column(), Column(overflow="fold"), show_header=False)
    if title is not None:
        whole = printable(title, console.encoding)
        table.title = Text(whole, "table.title", no_wrap=True, overflow="ignore")
    for name, value in rows:
        shown = with_options(value) if name in _SENTENCES else value
        table.add_row(name, Text(printable(shown, console.encoding)))
    console.print(table)


def print_json(value: Any) -> None:
    """Print what a `to_dict` returned."""
    print(json.dumps(value, indent=2))
