"""From a movie to a compressed Zarr array, on the cores of one machine or of a cluster."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import zarr

from anscombe_transform._typing import StageProgress
from anscombe_transform.movies.movie import Movie, check_movie, in_bytes
from anscombe_transform.movies.opening import open_movie
from anscombe_transform.recordings.comparison import Comparison
from anscombe_transform.recordings.plan import RESUME_HINT, Plan, begun_or_finished, make_plan
from anscombe_transform.recordings.results import Compression
from anscombe_transform.recordings.writing import load_dask, unit_of_writing, write_movie
from anscombe_transform.storage.layout import Compressor, Layout, Sizes
from anscombe_transform.storage.location import Location, options_for
from anscombe_transform.storage.overwriting import check_apart, check_free
from anscombe_transform.transform.parameters import OutOfRange

_SAMPLES = 4
"""Blocks that a dry run compresses to predict the size."""

_Path = str | os.PathLike[str]


def compress(
    movie: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Movie,
    output: str | os.PathLike[str],
    *,
    key: str | None = None,
    frames: slice | None = None,
    zero_level: float | None = None,
    conversion_gain: float | None = None,
    beta: float = 0.5,
    encoded_dtype: npt.DTypeLike | None = None,
    out_of_range: OutOfRange | None = None,
    chunks: Sizes | None = None,
    shards: Sizes | None = None,
    compressor: Compressor = "zstd",
    level: int | None = None,
    zarr_format: Literal[2, 3] = 3,
    ome: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    dry_run: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    scheduler: str | None = None,
    progress: StageProgress | None = None,
) -> Compression:
    """Compress a movie into a Zarr array, and compare what comes back from the store with the movie.

    The metadata are written once all chunks are there. Until then the array cannot be opened; ``unfinished.json`` takes
    the place of the metadata.

    Parameters
    ----------
    movie : str, path, sequence of paths, or array
        What `open_movie` opens, or an array of shape (time, y, x), in ADU.
    output : str or path
        A folder, or a URL that fsspec knows, such as ``s3://bucket/movie.zarr``.
    key : str, optional
        Which array of a file, as for `open_movie`.
    frames : slice, optional
        Which frames of a file; by default all.
    zero_level : float, optional
        The input at zero photons, in ADU. By default this and `conversion_gain` are estimated from 256 frames that
        are spread over the movie.
    conversion_gain : float, optional
        ADU per photon.
    beta : float, default 0.5
        Noise standard deviations per code.
    encoded_dtype : dtype_like, optional
        The dtype of the codes. By default the narrowest that holds the values of those frames, with headroom.
    out_of_range : "clamp", optional
        Store a value that has no code as the nearest value that has one. By default that is an error.
    chunks : int or tuple of int, optional
        Shape of a chunk, or its number of frames, of whole height and width; -1 is the whole axis. By default a chunk
        has whole frames, with at most 4 Mi pixels in all.
    shards : int or tuple of int, optional
        Shape of a shard, likewise: a whole number of chunks along each axis. By default there are none.
    compressor : str, default "zstd"
        What compresses the codes: zstd, blosc-zstd, blosc-lz4, gzip or none.
    level : int, optional
        Level of the compressor, by default one that is fast.
    zarr_format : int, default 3
        3 or 2.
    ome : bool, default False
        Make an OME-NGFF 0.5 image, a group with the array in ``0``; needs ome-zarr-models.
    overwrite : bool, default False
        Delete the Zarr data that are at `output`.
    resume : bool, default False
        Continue where the same call was interrupted. A finished array stays as it is.
    dry_run : bool, default False
        Write nothing; predict the size by compressing a few blocks in memory.
    storage_options : mapping, optional
        For fsspec, of URLs.
    scheduler : str, optional
        Address of a Dask scheduler whose workers do the work; they need this package, and access to the movie and the
        output. By default the threads of this process do it.
    progress : callable, optional
        Called with the name of the stage, and the bytes of the movie done and to do in it.

    Returns
    -------
    Compression
        What was written, or would be, and how far it is from the movie.

    Raises
    ------
    ValueError
        If a parameter is not allowed, if the parameters cannot be estimated from the movie, if its values have no
        codes, or if something is already at `output`.
    OSError
        If the movie cannot be read, if the store cannot be written, or if values come back that the format does not
        allow.
    TypeError
        If the movie is not of real numbers.
    ModuleNotFoundError
        If a package of the extras is needed and missing.

    Examples
    --------
    >>> from anscombe_transform import compress
    >>> from anscombe_transform.simulate import simulate_movie
    >>> result = compress(simulate_movie((100, 64, 64)), "movie.zarr")
    >>> result.encoded_dtype, round(result.ratio, 1)
    ('int8', 4.8)
    """
    load_dask()  # what is missing is missed before anything is read
    layout = Layout(chunks, shards, compressor, level, zarr_format)
    if overwrite and resume:
        raise ValueError("overwrite=True begins anew and resume=True goes on: choose one")
    if storage_options and not any(options_for(place, storage_options) for place in (movie, output)):
        names = ", ".join(storage_options)
        raise ValueError(f"{output} is not a URL, and only a URL takes storage_options: leave out {names}")
    location = Location.parse(output, options_for(output, storage_options))
    source = _opened(movie, key, frames, options_for(movie, storage_options))
    check_apart(location, source, overwrite=overwrite)
    previous = begun_or_finished(location) if resume else None
    if not resume:
        check_free(location, overwrite=overwrite, hint=RESUME_HINT)
    plan = make_plan(
        source,
        location,
        layout,
        previous,
        zero_level=zero_level,
        conversion_gain=conversion_gain,
        beta=beta,
        encoded_dtype=encoded_dtype,
        out_of_range=out_of_range,
        ome=ome,
        progress=None if progress is None else partial(in_bytes(progress, source), "Estimating"),
    )
    comparison: Comparison | None = None
    start = time.perf_counter()
    if dry_run:
        stored_size, comparison = _predict(plan)
    else:
        if not plan.is_finished:
            comparison = write_movie(
                source,
                plan.draft,
                plan.comparer,
                resume=previous is not None,
                hint=RESUME_HINT,
                scheduler=scheduler,
                progress=None if progress is None else partial(progress, "Writing"),
            )
        array = zarr.open_array(location.store(read_only=True), path=plan.draft.path, mode="r")
        stored_size = array.nbytes_stored()
    return plan.result(stored_size, time.perf_counter() - start, comparison, dry_run=dry_run)


def _opened(
    movie: _Path | Sequence[_Path] | Movie,
    key: str | None,
    frames: slice | None,
    storage_options: Mapping[str, Any] | None,
) -> Movie:
    if isinstance(movie, str | os.PathLike | Sequence):
        return open_movie(movie, key, frames=frames, storage_options=storage_options)
    if key is not None or frames is not None:
        raise ValueError("key and frames are for files: cut the array itself")
    check_movie(movie)
    return movie


def _predict(plan: Plan) -> tuple[int, Comparison]:
    """Return the stored size that a few blocks predict, and how what comes back of them compares."""
    array, movie = plan.draft.template, plan.movie
    size_of_metadata = array.nbytes_stored()
    depth = unit_of_writing(array)[0]
    last = (movie.shape[0] - 1) // depth
    compared = []
    for block in sorted({round(last * part / (_SAMPLES - 1)) for part in range(_SAMPLES)}):
        frames = slice(block * depth, (block + 1) * depth)
        values = np.asarray(movie[frames])
        array[frames] = values
        compared.append(plan.comparer.compare(values, np.asarray(array[frames])))
    comparison = reduce(Comparison.merge, compared)
    share = comparison.count / math.prod(movie.shape)
    return size_of_metadata + round((array.nbytes_stored() - size_of_metadata) / share), comparison
