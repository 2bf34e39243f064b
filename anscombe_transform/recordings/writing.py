"""Writing a movie into a Zarr array block by block, on Dask, and reading each block back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from zarr.storage import StorePath

from anscombe_transform._dependencies import sync
from anscombe_transform._faults import FAULTS, software_fault
from anscombe_transform._formatting import frames_text, one_line
from anscombe_transform._typing import Floats, Progress
from anscombe_transform.movies.movie import MASKED, Movie, size_of, stored_chunk
from anscombe_transform.recordings.blocks import Region, block_shape, connected, on_blocks, places_in
from anscombe_transform.recordings.comparison import Comparer, Comparison
from anscombe_transform.recordings.digest import FrameDigests, digest_of
from anscombe_transform.storage.chunks import stored_chunks, unit_of_writing
from anscombe_transform.storage.draft import ArrayDraft, Draft, ZarrArray
from anscombe_transform.storage.location import Location
from anscombe_transform.storage.overwriting import check_free, state_of
from anscombe_transform.storage.replacing import make_room, place_to_resume, take_place
from anscombe_transform.storage.writer import only_writer

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class Task:
    """A movie, and the array that it is written to."""

    movie: Movie
    """Of shape (time, y, x) or (time, plane, y, x)."""
    path: str
    """The path of the array in the draft."""
    comparer: Comparer
    """What comes back is compared by it."""
    channel: str = ""
    """The name of the channel, for messages, if there are several."""


@dataclass(frozen=True)
class _Written:
    """What is known of a block that was written and read back."""

    comparison: Comparison
    digests: FrameDigests

    @property
    def nbytes(self) -> int:
        """The bytes of the movie in the block."""
        return self.comparison.nbytes


@dataclass(frozen=True)
class _Unchanged:
    """Reads a block of a movie once more and compares it with what was stored; it is sent to the workers."""

    draft: ArrayDraft
    comparer: Comparer
    channel: str

    def __call__(self, region: Region, block: Any) -> Comparison:
        frames = _frames_of(self.channel, region)
        with _using_store(f"{frames} cannot be read back"):
            stored = np.asarray(self.draft.array[region])
        try:
            return self.comparer.compare(np.ascontiguousarray(block), stored)
        except ValueError as error:
            raise OSError(
                f"the movie was changed while it was read: {frames} were stored, and have other values now"
            ) from error


@dataclass(frozen=True)
class _Writer:
    """What a task does with its block; this object is sent to the workers."""

    draft: ArrayDraft
    comparer: Comparer
    channel: str
    resume: bool

    def __call__(self, region: Region, block: Any) -> _Written:
        _check_block(block, self.draft.template.dtype)
        values = np.ascontiguousarray(block)
        of_channel = f"{self.channel}: " if self.channel else ""
        frames = _frames_of(self.channel, region)
        array = self.draft.array
        try:
            with _using_store(f"{frames} cannot be written"):
                if not (self.resume and self._is_there(array, region, values)):
                    if self.resume:
                        for path in _objects(array, region):  # one that is damaged could not be written in parts
                            sync(path.delete())
                    array[region] = values
                self.draft.location.flush(path.path for path in _objects(array, region))
                stored = np.asarray(array[region])
        except ValueError as error:
            self._blame_frame(of_channel, region[0].start, values)
            raise ValueError(f"{frames}: {error}") from error
        try:
            compared = self.comparer.compare(values, stored)
        except ValueError as error:
            raise OSError(f"{frames} were not stored as they are: {error}") from error
        return _Written(compared, FrameDigests.of(region, stored))

    def _blame_frame(self, of_channel: str, start: int, values: Any) -> None:
        """Raise ValueError for the first frame that the codec cannot hold, if there is one."""
        for number, frame in enumerate(values, start):
            try:
                self.comparer.expected(frame)
            except ValueError as error:
                raise ValueError(f"{of_channel}frame {number}: {error}") from error

    def _is_there(self, array: ZarrArray, region: tuple[slice, ...], values: Any) -> bool:
        """Return whether the block is already stored as it would be written now."""
        if not all(sync(path.exists()) for path in _objects(array, region)):
            return False  # also where the fill value, which is read then, is what was to be written
        try:
            stored = np.asarray(array[region])
        except Exception:  # of whatever class a codec has for a chunk that is not whole
            return False
        return np.array_equal(stored, self.comparer.expected(values), equal_nan=stored.dtype.kind == "f")


@contextmanager
def _using_store(problem: str) -> Iterator[None]:
    """Turn whatever errors a store has into those that say what could not be done; a ValueError is of the codec."""
    try:
        yield
    except ValueError:
        raise
    except FAULTS as error:
        raise software_fault(problem, error) from error
    except Exception as error:  # OSError, and what libraries of remote stores have of their own
        raise OSError(f"{problem}: {one_line(error)}") from error


def _frames_of(channel: str, region: Region) -> str:
    """Return the name of the channel, if there are several, and the numbers of the frames."""
    frames = frames_text(region[0].start, region[0].stop - 1)
    return f"{channel}: {frames}" if channel else frames


def _check_block(block: Any, dtype: np.dtype[Any]) -> None:
    """Raise TypeError if a block has a mask, or is of another dtype than the movie it is of says."""
    if isinstance(block, np.ma.MaskedArray):
        raise TypeError(f"movie {MASKED}")
    if not np.can_cast(np.asarray(block).dtype, dtype, "safe"):
        raise TypeError(
            f"movie says that it is of {dtype}, but has blocks of {np.asarray(block).dtype}: convert it, such as by "
            f"movie.astype({dtype.name!r})"
        )


def _objects(array: ZarrArray, region: tuple[slice, ...]) -> Iterator[StorePath]:
    """Yield the paths of the chunks or shards of a region."""
    for place in places_in(region, unit_of_writing(array)):
        yield array.store_path / array.metadata.encode_chunk_key(place)


def write_movies(
    tasks: Sequence[Task],
    draft: Draft,
    *,
    coordinates: Mapping[str, tuple[Floats, str]] = MappingProxyType({}),
    resume: bool = False,
    overwrite: bool = False,
    hint: str = "",
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> list[Comparison]:
    """Write movies into the arrays of a draft, finish it, and return how far the stored values are from each movie.

    What is there already stays until all of it is written beside it.

    Parameters
    ----------
    tasks : sequence of Task
        The movies, and which array of the draft each is written to.
    draft : Draft
        All that is written.
    coordinates : mapping, optional
        Of the axes that have positions in an array of their own: these, and their unit.
    resume : bool, default False
        Leave blocks as they are that are there already; by default, all of them are written.
    overwrite : bool, default False
        Replace what is there.
    hint : str
        What an error says can be done with what is not finished, but for beginning anew.
    scheduler : str, optional
        Address of a Dask scheduler; by default the threads of this process do the work.
    progress : callable, optional
        Called with the number of bytes of all movies that were written and of those to be written.

    Returns
    -------
    list of Comparison
        For each movie.

    Raises
    ------
    ValueError
        If the codec cannot hold a value, or workers cannot reach the output.
    TypeError
        If a block of a movie has a mask, or is of another dtype than the movie says.
    OSError
        If a movie cannot be read, an array not written, or a block comes back too far from its movie.
    """
    location = draft.location
    if scheduler is not None and location.url.startswith("memory://"):
        raise ValueError(f"{location.url} is in the memory of one process: choose an output that all workers reach")
    with connected(scheduler) as client:  # before anything is deleted
        before = [_stamps(task.movie) for task in tasks]
        with only_writer(draft, partial(_place, location, resume=resume, overwrite=overwrite)) as (draft, finish):
            place = draft.location
            try:
                for name, (positions, _) in coordinates.items():
                    ArrayDraft(place, name, draft.documents).array[:] = positions
                comparisons, digests = [], {}
                done, total = 0, sum(size_of(task.movie) for task in tasks)
                for task in tasks:
                    shown = _following(progress, done, total)
                    array = draft.arrays[task.path]
                    comparison, digests[task.path] = _write_blocks(task, array, client, shown, resume=resume)
                    comparisons.append(comparison)
                    done += size_of(task.movie)
                for task, stamps in zip(tasks, before, strict=True):
                    _check_unchanged(task.movie, stamps)
                for array in draft.arrays.values():
                    _check_whole(array)
                finish(digests)
            except BaseException as error:
                if isinstance(error, ValueError | TypeError):  # which the same movie and options would only raise again
                    hint = ""
                stays = "" if place == location else f"{location.url} is as it was, and "
                error.add_note(f"{stays}{place.url} is not finished: {hint}overwrite=True begins anew.")
                raise
        take_place(place, location)
    return comparisons


def _stamps(movie: Movie) -> dict[Path, tuple[int, int]]:
    """Return the size and the time of the last change of each file that a movie is read from."""
    files = [path for path in map(Path, getattr(movie, "locations", ())) if path.is_absolute() and path.is_file()]
    return {path: (status.st_size, status.st_mtime_ns) for path in files for status in [path.stat()]}


def _check_unchanged(movie: Movie, before: dict[Path, tuple[int, int]]) -> None:
    """Raise OSError if a file that a movie is read from is not what it was before."""
    now = _stamps(movie)
    for path, stamp in before.items():
        if path not in now:
            raise OSError(f"{path} was deleted while it was read")
        if now[path] != stamp:
            raise OSError(f"{path} was changed while it was read: compress it when nobody writes to it any more")


def _check_whole(draft: ArrayDraft) -> None:
    """Raise OSError if the store has lost a chunk since it was written."""
    found = stored_chunks(draft.location, draft.template, draft.path)
    if found.count is not None and found.count < found.total:
        raise OSError(
            f"{draft.location.url} has lost {found.total - found.count} of {found.total} chunks while it was written"
        )


def _place(location: Location, *, resume: bool, overwrite: bool) -> Location:
    """Return where to write what is to be at a location."""
    if resume:
        place = place_to_resume(location)
        if state_of(place) in ("empty", "unfinished"):
            return place
    if overwrite:
        return make_room(location)
    check_free(location, overwrite=False)
    return location


def _following(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return a progress function for a part, which adds what was done before it."""
    return None if progress is None else lambda done, _: progress(before + done, total)


def _write_blocks(
    task: Task, draft: ArrayDraft, client: Client | None, progress: Progress | None, *, resume: bool
) -> tuple[Comparison, dict[str, Any] | None]:
    """Write a movie, and return how far the stored values are from it, and the digest of the stored values."""
    shape, total = tuple(task.movie.shape), size_of(task.movie)
    depth, _ = stored_chunk(task.movie)
    block = block_shape(shape, unit_of_writing(draft.template), np.dtype(task.movie.dtype).itemsize, depth)
    if progress is not None:
        progress(0, total)
    written = on_blocks(
        _Writer(draft, task.comparer, task.channel, resume),
        shape,
        block,
        task.movie,
        client=client,
        progress=None if progress is None else lambda done: progress(done, total),
    )
    on_blocks(_Unchanged(draft, task.comparer, task.channel), shape, block, task.movie, client=client, only_first=True)
    comparison = reduce(Comparison.merge, (one.comparison for one in written))
    return comparison, digest_of(shape, [one.digests for one in written])
