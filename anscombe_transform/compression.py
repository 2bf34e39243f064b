"""From a movie to a compressed Zarr array, on the cores of one machine or of a cluster."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import zarr

from anscombe_transform.blocks import load_dask, unit_of_writing, write_movie
from anscombe_transform.choice import choose_codec, choose_parameters
from anscombe_transform.layout import Compressor, Layout, Sizes, ome_image
from anscombe_transform.movies import open_movie
from anscombe_transform.photon_transfer import Movie
from anscombe_transform.stores import Draft, Location, begun, finished, options_for
from anscombe_transform.story import STORY, codec_of, parameter_rows, tell
from anscombe_transform.text import quantity, shape_text
from anscombe_transform.transform import OutOfRange, is_real
from anscombe_transform.verification import Comparison, Verification
from anscombe_transform.zarr_v2 import AnscombeTransformV2
from anscombe_transform.zarr_v3 import AnscombeTransformV3

_SAMPLES = 4
"""Blocks that a dry run compresses, to predict the size."""

_RESUME = "--resume goes on with it, "

_Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Compression:
    """What `compress` did, or would do.

    Attributes
    ----------
    output : str
        The path or URL.
    shape : tuple of int
        Frames, height and width.
    dtype : str
        The dtype of the movie.
    parameters : mapping
        ``zero_level`` and ``conversion_gain``, in ADU and ADU per photon, and their ``source``, ``"given"`` or
        ``"estimated"``. Of those estimated also the standard errors, ``zero_level_error`` and
        ``conversion_gain_error``, and the number of ``frames`` that were read for it.
    beta : float
        Noise standard deviations per code.
    encoded_dtype : str
        The dtype of the codes.
    chunks : tuple of int
        Shape of a chunk.
    shards : tuple of int or None
        Shape of a shard, if there are any.
    size : int
        Bytes of the movie.
    stored_size : int
        Bytes in the store; what a few blocks predict, if this was a dry run.
    seconds : float
        What writing took, together with reading back.
    comparison : Comparison or None
        How far the values that came back are from the movie; None if the array was finished before.
    dry_run : bool
        Whether nothing was written.
    """

    output: str
    shape: tuple[int, ...]
    dtype: str
    parameters: Mapping[str, Any]
    beta: float
    encoded_dtype: str
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    size: int
    stored_size: int
    seconds: float
    comparison: Comparison | None
    dry_run: bool

    @property
    def ratio(self) -> float:
        """How many times smaller than the movie the store is."""
        return self.size / self.stored_size

    def to_dict(self) -> dict[str, Any]:
        """Return all that is known as JSON has it."""
        known = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "comparison"}
        known["ratio"] = self.ratio
        if self.comparison is not None:
            known["largest_error"] = self.comparison.largest_error
            known["added_noise"] = self.comparison.added_noise
            known["clamped"] = self.comparison.clamped
        return known

    def table(self) -> list[tuple[str, str]]:
        """Return names and values, rounded, with units."""
        rows = [
            ("Would be written to" if self.dry_run else "Written to", self.output),
            ("Movie", f"{shape_text(self.shape)} {self.dtype}, {quantity(self.size, 'B')}"),
            *parameter_rows(self.parameters, self.beta),
            ("Codes", self.encoded_dtype),
            ("Chunks", shape_text(self.chunks) + (f" in shards of {shape_text(self.shards)}" if self.shards else "")),
            ("Stored", f"{quantity(self.stored_size, 'B')}, {self.ratio:.2f} times smaller"),
        ]
        if self.comparison is None:
            return [*rows, ("Read back", "no, it was finished before")]
        if not self.dry_run:
            rows.append(("Time", f"{self.seconds:.1f} s, {quantity(self.size / self.seconds, 'B/s')}"))
        bounded = self.comparison.count - self.comparison.clamped
        rows.append(("Read back", f"{bounded} values, all within the bound of the format"))
        rows.append(("Largest error", f"{self.comparison.largest_error:.3f} standard deviations of the noise"))
        rows.append(("Added noise", f"{self.comparison.added_noise:.2%} of the variance"))
        if self.comparison.clamped:
            rows.append(("Clamped", f"{self.comparison.clamped} values that have no code"))
        return rows


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
    progress: Callable[[str, int, int], None] | None = None,
) -> Compression:
    """Compress a movie into a Zarr array, and compare what comes back from the store with the movie.

    The metadata are written when all chunks are there. Until then nobody can open the array; ``unfinished.json`` is
    in its place.

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
        dtype of the codes. By default the narrowest that holds the values of those frames, with headroom.
    out_of_range : "clamp", optional
        Store a value that has no code as the nearest that has one. By default that is an error.
    chunks : int or tuple of int, optional
        Shape of a chunk, or its number of frames, of whole height and width; -1 is the whole axis. By default
        a chunk has whole frames, of 4 Mi pixels together at most.
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
        Go on where the same call was interrupted. An array that is finished stays as it is.
    dry_run : bool, default False
        Write nothing; predict the size by compressing a few blocks in memory.
    storage_options : mapping, optional
        For fsspec, of URLs.
    scheduler : str, optional
        Address of a Dask scheduler whose workers do the work; they need this package, and to reach the movie and the
        output. By default the threads of this process do it.
    progress : callable, optional
        Called with the name of the stage, and the bytes of the movie done and to do in it.

    Returns
    -------
    Compression

    Raises
    ------
    ValueError
        If a parameter is not allowed, if the movie does not tell its parameters, if its values have no codes, or if
        there is something at `output`.
    OSError
        If the movie cannot be read, the store not written, or values come back that the format does not allow.
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
    if ome and zarr_format != 3:
        raise ValueError("OME-NGFF 0.5 is for Zarr format 3: leave out --ome, or the format")
    if overwrite and resume:
        raise ValueError("--overwrite begins anew and --resume goes on: choose one")
    if storage_options and not any(options_for(place, storage_options) for place in (movie, output)):
        raise ValueError(f"storage options are for URLs, and {output} is none: leave out {', '.join(storage_options)}")
    location = Location.parse(output, options_for(output, storage_options))
    source = _opened(movie, key, frames, options_for(movie, storage_options))
    location.check_apart(source, overwrite=overwrite)
    previous = _to_resume(location) if resume else None
    if not resume:
        location.check_free(overwrite=overwrite, ways=_RESUME)
    shape, dtype = tuple(source.shape), np.dtype(source.dtype)
    size = math.prod(shape) * dtype.itemsize

    def stage(name: str, scale: int = 1) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, total: progress(name, done * scale, total * scale)

    parameters, seen = None, None
    if previous is not None:
        encoded_dtype = encoded_dtype or codec_of(previous.template).encoded_dtype
        if zero_level is None and conversion_gain is None:
            parameters = cast("dict[str, Any]", previous.template.attrs[STORY])["parameters"]
    if parameters is None:
        of_frames = stage("Estimating", size // shape[0])
        parameters, seen = choose_parameters(source, zero_level, conversion_gain, of_frames)
    codec = choose_codec(
        AnscombeTransformV3 if zarr_format == 3 else AnscombeTransformV2,
        source,
        parameters,
        seen,
        beta=beta,
        encoded_dtype=encoded_dtype,
        out_of_range=out_of_range,
    )
    verification = Verification(codec)
    draft = layout.draft(
        location,
        shape,
        dtype,
        codec=codec,
        fill_value=verification.nearest_held(0, dtype),
        attributes={STORY: tell(source, parameters)},
        image=_image(source, location) if ome else None,
    )
    if previous is not None:
        _check_same(previous, draft)
    comparison: Comparison | None = None
    start = time.perf_counter()
    if dry_run:
        stored_size, comparison = _predict(source, draft, verification)
    else:
        if previous is None or location.state() == "unfinished":
            comparison = write_movie(
                source,
                draft,
                verification,
                resume=previous is not None,
                ways=_RESUME,
                scheduler=scheduler,
                progress=stage("Writing"),
            )
        stored_size = zarr.open_array(location.store(read_only=True), path=draft.path, mode="r").nbytes_stored()
    return Compression(
        output=location.url,
        shape=shape,
        dtype=dtype.name,
        parameters=parameters,
        beta=codec.beta,
        encoded_dtype=codec.encoded_dtype,
        chunks=draft.template.chunks,
        shards=draft.template.shards,
        size=size,
        stored_size=stored_size,
        seconds=time.perf_counter() - start,
        comparison=comparison,
        dry_run=dry_run,
    )


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
    if isinstance(movie, np.ma.MaskedArray):
        raise TypeError("movie is masked, and masks are not stored: give movie.data, or movie.filled()")
    if len(movie.shape) != 3 or 0 in movie.shape:
        raise ValueError(f"movie has the shape {tuple(movie.shape)}, but needs three axes, (time, y, x), and values")
    if not is_real(np.dtype(movie.dtype)):
        raise TypeError(f"movie is of {movie.dtype}, but must be of integers or floats of at most 64 bits")
    return movie


def _to_resume(location: Location) -> Draft | None:
    """Return the array to go on with, finished or not, if there is anything."""
    if location.state() == "empty":
        return None
    draft = begun(location) or finished(location)
    if draft is None or STORY not in draft.template.attrs:
        raise ValueError(f"{location.url} holds something else: --resume has nothing to go on with")
    return draft


def _image(movie: Movie, location: Location) -> dict[str, Any]:
    name = location.url.rpartition("/")[2]
    return ome_image(name, getattr(movie, "frame_rate", None), getattr(movie, "pixel_size", None))


def _check_same(previous: Draft, draft: Draft) -> None:
    if previous.documents == draft.documents:
        return
    before, now = (
        {
            f"{path} of {key}" if key.count("/") else path: value
            for key, text in d.documents.items()
            for path, value in _leaves(json.loads(text))
        }
        for d in (previous, draft)
    )
    differing = sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))
    if previous.documents.keys() != draft.documents.keys():
        differing = ["zarr_format or ome"]
    raise ValueError(
        f"{draft.location.url} was begun with other settings ({', '.join(differing[:5])}): --resume needs the same "
        "movie and options, --overwrite begins anew"
    )


def _leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict | list):
        items = document.items() if isinstance(document, dict) else enumerate(document)
        for name, value in items:
            yield from _leaves(value, f"{path}.{name}".lstrip("."))
    else:
        yield path, document


def _predict(movie: Movie, draft: Draft, verification: Verification) -> tuple[int, Comparison]:
    """Return the stored size that a few blocks predict, and how what comes back of them compares."""
    array = draft.template
    of_metadata = array.nbytes_stored()
    depth = unit_of_writing(array)[0]
    last = (movie.shape[0] - 1) // depth
    compared = []
    for block in sorted({round(last * part / (_SAMPLES - 1)) for part in range(_SAMPLES)}):
        frames = slice(block * depth, (block + 1) * depth)
        values = np.asarray(movie[frames])
        array[frames] = values
        compared.append(verification.compare(values, np.asarray(array[frames])))
    comparison = reduce(Comparison.merge, compared)
    share = comparison.count / math.prod(movie.shape)
    return of_metadata + round((array.nbytes_stored() - of_metadata) / share), comparison
