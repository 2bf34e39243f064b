"""Whether two paths or URLs lead to the same data, however they are spelled."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from zarr.abc.store import Store
from zarr.storage import FsspecStore, LocalStore, MemoryStore

_LOCAL = re.compile(r"(?:file|local):(?://)?(?:/(?=[A-Za-z]:[/\\]))?")
"""What fsspec strips from a URL of the local file system; a drive letter of Windows follows one more slash."""

_LOCAL_PROTOCOLS = frozenset(("file", "local"))

_CONTAINERS = frozenset(("zip", "tar", "libarchive", "reference"))
"""File systems inside files that are elsewhere."""


def without_local_protocol(path: str) -> str:
    """Return the path in a URL such as ``file:///data/movie.zarr``, and any other path or URL as it is."""
    return os.path.expanduser(_LOCAL.sub("", path, count=1)) if _LOCAL.match(path) else path  # noqa: PTH111 - keeps //


@dataclass(frozen=True)
class Place:
    """Where data are: on which file system, and at which path of it."""

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
        url = without_local_protocol(url)
        if "://" not in url:
            return cls(_LOCAL_PROTOCOLS, None, url)
        *others, last = url.split("::")
        if others and "://" not in without_local_protocol(last):
            return cls(_LOCAL_PROTOCOLS, None, str(Path(without_local_protocol(last)).expanduser()))
        import fsspec  # type: ignore[import-untyped]

        options = dict(storage_options or {})
        if others:  # each link of a chain has options of its own
            options = options.get(last.partition("://")[0], {})
        return cls.on(*fsspec.url_to_fs(last, **options))

    @classmethod
    def on(cls, filesystem: Any, path: str) -> Self:
        """Return the place of a path on a file system of fsspec, looking through caches and wrappers."""
        import fsspec
        from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]

        while wrapped := [
            inner
            for name in ("fs", "sync_fs")
            if isinstance(inner := getattr(filesystem, name, None), fsspec.AbstractFileSystem)
        ]:
            path = f"{filesystem.path}/{path}" if isinstance(filesystem, DirFileSystem) else path
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
        own, their = (posixpath.normpath("/" + path.lstrip("/")).rstrip("/") + "/" for path in (self.path, other.path))
        return own.startswith(their) or their.startswith(own)


def _leads_through(path: Path, folder: Path) -> bool:
    """Return whether a path is a folder or within it, also through a mount or with letters of another case."""
    if path.is_relative_to(folder):
        return True
    try:
        status = folder.stat()
    except OSError:  # what does not exist has no other name
        return False
    return any(os.path.samestat(parent.stat(), status) for parent in (path, *path.parents) if parent.exists())


def places_at(url: str, storage_options: Mapping[str, Any] | None = None) -> list[Place]:
    """Return the place of a path or URL and, of a local folder, the places to which links in it lead."""
    place = Place.of(url, storage_options)
    links: list[str] = []
    if place.protocols & _LOCAL_PROTOCOLS and Path(place.path).is_dir():
        with os.scandir(place.path) as entries:  # there may be a file for each of very many chunks
            links = [entry.path for entry in entries if entry.is_symlink()]
    return [place, *map(Place.of, links)]


def places_of(movie: object) -> list[Place] | None:
    """Return where a movie is read from, or where a store of Zarr is; None if that is not known."""
    if isinstance(getattr(type(movie), "places", None), property):
        places: list[Place] | None = movie.places  # type: ignore[attr-defined]
        return places
    if isinstance(movie, np.ndarray):
        memory: Any = movie
        while memory is not None:  # a view, or a plain array, has the memory of another
            if isinstance(memory, np.memmap) and memory.filename:
                return [Place.of(str(memory.filename))]
            memory = getattr(memory, "base", None)
        return []
    if isinstance(movie, zarr.Array):
        return _places_in(movie.store, movie.path)
    return _places_in(movie, "") if isinstance(movie, Store) else None


def _places_in(store: Store, path: str) -> list[Place] | None:
    """Return where a path of a store is, or None if the store does not tell."""
    if isinstance(store, LocalStore):
        return places_at(str(store.root / path))
    if isinstance(store, FsspecStore):
        place = Place.on(store.fs, f"{store.path}/{path}")
        return None if place.protocols & _CONTAINERS else [place]
    return [Place(frozenset(("memory of this process",)), str(store), path)] if isinstance(store, MemoryStore) else None
