"""HDF5 files, opened also where the end of the file is cut off, and the datasets to which their links lead."""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anscombe_transform._formatting import one_line
from anscombe_transform._optional import require_extra

SIGNATURE = b"\x89HDF\r\n\x1a\n"

_ENDLESS = 1 << 62


class _Lengthened(io.RawIOBase):
    """A file that seems to be longer than it is, since the HDF5 library opens no file that is cut off."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._position = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it has positions."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position."""
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: _ENDLESS}[whence]
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, or raise an error if the file ends before."""
        if self._position >= _ENDLESS:
            raise OSError(f"the file is cut off before byte {self._position}")
        self._file.seek(self._position)
        count = self._file.readinto(buffer)
        if count < len(buffer):
            raise OSError(f"the file is cut off at byte {self._position + count}")
        self._position += count
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file, and turn what goes wrong into an error that names it."""
    with require_extra(f"{path} needs h5py"):
        import h5py  # type: ignore[import-untyped, unused-ignore]  # noqa: F401 - only to see that it is there
    try:
        file = open_lasting(path)
    except OSError as error:
        if error.errno is not None:
            raise OSError(error.errno, f"{path} cannot be read now: {one_line(error)}") from error
        advice = "; of MATLAB, save with -v7.3" if path.suffix.lower() == ".mat" else ""
        raise ValueError(f"{path} is not a whole HDF5 file ({one_line(error)}){advice}") from error
    with file:
        try:
            yield file
        except (OSError, RuntimeError, KeyError, UnicodeDecodeError) as error:
            problem = "the file is truncated" if file.driver == "fileobj" else one_line(error)
            raise ValueError(f"{path} is not a whole HDF5 file ({problem})") from error
        except ValueError as error:
            if file.driver != "fileobj":
                raise
            raise ValueError(f"{error}, and the file is truncated") from error


def open_lasting(path: Path) -> Any:
    """Open a file, also if its end is cut off, until nothing refers to it any more."""
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        if "truncated file" not in str(error):
            raise
        return h5py.File(_Lengthened(path), "r")


def datasets_in(group: Any) -> Iterator[tuple[str, Any]]:
    """Return all datasets in a group and in what its links lead to, each once, with their paths in the group."""
    return ((name, node) for name, node in _nodes_in(group) if hasattr(node, "shape"))


def groups_in(group: Any) -> Iterator[str]:
    """Return the paths of all groups in a group and in what its links lead to, each once."""
    return (name for name, node in _nodes_in(group) if not hasattr(node, "shape"))


def _nodes_in(group: Any) -> Iterator[tuple[str, Any]]:
    """Return all groups and datasets in a group and in what its links lead to, each once, with their paths."""
    import h5py

    seen = {_identity(group)}
    files: dict[int, Any] = {}  # kept open: one that is closed and opened again would count as another
    waiting = deque([("", group)])
    linked: deque[tuple[str, Any, str]] = deque()
    while waiting or linked:
        if waiting:
            prefix, parent = waiting.popleft()
            links = [(name, parent.get(name, getlink=True)) for name in parent]
            linked.extend((prefix, parent, name) for name, link in links if not isinstance(link, h5py.HardLink))
            names = [name for name, link in links if isinstance(link, h5py.HardLink)]
        else:  # what has a place of its own has been found by now
            prefix, parent, name = linked.popleft()
            names = [name]
        for name in names:
            node = at(parent, name)
            if node is None or (identity := _identity(node)) in seen:
                continue
            seen.add(identity)
            if identity[0] not in files:
                files[identity[0]] = node.file
            if isinstance(node, h5py.Group):
                waiting.append((f"{prefix}{name}/", node))
            yield f"{prefix}{name}", node


def at(group: Any, path: str) -> Any:
    """Return the group or dataset at a path in a group, or None, even if a link there leads nowhere."""
    import h5py

    try:
        node = group.get(path)
    except (KeyError, OSError, RuntimeError):
        return None
    return node if isinstance(node, h5py.Group | h5py.Dataset) else None


def broken_link(group: Any, path: str) -> str | None:
    """Return where a link on the way to a path leads, if that is nowhere, such as ``other.h5:/movie``."""
    import h5py

    parts = [part for part in path.split("/") if part]
    for count in range(1, len(parts) + 1):
        way = "/".join(parts[:count])
        if at(group, way) is not None:
            continue
        try:
            link = group.get(way, getlink=True)
        except (KeyError, OSError, RuntimeError):
            return None
        if isinstance(link, h5py.ExternalLink):
            return f"{link.filename}:{link.path}"
        return str(link.path) if isinstance(link, h5py.SoftLink) else None
    return None


def broken_links(group: Any) -> list[tuple[str, str]]:
    """Return the links in a group that lead nowhere, and where they lead."""
    found = ((name, broken_link(group, name)) for name in group)
    return [(name, target) for name, target in found if target is not None]


def _identity(node: Any) -> tuple[int, int]:
    """Return what two names of one object have in common."""
    import h5py

    info = h5py.h5o.get_info(node.id)
    return int(info.fileno), int(info.addr)
