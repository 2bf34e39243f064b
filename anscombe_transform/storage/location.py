"""The places in which Zarr arrays are kept: local folders, URLs, and stores that Zarr knows."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from zarr.abc.store import Store
from zarr.buffer import cpu, default_buffer_prototype
from zarr.storage import FsspecStore, LocalStore

from anscombe_transform._dependencies import sync
from anscombe_transform._faults import FAULTS, software_fault
from anscombe_transform._flushing import flush_file, flush_folder
from anscombe_transform._formatting import one_line, without_secrets
from anscombe_transform.storage.overlap import Place, without_local_protocol

UNFINISHED = "unfinished.json"
"""The key under which an array that is being written has its metadata, until all chunks are there."""

METADATA = ("zarr.json", ".zarray", ".zgroup")
"""Every array or group has one of these keys."""

PROVENANCE = "anscombe_transform"
"""The attribute of an array that says how it was made."""

_WITHOUT_USERS = ("s3", "s3a", "gs", "gcs")
"""Protocols whose URLs have a bucket and no user."""

_OF_WEB_SERVERS = frozenset(("http", "https"))
"""Protocols by which a list of what is there is at most the links on a page."""

StoreLike = str | os.PathLike[str] | Store
"""The path of a folder, a URL that fsspec knows, or a store of Zarr."""


@dataclass(frozen=True)
class Location:
    """A local folder, a URL that fsspec knows, or a store of Zarr.

    Nothing here is kept open, so that it can be sent to other processes; a store is sent as it is.
    """

    address: str
    """The absolute path of a folder, or a URL, with the user, password and query that it may have."""
    storage_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """For fsspec, such as a key, a secret and an endpoint."""
    given: Store | None = None
    """The store, if it is neither of a folder nor of a URL."""

    @classmethod
    def parse(cls, path: StoreLike, storage_options: Mapping[str, Any] | None = None) -> Self:
        """Return the location of a path, a URL or a store.

        Raises
        ------
        ValueError
            If there are options for a local folder, which has none, if a URL has no path, or if one of a protocol
            that takes none has a user, since messages of others would show it.
        """
        if isinstance(path, Store) and not isinstance(path, LocalStore):
            name = " ".join(str(path).split())  # of several lines, in some
            if storage_options:
                raise ValueError(f"{name} is a store, which has its own options: leave out {list(storage_options)}")
            return cls(name, given=path)
        url = str(path.root) if isinstance(path, LocalStore) else without_local_protocol(os.fspath(path))
        if "://" in url:
            protocol, _, place = url.partition("://")
            if not place.strip("/"):
                raise ValueError(
                    f"{without_secrets(url)} has no path: name one, such as {protocol}://bucket/movie.zarr"
                )
            if protocol in _WITHOUT_USERS and "://...@" in without_secrets(url):
                raise ValueError(
                    f"{without_secrets(url)} has a user or a password, which URLs of {protocol} do not take: give "
                    "storage_options, such as a key and a secret"
                )
            return cls(url.rstrip("/"), dict(storage_options or {}))
        if storage_options:
            raise ValueError(
                f"{url} is a local folder, which has no storage options: leave out {list(storage_options)}"
            )
        return cls(str(Path(url).absolute()))

    @property
    def url(self) -> str:
        """The absolute path of a folder, or a URL without secrets, to be shown and to be stored."""
        return without_secrets(self.address)

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine's file system."""
        return self.given is None and "://" not in self.address

    @property
    def lists(self) -> bool:
        """Whether it lists what it has; a web server at most shows pages with links."""
        if isinstance(self.given, FsspecStore):
            filesystem = self.given.fs
        elif self.given is not None or self.is_local:
            return self.given is None or self.given.supports_listing
        else:
            import fsspec  # type: ignore[import-untyped]

            filesystem, _ = fsspec.url_to_fs(self.address, **self.storage_options)
        return Place.on(filesystem, "").protocols.isdisjoint(_OF_WEB_SERVERS)

    @property
    def successor(self) -> Location:
        """Where what is to replace this is written; nothing can be beside a store, so that it is the store itself."""
        if self.given is not None:
            return self
        address = str(Path(self.address).resolve()) if self.is_local else self.address
        return replace(self, address=f"{address}.unfinished")

    def store(self, *, read_only: bool = False) -> Store:
        """Return the store; a local folder is created when the first key is written."""
        if self.given is not None:
            return self.given if self.given.read_only == read_only else self.given.with_read_only(read_only)
        if self.is_local:
            return LocalStore(self.url, read_only=read_only)
        return FsspecStore.from_url(self.address, storage_options=dict(self.storage_options), read_only=read_only)

    def get(self, key: str) -> bytes | None:
        """Return what is stored under a key, or None."""
        if leads_out(key):
            raise ValueError(f"{self.url} names the key {key!r}, which leads out of it")
        if self.is_local and not Path(self.url).is_dir():
            return None
        with self.reached():
            try:
                found = sync(self.store(read_only=True).get(key, default_buffer_prototype()))
            except ValueError:
                if self.given is None or key.rpartition("/")[2] in (*METADATA, ".zattrs"):
                    raise
                return None  # nothing can be under a key that a store does not take
        return None if found is None else found.to_bytes()

    def takes(self, key: str) -> bool:
        """Return whether it takes a key; a store that takes the keys of Zarr alone raises ValueError for others."""
        with self.reached():
            try:
                sync(self.store(read_only=True).exists(key))
            except ValueError:
                return False
        return True

    def set(self, key: str, value: bytes) -> None:
        """Store bytes under a key."""
        with self.reached():
            sync(self.store().set(key, cpu.Buffer.from_bytes(value)))
        self.flush([key])

    def delete(self, key: str) -> None:
        """Delete what is stored under a key."""
        with self.reached():
            sync(self.store().delete(key))

    def flush(self, keys: Iterable[str]) -> None:
        """Return once the files under some keys, and the folders that they are in, are on the disk."""
        if not self.is_local:  # stores of objects have what they say they have
            return
        root = Path(self.address)
        folders = {root, root.parent}
        for key in keys:
            flush_file(root / key)
            folders.update(root / folder for folder in Path(key).parents)
        for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
            flush_folder(folder)

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Turn the errors of the libraries of remote stores into an OSError."""
        try:
            yield
        except Exception as error:
            if self.is_local:
                raise
            if isinstance(error, ImportError):
                raise self.without_package(error) from error
            if (fault := self.fault("cannot be reached", error)) is not None:
                raise fault from error
            raise OSError(f"{self.url} cannot be reached: {one_line(error)}") from error

    def without_package(self, error: ImportError) -> ModuleNotFoundError:
        """Return the error to raise where the package for a kind of store is missing."""
        return ModuleNotFoundError(f"{self.url} cannot be reached: {one_line(error)}")

    def fault(self, problem: str, error: Exception) -> Exception | None:
        """Return the error to raise instead of one that says nothing about the data, or None if it does."""
        if not isinstance(error, FAULTS):
            return None
        if isinstance(error, TypeError) and self.storage_options:
            return OSError(f"{self.url} {problem}, perhaps because of the storage options: {one_line(error)}")
        return software_fault(f"{self.url} {problem}", error)

    def clear(self) -> None:
        """Delete all that is there but the marker of an array that is not finished.

        Metadata go first: what is left of an array when this is interrupted cannot be opened.
        """
        if self.is_local:
            self._clear_folder()
        else:
            with self.reached():
                for key in (f"{group}{name}" for group in ("", "0/") for name in METADATA):
                    sync(self.store().delete(key))
                if self.given is None:
                    self._clear_url()
                else:
                    sync(_clear_store(self.store()))

    def keys(self) -> list[str]:
        """Return all keys."""
        if self.is_local:
            keys = []
            for folder, _, names in os.walk(self.url):
                inside = Path(folder).relative_to(self.url).as_posix()
                prefix = "" if inside == "." else f"{inside}/"
                keys += [prefix + name for name in names]  # of which there may be a million
            return keys
        return sync(_keys(self.store(read_only=True)))

    def remove(self) -> None:
        """Delete all that is there."""
        self.clear()
        if self.is_local:
            if Path(self.url).is_dir():
                shutil.rmtree(self.url)
        else:
            self.delete(UNFINISHED)

    def _clear_url(self) -> None:
        import fsspec

        filesystem, root = fsspec.url_to_fs(self.address, **self.storage_options)
        filesystem.invalidate_cache()
        found = filesystem.ls(root, detail=False) if filesystem.exists(root) else []
        kept = {root.strip("/"), f"{root}/{UNFINISHED}".strip("/")}  # some stores list the folder itself
        paths = [path for path in found if path.strip("/") not in kept]
        if paths:  # all at once: keys one by one would take long on S3
            filesystem.rm(paths, recursive=True)

    def _clear_folder(self) -> None:
        for folder, subfolders, names in os.walk(self.url):  # which does not follow links
            subfolders[:] = [name for name in subfolders if name != "c"]  # the chunks of an array of format 3
            for name in {*METADATA}.intersection(names):
                (Path(folder) / name).unlink()
        for entry in Path(self.url).iterdir() if Path(self.url).is_dir() else ():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != UNFINISHED:
                entry.unlink()


async def _keys(store: Store) -> list[str]:
    return [key async for key in store.list()]


async def _clear_store(store: Store) -> None:
    """Delete all but the marker of an array that is not finished."""
    for key in [key for key in await _keys(store) if key != UNFINISHED]:
        await store.delete(key)


def leads_out(path: str) -> bool:
    """Return whether a path in a store leads out of it."""
    return ".." in re.split(r"[\\/]", path)


def options_for(place: object, storage_options: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the storage options for a path or URL: None for a path."""
    return storage_options if isinstance(place, str) and "://" in without_local_protocol(place) else None
