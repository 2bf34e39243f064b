"""What is in a Zarr hierarchy, told from its metadata alone, so that members that Zarr cannot open are no obstacle."""

from __future__ import annotations

import asyncio
import json
import posixpath
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn

import zarr
from zarr.abc.store import Store
from zarr.buffer import default_buffer_prototype
from zarr.storage import WrapperStore, ZipStore

from anscombe_transform._dependencies import in_threads, sync
from anscombe_transform._files import check_unpacking
from anscombe_transform._formatting import listed, one_line
from anscombe_transform.storage.location import METADATA, Location, leads_out
from anscombe_transform.storage.overwriting import state_of

if TYPE_CHECKING:
    from zarr.abc.buffer import Buffer

    from anscombe_transform.storage.draft import ZarrArray

_DENIED = (401, 403)
"""What web servers answer to somebody who may not read something."""


@dataclass(frozen=True)
class Node:
    """An array or a group."""

    path: str
    """In the hierarchy, without a slash at its ends; ``""`` for the root."""
    attributes: Mapping[str, Any]
    document: Mapping[str, Any] = field(repr=False)
    """Its metadata, as they are stored."""

    @property
    def is_array(self) -> bool:
        """Whether it is an array, and not a group."""
        return "shape" in self.document

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an array."""
        found = self.document["shape"]
        return tuple(found) if isinstance(found, list) and all(isinstance(size, int) for size in found) else ()

    @property
    def dtype(self) -> Any:
        """The dtype of an array, as Zarr writes it."""
        return self.document.get("data_type", self.document.get("dtype"))

    @property
    def dimension_names(self) -> list[Any] | None:
        """The names of the axes of an array: those of Zarr V3, or of xarray."""
        names = self.document.get("dimension_names") or self.attributes.get("_ARRAY_DIMENSIONS")
        return names if isinstance(names, list) and len(names) == len(self.shape) else None


class Hierarchy:
    """The arrays and groups at a location: in a folder, in a zip file, or at a URL.

    Raises
    ------
    FileNotFoundError
        If there is no Zarr array or group.
    OSError
        If it cannot be read, or only with credentials.
    ValueError
        If it is not finished, or its metadata are damaged.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        with self.reached():
            self.store, self._prefix = _store_of(location)
            root = sync(_node(self.store, self._prefix, ""))
            if root is None and isinstance(self.store, ZipStore):  # several folders side by side
                root = Node("", {}, {}) if sync(_below(self.store, self._prefix, "")) else None
        if root is None:
            _explain_absence(location)
        self.root = root

    def node(self, path: str) -> Node | None:
        """Return the array or group at a path, or None if there is none."""
        if not (path := path.strip("/")):
            return self.root
        self.key(path)  # raises ValueError
        with self.reached():
            return sync(_node(self.store, self._prefix, path))

    def array(self, node: Node, *, whole: bool = True) -> ZarrArray:
        """Open an array; if it is to be whole, a chunk that is not stored is an error when it is read."""
        key = self.key(node.path)
        with self.reached():
            _check_document(node)
            store = _StoredChunks(self.store) if whole else self.store
            return in_threads(zarr.open_array(store=store, path=key, mode="r"))

    def key(self, path: str) -> str:
        """Return the key of the store under which a path begins.

        Raises
        ------
        ValueError
            If it leads out of the hierarchy.
        """
        if leads_out(path):
            raise ValueError(f"{self.location.url} names the path {path!r}, which leads out of it")
        return f"{self._prefix}{path}".strip("/")

    def below(self, path: str = "") -> list[Node]:
        """Return all arrays and groups in a group, and in those that are in it, sorted by path."""
        with self.reached():
            if not self.location.is_local and (found := self._consolidated) is not None:
                start = f"{path}/" if path else ""
                return [node for node in found if node.path.startswith(start) and node.path != path]
            try:
                return sorted(sync(_below(self.store, self._prefix, path)), key=lambda node: node.path)
            except Exception as error:
                if _problem_of_access(error) is None:
                    raise
                raise PermissionError(f"what is in the group may not be listed ({one_line(error)})") from error

    @cached_property
    def _consolidated(self) -> list[Node] | None:
        """All arrays and groups, if the metadata of the root have copies of theirs, since listing may take long."""
        if inline := self.root.document.get("consolidated_metadata"):
            found = [(path, document) for path, document in inline["metadata"].items() if isinstance(document, dict)]
            return sorted((_of_v3(path, document) for path, document in found), key=lambda node: node.path)
        copies = sync(_document(self.store, f"{self._prefix}.zmetadata"))
        if copies is None:
            return None
        of: dict[str, dict[str, Any]] = {}
        for key, document in copies["metadata"].items():
            path, _, name = f"/{key}".rpartition("/")
            of.setdefault(path.strip("/"), {})[name] = document
        return sorted(
            (
                Node(path, _mapping(documents.get(".zattrs")), document)
                for path, documents in of.items()
                if isinstance(document := documents.get(".zarray", documents.get(".zgroup")), dict)
            ),
            key=lambda node: node.path,
        )

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Turn what goes wrong with the store or the metadata into an error that names the location."""
        url = self.location.url
        try:
            yield
        except (FileNotFoundError, ModuleNotFoundError):
            raise
        except ImportError as error:
            raise ModuleNotFoundError(
                f"{url} needs fsspec and a package for its protocol: {one_line(error)}"
            ) from error
        except Exception as error:  # of whatever class fsspec, its protocol or a codec has
            if (problem := _problem_of_access(error)) is not None:
                raise PermissionError(f"{url} {problem}: {one_line(error)}") from error
            if isinstance(error, OSError):
                raise OSError(f"{url} cannot be read: {one_line(error)}") from error
            if (fault := self.location.fault("cannot be opened", error)) is not None:
                raise fault from error
            raise ValueError(f"{url} is not a whole Zarr array or group ({one_line(error)})") from error


def _check_document(node: Node) -> None:
    """Raise ValueError if the shape of an array or of its chunks is not valid, or its attributes are not a mapping."""
    attributes = node.document.get("attributes")
    if not isinstance(attributes, Mapping | None):
        raise ValueError(f"its attributes must be names with values, not {type(attributes).__name__}")
    grid = node.document.get("chunk_grid")
    within = grid.get("configuration") if isinstance(grid, Mapping) else None
    chunks = within.get("chunk_shape") if isinstance(within, Mapping) else node.document.get("chunks")
    for what, sizes, least in (("the shape", node.document.get("shape"), 0), ("chunks of the shape", chunks, 1)):
        if isinstance(sizes, list) and not all(isinstance(size, int) and least <= size < 1 << 63 for size in sizes):
            raise ValueError(f"it has {what} {sizes}, whose sizes must be whole numbers of at least {least}")


class _StoredChunks(WrapperStore[Store]):
    """A store in which what is not there is an error, and not a chunk of the fill value."""

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Buffer | None:
        """Return what is stored under a key."""
        return self._stored(key, await super().get(key, prototype, byte_range))

    def get_sync(self, key: str, *, prototype: Any = None, byte_range: Any = None) -> Buffer | None:
        """Do the same for Zarr's threads, since its release 3.3."""
        found = super().get_sync(key, prototype=prototype, byte_range=byte_range)  # type: ignore[misc,unused-ignore]
        return self._stored(key, found)

    @staticmethod
    def _stored(key: str, found: Buffer | None) -> Buffer | None:
        if found is None and not key.endswith((*METADATA, ".zattrs", ".zmetadata")):
            raise ValueError(f"the chunk {key} is not stored")
        return found


