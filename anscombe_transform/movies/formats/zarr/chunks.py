"""Which chunks of a Zarr array are stored: Zarr reads the fill value for all that are not."""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from zarr.abc.store import ByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.buffer import default_buffer_prototype
from zarr.storage import ZipStore

from anscombe_transform._dependencies import sync
from anscombe_transform.movies.formats.holes import Hole, absent_chunks, grid_of
from anscombe_transform.storage.groups import Hierarchy, Node

_MOST_REMOTE = 100_000
"""Objects that are listed at a URL, at most: about a hundred requests."""

_MOST_REMOTE_SHARDS = 1000
"""Shards at a URL whose indices are read, at most."""

_AT_A_TIME = 64
"""Indices of shards that are read at the same time."""

_ABSENT = np.uint64(2**64 - 1)
"""What the index of a shard has for a chunk that it does not hold."""

_Grid = npt.NDArray[np.bool_]
_Place = tuple[int, ...]


def holes_in(hierarchy: Hierarchy, node: Node) -> list[Hole]:
    """Return the chunks of an array that are not stored, as far as this can be told in reasonable time.

    Whoever reads a chunk that is not stored and is not among these gets an error.
    """
    objects = _Objects.of(hierarchy, node)
    if objects is None or 0 in node.shape:
        return []
    with hierarchy.reached():
        stored = objects.stored()
        if stored is None:
            return []
        sharding = _sharding(node.document)
        holes = [] if stored.all() else [objects.hole(objects.shape, ~stored, "shards" if sharding else "chunks")]
        if sharding and (hierarchy.location.is_local or stored.size <= _MOST_REMOTE_SHARDS):
            absent = objects.absent_within(stored, sharding)
            holes += [objects.hole(sharding["chunk_shape"], absent, "chunks in shards")] if absent.any() else []
        return holes


@dataclass(frozen=True)
class _Objects:
    """The objects of a store in which the chunks or shards of an array are."""

    hierarchy: Hierarchy
    node: Node
    shape: _Place
    """Of a chunk, or of a shard."""
    start: str
    """What their keys begin with."""
    separator: str
    """What is between the numbers in their keys."""

    @classmethod
    def of(cls, hierarchy: Hierarchy, node: Node) -> _Objects | None:
        """Return the objects of an array, or None if its metadata say something else than is known here."""
        document = node.document
        if document.get("zarr_format") == 2:
            return cls(hierarchy, node, tuple(document["chunks"]), "", document.get("dimension_separator") or ".")
        grid, encoding = document.get("chunk_grid"), document.get("chunk_key_encoding")
        encoding = {"name": encoding} if isinstance(encoding, str) else encoding
        if not isinstance(grid, Mapping) or not isinstance(encoding, Mapping) or grid.get("name") != "regular":
            return None
        separator = (encoding.get("configuration") or {}).get("separator")
        shape = tuple(grid["configuration"]["chunk_shape"])
        if encoding.get("name") == "v2":
            return cls(hierarchy, node, shape, "", separator or ".")
        known = encoding.get("name") == "default"
        return cls(hierarchy, node, shape, f"c{separator or '/'}", separator or "/") if known else None

    @property
    def grid(self) -> _Place:
        """How many there are along each axis."""
        return grid_of(self._url, self.node.shape, self.shape)

    @property
    def _url(self) -> str:
        return f"{self.hierarchy.location.url}/{self.node.path}".rstrip("/")

    @property
    def _folder(self) -> Path | None:
        """The folder of the array, if it is not in a file or at a URL."""
        location = self.hierarchy.location
        here = location.is_local and not isinstance(self.hierarchy.store, ZipStore)
        return Path(location.url) / self.hierarchy.key(self.node.path) if here else None

    def hole(self, shape: Sequence[int], absent: _Grid, kind: str) -> Hole:
        """Return the hole that consists of chunks or shards of a shape."""
        name = f"{self.hierarchy.location.url.rstrip('/').rpartition('/')[2]}/{self.node.path}".rstrip("/")
        reason = f"{kind} of {name} are not stored: {absent_chunks(absent, shape)}"
        return Hole.of_chunks(self.node.shape, shape, absent, reason)

    def stored(self) -> _Grid | None:
        """Return which are stored, or None if that cannot be told."""
        folder = self._folder
        if folder is not None and self.separator == "/":
            places: Iterable[_Place] = _places_in_folders(f"{folder}/{self.start}", self.grid)
        else:
            keys = self._keys() if folder is None else os.listdir(folder)  # noqa: PTH208 - a million times
            if keys is None:
                return None
            places = self._places_of(keys)
        found = np.array(list(places), np.int64).reshape(-1, len(self.grid))
        stored = np.zeros(self.grid, np.bool_)
        stored[tuple(found.T)] = True
        if folder is None and not stored.all():  # a list may leave out what is there, such as behind links
            first = tuple(int(i) for i in np.unravel_index(int(stored.argmin()), stored.shape))
            if sync(self.hierarchy.store.exists(self._key(first))):
                return None
        return stored

    def _key(self, place: _Place) -> str:
        """Return the key of an object."""
        key = f"{self.hierarchy.key(self.node.path)}/{self.start}{self.separator.join(map(str, place))}"
        return key.removeprefix("/")

    def _keys(self) -> list[str] | None:
        """Return the keys below that of the array, or None if listing them would take too long, or is not possible."""
        location, key = self.hierarchy.location, self.hierarchy.key(self.node.path)
        if not location.is_local and (math.prod(self.grid) > _MOST_REMOTE or not location.lists):
            return None
        start = f"{key}/" if key else ""
        try:
            keys = [found.removeprefix(start) for found in sync(_listed(self.hierarchy.store, start))]
        except Exception:  # of whatever class fsspec or its protocol has, for somebody who may not list
            return None
        return keys if {"zarr.json", ".zarray"} & {*keys} else None

    def _places_of(self, keys: Iterable[str]) -> Iterator[_Place]:
        """Return which have these keys, which are relative to that of the array."""
        numbers = re.compile(re.escape(self.start) + re.escape(self.separator).join([r"(\d+)"] * len(self.grid)))
        for key in keys:
            if (found := numbers.fullmatch(key)) is not None:
                place = tuple(map(int, found.groups()))
                if all(index < count for index, count in zip(place, self.grid, strict=True)):
                    yield place

    def absent_within(self, stored: _Grid, sharding: Mapping[str, Any]) -> _Grid:
        """Return which chunks are not in the shards that are stored, by the indices of these."""
        chunks = sharding["chunk_shape"]
        counts = grid_of(self._url, self.shape, chunks)
        size = 16 * math.prod(counts) + 4 * (len(sharding["index_codecs"]) - 1)
        at_start = sharding.get("index_location", "end") == "start"
        index = RangeByteRequest(0, size) if at_start else SuffixByteRequest(size)
        places = [tuple(place.tolist()) for place in np.argwhere(stored)]
        keys = [self._key(place) for place in places]
        absent = np.zeros(grid_of(self._url, self.node.shape, chunks), np.bool_)
        for place, key, content in zip(places, keys, sync(_parts(self.hierarchy.store, keys, index)), strict=True):
            if len(content) != size:
                raise ValueError(f"the shard {key} is truncated")
            entries = np.frombuffer(content[: 16 * math.prod(counts)], "<u8").reshape(*counts, 2)
            here = tuple(slice(i * count, (i + 1) * count) for i, count in zip(place, counts, strict=True))
            inside = tuple(slice(length) for length in absent[here].shape)
            absent[here] = (entries == _ABSENT).all(axis=-1)[inside]
        return absent


