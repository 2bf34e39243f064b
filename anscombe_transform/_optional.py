"""Packages of the extras, which may be missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def require_extra(reason: str, extra: str = "cli") -> Iterator[None]:
    """Say, when an import fails, what the package is needed for and how to install it.

    Raises
    ------
    ModuleNotFoundError
        If a module is missing; it says `reason`, such as "TIFF files need tifffile", and names the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{reason}: pip install 'anscombe-transform[{extra}]'", name=error.name) from error
