"""Numbers as people read them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_SECRETS = re.compile(
    r"(?<=://)([^\s/?#'\":@]+:(?!\d+/)[^\s?#'\"]*|[^\s/?#'\"]*)@"  # a slash in a password should be escaped, but is not
    r"|(?<=\?)[^\s'\"]*=[^\s'\",;)]*"
)
"""What of a URL may be secret: a user with a password, and a query such as the signature of a presigned URL."""


def with_error(value: float, error: float) -> str:
    """Return a value with its standard error, both to the second digit of the error."""
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 3
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit, and a prefix such as M if it is large."""
    prefix = ""
    for larger in ("k", "M", "G", "T", "P"):
        if abs(value) < 999.5:
            break
        value, prefix = value / 1000, larger
    return f"{value:.3g} {prefix}{unit}"


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as sizes with crosses between them."""
    return " x ".join(str(size) for size in shape)


def frames_text(first: int, last: int) -> str:
    """Return the numbers of the first and the last of some frames."""
    return f"frame {first}" if first == last else f"frames {first} to {last}"


def one_line(error: object) -> str:
    """Return the message of an error as one line of at most 300 characters, whatever it is like, without secrets."""
    while isinstance(error, ExceptionGroup):  # of tasks that worked at once
        error = error.exceptions[0]
    text = without_secrets(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


def listed(names: Sequence[str], most: int = 10) -> str:
    """Return names with commas between them; of many, the first ones and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def without_secrets(text: str) -> str:
    """Return a text with dots in place of users, passwords and queries in the URLs that it has."""
    return _SECRETS.sub(lambda found: "...@" if found[0].endswith("@") else "...", text) if "://" in text else text
