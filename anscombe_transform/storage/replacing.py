"""Replacing what is at a location: its successor is written beside it, and takes its place when it is whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from anscombe_transform._flushing import flush_folder
from anscombe_transform.storage.draft import begun, finished, has_damaged_marker
from anscombe_transform.storage.location import METADATA, PROVENANCE, Location
from anscombe_transform.storage.overwriting import state_of

_REPLACED = ".replaced"
"""What is to be deleted has the name of the location and this, from when its successor takes its place."""


def place_to_resume(location: Location) -> Location:
    """Return where to go on with what is to be at a location: beside it, if its successor was begun there."""
    successor = location.successor
    return successor if _is_ours(successor) else location


def check_replaceable(location: Location) -> None:
    """Raise ValueError if what is at a location cannot be replaced, or something else has the name of its successor."""
    if location.given is not None or state_of(location) == "empty":
        return
    successor = location.successor
    if state_of(successor) != "empty" and not _is_ours(successor):
        raise ValueError(f"{successor.url}, where the new array would be written, holds other data: move them away")
    if location.is_local:
        target = Path(location.address).resolve()
        if os.path.ismount(target):
            raise ValueError(f"{target} is a mount point, which cannot be replaced: choose a folder within it")
        if (replaced := target.with_name(target.name + _REPLACED)).exists():
            raise ValueError(f"{replaced} is left of an interrupted overwrite: delete it if {target} is whole")


def make_room(location: Location) -> Location:
    """Return where to write what is to be at a location: there, or beside it if something is there.

    What an earlier run has left beside it is deleted, and what it has left in a store.

    Raises
    ------
    ValueError
        If it cannot be replaced.
    """
    check_replaceable(location)
    if state_of(location) == "empty":
        return location
    successor = location.successor  # in a store, the place itself
    if state_of(successor) != "empty":
        successor.remove()
    return successor


def _is_ours(location: Location) -> bool:
    """Return whether this package has written, or begun, what is there."""
    if has_damaged_marker(location):
        return True
    draft = begun(location) or finished(location)
    return draft is not None and all(PROVENANCE in array.template.attrs for array in draft.arrays.values())


def take_place(successor: Location, location: Location) -> None:
    """Put a successor that is whole in the place of what is at a location, which is deleted.

    In a file system, two folders are renamed. A store of objects has no folders: there the old objects are deleted and
    the new ones copied, metadata last; until then, the successor stays.
    """
    if successor == location:
        return
    if location.is_local:
        target = Path(location.address).resolve()
        replaced = target.with_name(target.name + _REPLACED)
        if target.exists():
            target.rename(replaced)
        Path(successor.address).rename(target)
        flush_folder(target.parent)
        if replaced.exists():
            shutil.rmtree(replaced)
        return
    with location.reached():
        location.remove()
        _copy(successor, location)
        successor.remove()


def _copy(source: Location, target: Location) -> None:
    import fsspec  # type: ignore[import-untyped]

    filesystem, root = fsspec.url_to_fs(source.address, **source.storage_options)
    _, new_root = fsspec.url_to_fs(target.address, **target.storage_options)
    filesystem.invalidate_cache()
    names = [path.removeprefix(root).lstrip("/") for path in filesystem.find(root)]
    chunks = [name for name in names if not _is_metadata(name)]
    # What makes an array or a group of the rest comes last: that of the root after those of what is in it.
    metadata = sorted(filter(_is_metadata, names), key=lambda name: (name.count("/"), name), reverse=True)
    for group in (chunks, *([name] for name in metadata)):
        if group:
            filesystem.copy([f"{root}/{name}" for name in group], [f"{new_root}/{name}" for name in group])


def _is_metadata(name: str) -> bool:
    return Path(name).name in {*METADATA, ".zattrs"}
