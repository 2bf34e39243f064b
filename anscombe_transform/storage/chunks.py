"""Which chunks, or shards, of an array are stored, told by listing a store and not by asking for each."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numcodecs
from zarr.abc.store import Store
from zarr.codecs import Crc32cCodec, GzipCodec, ZstdCodec

from anscombe_transform._dependencies import sync
from anscombe_transform.storage.draft import ZarrArray
from anscombe_transform.storage.location import METADATA, Location

_AT_ONCE = 1000
"""Keys of a store of which the sizes are asked at once."""

_LOOKED_AT = 20_000
"""Of so many files at most, the sizes are asked for: a million would take more than 10 s."""


@dataclass(frozen=True)
class StoredChunks:
    """What a store has of an array."""

    count: int | None
    """Chunks, or shards, that have any bytes; None if the store does not list what it has."""
    size: int | None
    """Bytes of all of them and of the metadata."""
    total: int
    """Chunks, or shards, that the array has."""
    every: int = 1
    """Every so many files were looked at; if not all of them were, count and size are predicted from these."""


def unit_of_writing(array: ZarrArray) -> tuple[int, ...]:
    """Return the shape of the parts of an array that can be written independently: its shards, or its chunks."""
    return array.shards or array.chunks


def grid_of(array: ZarrArray) -> tuple[int, ...]:
    """Return how many chunks, or shards, there are along each axis."""
    return tuple(-(-size // step) for size, step in zip(array.shape, unit_of_writing(array), strict=True))


def checksums_of(array: ZarrArray) -> str | None:
    """Return what has checksums of the bytes of each chunk: crc32c, or the compressor zstd or gzip; or None."""
    for codec in reversed(array.compressors):
        if isinstance(codec, Crc32cCodec):
            return "crc32c"
        if isinstance(codec, GzipCodec | numcodecs.GZip):
            return "gzip"
        if isinstance(codec, ZstdCodec | numcodecs.Zstd) and codec.checksum:
            return "zstd"
    return None


def stored_chunks(location: Location, array: ZarrArray, path: str) -> StoredChunks:
    """Count the chunks, or shards, of the array at a path of a location."""
    grid = grid_of(array)
    total = math.prod(grid)
    first: str = array.metadata.encode_chunk_key((0,) * len(grid))
    start = f"{path}/".lstrip("/")
    every = 1
    if location.is_local and Path(location.address).is_dir():
        folder = Path(location.address, path)
        starts, ends = _keys_in_folder(folder, first, grid)
        listed = len(starts) * len(ends)
        every = math.ceil(listed / _LOOKED_AT) or 1
        keys = itertools.islice(itertools.product(starts, ends), 0, None, every)
        sizes = [_size(f"{folder}/{key}{rest}") for key, rest in keys]
    else:
        with location.reached():
            found = _sizes_in_store(location, start)
        if found is None:
            return StoredChunks(None, None, total)
        is_chunk = _is_chunk(first, grid)
        sizes = [size for key, size in found.items() if is_chunk(key.removeprefix(start))]
        listed = len(sizes)
    count = listed - every * sum(size == 0 for size in sizes)
    size = every * sum(sizes) + sum(len(location.get(start + name) or b"") for name in (*METADATA, ".zattrs"))
    return StoredChunks(max(count, 0), size, total, every)


def _is_chunk(first: str, grid: tuple[int, ...]) -> Callable[[str], bool]:
    """Return what tells whether a key is that of a chunk, in an array whose first chunk has the key `first`."""
    pattern = re.compile(re.escape(first).replace("0", "(0|[1-9][0-9]*)"))

    def is_chunk(key: str) -> bool:
        numbers = pattern.fullmatch(key)
        return numbers is not None and all(int(one) < size for one, size in zip(numbers.groups(), grid, strict=True))

    return is_chunk


def _keys_in_folder(folder: Path, first: str, grid: tuple[int, ...]) -> tuple[list[str], list[str]]:
    """Return the beginnings and the ends of the keys to look for.

    The beginnings, along the first axis, are those that are there. One folder alone is listed, as each of a million
    chunks may have its own.
    """
    above = "c/" if first.startswith("c/") else ""
    try:
        names = os.listdir(folder / above)  # noqa: PTH208 - of a million, path objects would take seconds
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    if "/" not in first.removeprefix("c/"):
        return list(filter(_is_chunk(first, grid), [above + name for name in names])), [""]
    starts = [above + name for name in names if name.isdecimal() and int(name) < grid[0] and name == str(int(name))]
    return starts, [f"/{'/'.join(map(str, rest))}" for rest in itertools.product(*map(range, grid[1:]))]


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - a path object for each would take twice the time
    except OSError:
        return 0


def _sizes_in_store(location: Location, start: str) -> dict[str, int] | None:
    """Return the sizes of all that a store has from a key on, or None if it does not list what it has."""
    if not location.lists:
        return None
    try:
        if location.given is not None or location.is_local:
            return sync(_listed(location.store(read_only=True), start))
        return _found(location, start) or None  # which has metadata, and lists at least these if it lists anything
    except Exception:  # of whatever class a store has for somebody who may not list, or if it cannot
        return None


def _found(location: Location, start: str) -> dict[str, int]:
    import fsspec  # type: ignore[import-untyped]

    filesystem, root = fsspec.url_to_fs(location.address, **location.storage_options)
    filesystem.invalidate_cache()
    found = filesystem.find(f"{root}/{start}".rstrip("/"), detail=True)
    return {path.removeprefix(root).lstrip("/"): entry["size"] or 0 for path, entry in found.items()}


async def _listed(store: Store, start: str) -> dict[str, int]:
    keys = [key async for key in store.list_prefix(start)]
    sizes: dict[str, int] = {}
    for start_of_batch in range(0, len(keys), _AT_ONCE):
        batch = keys[start_of_batch : start_of_batch + _AT_ONCE]
        sizes |= zip(batch, await asyncio.gather(*map(store.getsize, batch)), strict=True)
    return sizes
