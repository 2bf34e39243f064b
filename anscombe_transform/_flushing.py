"""Making what was written outlast a power cut."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_NOT_FLUSHED = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM)
"""What file systems answer that flush nothing, or no folders."""


def flush_file(path: Path) -> None:
    """Return once a file is on the disk, as far as the file system tells.

    Raises
    ------
    OSError
        If the disk fails, or is full.
    """
    _flush(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)


def flush_folder(path: Path) -> None:
    """Return once the names of what is in a folder are on the disk; Windows has no such call, and needs none."""
    if os.name == "posix":
        _flush(path, os.O_RDONLY)


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_FLUSHED:
            raise
    finally:
        os.close(descriptor)
