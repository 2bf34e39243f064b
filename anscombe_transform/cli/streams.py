"""Standard output and standard error, of any encoding, that are terminals, files or pipes."""

from __future__ import annotations

import codecs
import errno
import io
import sys
import time
import unicodedata
from typing import Any

_SUBSTITUTED = "anscombe_transform.substituted"
"""The name under which codecs find `_substituted`."""

_SUBSTITUTES = {"±": "+/-", "µ": "u", "×": "x", "²": "^2", "…": "..."}  # noqa: RUF001

_BREAKS = ("Cc", "Zl", "Zp")
"""Unicode categories of characters that move the cursor or end a line."""


def printable(text: str, encoding: str) -> str:
    """Return a text as one line in an encoding; what would break the line, or is not in the encoding, is escaped."""
    escaped = "".join(repr(char)[1:-1] if unicodedata.category(char) in _BREAKS else char for char in text)
    return escaped.encode(encoding, _SUBSTITUTED).decode(encoding)


def make_streams_robust() -> None:
    """Let stdout and stderr take every character, and let a command finish its work when nobody reads them any more."""
    sys.stdout, sys.stderr = _robust(sys.stdout), _robust(sys.stderr)


def _robust(stream: Any) -> Any:
    if stream is None:  # closed by who started the command
        return None
    buffer = io.BufferedWriter(_Outlet(stream))
    by_line = stream.line_buffering or stream.write_through  # the latter with PYTHONUNBUFFERED
    return io.TextIOWrapper(buffer, stream.encoding, errors=_SUBSTITUTED, line_buffering=by_line)


class _Outlet(io.RawIOBase):
    """Writes to the raw stream below another stream, as long as somebody reads it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream  # which would close the raw stream at its end
        self._raw = getattr(stream.buffer, "raw", stream.buffer)
        self._nobody_reads = {errno.EPIPE, errno.EINVAL}  # of a closed pipe, and of one on Windows
        if not self._raw.seekable():
            self._nobody_reads.add(errno.EIO)  # of a terminal that is gone; of a file, it is a fault

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._raw.seekable())

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._raw.seek(offset, whence))

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def write(self, data: Any) -> int:
        try:
            while (written := self._raw.write(data)) is None:  # the reader of a pipe that does not block is slow
                time.sleep(0.01)
        except OSError as error:
            if error.errno not in self._nobody_reads:
                raise
            return len(data)
        return int(written)


def _substituted(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for characters that an encoding does not have: +/- and the like, or escapes as in Python."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_SUBSTITUTES.get(char) or ascii(char)[1:-1] for char in missing), error.end


codecs.register_error(_SUBSTITUTED, _substituted)
