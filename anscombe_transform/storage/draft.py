"""Arrays that are being written: until all chunks are there, nobody can open them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import zarr
from zarr.abc.buffer import Buffer
from zarr.buffer import cpu
from zarr.storage import MemoryStore, StorePath

from anscombe_transform._dependencies import in_threads
from anscombe_transform._faults import software_fault
from anscombe_transform.storage.location import METADATA, PROVENANCE, UNFINISHED, Location
from anscombe_transform.storage.zstd import with_fast_zstd

if TYPE_CHECKING:
    ZarrArray = zarr.Array[Any]
else:
    ZarrArray = zarr.Array  # which takes no parameters in Zarr 3.1.3

BESIDE_CHANNELS = ("t", "z", "y", "x", "OME")
"""The arrays and groups that may be in the group of a recording beside its channels."""

_NOTE = "What is here is not finished, and cannot be opened yet. It is written by anscombe-transform."


@dataclass(frozen=True)
class ArrayDraft:
    """An array whose metadata are not yet where Zarr looks for them.

    Attributes
    ----------
    location : Location
        Where it is kept.
    path : str
        The array's path within, ``""`` for the root.
    documents : mapping of str to str
        The metadata, by key: of the array, and of all that are written with it.
    """

    location: Location
    path: str
    documents: Mapping[str, str] = field(hash=False)

    @cached_property
    def opened(self) -> ZarrArray:
        """The array in memory as Zarr opens it."""
        memory = MemoryStore({key: cpu.Buffer.from_bytes(text.encode()) for key, text in self.documents.items()})
        return zarr.open_array(memory, path=self.path, mode="r+")

    @cached_property
    def template(self) -> ZarrArray:
        """The array in memory, without chunks."""
        return _storing_all_chunks(self.opened, self.opened.store_path)

    @cached_property
    def array(self) -> ZarrArray:
        """The array, to write and read chunks of."""
        return _storing_all_chunks(self.template, StorePath(self.location.store(), self.path))

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayDraft, (self.location, self.path, self.documents)


@dataclass(frozen=True)
class Draft:
    """One or several arrays, and the groups that they are in: until all are finished, nobody can open them.

    Attributes
    ----------
    location : Location
        Where they are kept.
    paths : tuple of str
        The paths of the arrays that movies are written to, ``""`` for the root.
    documents : mapping of str to str
        The metadata of all arrays and groups, by key.
    """

    location: Location
    paths: tuple[str, ...]
    documents: Mapping[str, str] = field(hash=False)

    @classmethod
    def of(cls, created: Mapping[str, Buffer], location: Location, paths: Iterable[str] = ("",)) -> Self:
        """Make the draft of what was created in the dictionary of a `MemoryStore`, to be kept elsewhere."""
        return cls(location, tuple(paths), {key: text.to_bytes().decode() for key, text in created.items()})

    @cached_property
    def arrays(self) -> Mapping[str, ArrayDraft]:
        """The arrays by their paths."""
        return {path: ArrayDraft(self.location, path, self.documents) for path in self.paths}

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the root."""
        return attributes_of(self.documents)

    def begin(self, writer: Mapping[str, Any] | None = None) -> None:
        """Write the metadata to the marker that says that this is not finished, and who is writing it."""
        marker: dict[str, Any] = {
            "note": _NOTE,
            "paths": list(self.paths),
            "documents": dict(self.documents),
        }
        if writer is not None:
            marker["writer"] = dict(writer)
        self.location.set(UNFINISHED, json.dumps(marker, indent=2).encode())

    def finish(self, digests: Mapping[str, Mapping[str, Any] | None] = MappingProxyType({})) -> None:
        """Write the metadata to where Zarr looks for them, and remove the marker.

        Parameters
        ----------
        digests : mapping, optional
            The digests of arrays by their paths, which their metadata get; as `digest_of` returns them.
        """
        if self.location.is_local:
            for left_by_a_killed_process in Path(self.location.address).rglob("*.partial"):
                left_by_a_killed_process.unlink()
        documents = dict(self.documents)
        for path, digest in digests.items():
            if digest is not None:
                _add_digest(documents, path, digest)
        # What makes an array or a group of the rest comes last: zarr.json of the root, and .zarray after .zattrs.
        for key in sorted(documents, key=lambda key: (key.count("/"), key), reverse=True):
            self.location.set(key, documents[key].encode())
        self.location.delete(UNFINISHED)
        self.location.flush([])


