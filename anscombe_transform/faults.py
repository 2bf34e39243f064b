"""Errors from inside other packages that say nothing of the data, and must not be blamed on them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

FAULTS = (AttributeError, TypeError, NameError, AssertionError, NotImplementedError)
"""What is raised where two packages do not fit together, and seldom where a file is damaged."""


class SoftwareFault(RuntimeError):
    """Something could not be done, and the reason may be the software.

    Parameters
    ----------
    what : str
        What could not be done, such as "movie.tif cannot be read".
    error : BaseException
        One of `FAULTS`, as it was caught.
    """

    def __init__(self, what: str, error: BaseException) -> None:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        versions = ", ".join(_with_version(name) for name in ("anscombe-transform", _package(error)))
        super().__init__(
            f"{what}, which may be the fault of the software and not of the data ({text}): please report it, with "
            f"these versions: {versions}"
        )


def _package(error: BaseException) -> str:
    """Return the package whose code raised an error."""
    name = "python"
    traceback = error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_globals.get("__name__", name).partition(".")[0]
        traceback = traceback.tb_next
    return name


def _with_version(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name
