"""The blocks of an array that are worked on at once, by the threads of this process or on a Dask cluster."""

from __future__ import annotations

import itertools
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import uuid4

import numpy as np

from anscombe_transform._optional import require_extra
from anscombe_transform.movies.movie import Movie

if TYPE_CHECKING:
    import dask.array as da
    from distributed import Client

Region = tuple[slice, ...]
"""The part of an array that is in a block."""

_BLOCK_SIZE = 1 << 24
"""Bytes of a movie in a block, as nearly as its chunks allow."""

_LARGEST_BLOCK = 1 << 28
"""The most bytes of the movie in a block, unless a single chunk or shard has more."""


def region_of(place: Sequence[int], step: Sequence[int], shape: Sequence[int]) -> Region:
    """Return the region of the block, or chunk, at a place in a grid of such blocks."""
    sizes = zip(place, step, shape, strict=True)
    return tuple(slice(number * size, min((number + 1) * size, end)) for number, size, end in sizes)


def places_in(region: Region, step: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the places of the chunks of a region in their grid."""
    return itertools.product(
        *(range(part.start // size, math.ceil(part.stop / size)) for part, size in zip(region, step, strict=True))
    )


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
                f"the workers of a Dask cluster hold the movie: give scheduler={address!r}, so that they read it"
            )


@contextmanager
def connected(scheduler: str | None) -> Iterator[Client | None]:
    """Yield a client of the scheduler, or None if the threads of this process do the work."""
    if scheduler is None:
        yield None
        return
    with require_extra("a cluster needs distributed", "cluster"):
        from distributed import Client
    with Client(scheduler) as client:
        yield client


class _Result(Protocol):
    @property
    def nbytes(self) -> int:
        """The bytes of the movie in the block."""


R = TypeVar("R", bound=_Result)


class _Sliced:
    """A movie of which Dask knows no more than that it can be sliced: of arrays of NumPy, it would make a copy."""

    def __init__(self, movie: Movie) -> None:
        self.shape, self.dtype, self.ndim = tuple(movie.shape), np.dtype(movie.dtype), len(movie.shape)
        self._movie = movie

    def __getitem__(self, index: Any) -> Any:
        return self._movie[index]


@dataclass(frozen=True)
class _OnBlock:
    """Calls the work with the region of a block; this object is sent to the workers."""

    work: Callable[..., Any]
    shape: tuple[int, ...]
    block: tuple[int, ...]

    def __call__(self, *values: Any, block_id: tuple[int, ...]) -> Any:
        result = np.empty((1,) * len(self.shape), dtype=object)
        result.flat[0] = self.work(region_of(block_id, self.block, self.shape), *values)
        return result


def on_blocks(
    work: Callable[..., R],
    shape: tuple[int, ...],
    block: tuple[int, ...],
    movie: Movie | None,
    *,
    client: Client | None,
    progress: Callable[[int], None] | None = None,
    only_first: bool = False,
) -> list[R]:
    """Return what a function returns for each block of an array.

    Parameters
    ----------
    work : callable
        Takes the region of a block, and its values if there is a movie. It is sent to the workers, and the tasks have
        the name of its class.
    shape, block : tuple of int
        Of the array, and of a block.
    movie : Movie or None
        What values are read from, of that shape.
    client : Client or None
        Of the Dask cluster whose workers do the work; by default the threads of this process do it.
    progress : callable, optional
        Called with the sum of the ``nbytes`` of what was returned.
    only_first : bool, default False
        Work on the first block alone.

    Raises
    ------
    OSError
        If the workers or the scheduler are lost.
    """
    da = load_dask()
    values = () if movie is None else (_as_dask(movie, block),)
    grid = tuple((1,) * math.ceil(size / step) for size, step in zip(shape, block, strict=True))
    results = da.map_blocks(
        _OnBlock(work, shape, block),
        *values,
        dtype=object,
        chunks=grid,
        meta=np.empty((0,) * len(shape), dtype=object),
        name=f"{type(work).__name__.strip('_').lower()}-{uuid4()}",
    )
    return _compute(results.blocks[(0,) * len(shape)] if only_first else results, client, progress)


def _as_dask(movie: Movie, block: tuple[int, ...]) -> Any:
    da = load_dask()
    from dask.base import is_dask_collection

    if is_dask_collection(movie):  # also one within an xarray.DataArray
        source = da.asarray(movie)
    else:
        empty = np.empty((0,) * len(movie.shape), movie.dtype)
        source = da.from_array(_Sliced(movie), chunks=block, name=f"movie-{uuid4()}", meta=empty)
    # Whatever came in: two tasks that wrote to one object would lose values.
    return source.rechunk(block)


def _compute(results: da.Array, client: Client | None, progress: Callable[[int], None] | None) -> list[Any]:
    done = 0

    def count(result: _Result) -> None:
        nonlocal done
        done += result.nbytes
        if progress is not None:
            progress(done)

    if client is None:
        from dask.callbacks import Callback

        def finished(key: Any, result: Any, *_: Any) -> None:
            if key[0] == results.name:
                count(result.flat[0])

        with Callback(posttask=finished), warnings.catch_warnings():
            # Older releases of Dask warn of threads where there is a client, too; but threads were asked for.
            warnings.filterwarnings("ignore", "Running on a single-machine scheduler", UserWarning)
            whole = list(results.compute(scheduler="threads").ravel())
        if not done:  # a single task goes under another name
            count(whole[0])
        return whole
    from distributed import KilledWorker, as_completed

    assert client.scheduler is not None
    address = client.scheduler.address
    futures = client.compute(list(results.to_delayed().ravel()))
    returned = []
    try:
        for future, result in as_completed(futures, with_results=True):
            if future.cancelled():
                raise OSError(f"the Dask scheduler at {address} was lost")
            returned.append(result.flat[0])
            count(returned[-1])
    except KilledWorker as error:
        raise OSError(f"workers of the Dask scheduler at {address} died: {error}") from error
    finally:
        if client.status == "running":
            client.cancel(futures)
    return returned
