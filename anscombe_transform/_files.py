"""Files that appear only when they are whole, and those that unpack to more than memory or disk can take."""

from __future__ import annotations

import errno
import glob
import os
import platform
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anscombe_transform._flushing import flush_file, flush_folder
from anscombe_transform._formatting import quantity


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield the path under which to write a file, which gets its own name once it is whole.

    Until then, what is at `target` stays as it is; if writing fails, nothing else is left. What processes of this
    machine have left that were killed while they wrote to `target` is deleted.

    Raises
    ------
    OSError
        If it cannot be written, such as where the disk is full.
    """
    host = f"{zlib.crc32(platform.node().encode()):08x}"
    for left in target.parent.glob(f"{glob.escape(target.name)}.{host}-*-*.partial"):
        process = left.name.split("-")[-2]
        if process.isdecimal() and not runs_here(int(process)):
            left.unlink(missing_ok=True)
    partial = target.with_name(f"{target.name}.{host}-{os.getpid()}-{secrets.token_hex(4)}.partial")
    try:
        yield partial
        flush_file(partial)
        partial.replace(target)
        flush_folder(target.parent)
    except OSError as error:
        if error.errno in _FULL or "requested and" in str(error):  # what NumPy says of a file that takes no more
            raise OSError(f"{target} cannot be written: there is no space left in {target.parent}") from error
        raise
    finally:
        partial.unlink(missing_ok=True)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def runs_here(process: int) -> bool:
    """Return whether a process of this machine may still run; Windows does not tell."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # it runs for somebody else, or the number is of no process
        return True
    return True


_LARGE = 1 << 28
"""Bytes that are unpacked without a question."""

_MOST_TIMES_LARGER = 200
"""How many times larger what is large may become by unpacking: noise keeps recordings below."""


def check_unpacking(what: str, packed: int, unpacked: int) -> None:
    """Raise ValueError if what is packed would become so much larger that it can be no recording.

    Parameters
    ----------
    what : str
        What it is, such as "movie.npz: movie".
    packed, unpacked : int
        Bytes before and after.
    """
    if unpacked > max(_LARGE, _MOST_TIMES_LARGER * packed):
        raise ValueError(
            f"{what} would unpack from {quantity(packed, 'B')} to {quantity(unpacked, 'B')}, which no recording does: "
            "if it is one, store it without compression"
        )