def array_at(location: Location, key: str | None) -> ZarrArray:
    """Return the array at a location; in a group, the one at `key`, the only one, or the first of an OME-Zarr pyramid.

    Raises
    ------
    ValueError
        If there is no such array, or there are several to choose from.
    """
    hierarchy = Hierarchy(location)
    return hierarchy.array(node_of_array(hierarchy, key), whole=False)


def node_of_array(hierarchy: Hierarchy, key: str | None) -> Node:
    """Return the array that `array_at` opens."""
    check_no_key(hierarchy, key)
    path = "" if key is None else key.strip("/")
    node = hierarchy.node(path)
    if node is not None and not node.is_array and (pyramid := pyramid_of(node)) is not None:
        path = f"{path}/{pyramid['datasets'][0]['path']}".strip("/")
        node = hierarchy.node(path)
    if node is not None and node.is_array:
        return node
    arrays = [other for other in hierarchy.below("" if node is None else path) if other.is_array]
    if node is not None and len(arrays) == 1:
        return arrays[0]
    wanted = "no arrays" if not arrays else "several arrays" if node is not None else f"no array {key!r}"
    raise ValueError(
        f"{hierarchy.location.url} has {wanted}"
        + (f": give the name of one as key: {listed([array.path for array in arrays])}" if arrays else "")
    )


def check_no_key(hierarchy: Hierarchy, key: str | None) -> None:
    """Raise ValueError if a key is given where there is nothing to choose from."""
    if key is not None and hierarchy.root.is_array:
        raise ValueError(f"{hierarchy.location.url} is a single array: leave out key={key!r}")


def pyramid_of(node: Node) -> dict[str, Any] | None:
    """Return the OME-Zarr metadata of a group, if it has them and they name an array."""
    try:
        pyramid: dict[str, Any] = ome_of(node)["multiscales"][0]
        return pyramid if isinstance(pyramid["datasets"][0]["path"], str) else None
    except (TypeError, KeyError, IndexError):
        return None