def _add_digest(documents: dict[str, str], path: str, digest: Mapping[str, Any]) -> None:
    """Add the digest of an array to what its attributes say about how it was made."""
    attributes_key, array_key = (f"{path}/{name}".lstrip("/") for name in (".zattrs", "zarr.json"))
    key = attributes_key if attributes_key in documents else array_key
    document = json.loads(documents[key])
    attributes = document if key == attributes_key else document["attributes"]
    attributes[PROVENANCE] |= {"digest": digest}
    documents[key] = json.dumps(document, indent=2)


def _storing_all_chunks(like: ZarrArray, store_path: StorePath) -> ZarrArray:
    """Return an array with the same metadata that also stores chunks that contain only the fill value, and is fast.

    For unsigned integers, looking for such chunks takes Zarr longer than compressing them.
    """
    metadata = with_fast_zstd(like.metadata)
    return in_threads(zarr.Array(zarr.AsyncArray(metadata, store_path, config={"write_empty_chunks": True})))


def begun(location: Location) -> Draft | None:
    """Return what is not finished there, or None if there is no marker of this package."""
    text = location.get(UNFINISHED)
    return None if text is None else _draft_in(text, location)


def has_damaged_marker(location: Location) -> bool:
    """Return whether there is a marker of this package of which a power cut has left nothing, or the beginning."""
    text = location.get(UNFINISHED)
    return text is not None and _is_damaged(text)


def is_begun(location: Location) -> bool:
    """Return whether there is a marker of this package, damaged or not."""
    text = location.get(UNFINISHED)
    return text is not None and (_is_damaged(text) or _draft_in(text, location) is not None)


def _draft_in(text: bytes, location: Location) -> Draft | None:
    """Return the draft that a marker describes, or None if it is not of this package."""
    try:
        marker = json.loads(text)
        return _whole(Draft(location, tuple(map(str, marker["paths"])), dict(marker["documents"])))
    except (ValueError, KeyError, TypeError):
        return None


def _is_damaged(text: bytes) -> bool:
    left = text.rstrip(b"\0")
    opening = json.dumps({"note": _NOTE}, indent=2).removesuffix('"\n}').encode()
    if not (opening.startswith(left) or left.startswith(opening)):
        return False
    try:
        json.loads(left)
    except ValueError:
        return True
    return False


def finished(location: Location) -> Draft | None:
    """Return what this package has finished there, an array, an OME-NGFF image or a group of channels, or None."""
    try:
        found = _documents(location, "")
        channels = attributes_of(found).get(PROVENANCE, {}).get("channels")
        paths = [""] if channels is None else [str(channel["path"]) for channel in channels]
        if channels is None and (image := _documents(location, "0")):
            paths, found = ["0"], found | image
        elif channels is not None:
            for path in {*paths, *(path.rpartition("/")[0] for path in paths), *BESIDE_CHANNELS} - {""}:
                found |= _documents(location, path)
        return _whole(Draft(location, tuple(paths), found))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _documents(location: Location, path: str) -> dict[str, str]:
    """Return the metadata documents of an array or group."""
    keys = (f"{path}/{name}".lstrip("/") for name in (*METADATA, ".zattrs", "METADATA.ome.xml"))
    return {key: text.decode() for key in keys if (text := location.get(key)) is not None}


def attributes_of(documents: Mapping[str, str]) -> dict[str, Any]:
    """Return the attributes of the root that documents describe, in either format of Zarr; without one, none."""
    if ".zattrs" in documents:
        return dict(json.loads(documents[".zattrs"]))
    return dict(json.loads(documents.get("zarr.json", "{}")).get("attributes", {}))


def _whole(draft: Draft) -> Draft:
    """Return a draft whose metadata are those of arrays, or raise ValueError."""
    metadata = [text for key, text in draft.documents.items() if not key.endswith(".xml")]
    if not draft.paths or not all(isinstance(json.loads(text), dict) for text in metadata):
        raise ValueError("no metadata")
    try:
        arrays = [array.opened for array in draft.arrays.values()]
    except (AttributeError, NameError, AssertionError) as error:
        raise software_fault(f"{draft.location.url} cannot be opened", error) from error
    except Exception as error:  # of whatever class Zarr has
        raise ValueError("no metadata of an array") from error
    if not all(isinstance(array.metadata.attributes, Mapping) for array in arrays):  # Zarr 3.1 opens others, too
        raise ValueError("no metadata")
    return draft
