"""Packages of the extras, which may be missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def require_extra(reason: str, extra: str = "cli") -> Iterator[None]:
    """Add to the error of an import that fails why it is needed and what installs it.

    Raises
    ------
    ModuleNotFoundError
        If a module is missing; it says `reason`, such as "TIFF files need tifffile", and names the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{reason}: pip install 'anscombe-transform[{extra}]'", name=error.name) from error
