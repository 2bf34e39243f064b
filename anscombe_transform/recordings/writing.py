"""Writing a movie into a Zarr array block by block, on Dask, and reading each block back."""

from __future__ import annotations

import itertools
import math
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, reduce
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from zarr.storage import StorePath

from anscombe_transform._dependencies import sync
from anscombe_transform._faults import FAULTS, software_fault
from anscombe_transform._optional import require_extra
from anscombe_transform._typing import Floats, Progress
from anscombe_transform.movies.movie import MASKED, Movie, size_of, stored_chunk
from anscombe_transform.recordings.comparison import Comparer, Comparison
from anscombe_transform.storage.draft import ArrayDraft, Draft, ZarrArray
from anscombe_transform.storage.location import Location
from anscombe_transform.storage.overwriting import check_free
from anscombe_transform.storage.replacing import make_room, place_to_resume, take_place
from anscombe_transform.storage.writer import only_writer

if TYPE_CHECKING:
    import dask.array as da
    from distributed import Client

_BLOCK_SIZE = 1 << 24
"""Bytes of a movie that a task writes, as nearly as its chunks allow."""

_LARGEST_BLOCK = 1 << 28
"""The most bytes of the movie in a block, unless a single chunk or shard has more."""


def unit_of_writing(array: ZarrArray) -> tuple[int, ...]:
    """Return the shape of the parts of an array that can be written independently: its shards, or its chunks."""
    return array.shards or array.chunks


