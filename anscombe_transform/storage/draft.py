"""Arrays that are being written: until all chunks are there, nobody can open them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import zarr
from zarr.abc.buffer import Buffer
from zarr.buffer import cpu
from zarr.storage import MemoryStore, StorePath

from anscombe_transform._faults import software_fault
from anscombe_transform.storage.location import UNFINISHED, Location

if TYPE_CHECKING:
    ZarrArray = zarr.Array[Any]
else:
    ZarrArray = zarr.Array  # which takes no parameters in Zarr 3.1.3


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


def _storing_all_chunks(like: ZarrArray, store_path: StorePath) -> ZarrArray:
    """Return an array with the same metadata that also stores chunks that contain only the fill value.

    For unsigned integers, looking for such chunks takes Zarr longer than compressing them.
    """
    metadata: Any = like.metadata
    return zarr.Array(zarr.AsyncArray(metadata, store_path, config={"write_empty_chunks": True}))


def begun(location: Location) -> Draft | None:
    """Return the array that is not finished, or None if there is no marker of this package."""
    text = location.get(UNFINISHED)
    if text is None:
        return None
    try:
        marker = json.loads(text)
        return _whole(Draft(location, marker["path"], dict(marker["documents"])))
    except (ValueError, KeyError, TypeError):  # the marker is not ours
        return None


def finished(location: Location) -> Draft | None:
    """Return the finished array at the root or in the group of an OME-NGFF image, or None."""
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
