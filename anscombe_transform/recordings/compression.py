"""From a recording to compressed Zarr arrays, on the cores of one machine or of a cluster."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import StageProgress
from anscombe_transform.movies.movie import Movie, in_bytes
from anscombe_transform.movies.opening import RecordingLike, without_damaged_frames
from anscombe_transform.movies.recording import Recording
from anscombe_transform.recordings.blocks import check_held_here, load_dask
from anscombe_transform.recordings.channels import Channel, channels_of, opened
from anscombe_transform.recordings.comparison import Comparison
from anscombe_transform.recordings.plan import RESUME_HINT, CodecChoice, begun_or_finished, make_plan
from anscombe_transform.recordings.results import Compression
from anscombe_transform.recordings.writing import write_movies
from anscombe_transform.storage.chunks import stored_chunks, unit_of_writing
from anscombe_transform.storage.draft import ArrayDraft
from anscombe_transform.storage.layout import Compressor, Layout, Sizes
from anscombe_transform.storage.location import Location, StoreLike, options_for
from anscombe_transform.storage.overwriting import check_apart, check_free, check_name, check_takes_drafts
from anscombe_transform.storage.replacing import check_replaceable, place_to_resume, take_place
from anscombe_transform.storage.writer import check_no_writer
from anscombe_transform.transform.parameters import OutOfRange

_SAMPLES = 4
"""Blocks that a dry run compresses to estimate the size."""


def compress(
    movie: RecordingLike | Recording | Movie,
    output: StoreLike,
    *,
    key: str | None = None,
    channel: int | str | None = None,
    plane: int | None = None,
    frames: slice | None = None,
    axes: str | None = None,
    channels: int | None = None,
    planes: int | None = None,
    salvage: bool = False,
    zero_level: float | Sequence[float | None] | None = None,
    conversion_gain: float | Sequence[float | None] | None = None,
    beta: float | None = None,
    encoded_dtype: npt.DTypeLike | None = None,
    out_of_range: OutOfRange | None = None,
    chunks: Sizes | None = None,
    shards: Sizes | None = None,
    compressor: Compressor = "zstd",
    level: int | None = None,
    predict: bool | None = None,
    zarr_format: Literal[2, 3] = 3,
    ome: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    dry_run: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    scheduler: str | None = None,
    progress: StageProgress | None = None,
) -> Compression:
    """Compress a recording into Zarr arrays, and compare what comes back from the store with the recording.

    A single channel with a single plane becomes an array at the root of `output`, of shape (time, y, x). Otherwise the
    root is a group with an array for each channel, of shape (time, y, x) or (time, plane, y, x), each with its own
    parameters: channels are different detectors, and the planes of a channel share one.

    What this package has compressed before keeps its parameters, and so is stored exactly as it is read: a second loss
    is refused.

    The metadata are written once all chunks are there. Until then nothing of it can be opened; ``unfinished.json``
    takes the place of the metadata.

    Parameters
    ----------
    movie : str, path, sequence of paths, store, Recording, or array
        What `open_recording` opens or has opened, or an array of shape (time, y, x), in ADU.
    output : str, path or store
        A folder, a URL that fsspec knows, such as ``s3://bucket/movie.zarr``, or a store of Zarr.
    key, channel, plane, frames, axes, channels, planes, salvage : various
        What of a file to compress, and how it is to be understood, as for `open_recording`; by default all of it. With
        `salvage`, frames that cannot be read are left out, too: all of it is read once to find them.
    zero_level : float or sequence of float, optional
        The input at zero photons, in ADU; of several channels, one number for all, or one for each, where None is to be
        estimated. By default this and `conversion_gain` are estimated from 256 frames that are spread over the movie.
    conversion_gain : float or sequence of float, optional
        ADU per photon, likewise.
    beta : float, optional
        Noise standard deviations per code, by default 0.5.
    encoded_dtype : dtype_like, optional
        The dtype of the codes. By default the narrowest that holds the values of those frames, with headroom.
    out_of_range : "clamp", optional
        Store a value that has no code as the nearest value that has one. By default that is an error.
    chunks : int or tuple of int, optional
        Shape of a chunk, or its number of frames of one plane, of whole height and width; -1 is the whole axis. By
        default a chunk has whole frames of one plane, with at most 4 Mi pixels in all.
    shards : int or tuple of int, optional
        Shape of a shard, likewise: a whole number of chunks along each axis. By default there are none.
    compressor : str, default "zstd"
        What compresses the codes: zstd, blosc-zstd, blosc-lz4, gzip or none.
    level : int, optional
        Level of the compressor, by default one that is fast.
    predict : bool, optional
        Whether to store how codes differ from what earlier frames and rows predict, which loses nothing. By default
        where that makes a few of the frames, with a predictor that is fitted to them, smaller by 2 % at least.
    zarr_format : int, default 3
        3 or 2.
    ome : bool, default False
        Make an OME-NGFF 0.5 image of each array, a group with the array in ``0``; needs ome-zarr-models. Several are
        listed as bioformats2raw does.
    overwrite : bool, default False
        Delete the Zarr data that are at `output`.
    resume : bool, default False
        Continue where the same call was interrupted. What is finished stays as it is.
    dry_run : bool, default False
        Write nothing; estimate the size by compressing a few blocks in memory.
    storage_options : mapping, optional
        For fsspec, of URLs.
    scheduler : str, optional
        Address of a Dask scheduler whose workers do the work; they need this package, and access to the movie and the
        output. By default the threads of this process do it.
    progress : callable, optional
        Called with the name of the stage, and the bytes of the recording done and to do in it.

    Returns
    -------
    Compression
        What was written, or would be, and how far it is from the movie.

    Raises
    ------
    ValueError
        If a parameter is not allowed, if the parameters cannot be estimated from a movie, if its values have no
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
    ('int8', 5.1)
    """
    load_dask()  # what is missing is missed before anything is read
    layout = Layout(chunks, shards, compressor, level, zarr_format)
    if overwrite and resume:
        raise ValueError("overwrite=True begins anew and resume=True goes on: choose one")
    if storage_options and not any(options_for(place, storage_options) for place in (movie, output)):
        names = ", ".join(storage_options)
        raise ValueError(f"{output} is not a URL, and only a URL takes storage_options: leave out {names}")
    location = Location.parse(output, options_for(output, storage_options))
    check_name(location)
    check_takes_drafts(location)
    source = opened(
        "movie",
        movie,
        storage_options=options_for(movie, storage_options),
        key=key,
        channel=channel,
        plane=plane,
        frames=frames,
        axes=axes,
        channels=channels,
        planes=planes,
        salvage=salvage,
    )
    if scheduler is None:
        check_held_here(source)
    check_apart(location, next(iter(channels_of(source).values())), overwrite=overwrite)
    check_no_writer(location)
    previous = begun_or_finished(location) if resume else None
    if not resume:
        check_free(location, overwrite=overwrite, hint=RESUME_HINT)
    if overwrite:
        check_replaceable(location)
    if salvage and isinstance(source, Recording):
        source = without_damaged_frames(source, None if progress is None else partial(progress, "Checking"))
    movies = channels_of(source)
    plan = make_plan(
        movies,
        location,
        layout,
        previous,
        CodecChoice(zero_level, conversion_gain, beta, encoded_dtype, out_of_range, predict),
        ome=ome,
        progress=lambda movie: None if progress is None else partial(in_bytes(progress, movie), "Estimating"),
    )
    start = time.perf_counter()
    stored_sizes: Sequence[int]
    comparisons: Sequence[Comparison | None] = [None] * len(movies)
    if dry_run:
        predicted = [_predict(channel, array) for channel, array in zip(plan.channels, plan.arrays, strict=True)]
        stored_sizes, comparisons = zip(*predicted, strict=True)
    else:
        if plan.is_finished:
            take_place(place_to_resume(location), location)
        else:
            comparisons = write_movies(
                plan.tasks(),
                plan.draft,
                coordinates=plan.coordinates,
                resume=resume,
                overwrite=overwrite,
                hint=RESUME_HINT,
                scheduler=scheduler,
                progress=None if progress is None else partial(progress, "Writing"),
            )
        sizes = [stored_chunks(location, array.template, array.path).size for array in plan.arrays]
        stored_sizes = [size for size in sizes if size is not None]
        if len(stored_sizes) < len(sizes):
            raise OSError(f"{location.url} is finished, but cannot be listed now, so that its size is not known")
    return plan.result(stored_sizes, time.perf_counter() - start, comparisons, dry_run=dry_run)


def _predict(channel: Channel, draft: ArrayDraft) -> tuple[int, Comparison]:
    """Return the stored size that a few blocks predict, and how what comes back of them compares."""
    array, movie = draft.template, channel.movie
    size_of_metadata = array.nbytes_stored()
    depth = unit_of_writing(array)[0]
    last = max(0, movie.shape[0] // depth - 1)  # of the blocks that are full
    compared = []
    for block in sorted({round(last * part / (_SAMPLES - 1)) for part in range(_SAMPLES)}):
        frames = slice(block * depth, (block + 1) * depth)
        values = np.asarray(movie[frames])
        array[frames] = values
        compared.append(channel.comparer.compare(values, np.asarray(array[frames])))
    comparison = reduce(Comparison.merge, compared)
    share = comparison.count / math.prod(movie.shape)
    return size_of_metadata + round((array.nbytes_stored() - size_of_metadata) / share), comparison
