"""Opening movies of the formats that microscopes and telescopes write; they are read when they are sliced."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._faults import FAULTS, SoftwareFault, software_fault
from anscombe_transform._formatting import one_line
from anscombe_transform.movies.formats.detection import open_files, open_path
from anscombe_transform.movies.formats.zarr import open_zarr
from anscombe_transform.movies.source import Source
from anscombe_transform.storage.overlap import Place, places_at, without_local_protocol


@dataclass(frozen=True, eq=False)
class MovieFile:
    """A movie in a file. It is sliced like an array, and read only then.

    An index is an integer, a slice, or a tuple of these for time, y and x, as in NumPy; only what it asks for is
    loaded, or the chunks and compressed images that contain some of it. Several threads may read at once. Pickling
    keeps the path and the other arguments of `open_movie`, with which the movie is opened again.
    """

    shape: tuple[int, int, int]
    """Frames, height and width."""
    dtype: np.dtype[Any]
    """The dtype of the values, in native byte order."""
    chunks: tuple[int, int, int]
    """The blocks in which it is best read."""
    name: str
    """Name of the file or folder, without those that it is in."""
    key: str | None
    """Which array or series of the file it is."""
    frame_rate: float | None
    """In Hz, where the file has it."""
    pixel_size: tuple[float, float] | None
    """Along y and x, in micrometers, where the file has it."""
    locations: tuple[str, ...]
    """The absolute paths of all files that it reads, of the folder, or the URL."""
    frames: range
    """Which frames of those in the file it has."""
    _source: Source = field(repr=False)
    _arguments: tuple[Any, ...] = field(repr=False)

    @property
    def places(self) -> list[Place]:
        """Where the data lie, of which `locations` are the paths or URLs."""
        *_, options = self._arguments
        return [place for location in self.locations for place in places_at(location, options)]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return 3

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        wanted, then = _ranges(index, self.shape)
        if not all(wanted):
            nothing: npt.NDArray[Any] = np.empty([len(indices) for indices in wanted], self.dtype)[then]
            return nothing
        frames, rows, columns = wanted
        inside = self.frames[frames.start : frames.stop : frames.step]
        try:
            block = self._source.read(inside, rows, columns)
        except (MemoryError, ModuleNotFoundError, SoftwareFault):
            raise
        except Exception as error:  # of the class that the reader of the format has for damaged files
            what = f"{self.name}: frames {frames[0]} to {frames[-1]} cannot be read"
            if isinstance(error, FAULTS):
                raise software_fault(what, error) from error
            kind = OSError if isinstance(error, OSError) else ValueError
            raise kind(f"{what}: {one_line(error)}") from error
        result: npt.NDArray[Any] = block[then]
        return result

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("a movie in a file becomes an array only by a copy")
        whole: npt.NDArray[Any] = np.asarray(self[:], dtype)
        return whole

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_again, (self.shape, self.dtype, *self._arguments)


def open_movie(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    key: str | None = None,
    *,
    frames: slice | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> MovieFile:
    """Open a movie as an object that can be sliced like an array of shape (time, y, x).

    Parameters
    ----------
    path : str, path, or sequence of these
        One of the following. The content of a file determines its format, not its name.

        - A TIFF or BigTIFF file, also of ImageJ, OME or ScanImage, compressed or not. A folder of TIFF files, a pattern
          such as ``scan_*.tif``, or a sequence of paths is one movie, whose files follow each other in time: in the
          order of the numbers in their names, or, for a sequence, in the order given.
        - An HDF5 file, also of MATLAB from version 7.3 on, or an NWB file.
        - A Zarr array or group: a folder, a zip file, or a URL of any protocol that fsspec supports.
        - A ``.npy`` or ``.npz`` file. A compressed array of the latter is unpacked to a temporary file.

    key : str, optional
        Which of several movies: the name of an array in a ``.npz`` file, the path of one in a Zarr group or an HDF5
        file, or the name of an imaging series of NWB. For TIFF and OME-Zarr with further axes, what to take along
        these, such as ``C=0`` or ``C=0,Z=3``; for TIFF files with several series, also ``series=1``.
    frames : slice, optional
        The frames that make up the movie; by default all.
    storage_options : mapping, optional
        Options of the protocol, such as ``{"anon": True}``, for a URL.

    Returns
    -------
    MovieFile
        The movie, whose frames are read as it is sliced.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModuleNotFoundError
        If reading the format needs a package that is not installed.
    OSError
        If the file cannot be read.
    RuntimeError
        If a package that reads the format fails, and the reason may be the software and not the file.
    ValueError
        If it is not a complete file of one of these formats, or there is no such movie in it.

    Examples
    --------
    >>> import numpy as np
    >>> np.save("movie.npy", np.zeros((100, 64, 64), "uint16"))
    >>> movie = open_movie("movie.npy", frames=slice(0, 50))
    >>> movie.shape
    (50, 64, 64)
    >>> movie[10:20, ::2].shape
    (10, 32, 64)
    """
    given = os.fspath(path) if isinstance(path, str | os.PathLike) else tuple(os.fspath(one) for one in path)
    absolute: str | tuple[str, ...]
    if isinstance(given, str):
        given = without_local_protocol(given)
    if isinstance(given, str) and "://" in given:
        source, absolute = open_zarr(given, key, storage_options), given
        name = given.rstrip("/").rpartition("/")[2]
    elif storage_options is not None:
        raise ValueError(f"{given} is not a URL, and only a URL takes storage_options")
    elif isinstance(given, str):
        source, absolute = open_path(given, key), str(Path(given).absolute())
        name = Path(absolute).name
    else:
        source, absolute = (
            open_files([Path(one) for one in given], key),
            tuple(str(Path(one).absolute()) for one in given),
        )
        name = Path(absolute[0]).name
    count, height, width = source.shape
    chosen = _choose_frames(name, count, frames)
    depth, rows, columns = source.chunks
    return MovieFile(
        shape=(len(chosen), height, width),
        dtype=source.dtype,
        chunks=(min(max(1, depth // chosen.step), len(chosen)), min(rows, height), min(columns, width)),
        name=name,
        key=source.key,
        frame_rate=None if source.frame_rate is None else source.frame_rate / chosen.step,
        pixel_size=source.pixel_size,
        locations=source.locations,
        frames=chosen,
        _source=source,
        _arguments=(
            absolute,
            source.key,
            None if frames is None else slice(chosen.start, chosen.stop, chosen.step),
            storage_options,
        ),
    )


def _open_again(
    shape: tuple[int, ...], dtype: np.dtype[Any], path: Any, key: str | None, frames: slice | None, options: Any
) -> MovieFile:
    movie = open_movie(path, key, frames=frames, storage_options=options)
    if (movie.shape, movie.dtype) != (shape, dtype):
        raise ValueError(f"{path} has changed: it was {shape} {dtype}, and is {movie.shape} {movie.dtype}")
    return movie


def _choose_frames(path: object, count: int, frames: slice | None) -> range:
    if frames is None:
        return range(count)
    step = 1 if frames.step is None else operator.index(frames.step)
    limits = [operator.index(limit) for limit in (frames.start, frames.stop) if limit is not None]
    chosen = range(count)[frames] if step > 0 else range(0)
    if not chosen or any(not -count <= limit <= count for limit in limits):
        raise ValueError(f"{path} has {count} frames, so {frames} is out of bounds, empty or backward")
    return chosen


def _ranges(index: Any, shape: tuple[int, ...]) -> tuple[list[range], tuple[Any, ...]]:
    """Return the ranges to read for an index, all ascending, and the index that turns what was read into the result."""
    entries = list(index) if isinstance(index, tuple) else [index]
    if (places := [i for i, entry in enumerate(entries) if entry is Ellipsis]) and len(places) == 1:
        entries[places[0] : places[0] + 1] = [slice(None)] * (4 - len(entries))
    if len(entries) > 3:
        raise IndexError(f"a movie has the axes (time, y, x), which are fewer than {len(entries)} indices")
    ranges: list[range] = []
    then: list[Any] = []
    for entry, length in zip([*entries, *[slice(None)] * (3 - len(entries))], shape, strict=True):
        if isinstance(entry, slice):
            indices = range(length)[entry]
            ranges.append(indices if indices.step > 0 else indices[::-1])
            then.append(slice(None, None, None if indices.step > 0 else -1))
            continue
        try:
            number = operator.index(entry)
        except TypeError:
            raise IndexError(f"a movie is indexed by integers and slices, not by {type(entry).__name__}") from None
        if not -length <= number < length:
            raise IndexError(f"index {number} is out of bounds for an axis of length {length}")
        ranges.append(range(number % length, number % length + 1))
        then.append(0)
    return ranges, tuple(then)
