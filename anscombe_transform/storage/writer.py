"""Who writes an array that is not finished: one process at a time, whose name is in the marker."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from anscombe_transform._files import runs_here
from anscombe_transform.storage.draft import Draft
from anscombe_transform.storage.location import UNFINISHED, Location

_EVERY = 20.0
"""Seconds after which a writer tells again that it is there."""

Digests = Mapping[str, Mapping[str, Any] | None]

_SILENT = 120.0
"""Seconds after which a writer that has told nothing is taken for dead, wherever it ran."""


@contextmanager
def only_writer(draft: Draft, place: Callable[[], Location]) -> Iterator[tuple[Draft, Callable[[Digests], None]]]:
    """Begin a draft, with the name of this writer in its marker, and keep telling that it is there.

    Parameters
    ----------
    draft : Draft
        What is to be at its location in the end.
    place : callable
        Returns where to write it. Nobody else begins to write there meanwhile.

    Yields
    ------
    draft : Draft
        The draft at that place.
    finish : callable
        Takes the digests of the arrays by their paths; finishes the draft, or raises OSError if somebody else has
        taken the place of this writer.

    Raises
    ------
    ValueError
        If somebody else is writing there.
    """
    own = {"id": uuid4().hex, "host": platform.node(), "process": os.getpid(), "since": _now()}

    def tell() -> None:
        draft.begin(writer=own | {"seen": _now()})

    def check() -> None:
        found = _writer(location)
        if found is None or found.get("id") != own["id"]:
            raise OSError(f"{location.url} is not finished here: {_described(found)} has taken it over")

    def keep_telling() -> None:
        while not ended.wait(_EVERY):
            with suppress(Exception):  # while the store cannot be reached, the work fails, too
                check()
                tell()

    def stop_telling() -> None:
        ended.set()
        thread.join()

    def finish(digests: Digests) -> None:
        stop_telling()
        check()
        draft.finish(digests)

    with _claiming(draft.location):
        check_no_writer(draft.location)
        location = place()
        draft = replace(draft, location=location)
        tell()
    ended = threading.Event()
    thread = threading.Thread(target=keep_telling, daemon=True)
    thread.start()
    try:
        check()
        yield draft, finish
    except BaseException:
        stop_telling()
        with suppress(Exception):  # the error that is raised tells more
            check()
            draft.begin()
        raise
    finally:
        stop_telling()


@contextmanager
def _claiming(location: Location) -> Iterator[None]:
    """Let one process at a time look whether somebody writes there, and begin; in stores, as far as it goes."""
    if location.is_local:
        with _locked(Path(location.url).resolve()):
            yield
        return
    yield
    if location.given is None and not location.url.startswith("memory://"):
        time.sleep(1)  # so that of two that begin at once, one sees the marker of the other


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock for a folder in a file beside it, where there can be one; it ends with the process."""
    with ExitStack() as stack:
        with suppress(OSError):  # of a file system without locks, or a folder to which nothing can be added
            _lock(folder.with_name(f"{folder.name}.lock"), stack)
        yield


def _lock(path: Path, stack: ExitStack) -> None:
    """Lock a file, which is deleted in the end if it was not there before."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        is_new = not path.exists()
        with suppress(FileExistsError, FileNotFoundError), ExitStack() as attempt:  # somebody else makes or deletes it
            file = attempt.enter_context(path.open("x" if is_new else "r+"))
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                if is_new:
                    attempt.callback(path.unlink, missing_ok=True)
                stack.push(attempt.pop_all())
                return


def check_no_writer(location: Location) -> None:
    """Raise ValueError if somebody writes there or beside it, as far as can be told."""
    for place in [location] if location.successor == location else [location, location.successor]:
        found = _writer(place)
        if found is not None and _is_alive(found):
            raise ValueError(f"{place.url} is being written by {_described(found)}: wait for it, or stop it")


def _writer(location: Location) -> dict[str, Any] | None:
    """Return what the marker says of its writer, or None if there is no marker, or nobody writes."""
    text = location.get(UNFINISHED)
    with suppress(ValueError, TypeError, AttributeError):
        writer = json.loads(text or "{}").get("writer")
        return dict(writer) if writer is not None else None
    return None


def _is_alive(writer: dict[str, Any]) -> bool:
    """Return whether a writer may still be at work."""
    try:
        silent = (datetime.now(UTC) - datetime.fromisoformat(writer["seen"])).total_seconds()
        process = int(writer["process"])
    except (KeyError, ValueError, TypeError):
        return False
    here = writer.get("host") == platform.node()
    return silent < _SILENT and not (here and not runs_here(process))


def _described(writer: dict[str, Any] | None) -> str:
    if writer is None:
        return "another process"
    return f"process {writer.get('process')} on {writer.get('host')}, since {writer.get('since')}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