def block_shape(shape: tuple[int, ...], unit: tuple[int, ...], itemsize: int, depth: int = 1) -> tuple[int, ...]:
    """Return the shape, in whole units, of the blocks in which a movie (time[, plane], y, x) is written.

    Blocks have whole frames where these are not too large, and at least `depth` of them, as many as a chunk of the
    movie has: otherwise much would be read, and unpacked, more than once.
    """
    whole = [math.ceil(size / step) * step for size, step in zip(shape, unit, strict=True)]
    block = [unit[0], *whole[1:]]
    for axis in range(1, len(shape)):
        others = math.prod(block) // block[axis] * itemsize
        if block[axis] * others > _LARGEST_BLOCK:
            block[axis] = max(1, _LARGEST_BLOCK // (others * unit[axis])) * unit[axis]
    unit_size = math.prod(block) * itemsize
    wanted = max(_BLOCK_SIZE // unit_size, math.ceil(depth / unit[0]))
    units = max(1, min(wanted, _LARGEST_BLOCK // unit_size))
    block[0] = min(units * unit[0], whole[0])
    return tuple(block)


class _Sliced:
    """A movie of which Dask knows no more than that it can be sliced: of arrays of NumPy, it would make a copy."""

    def __init__(self, movie: Movie) -> None:
        self.shape, self.dtype, self.ndim = tuple(movie.shape), np.dtype(movie.dtype), len(movie.shape)
        self._movie = movie

    def __getitem__(self, index: Any) -> Any:
        return self._movie[index]


def load_dask() -> Any:
    """Return `dask.array`."""
    with require_extra("compressing movies needs Dask"):
        import dask.array
    return dask.array


def check_held_here(movie: Movie) -> None:
    """Raise ValueError if the values of a Dask array are with the workers of a cluster, where threads find none."""
    from dask.base import is_dask_collection

    if "distributed" in sys.modules and is_dask_collection(movie):
        from distributed import futures_of

        for future in futures_of(movie):
            address = future.client.scheduler.address
            raise ValueError(
                f"the workers of a Dask cluster hold the movie: give scheduler={address!r}, so that they compress it"
            )


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
class _Writer:
    """What a task does with its block; this object is sent to the workers."""

    draft: ArrayDraft
    comparer: Comparer
    channel: str
    resume: bool

    def __call__(self, block: Any, block_info: Any = None) -> Any:
        region = tuple(slice(*bounds) for bounds in block_info[0]["array-location"])
        _check_block(block, self.draft.template.dtype)
        values = np.ascontiguousarray(block)
        of_channel = f"{self.channel}: " if self.channel else ""
        frames = f"{of_channel}frames {region[0].start} to {region[0].stop - 1}"
        array = self.draft.array
        try:
            if not (self.resume and self._is_there(array, region, values)):
                if self.resume:
                    for path in _objects(array, region):  # one that is damaged could not be written in parts
                        sync(path.delete())
                array[region] = values
            stored = np.asarray(array[region])
        except ValueError as error:
            self._blame_frame(of_channel, region[0].start, values)
            raise ValueError(f"{frames}: {error}") from error
        except FAULTS as error:
            raise software_fault(f"{frames} cannot be written", error) from error
        except Exception as error:  # OSError, and what libraries of remote stores have of their own
            raise OSError(f"{frames} cannot be written: {error}") from error
        try:
            compared = self.comparer.compare(values, stored)
        except ValueError as error:
            raise OSError(f"{frames} were not stored as they are: {error}") from error
        result = np.empty((1,) * values.ndim, dtype=object)
        result.flat[0] = compared
        return result

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
    grid = (
        range(bounds.start // size, math.ceil(bounds.stop / size))
        for bounds, size in zip(region, unit_of_writing(array), strict=True)
    )
    for place in itertools.product(*grid):
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
    with _connected(scheduler) as client:  # before anything is deleted
        with only_writer(draft, partial(_place, location, resume=resume, overwrite=overwrite)) as (draft, finish):
            place = draft.location
            try:
                for name, (positions, _) in coordinates.items():
                    ArrayDraft(place, name, draft.documents).array[:] = positions
                comparisons = []
                done, total = 0, sum(size_of(task.movie) for task in tasks)
                for task in tasks:
                    shown = _following(progress, done, total)
                    comparisons.append(_write_blocks(task, draft.arrays[task.path], client, shown, resume=resume))
                    done += size_of(task.movie)
                finish()
            except BaseException as error:
                if isinstance(error, ValueError | TypeError):  # which the same movie and options would only raise again
                    hint = ""
                stays = "" if place == location else f"{location.url} is as it was, and "
                error.add_note(f"{stays}{place.url} is not finished: {hint}overwrite=True begins anew.")
                raise
        take_place(place, location)
    return comparisons


def _place(location: Location, *, resume: bool, overwrite: bool) -> Location:
    """Return where to write what is to be at a location."""
    if resume:
        return place_to_resume(location)
    if overwrite:
        return make_room(location)
    check_free(location, overwrite=False)
    return location


def _following(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return a progress function for a part, which adds what was done before it."""
    return None if progress is None else lambda done, _: progress(before + done, total)


@contextmanager
def _connected(scheduler: str | None) -> Iterator[Client | None]:
    """Yield a client of the scheduler, or None if the threads of this process do the work."""
    if scheduler is None:
        yield None
        return
    with require_extra("a cluster needs distributed", "cluster"):
        from distributed import Client
    with Client(scheduler) as client:
        yield client


def _write_blocks(
    task: Task, draft: ArrayDraft, client: Client | None, progress: Progress | None, *, resume: bool
) -> Comparison:
    da = load_dask()
    from dask.base import is_dask_collection

    movie = task.movie
    shape, ndim = tuple(movie.shape), len(movie.shape)
    dtype = np.dtype(movie.dtype)
    depth, _ = stored_chunk(movie)
    chunks = block_shape(shape, unit_of_writing(draft.template), dtype.itemsize, depth)
    if is_dask_collection(movie):  # also one within an xarray.DataArray
        source = da.asarray(movie)
    else:
        source = da.from_array(
            _Sliced(movie), chunks=chunks, name=f"movie-{uuid4()}", meta=np.empty((0,) * ndim, dtype)
        )
    source = source.rechunk(chunks)  # whatever came in: two tasks that wrote to one object would lose values
    results = source.map_blocks(
        _Writer(draft, task.comparer, task.channel, resume),
        dtype=object,
        chunks=(1,) * ndim,
        meta=np.empty((0,) * ndim, dtype=object),
        name=f"written-{uuid4()}",
    )
    total = size_of(movie)
    if progress is not None:
        progress(0, total)
    return reduce(Comparison.merge, _compute(results, client, total, progress))


def _compute(results: da.Array, client: Client | None, total: int, progress: Progress | None) -> Iterable[Comparison]:
    written = 0

    def show(compared: Comparison) -> Comparison:
        nonlocal written
        written += compared.nbytes
        if progress is not None:
            progress(written, total)
        return compared

    if client is None:
        from dask.callbacks import Callback

        def finished(key: Any, result: Any, *_: Any) -> None:
            if key[0] == results.name:
                show(result.flat[0])

        with Callback(posttask=finished), warnings.catch_warnings():
            # Older releases of Dask warn of threads where there is a client, too; but threads were asked for.
            warnings.filterwarnings("ignore", "Running on a single-machine scheduler", UserWarning)
            compared = list(results.compute(scheduler="threads").ravel())
        if progress is not None and written < total:  # a single task goes under another name
            progress(total, total)
        return compared
    from distributed import KilledWorker, as_completed

    assert client.scheduler is not None
    address = client.scheduler.address
    futures = client.compute(list(results.to_delayed().ravel()))
    compared = []
    try:
        for future, result in as_completed(futures, with_results=True):
            if future.cancelled():
                raise OSError(f"the Dask scheduler at {address} was lost")
            compared.append(show(result.flat[0]))
    except KilledWorker as error:
        raise OSError(f"workers of the Dask scheduler at {address} died: {error}") from error
    finally:
        if client.status == "running":
            client.cancel(futures)
    return compared
