"""Errors from inside other packages that may say nothing about the data and must not be blamed on them."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

FAULTS = (AttributeError, TypeError, NameError, AssertionError, NotImplementedError)
"""Raised where two packages do not fit together, and rarely because a file is damaged."""


class SoftwareFault(RuntimeError):
    """Something failed, and the software may be the reason."""


def software_fault(what: str, error: BaseException) -> SoftwareFault:
    """Return the error to raise in place of one of `FAULTS`.

    Parameters
    ----------
    what : str
        What could not be done, such as "movie.tif cannot be read".
    error : BaseException
        What was caught.
    """
    text = " ".join(f"{type(error).__name__}: {error}".split())
    packages = dict.fromkeys(("anscombe-transform", _package(error)))
    versions = ", ".join([*map(_with_version, packages), f"Python {platform.python_version()}"])
    return SoftwareFault(
        f"{what} ({text}). The fault may lie in the software rather than in the data: if other programs can read "
        f"them, please report this, with the versions {versions}"
    )


def _package(error: BaseException) -> str:
    """Return the package whose code raised an error."""
    name = "python"
    traceback = error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_globals.get("__name__", name).partition(".")[0]
        traceback = traceback.tb_next
    return name.replace("anscombe_transform", "anscombe-transform")


def _with_version(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name
