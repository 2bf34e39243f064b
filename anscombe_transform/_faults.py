"""Errors from inside other packages that may say nothing about the data and must not be blamed on them."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, metadata, version

from anscombe_transform._formatting import without_secrets

FAULTS = (AttributeError, TypeError, NameError, AssertionError, NotImplementedError)
"""Raised where two packages do not fit together, and rarely because a file is damaged."""

RAISED_BY_PYTHON = (RecursionError, NotImplementedError)
"""Errors that Python raises by itself, of a class that is also raised with a message for people."""


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
    text = without_secrets(" ".join(f"{type(error).__name__}: {error}".split()))
    return SoftwareFault(
        f"{what} ({text}). The fault may lie in the software rather than in the data: if other programs can read "
        f"them, {how_to_report(error)}"
    )


def how_to_report(error: BaseException) -> str:
    """Return the end of a sentence that asks to report an error, and says where and with which versions."""
    packages = dict.fromkeys(("anscombe-transform", _package(error)))
    versions = ", ".join([*map(_with_version, packages), f"Python {platform.python_version()}"])
    return f"please report this{_place_of_reports()}, with the versions {versions}"


def _place_of_reports() -> str:
    """Return " at URL", if the metadata of this package tell a URL for issues."""
    urls = (entry.partition(",") for entry in metadata("anscombe-transform").get_all("Project-URL") or ())
    return next((f" at {url.strip()}" for name, _, url in urls if name.strip().lower() == "issues"), "")


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
