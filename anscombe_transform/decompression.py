"""From a compressed Zarr array back to a TIFF file, a NumPy file, or an array without the codec."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform.blocks import write_movie
from anscombe_transform.extras import needed
from anscombe_transform.layout import Layout
from anscombe_transform.movies import MovieFile, open_movie
from anscombe_transform.stores import Location, options_for
from anscombe_transform.story import STORY, tell
from anscombe_transform.text import quantity, shape_text
from anscombe_transform.verification import Verification

_BLOCK_SIZE = 1 << 26
"""Bytes of a movie that are read at a time, as nearly as chunks allow."""

_LARGEST_TIFF = (1 << 32) - (1 << 25)
"""Bytes of pixels that fit into a TIFF file that is not a BigTIFF, with room for the rest."""

_MICROMETERS = 10_000
"""In a centimeter."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Decompression:
    """What `decompress` wrote."""

    output: str
    """The path or URL."""
    shape: tuple[int, int, int]
    dtype: str
    size: int
    """Bytes of the movie."""
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return all that is known as JSON has it."""
        return asdict(self)

    def table(self) -> list[tuple[str, str]]:
        """Return names and values, rounded, with units."""
        return [
            ("Written to", self.output),
            ("Movie", f"{shape_text(self.shape)} {self.dtype}, {quantity(self.size, 'B')}"),
            ("Time", f"{self.seconds:.1f} s, {quantity(self.size / self.seconds, 'B/s')}"),
        ]


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
    """Write a movie that is in a Zarr array as other software reads it.

    Parameters
    ----------
    store : str or path
        The folder or URL of the Zarr array.
    output : str or path
        A file whose name ends with ``.tif``, ``.tiff``, ``.ome.tif`` or ``.npy``; or else a folder or URL, for a Zarr
        array with the same chunks and without the codec. A file appears when it is whole.
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

    Raises
    ------
    ValueError
        If `store` is no finished Zarr array, or there is something at `output`.
    OSError
        If the array cannot be read, or `output` not written.
    """
    movie = open_movie(store, key, frames=frames, storage_options=options_for(store, storage_options))
    start = time.perf_counter()
    name = os.fspath(output).lower()
    if name.endswith((".tif", ".tiff", ".npy")):
        if "://" in name:
            raise ValueError(f"{output} is a URL, where only Zarr arrays are written: choose a local file")
        target = Path(output).absolute()
        _check_file(target, movie, overwrite=overwrite)
        with _whole(target) as partial:
            if name.endswith(".npy"):
                _write_npy(movie, partial, progress)
            else:
                _write_tiff(movie, partial, progress, ome=name.endswith((".ome.tif", ".ome.tiff")))
        url = str(target)
    else:
        url = _write_zarr(movie, output, overwrite, storage_options, scheduler, progress)
    return Decompression(url, movie.shape, movie.dtype.name, _size(movie), time.perf_counter() - start)


def _size(movie: MovieFile) -> int:
    return math.prod(movie.shape) * movie.dtype.itemsize


def _check_file(target: Path, movie: MovieFile, *, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise ValueError(f"{target} cannot be written: there is no folder {target.parent}")
    if target.is_dir():
        raise ValueError(f"{target} is a folder: choose another output")
    if target.exists() and not overwrite:
        raise ValueError(f"{target} exists already: --overwrite replaces it")
    Location.parse(target).check_apart(movie)


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Yield the name under which to write a file, which gets its own when it is whole."""
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _blocks(movie: MovieFile, progress: Progress | None) -> Iterator[npt.NDArray[Any]]:
    """Yield the movie in blocks of frames, of whole chunks."""
    depth = movie.chunks[0]
    frame_size = _size(movie) // len(movie)
    step = max(1, _BLOCK_SIZE // (depth * frame_size)) * depth
    for start in range(0, len(movie), step):
        block = movie[start : start + step]
        yield block
        if progress is not None:
            progress((start + len(block)) * frame_size, _size(movie))


def _write_npy(movie: MovieFile, path: Path, progress: Progress | None) -> None:
    with path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(movie.dtype), "fortran_order": False, "shape": movie.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for block in _blocks(movie, progress):
            np.ascontiguousarray(block).tofile(file)


def _write_tiff(movie: MovieFile, path: Path, progress: Progress | None, *, ome: bool) -> None:
    with needed("TIFF files need tifffile"):
        from tifffile import TiffWriter
    pixel_size = movie.pixel_size
    micrometers = {} if pixel_size is None else {"PhysicalSizeY": pixel_size[0], "PhysicalSizeX": pixel_size[1]}
    rate = movie.frame_rate
    # OME has its own names, and micrometers as its default; other readers look at the tags for the resolution.
    metadata = {} if rate is None else {"TimeIncrement": 1 / rate, "TimeIncrementUnit": "s"} if ome else {"fps": rate}
    if ome and movie.dtype.name in ("int64", "uint64", "float16"):
        raise ValueError(f"OME-TIFF has no {movie.dtype}: choose a name that ends with .tif only")
    with TiffWriter(path, bigtiff=_size(movie) > _LARGEST_TIFF, ome=ome) as file:
        file.write(
            (frame for block in _blocks(movie, progress) for frame in block),
            shape=movie.shape,
            dtype=movie.dtype,
            photometric="minisblack",
            metadata={"axes": "TYX"} | metadata | (micrometers if ome else {}),
            resolution=None if pixel_size is None else (_MICROMETERS / pixel_size[1], _MICROMETERS / pixel_size[0]),
            resolutionunit=None if pixel_size is None else "CENTIMETER",
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
    location.check_apart(movie)
    location.check_free(overwrite=overwrite)
    draft = Layout(chunks=movie.chunks).draft(
        location, movie.shape, movie.dtype, codec=None, attributes={STORY: tell(movie)}
    )
    write_movie(movie, draft, Verification(), scheduler=scheduler, progress=progress)
    return location.url
