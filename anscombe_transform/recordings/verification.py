"""Whether a compressed recording is still what was written, and whether it is what was recorded."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from anscombe_transform._formatting import frames_text, one_line, quantity, shape_text
from anscombe_transform._typing import Array, StageProgress
from anscombe_transform.codecs.configuration import codec_in
from anscombe_transform.movies.movie import Movie
from anscombe_transform.movies.opening import RecordingLike
from anscombe_transform.movies.recording import Recording
from anscombe_transform.recordings.blocks import (
    Region,
    block_shape,
    connected,
    load_dask,
    on_blocks,
    places_in,
    region_of,
)
from anscombe_transform.recordings.channels import channels_of, opened
from anscombe_transform.recordings.comparison import Comparer, Comparison
from anscombe_transform.recordings.digest import FrameDigests, differing, digest_of, is_digest
from anscombe_transform.storage.chunks import grid_of, unit_of_writing
from anscombe_transform.storage.draft import ZarrArray
from anscombe_transform.storage.groups import Hierarchy, Node, node_of_array
from anscombe_transform.storage.location import PROVENANCE, Location, StoreLike, options_for

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class Damage:
    """A chunk, or shard, that is not what was written, or frames of which some chunk is not."""

    key: str | None
    """The key of the chunk in the store; None if only the frames are known."""
    frames: tuple[int, int]
    """The first and the last frame in it."""
    problem: str


@dataclass(frozen=True)
class ChannelVerification:
    """What `verify` found in one array.

    Attributes
    ----------
    name : str
        The name of the channel; without one, the path of the array.
    path : str
        The path of the array in the store, ``""`` for the root.
    shape : tuple of int
        Frames, height and width; or frames, planes, height and width.
    dtype : str
        The dtype of what is read.
    size : int
        Bytes of what is read.
    chunks : int
        How many chunks, or shards, there should be.
    damages : tuple of Damage
        All that is wrong.
    sha256 : str or None
        The digest of what was read; None if something is damaged, or if the frames are too large for one.
    recorded_sha256 : str or None
        The digest of what was written, if the array has it.
    comparison : Comparison or None
        How far the values are from the movie, if there is one and nothing is damaged.
    """

    name: str
    path: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    chunks: int
    damages: tuple[Damage, ...]
    sha256: str | None
    recorded_sha256: str | None
    comparison: Comparison | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damages


@dataclass(frozen=True)
class Verification:
    """What `verify` found."""

    store: str
    """The path or URL."""
    against: str | None
    """The name of the movie that it was compared with, if there was one."""
    seconds: float
    channels: tuple[ChannelVerification, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return all(channel.is_whole for channel in self.channels)

    def to_dict(self) -> dict[str, Any]:
        """Return all that is known, as JSON values."""
        return asdict(self) | {"is_whole": self.is_whole}

    def table(self) -> list[tuple[str, str]]:
        """Return names and values, rounded, with units; the damages are in `damage_table`."""
        size = sum(channel.size for channel in self.channels)
        rows = [("Array", self.store)]
        for channel in self.channels:
            if len(self.channels) > 1:
                rows.append(("Channel", channel.name))
            rows.append(("Movie", f"{shape_text(channel.shape)} {channel.dtype}"))
            rows.append(("Chunks", f"{channel.chunks}, {_count(channel)}"))
            if channel.is_whole and channel.sha256 is not None:
                same = "as it was written" if channel.recorded_sha256 else "that of the writer was not recorded"
                rows.append(("SHA-256", f"{channel.sha256}, {same}"))
            if channel.comparison is not None:
                rows.append(
                    ("Largest error", f"{channel.comparison.largest_error:.3f} standard deviations of the noise")
                )
        if self.against is not None:
            bounded = "all values within the bound of the format" if self.is_whole else "see below"
            rows.append(("Compared with", f"{self.against}: {bounded}"))
        return [*rows, ("Time", f"{self.seconds:.1f} s, {quantity(size / self.seconds, 'B/s')}")]

    def damage_table(self) -> list[tuple[str, str]]:
        """Return what is damaged, and how."""
        return [
            (damage.key or channel.path or "array", f"{frames_text(*damage.frames)}: {damage.problem}")
            for channel in self.channels
            for damage in channel.damages
        ]


def _count(channel: ChannelVerification) -> str:
    return "all there and whole" if channel.is_whole else f"{len(channel.damages)} damaged"


def verify(
    store: StoreLike,
    *,
    key: str | None = None,
    against: RecordingLike | Recording | Movie | None = None,
    storage_options: Mapping[str, Any] | None = None,
    scheduler: str | None = None,
    progress: StageProgress | None = None,
) -> Verification:
    """Read all of a compressed recording, and tell which chunks are missing, damaged, or not as they were written.

    Each chunk has to be there, to decode, and to agree with its checksum, where it has one. All values together have
    to agree with the digest that `compress` has stored; this finds also chunks that were exchanged.

    Parameters
    ----------
    store : str, path or store of Zarr
        The folder or URL of a Zarr array, or of the group of a recording.
    key : str, optional
        Which array of a Zarr group; by default all channels of a recording, or the only array.
    against : str, path, sequence of paths, store, Recording, or array, optional
        What was compressed, as for `compress`: each value has to be within the bound of the format. Of a part of a
        file, give what `open_recording` returns.
    storage_options : mapping, optional
        For fsspec, of URLs: `store`, `against`, or both.
    scheduler : str, optional
        Address of a Dask scheduler whose workers read. By default the threads of this process do it.
    progress : callable, optional
        Called with the name of the stage, and the bytes of the recording done and to do in it.

    Returns
    -------
    Verification
        What was found, for each channel.

    Raises
    ------
    ValueError
        If there is no finished Zarr array, or if it is not of the shape and the dtype of the movie.
    TypeError
        If `against` is neither a path nor an array, or not of real numbers.
    OSError
        If the store, or the movie, cannot be read at all.
    ModuleNotFoundError
        If a package of the extras is needed and missing.

    Notes
    -----
    An array whose chunks have neither checksums nor a digest can have other values than were written; `describe` tells
    which checksums there are. The arrays of times and positions beside channels are not read.

    Examples
    --------
    >>> from anscombe_transform import compress, verify
    >>> from anscombe_transform.simulate import simulate_movie
    >>> movie = simulate_movie((100, 64, 64))
    >>> _ = compress(movie, "movie.zarr", overwrite=True)
    >>> verify("movie.zarr", against=movie).is_whole
    True
    """
    load_dask()
    source = None
    if against is not None:
        source = opened("against", against, storage_options=options_for(against, storage_options))
        if options_for(against, storage_options):  # the store may be a folder, then
            storage_options = options_for(store, storage_options)
    location = Location.parse(store, storage_options)
    hierarchy = Hierarchy(location)
    nodes = _nodes(hierarchy, key)
    arrays = [hierarchy.array(node) for node in nodes.values()]
    movies = [None] * len(arrays) if source is None else list(channels_of(source).values())
    for movie, array in zip(movies, arrays, strict=False):
        _check_alike(location, array, movie, len(movies), len(arrays))
    start = time.perf_counter()
    total, before = sum(array.nbytes for array in arrays), 0
    found = []
    with connected(scheduler) as client:
        for (name, node), array, movie in zip(nodes.items(), arrays, movies, strict=True):
            shown = None
            if progress is not None:
                progress("Verifying", before, total)
                shown = partial(_show, progress, before, total)
            found.append(_verified(array, name, node.path, movie, client, shown))
            before += array.nbytes
    title = None if source is None else getattr(source, "name", type(source).__name__)
    return Verification(location.url, title, time.perf_counter() - start, tuple(found))


def _show(progress: StageProgress, before: int, total: int, done: int) -> None:
    progress("Verifying", before + done, total)


def _nodes(hierarchy: Hierarchy, key: str | None) -> dict[str, Node]:
    """Return the arrays of all channels of a recording by their names, or the only array by its path."""
    story = hierarchy.root.attributes.get(PROVENANCE)
    channels = story.get("channels") if isinstance(story, Mapping) else None
    if key is None and isinstance(channels, list):
        named = [channel for channel in channels if isinstance(channel, Mapping)]
        return {str(one.get("name")): node_of_array(hierarchy, str(one.get("path"))) for one in named}
    node = node_of_array(hierarchy, key)
    return {node.path: node}


def _check_alike(location: Location, array: ZarrArray, movie: Movie | None, movies: int, arrays: int) -> None:
    if movies != arrays:
        raise ValueError(
            f"{location.url} has {arrays} channels, and the movie {movies}: choose the same channels as for compress"
        )
    if movie is not None and (tuple(movie.shape), np.dtype(movie.dtype)) != (array.shape, array.dtype):
        raise ValueError(
            f"{location.url} is of {shape_text(array.shape)} {array.dtype}, and the movie of "
            f"{shape_text(tuple(movie.shape))} {np.dtype(movie.dtype)}: choose the same part of it as for compress"
        )


def _verified(
    array: ZarrArray, name: str, path: str, movie: Movie | None, client: Client | None, progress: Any
) -> ChannelVerification:
    unit = unit_of_writing(array)
    block = block_shape(array.shape, unit, array.dtype.itemsize)
    work = _Verifier(array, None if movie is None else Comparer(codec_in(array)))
    parts = on_blocks(work, array.shape, block, movie, client=client, progress=progress)
    damages = [one for part in parts for one in part.damages]
    story: Any = array.attrs.get(PROVENANCE)
    recorded = story.get("digest") if isinstance(story, Mapping) else None
    recorded = recorded if is_digest(recorded, array.shape[0]) else None
    digest = digest_of(array.shape, itertools.chain.from_iterable(part.digests for part in parts))
    if digest is not None and recorded is not None:
        damages += _exchanged(array, path, differing(array.shape[0], recorded, digest))
    comparisons = [part.comparison for part in parts if part.comparison is not None]
    return ChannelVerification(
        name=name,
        path=path,
        shape=array.shape,
        dtype=array.dtype.name,
        size=array.nbytes,
        chunks=math.prod(grid_of(array)),
        damages=tuple(sorted(damages, key=lambda damage: (damage.frames, damage.key or ""))),
        sha256=None if damages or digest is None else digest["sha256"],
        recorded_sha256=None if recorded is None else recorded["sha256"],
        comparison=reduce(Comparison.merge, comparisons) if comparisons and not damages else None,
    )


def _exchanged(array: ZarrArray, path: str, parts: list[tuple[int, int]]) -> Iterator[Damage]:
    """Yield what is whole and has other values than were written: the chunks, or parts of the movie with several.

    Parts of which the digests differ need not begin where chunks begin. The reason is a chunk all of whose frames are
    in such parts, if there is one.
    """
    depth, frames = unit_of_writing(array)[0], array.shape[0]
    differ = np.zeros(frames, np.bool_)
    for first, last in parts:
        differ[first : last + 1] = True
    wholly = {row for row in range(-(-frames // depth)) if differ[row * depth : (row + 1) * depth].all()}
    reasons = []
    for first, last in parts:
        rows = set(range(first // depth, last // depth + 1))
        reasons.append(rows & wholly or rows)
    certain = {row for rows in reasons if len(rows) == 1 for row in rows}
    _, *others = grid_of(array)
    for row in sorted(certain):
        key = None
        if math.prod(others) == 1:
            key = f"{path}/{array.metadata.encode_chunk_key((row, *(0 for _ in others)))}".lstrip("/")
        last = min((row + 1) * depth, frames) - 1
        yield Damage(key, (row * depth, last), "it is whole, but has other values than were written there")
    for part, rows in zip(parts, reasons, strict=True):
        if not rows & certain:
            yield Damage(None, part, "some have other values than were written, though each chunk is whole")


@dataclass(frozen=True)
class _Verified:
    """What is known of a block."""

    nbytes: int
    damages: tuple[Damage, ...]
    digests: tuple[FrameDigests, ...]
    """Of what is whole."""
    comparison: Comparison | None


@dataclass(frozen=True)
class _Verifier:
    """Reads a block, and compares it with that of a movie, if there is one; it is sent to the workers."""

    array: ZarrArray
    """In which a chunk that is not stored is an error."""
    comparer: Comparer | None

    def __call__(self, region: Region, movie: Array | None = None) -> _Verified:
        nbytes = math.prod(bounds.stop - bounds.start for bounds in region) * self.array.dtype.itemsize
        values = None if movie is None else np.ascontiguousarray(movie)
        problem, stored, comparison = self._problem(region, values)
        if problem is None and stored is not None:
            return _Verified(nbytes, (), (FrameDigests.of(region, stored),), comparison)
        damages, digests = [], []
        for place, chunk in self._chunks(region):
            within = tuple(slice(c.start - r.start, c.stop - r.start) for c, r in zip(chunk, region, strict=True))
            of_chunk, stored, _ = self._problem(chunk, None if values is None else values[within])
            if of_chunk is not None:
                key = (self.array.store_path / self.array.metadata.encode_chunk_key(place)).path
                damages.append(Damage(key, (chunk[0].start, chunk[0].stop - 1), of_chunk))
            elif stored is not None and stored.shape[-2:] == self.array.shape[-2:]:
                digests.append(FrameDigests.of(chunk, stored))
        if not damages:  # which does not happen again
            damages.append(Damage(None, (region[0].start, region[0].stop - 1), str(problem)))
        return _Verified(nbytes, tuple(damages), tuple(digests), None)

    def _chunks(self, region: Region) -> Iterator[tuple[tuple[int, ...], Region]]:
        """Yield the place of each chunk, or shard, of a region in their grid, and its own region."""
        unit = unit_of_writing(self.array)
        for place in places_in(region, unit):
            yield place, region_of(place, unit, self.array.shape)

    def _problem(self, region: Region, values: Array | None) -> tuple[str | None, Array | None, Comparison | None]:
        """Return what is wrong with a part of the array, or its values, and how they compare with those of a movie."""
        try:
            stored = np.asarray(self.array[region])
        except MemoryError:
            raise
        except Exception as error:  # of whatever class a codec has for a chunk that is not whole
            kind = "" if isinstance(error, ValueError | OSError | RuntimeError) else f"{type(error).__name__}: "
            text = "it was changed: its checksum does not fit" if "checksum" in str(error) else one_line(error)
            return kind + text, None, None
        if self.comparer is None or values is None:
            return None, stored, None
        try:
            return None, stored, self.comparer.compare(values, stored)
        except ValueError as error:
            return f"not what is in the movie: {one_line(error)}", None, None
