"""From a compressed Zarr array back to a TIFF file, a NumPy file, or an array without the codec."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anscombe_transform._files import whole_file
from anscombe_transform._optional import require_extra
from anscombe_transform._typing import Array, Progress
from anscombe_transform.movies.movie import frames_to_read, size_of
from anscombe_transform.movies.opening import MovieFile, open_movie
from anscombe_transform.recordings.comparison import Comparer
from anscombe_transform.recordings.provenance import provenance_of
from anscombe_transform.recordings.results import Decompression
from anscombe_transform.recordings.writing import write_movie
from anscombe_transform.storage.layout import Layout
from anscombe_transform.storage.location import PROVENANCE, Location, options_for
from anscombe_transform.storage.overwriting import check_apart, check_free

_BLOCK_SIZE = 1 << 26
"""Bytes of a movie that are read at a time, as nearly as chunks allow."""

_LARGEST_TIFF = (1 << 32) - (1 << 25)
"""The most bytes of pixels for which a TIFF file need not be a BigTIFF, with room for its metadata."""

_MICROMETERS_PER_CENTIMETER = 10_000


def decompress(
    store: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    key: str | None = None,
    frames: slice | None = None,
    overwrite: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Decompression:
    """Write a movie from a Zarr array in a format that other software reads.

    Parameters
    ----------
    store : str or path
        The folder or URL of the Zarr array.
    output : str or path
        A file whose name ends with ``.tif``, ``.tiff``, ``.ome.tif`` or ``.npy``; or else a folder or URL, for a Zarr
        array with the same chunks and without the codec. A file appears only once it is complete.
    key : str, optional
        Which array of a Zarr group.
    frames : slice, optional
        Which frames; by default all.
    overwrite : bool, default False
        Replace what is at `output`.
    storage_options : mapping, optional
        For fsspec, of URLs.
    scheduler : str, optional
        Address of a Dask scheduler whose workers write a Zarr array; files are written by this process.
    progress : callable, optional
        Called with the bytes of the movie done and to do.

    Returns
    -------
    Decompression
        What was written.

    Raises
    ------
    ValueError
        If `store` is not a finished Zarr array, or something is already at `output`.
    OSError
        If the array cannot be read, or `output` cannot be written.
    """
    movie = open_movie(store, key, frames=frames, storage_options=options_for(store, storage_options))
    start = time.perf_counter()
    name = os.fspath(output).lower()
    if name.endswith((".tif", ".tiff", ".npy")):
        if "://" in name:
            raise ValueError(f"{output} is a URL, where only Zarr arrays are written: choose a local file")
        target = Path(output).absolute()
        _check_file(target, movie, overwrite=overwrite)
        with whole_file(target) as partial:
            if name.endswith(".npy"):
                _write_npy(movie, partial, progress)
            else:
                _write_tiff(movie, partial, progress, ome=name.endswith((".ome.tif", ".ome.tiff")))
        url = str(target)
    else:
        url = _write_zarr(movie, output, overwrite, storage_options, scheduler, progress)
    return Decompression(url, movie.shape, movie.dtype.name, size_of(movie), time.perf_counter() - start)


def _check_file(target: Path, movie: MovieFile, *, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise ValueError(f"{target} cannot be written: there is no folder {target.parent}")
    if target.is_dir():
        raise ValueError(f"{target} is a folder: choose another output")
    if target.exists() and not overwrite:
        raise ValueError(f"{target} exists already: overwrite=True replaces it")
    check_apart(Location.parse(target), movie)


def _blocks(movie: MovieFile, progress: Progress | None) -> Iterator[Array]:
    """Yield the movie in blocks of frames."""
    total = size_of(movie)
    step = frames_to_read(movie, _BLOCK_SIZE)
    for start in range(0, len(movie), step):
        block = movie[start : start + step]
        yield block
        if progress is not None:
            progress((start + len(block)) * (total // len(movie)), total)


def _write_npy(movie: MovieFile, path: Path, progress: Progress | None) -> None:
    with path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(movie.dtype), "fortran_order": False, "shape": movie.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for block in _blocks(movie, progress):
            np.ascontiguousarray(block).tofile(file)


def _write_tiff(movie: MovieFile, path: Path, progress: Progress | None, *, ome: bool) -> None:
    with require_extra("TIFF files need tifffile"):
        from tifffile import TiffWriter
    physical_size, resolution = {}, None
    if movie.pixel_size is not None:
        height, width = movie.pixel_size
        physical_size = {"PhysicalSizeY": height, "PhysicalSizeX": width}
        resolution = _MICROMETERS_PER_CENTIMETER / width, _MICROMETERS_PER_CENTIMETER / height
    rate = movie.frame_rate
    # OME has its own names, and micrometers as its default; other readers look at the tags for the resolution.
    metadata = {} if rate is None else {"TimeIncrement": 1 / rate, "TimeIncrementUnit": "s"} if ome else {"fps": rate}
    if ome and movie.dtype.name in ("int64", "uint64", "float16"):
        raise ValueError(f"OME-TIFF has no {movie.dtype}: choose a name that ends with .tif only")
    with TiffWriter(path, bigtiff=size_of(movie) > _LARGEST_TIFF, ome=ome) as file:
        file.write(
            (frame for block in _blocks(movie, progress) for frame in block),
            shape=movie.shape,
            dtype=movie.dtype,
            photometric="minisblack",
            metadata={"axes": "TYX"} | metadata | (physical_size if ome else {}),
            resolution=resolution,
            resolutionunit=None if resolution is None else "CENTIMETER",
        )


def _write_zarr(
    movie: MovieFile,
    output: str | os.PathLike[str],
    overwrite: bool,
    storage_options: Mapping[str, Any] | None,
    scheduler: str | None,
    progress: Progress | None,
) -> str:
    location = Location.parse(output, options_for(output, storage_options))
    check_apart(location, movie)
    check_free(location, overwrite=overwrite)
    draft = Layout(chunks=movie.chunks).draft(
        location, movie.shape, movie.dtype, codec=None, attributes={PROVENANCE: provenance_of(movie)}
    )
    write_movie(movie, draft, Comparer(), scheduler=scheduler, progress=progress)
    return location.url
