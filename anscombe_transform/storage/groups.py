"""Opening the Zarr array or group at a location, and choosing an array of a group."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import zarr
from zarr.storage import ZipStore

from anscombe_transform._formatting import one_line
from anscombe_transform.storage.location import Location
from anscombe_transform.storage.overwriting import state_of

if TYPE_CHECKING:
    from anscombe_transform.storage.draft import ZarrArray


def open_node(location: Location) -> ZarrArray | zarr.Group:
    """Open what is at a location: in a folder, in a zip file, or at a URL.

    Raises
    ------
    FileNotFoundError
        If there is no Zarr array or group.
    OSError
        If it cannot be read.
    ValueError
        If it is not finished, or its metadata are damaged.
    """
    url = location.url
    try:
        if location.is_local and Path(url).is_file():
            return zarr.open(store=ZipStore(url, mode="r"), mode="r")
        return zarr.open(store=location.store(read_only=True), mode="r")
    except FileNotFoundError as error:
        if state_of(location) == "unfinished":
            raise ValueError(f"{url} is not finished: run the command that wrote it again") from error
        raise FileNotFoundError(f"{url} is not there, or is not a Zarr array or group") from error
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{url} needs fsspec and a package for its protocol, such as s3fs: pip install fsspec s3fs "
            f"({one_line(error)})"
        ) from error
    except OSError as error:
        raise OSError(f"{url} cannot be read: {one_line(error)}") from error
    except Exception as error:  # of whatever class fsspec, its protocol or a codec has
        if (fault := location.fault("cannot be opened", error)) is not None:
            raise fault from error
        raise ValueError(f"{url} is not a whole Zarr array or group ({one_line(error)})") from error


def array_at(location: Location, key: str | None) -> ZarrArray:
    """Return the array at a location; in a group, the one at `key`, the only one, or the first of an OME-Zarr pyramid.

    Raises
    ------
    ValueError
        If there is no such array, or there are several to choose from.
    """
    node = open_node(location)
    if isinstance(node, zarr.Array):
        check_no_key(location.url, key)
        return node
    return array_in(location.url, node, choose_array(location.url, node, key))


def check_no_key(path: object, key: str | None) -> None:
    """Raise ValueError if a key is given where there is nothing to choose from."""
    if key is not None:
        raise ValueError(f"{path} is a single array: leave out key={key!r}")


def array_in(path: object, group: zarr.Group, name: str) -> ZarrArray:
    """Return the array of this name in a group, or raise ValueError."""
    array = group.get(name)
    if not isinstance(array, zarr.Array):
        raise ValueError(f"{path} has no array {name!r}, which its metadata name")
    return array


def choose_array(path: object, group: zarr.Group, key: str | None) -> str:
    """Return the path in a group of the array at `key`, of the only array, or of the first of a pyramid.

    Raises
    ------
    ValueError
        If there is no such array, or there are several to choose from.
    """
    if key is not None:
        key = key.strip("/")
        found = group.get(key)
        if isinstance(found, zarr.Array):
            return key
        if isinstance(found, zarr.Group):
            return f"{key}/{choose_array(f'{path}/{key}', found, None)}"
    elif (pyramid := pyramid_of(group)) is not None:
        return str(pyramid["datasets"][0]["path"])
    return choose(path, key, sorted(name for name, node in group.members(None) if isinstance(node, zarr.Array)))


def choose(path: object, key: str | None, names: list[str]) -> str:
    """Return which of several arrays is wanted; without a key, the only one.

    Raises
    ------
    ValueError
        If there is no such array, or there are several to choose from.
    """
    if not names:
        raise ValueError(f"{path} has no arrays")
    if key is None and len(names) == 1:
        return names[0]
    if key is None or key not in names:
        wanted = "several arrays" if key is None else f"no array {key!r}"
        raise ValueError(f"{path} has {wanted}: give the name of one as key: {', '.join(names)}")
    return key


def pyramid_of(group: zarr.Group) -> dict[str, Any] | None:
    """Return the OME-Zarr metadata of a group, if it has them and they name an array."""
    attributes: dict[str, Any] = dict(group.attrs)
    ome = attributes.get("ome", attributes)
    try:
        pyramid: dict[str, Any] = ome["multiscales"][0]
        return pyramid if isinstance(pyramid["datasets"][0]["path"], str) else None
    except (TypeError, KeyError, IndexError):
        return None