def _places_in_folders(folder: str, grid: _Place) -> Iterator[_Place]:
    """Return which chunks have files, where there is a folder for each number but the last."""
    last = max((i for i, count in enumerate(grid) if count > 1), default=0)
    tail = "/0" * (len(grid) - 1 - last)  # of axes along which there is one chunk, which need not be listed

    def visit(folder: str, place: _Place) -> Iterator[_Place]:
        try:
            names = os.listdir(folder)  # noqa: PTH208 - a million times
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            if not name.isdecimal() or int(name) >= grid[len(place)]:
                continue
            if len(place) < last:
                yield from visit(f"{folder}/{name}", (*place, int(name)))
            elif not tail or os.path.exists(f"{folder}/{name}{tail}"):  # noqa: PTH110 - a million times
                yield (*place, int(name), *(0,) * (len(grid) - 1 - last))

    return visit(folder, ())


def _sharding(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return how chunks lie in shards, if they do, and if the index of a shard is one that can be read here."""
    codecs = document.get("codecs") or [{}]
    if len(codecs) != 1 or codecs[0].get("name") != "sharding_indexed":
        return None
    sharding: Mapping[str, Any] = codecs[0]["configuration"]
    names = [codec["name"] for codec in sharding["index_codecs"]]
    little = (sharding["index_codecs"][0].get("configuration") or {}).get("endian", "little") == "little"
    return sharding if little and names in (["bytes"], ["bytes", "crc32c"]) else None


async def _listed(store: Store, prefix: str) -> list[str]:
    return [key async for key in store.list_prefix(prefix)]


async def _parts(store: Store, keys: Sequence[str], part: ByteRequest) -> list[bytes]:
    """Return a part of what is stored under each key."""
    parts: list[bytes] = []
    for i in range(0, len(keys), _AT_A_TIME):
        some = (store.get(key, default_buffer_prototype(), part) for key in keys[i : i + _AT_A_TIME])
        parts += [b"" if found is None else found.to_bytes() for found in await asyncio.gather(*some)]
    return parts
