"""What already is where an array is to be written, and whether it may be deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from anscombe_transform._dependencies import sync
from anscombe_transform._formatting import without_secrets
from anscombe_transform.storage.draft import begun, has_damaged_marker, is_begun
from anscombe_transform.storage.location import METADATA, UNFINISHED, Location
from anscombe_transform.storage.overlap import Place, places_of

_OF_ZARR = re.compile(
    r"zarr\.json|\.z(array|group|attrs|metadata)|unfinished\.json|METADATA\.ome\.xml|.*\.partial|\.DS_Store|\._.*|\.nfs.*"
)
"""Files that are not chunks: metadata, what an interruption left, and what operating systems put everywhere."""

_CHUNK = re.compile(r"(c/)?\d+([./]\d+)*|c")
"""The key of a chunk, after that of its array."""

_OTHER_FORMATS = re.compile(
    r"\.(avi|bin|btf|csv|dat|gif|h5|hdf5?|he5|json|mat|mkv|mov|mp4|npy|npz|nwb|pdf|png|raw|tar|tiff?|txt|zip)$", re.I
)
"""Ends of the names of files of other formats."""

_HALF_A_MARKER = re.compile(r"unfinished\.[0-9a-f]{32}\.partial")
"""What Zarr leaves in a folder if it is killed while it writes the very first file there."""

State = Literal["empty", "unfinished", "zarr", "other"]


def state_of(location: Location) -> State:
    """Return what is at a location: nothing, an array that is not finished, Zarr data, or other files."""
    if location.is_local:
        path = Path(location.url)
        if not path.is_dir():
            return "other" if path.exists() else "empty"
        if all(_HALF_A_MARKER.fullmatch(file.name) for file in path.iterdir()):
            return "empty"
    if is_begun(location):
        return "unfinished"
    if any(location.get(key) is not None for key in METADATA):
        return "zarr"
    with location.reached():
        return "empty" if sync(location.store(read_only=True).is_empty("")) else "other"


def check_name(location: Location) -> None:
    """Raise ValueError if a folder that is to be written would have the name of a file of another format."""
    if location.given is None and (found := _OTHER_FORMATS.search(location.url)):
        raise ValueError(
            f"{location.url} has the name of a {found[0]} file, but what is written there is a Zarr folder: choose "
            f"another name, such as {location.url.rpartition('/')[2].removesuffix(found[0])}.zarr"
        )


def check_takes_drafts(location: Location) -> None:
    """Raise ValueError if a store cannot hold an array that is not finished, of which there is a marker until it is."""
    if location.given is None:
        return
    if not location.given.supports_deletes:
        raise ValueError(
            f"{location.url} does not delete anything, which is needed while an array is written: write it into a "
            "folder, and zip or copy that"
        )
    if not location.takes(UNFINISHED):
        raise ValueError(
            f"{location.url} takes the keys of Zarr alone, and until an array is finished, it needs another, "
            f"{UNFINISHED}: write it into a folder, and copy that into the store"
        )


def check_free(location: Location, *, overwrite: bool, hint: str = "") -> None:
    """Raise ValueError if something there may not be deleted; `hint` says what else can be done with it."""
    url, state = location.url, state_of(location)
    if state == "other":
        raise ValueError(f"{url} holds files that are not a Zarr array: choose another output, or delete them")
    if overwrite and state != "empty" and (other := next(_others(location), None)) is not None:
        raise ValueError(f"{url} also holds {other}, which is not part of a Zarr array: choose another output")
    if state == "unfinished" and not overwrite:
        raise ValueError(f"{url} holds an array that is not finished: {hint}overwrite=True deletes it")
    if state == "zarr" and overwrite and location.given is not None:
        raise ValueError(
            f"{url} holds Zarr data, and in a store, new data cannot be written beside them: choose another output, or "
            "delete them yourself"
        )
    if state == "zarr" and not overwrite:
        raise ValueError(f"{url} holds Zarr data: choose another output, or overwrite=True to delete them")


def _others(location: Location) -> Iterator[str]:
    """Yield the keys that are not part of Zarr data."""
    with location.reached():
        keys = location.keys()
    draft = begun(location)
    nodes = {key.rpartition("/")[0] for key in keys if key.rpartition("/")[2] in METADATA}
    nodes |= {*([] if draft is None else draft.paths)}
    if draft is None and has_damaged_marker(location):  # which does not tell any more where chunks are
        nodes |= {"/".join(parts[:count]) for key in keys for parts in [key.split("/")] for count in range(2)}
    for key in keys:
        parts = key.split("/")
        if not _OF_ZARR.fullmatch(parts[-1]) and not any(
            "/".join(parts[:count]) in nodes and _CHUNK.fullmatch("/".join(parts[count:]))
            for count in range(len(parts))
        ):
            yield key


def check_apart(location: Location, movie: object, *, overwrite: bool = False) -> None:
    """Raise ValueError if a movie is at a location, within it, or around it, or if nobody can tell."""
    url = location.url
    if not location.is_local and (signs := set("*?[") & set(url)):
        raise ValueError(f"{url} has a {min(signs)!r}, which stores take for a pattern: choose another name")
    places = places_of(movie)
    if places is None and overwrite and state_of(location) != "empty":
        raise ValueError(
            f"{url} may be where the movie is, which {type(movie).__name__} does not tell: choose another output, or "
            "delete this one yourself if you are sure that the movie is elsewhere"
        )
    with location.reached():
        here = (
            [Place.of(one.address, location.storage_options) for one in (location, location.successor)]
            if location.given is None
            else places_of(location.given)
        )
    if here is None and places and overwrite and state_of(location) != "empty":
        raise ValueError(
            f"{url} may be where the movie is, which {type(location.given).__name__} does not tell: choose another "
            "output, or delete this one yourself if you are sure that the movie is elsewhere"
        )
    for place in places or ():
        if any(output.overlaps(place) for output in here or ()):
            raise ValueError(f"{url} is where the movie is, {without_secrets(place.path)}: choose another output")