def ome_of(node: Node) -> Mapping[str, Any]:
    """Return the metadata of OME-Zarr among the attributes of a group."""
    ome = node.attributes.get("ome", node.attributes)
    return ome if isinstance(ome, Mapping) else {}


def _store_of(location: Location) -> tuple[Store, str]:
    """Return the store of a location, and where in it the hierarchy begins: a zip file may hold its folder."""
    if not location.is_local or not Path(location.url).is_file():
        try:
            return location.store(read_only=True), ""
        except ImportError as error:
            raise location.without_package(error) from error
    with zipfile.ZipFile(location.url) as archive:
        for member in archive.infolist():
            check_unpacking(f"{location.url}: {member.filename}", member.compress_size, member.file_size)
        names = [PurePosixPath(name) for name in archive.namelist()]
    folders = {str(name.parent) for name in names if name.name in METADATA}
    roots = [folder for folder in folders if not folders & {str(parent) for parent in PurePosixPath(folder).parents}]
    inside = posixpath.commonpath(roots) if roots else ""
    return sync(ZipStore.open(location.url, mode="r")), "" if inside in ("", ".") else f"{inside}/"


def _explain_absence(location: Location) -> NoReturn:
    """Raise the error that says why there is no array or group at a location."""
    url = location.url
    if state_of(location) == "unfinished":
        raise ValueError(f"{url} is not finished: run the command that wrote it again, with resume=True")
    if not location.is_local and location.given is None and _is_file(location):
        protocol, name = url.partition(":")[0], url.rpartition("/")[2]
        raise ValueError(
            f"{url} is a single file, and of what is at URLs only Zarr arrays and groups are read: copy it to this "
            f"machine, such as with fsspec.filesystem({protocol!r}).get({url!r}, {name!r})"
        )
    raise FileNotFoundError(f"{url} is not there, or is not a Zarr array or group")


def _is_file(location: Location) -> bool:
    import fsspec  # type: ignore[import-untyped]

    filesystem, path = fsspec.url_to_fs(location.address, **location.storage_options)
    return bool(filesystem.isfile(path))


def _problem_of_access(error: Exception) -> str | None:
    """Return what is wrong if an error says that somebody may not read something, or is not known."""
    if "credential" in type(error).__name__.lower() or "credentials" in str(error).lower():
        return (
            "needs credentials: give storage_options, such as a key and a secret, or for public data "
            "storage_options={'anon': True}"
        )
    if isinstance(error, PermissionError) or getattr(error, "status", None) in _DENIED:
        return "may not be read"
    return None


async def _document(store: Store, key: str) -> dict[str, Any] | None:
    """Return the JSON document under a key, or None if there is none."""
    found = await store.get(key, default_buffer_prototype())
    if found is None:
        return None
    document = json.loads(found.to_bytes())
    if not isinstance(document, dict):
        raise ValueError(f"{key} is not an object")
    return document


async def _node(store: Store, prefix: str, path: str) -> Node | None:
    """Return the array or group at a path, or None if there is none."""
    place = f"{prefix}{path}/" if path else prefix
    keys = [f"{place}{name}" for name in METADATA]
    # Who may read but not list gets an error from some stores for what is not there.
    found = await asyncio.gather(*(_document(store, key) for key in keys), return_exceptions=True)
    documents = {name: document for name, document in zip(METADATA, found, strict=True) if isinstance(document, dict)}
    if not documents:
        for error in found:
            if isinstance(error, BaseException):
                raise error
        return None
    name, document = next(iter(documents.items()))
    if name == "zarr.json":
        return _of_v3(path, document)
    return Node(path, await _document(store, f"{place}.zattrs") or {}, document)


def _of_v3(path: str, document: dict[str, Any]) -> Node:
    if document.get("zarr_format") != 3 or document.get("node_type") not in ("array", "group"):
        raise ValueError(f"zarr.json is of format {document.get('zarr_format')!r}, a {document.get('node_type')!r}")
    return Node(path, _mapping(document.get("attributes")), document)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


async def _below(store: Store, prefix: str, path: str) -> list[Node]:
    """Return all arrays and groups in the group at a path."""
    place = f"{prefix}{path}/" if path else prefix
    names = {name.strip("/") async for name in store.list_dir(place)} - {*METADATA, ".zattrs", ".zmetadata"}
    children = await asyncio.gather(
        *(_node(store, prefix, f"{path}/{name}".strip("/")) for name in sorted(names) if name and name[0] != ".")
    )
    found = [node for node in children if node is not None]
    deeper = await asyncio.gather(*(_below(store, prefix, node.path) for node in found if not node.is_array))
    return [*found, *(node for nodes in deeper for node in nodes)]
