"""Whether two paths or URLs lead to the same data, however they are spelled."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from zarr.storage import FsspecStore, LocalStore, MemoryStore

_LOCAL = re.compile(r"(?:file|local):(?://)?(?:/(?=[A-Za-z]:[/\\]))?")
"""What fsspec strips of a URL of the local file system; a drive of Windows follows a slash of its own."""

_LOCAL_PROTOCOLS = frozenset(("file", "local"))


def without_local_protocol(path: str) -> str:
    """Return the path in a URL such as ``file:///data/movie.zarr``, and any other path or URL as it is."""
    return _LOCAL.sub("", path, count=1) if _LOCAL.match(path) else path


@dataclass(frozen=True)
class Place:
    """Where data lie: on which file system, and at which path of it."""

    protocols: frozenset[str]
    """All names that the file system has, such as ``s3`` and ``s3a``."""
    host: str | None
    """The host, where paths of the file system do not tell it."""
    path: str

    @classmethod
    def of(cls, url: str, storage_options: Mapping[str, Any] | None = None) -> Self:
        """Return the place of a path or URL; of a chain such as ``simplecache::file:///movie.zarr``, of its last link.

        Raises
        ------
        ValueError
            If fsspec does not know the protocol.
        """
        last = without_local_protocol(url.rpartition("::")[2])
        if "://" not in last:
            return cls(_LOCAL_PROTOCOLS, None, last)
        import fsspec  # type: ignore[import-untyped]

        options = dict(storage_options or {})
        if "::" in url:  # each link of a chain has options of its own
            options = options.get(last.partition("://")[0], {})
        return cls.on(*fsspec.url_to_fs(last, **options))

    @classmethod
    def on(cls, filesystem: Any, path: str) -> Self:
        """Return the place of a path on a file system of fsspec, looking through caches and wrappers."""
        import fsspec

        while wrapped := [
            inner
            for name in ("fs", "sync_fs")
            if isinstance(inner := getattr(filesystem, name, None), fsspec.AbstractFileSystem)
        ]:
            path = f"{filesystem.path}/{path}" if filesystem.protocol == "dir" else path
            filesystem = wrapped[0]
        protocols = (filesystem.protocol,) if isinstance(filesystem.protocol, str) else filesystem.protocol
        return cls(frozenset(protocols), filesystem.storage_options.get("host"), path)

    def overlaps(self, other: Place) -> bool:
        """Return whether another place is this one, within it, or around it."""
        if self.protocols.isdisjoint(other.protocols) or self.host != other.host:
            return False
        if self.protocols & _LOCAL_PROTOCOLS:
            here, there = Path(self.path).resolve(), Path(other.path).resolve()
            return _leads_through(here, there) or _leads_through(there, here)
        own, their = (re.sub("/+", "/", f"/{path}/") for path in (self.path, other.path))
        return own.startswith(their) or their.startswith(own)


def _leads_through(path: Path, folder: Path) -> bool:
    """Return whether a path is a folder or within it, also by way of a mount or of letters of another case."""
    if path.is_relative_to(folder):
        return True
    try:
        status = folder.stat()
    except OSError:  # what does not exist has no other name
        return False
    return any(os.path.samestat(parent.stat(), status) for parent in (path, *path.parents) if parent.exists())


def places_of(movie: object) -> list[Place] | None:
    """Return from where a movie is read, or None if that is not known."""
    if hasattr(movie, "locations"):
        options = getattr(movie, "storage_options", None)
        return [Place.of(location, options) for location in movie.locations]
    if isinstance(movie, np.ndarray):
        return [Place.of(str(movie.filename))] if isinstance(movie, np.memmap) and movie.filename else []
    if isinstance(movie, zarr.Array):
        store = movie.store
        if isinstance(store, LocalStore):
            return [Place.of(str(store.root / movie.path))]
        if isinstance(store, FsspecStore):
            return [Place.on(store.fs, f"{store.path}/{movie.path}")]
        if isinstance(store, MemoryStore):
            return []
    return None
