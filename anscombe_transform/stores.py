"""Where Zarr arrays are kept, and whether what is there is finished."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import zarr
from zarr.abc.buffer import Buffer
from zarr.abc.store import Store
from zarr.buffer import cpu, default_buffer_prototype
from zarr.storage import FsspecStore, LocalStore, MemoryStore, StorePath

from anscombe_transform.dependencies import sync
from anscombe_transform.faults import FAULTS, software_fault
from anscombe_transform.places import Place, places_of, without_local_protocol

if TYPE_CHECKING:
    Array = zarr.Array[Any]
else:
    Array = zarr.Array  # which takes no parameters in Zarr 3.1.3

UNFINISHED = "unfinished.json"
"""The key under which an array that is being written has its metadata, until all chunks are there."""

_OF_ZARR = re.compile(r"zarr\.json|unfinished\.json|[\d.]+|.*\.partial|\..*")
"""Files in the root of an array or group: metadata, chunks of format 2, what an interruption left, and hidden ones."""

METADATA = ("zarr.json", ".zarray", ".zgroup")
"""The keys of which one is in every array or group."""


@dataclass(frozen=True)
class Location:
    """A local folder, or a URL that fsspec knows.

    Nothing here is kept open, so that it can be sent to other processes.
    """

    url: str
    """The absolute path of a folder, or a URL."""
    storage_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """For fsspec, such as a key, a secret and an endpoint."""

    @classmethod
    def parse(cls, path: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None) -> Self:
        """Return the location of a path or URL.

        Raises
        ------
        ValueError
            If there are options for a local folder, which has none, or if a URL has no path.
        """
        url = without_local_protocol(os.fspath(path))
        if "://" in url:
            protocol, _, place = url.partition("://")
            if not place.strip("/"):
                raise ValueError(f"{url} has no path: name one, such as {protocol}://bucket/movie.zarr")
            return cls(url.rstrip("/"), dict(storage_options or {}))
        if storage_options:
            raise ValueError(
                f"{url} is a local folder, which has no storage options: leave out {list(storage_options)}"
            )
        return cls(str(Path(url).absolute()))

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine's file system."""
        return "://" not in self.url

    def store(self, *, read_only: bool = False) -> Store:
        """Return the store; a local folder that is written to is made with the first key."""
        if self.is_local:
            return LocalStore(self.url, read_only=read_only)
        try:
            return FsspecStore.from_url(self.url, storage_options=dict(self.storage_options), read_only=read_only)
        except ImportError as error:
            raise ModuleNotFoundError(f"{self.url} cannot be reached: {error}") from error

    def get(self, key: str) -> bytes | None:
        """Return what is stored under a key, or None."""
        if self.is_local and not Path(self.url).is_dir():
            return None
        with self._reached():
            found = sync(self.store(read_only=True).get(key, default_buffer_prototype()))
        return None if found is None else found.to_bytes()

    def set(self, key: str, value: bytes) -> None:
        """Store bytes under a key."""
        with self._reached():
            sync(self.store().set(key, cpu.Buffer.from_bytes(value)))

    def delete(self, key: str) -> None:
        """Delete what is stored under a key."""
        with self._reached():
            sync(self.store().delete(key))

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Make an OSError of the errors that the libraries of remote stores have of their own."""
        try:
            yield
        except Exception as error:
            if self.is_local:
                raise
            if isinstance(error, ImportError):
                raise ModuleNotFoundError(f"{self.url} cannot be reached: {error}") from error
            options_may_be_wrong = isinstance(error, TypeError) and self.storage_options
            if isinstance(error, FAULTS) and not options_may_be_wrong:
                raise software_fault(f"{self.url} cannot be reached", error) from error
            raise OSError(f"{self.url} cannot be reached: {error}") from error

    def state(self) -> Literal["empty", "unfinished", "zarr", "other"]:
        """Return what is there: nothing, an array that is not finished, Zarr data, or other files."""
        if self.is_local and not Path(self.url).is_dir():
            return "other" if Path(self.url).exists() else "empty"
        if begun(self) is not None:
            return "unfinished"
        if any(self.get(key) is not None for key in METADATA):
            return "zarr"
        with self._reached():
            return "empty" if sync(self.store(read_only=True).is_empty("")) else "other"

    def check_free(self, *, overwrite: bool, ways: str = "") -> None:
        """Raise ValueError if there is something that may not be deleted; `ways` is what else can be done with it."""
        state = self.state()
        if state == "other":
            raise ValueError(f"{self.url} holds files that are no Zarr array: choose another output, or delete them")
        if overwrite and (others := self._other_files()):
            raise ValueError(f"{self.url} also holds {others[0]}, which is not of Zarr: choose another output")
        if state == "unfinished" and not overwrite:
            raise ValueError(f"{self.url} holds an array that is not finished: {ways}--overwrite deletes it")
        if state == "zarr" and not overwrite:
            raise ValueError(f"{self.url} holds Zarr data: choose another output, or --overwrite to delete them")

    def _other_files(self) -> list[str]:
        """Return the names of files in the root of a local folder that are not of Zarr."""
        if not self.is_local or not Path(self.url).is_dir():
            return []
        names = [path.name for path in Path(self.url).iterdir() if path.is_file()]
        return sorted(name for name in names if not _OF_ZARR.fullmatch(name))

    def check_apart(self, movie: object, *, overwrite: bool = False) -> None:
        """Raise ValueError if the movie is at the same place, within this one, or around it, or nobody can tell."""
        if not self.is_local and (signs := set("*?[") & set(self.url)):
            raise ValueError(f"{self.url} has a {min(signs)!r}, which stores take for a pattern: choose another name")
        places = places_of(movie)
        if places is None and overwrite and self.state() != "empty":
            raise ValueError(
                f"{self.url} may be where the movie is, which {type(movie).__name__} does not tell: choose another "
                "output, or delete this one yourself if you are sure that the movie is elsewhere"
            )
        with self._reached():
            here = Place.of(self.url, self.storage_options)
        for place in places or ():
            if here.overlaps(place):
                raise ValueError(f"{self.url} is where the movie is, {place.path}: choose another output")

    def clear(self) -> None:
        """Delete all that is there but the marker of an array that is not finished.

        Metadata go first: what is left of an array when this is interrupted cannot be opened.
        """
        metadata = [f"{group}{name}" for group in ("", "0/") for name in METADATA]
        if self.is_local:
            self._clear_folder(metadata)
        else:
            with self._reached():
                for key in metadata:
                    sync(self.store().delete(key))
                self._clear_url()

    def _clear_url(self) -> None:
        import fsspec  # type: ignore[import-untyped]

        filesystem, root = fsspec.url_to_fs(self.url, **self.storage_options)
        filesystem.invalidate_cache()
        found = filesystem.ls(root, detail=False) if filesystem.exists(root) else []
        kept = {root.strip("/"), f"{root}/{UNFINISHED}".strip("/")}  # some stores list the folder itself
        paths = [path for path in found if path.strip("/") not in kept]
        if paths:  # all at once: keys one by one would take long on S3
            filesystem.rm(paths, recursive=True)

    def _clear_folder(self, metadata: list[str]) -> None:
        for key in metadata:
            (Path(self.url) / key).unlink(missing_ok=True)
        for entry in Path(self.url).iterdir() if Path(self.url).is_dir() else ():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != UNFINISHED:
                entry.unlink()


@dataclass(frozen=True)
class Draft:
    """An array whose metadata are not yet where Zarr looks for them: until it is finished, nobody can open it.

    Attributes
    ----------
    location : Location
        Where it is kept.
    path : str
        The array's path within, ``""`` for the root.
    documents : mapping of str to str
        The metadata, by key: of the array, and of the group that it is in.
    """

    location: Location
    path: str
    documents: Mapping[str, str] = field(hash=False)

    @classmethod
    def of(cls, created: Mapping[str, Buffer], location: Location, path: str = "") -> Self:
        """Make the draft of an array that was created in the dictionary of a `MemoryStore`, to be kept elsewhere."""
        return cls(location, path, {key: text.to_bytes().decode() for key, text in created.items()})

    @cached_property
    def opened(self) -> Array:
        """The array in memory as Zarr opens it."""
        memory = MemoryStore({key: cpu.Buffer.from_bytes(text.encode()) for key, text in self.documents.items()})
        return zarr.open_array(memory, path=self.path, mode="r+")

    @cached_property
    def template(self) -> Array:
        """The array in memory, without chunks."""
        return _storing_all_chunks(self.opened, self.opened.store_path)

    @cached_property
    def array(self) -> Array:
        """The array, to write and read chunks of."""
        return _storing_all_chunks(self.template, StorePath(self.location.store(), self.path))

    def __reduce__(self) -> tuple[Any, ...]:
        return Draft, (self.location, self.path, self.documents)

    def begin(self) -> None:
        """Write the metadata to the marker that says that the array is not finished."""
        marker = {
            "note": "This array is not finished, and cannot be opened yet. It is written by anscombe-transform.",
            "path": self.path,
            "documents": dict(self.documents),
        }
        self.location.set(UNFINISHED, json.dumps(marker, indent=2).encode())

    def finish(self) -> None:
        """Write the metadata to where Zarr looks for them, and remove the marker."""
        if self.location.is_local:
            for left_by_a_killed_process in Path(self.location.url).rglob("*.partial"):
                left_by_a_killed_process.unlink()
        # What makes an array of the rest comes last: zarr.json of the root, and .zarray after .zattrs.
        for key in sorted(self.documents, key=lambda key: (key.count("/"), key), reverse=True):
            self.location.set(key, self.documents[key].encode())
        self.location.delete(UNFINISHED)


def _storing_all_chunks(like: Array, store_path: StorePath) -> Array:
    """Return an array of the same metadata that stores a chunk even if all of it is the fill value.

    For Zarr to look for such chunks takes longer than to compress them, where integers are unsigned.
    """
    metadata: Any = like.metadata
    return zarr.Array(zarr.AsyncArray(metadata, store_path, config={"write_empty_chunks": True}))


def begun(location: Location) -> Draft | None:
    """Return the array that is not finished, or None if there is no marker, or one that is not of this package."""
    text = location.get(UNFINISHED)
    if text is None:
        return None
    try:
        marker = json.loads(text)
        return _whole(Draft(location, marker["path"], dict(marker["documents"])))
    except (ValueError, KeyError, TypeError):  # the marker is of strangers
        return None


def finished(location: Location) -> Draft | None:
    """Return the array that is finished, at the root or in the group of an OME-NGFF image, or None."""
    keys = ("zarr.json", "0/zarr.json", ".zarray", ".zattrs")
    found = {key: text.decode() for key in keys if (text := location.get(key)) is not None}
    try:
        return _whole(Draft(location, "0" if "0/zarr.json" in found else "", found))
    except ValueError:
        return None


def _whole(draft: Draft) -> Draft:
    """Return a draft whose metadata are those of an array, or raise ValueError."""
    if not all(isinstance(json.loads(document), dict) for document in draft.documents.values()):
        raise ValueError("no metadata")
    try:
        draft.opened  # noqa: B018 - what it opens is kept
    except (AttributeError, NameError, AssertionError) as error:
        raise software_fault(f"{draft.location.url} cannot be opened", error) from error
    except Exception as error:  # of whatever class Zarr has
        raise ValueError("no metadata of an array") from error
    return draft


def options_for(place: object, storage_options: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the options for a path or URL, which only a URL has."""
    return storage_options if isinstance(place, str) and "://" in without_local_protocol(place) else None
