"""Opening recordings of the formats that microscopes and telescopes write; they are read when they are sliced."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.store import Store

from anscombe_transform._faults import FAULTS, RAISED_BY_PYTHON, software_fault
from anscombe_transform._formatting import listed, one_line, without_secrets
from anscombe_transform._typing import Progress
from anscombe_transform.movies.axes import Key, arranged
from anscombe_transform.movies.damage import damaged_frames, longest_run
from anscombe_transform.movies.formats.detection import open_files, open_path
from anscombe_transform.movies.formats.zarr.opening import open_zarr
from anscombe_transform.movies.movie import frames_to_read
from anscombe_transform.movies.movie_file import MovieFile
from anscombe_transform.movies.recording import Recording, number_of
from anscombe_transform.movies.source import Missing, Source, check_dtype
from anscombe_transform.movies.views import narrowed, with_frames
from anscombe_transform.storage.draft import ZarrArray
from anscombe_transform.storage.location import StoreLike
from anscombe_transform.storage.overlap import Place, places_at, places_of, without_local_protocol

RecordingLike = StoreLike | ZarrArray | Sequence[str | os.PathLike[str]]
"""The path of a file or folder, a URL, a store or array of Zarr, or paths that make one recording."""

LACKING = "missing or not whole"
"""What errors say of frames that lack something, and notes of those that `salvage` has left out."""

_AT_A_TIME = 1 << 25
"""Bytes that are read at a time to look for damaged frames, about."""

_Given = str | tuple[str, ...] | Store | ZarrArray


@dataclass(frozen=True)
class _Choice:
    """What of a file makes the recording: the parameters of `open_recording`."""

    key: str | None
    channel: int | str | None
    plane: int | None
    frames: slice | None
    axes: str | None
    channels: int | None
    planes: int | None
    salvage: bool
    storage_options: Mapping[str, Any] | None
    damaged: tuple[int, ...] = ()
    """Frames that are there, but cannot be read."""
    damage: str = ""
    """What is wrong with the first of them."""


def open_recording(
    path: RecordingLike,
    key: str | None = None,
    *,
    channel: int | str | None = None,
    plane: int | None = None,
    frames: slice | None = None,
    axes: str | None = None,
    channels: int | None = None,
    planes: int | None = None,
    salvage: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Recording:
    """Open a recording with all its channels and planes.

    Parameters
    ----------
    path : str, path, sequence of these, store or array
        One of the following. The content of a file determines its format, not its name.

        - A TIFF or BigTIFF file, also of ImageJ, OME or ScanImage, compressed or not. A folder of TIFF files, a pattern
          such as ``scan_*.tif``, or a sequence of paths is one recording: what each file is a part of, and in which
          order they follow each other, is told by their metadata or, without these, by their names.
        - An HDF5 file, also of MATLAB from version 7.3 on, or an NWB file.
        - A Zarr array or group: a folder, a zip file, a URL of any protocol that fsspec supports, or a store of Zarr.
          Or an array that Zarr has opened: there, chunks that are not stored have the fill value.
        - A ``.npy`` or ``.npz`` file. A compressed array of the latter is unpacked to a temporary file.

    key : str, optional
        A place in a file: the name of an array in a ``.npz`` file, the path of one in a Zarr group or an HDF5 file, the
        name of an imaging series of NWB, or a series of a TIFF file, such as ``series=1``. Of further axes, such as
        positions, also the index to take, such as ``P=0``; with commas between several.
    channel : int or str, optional
        The number or the name of a single channel.
    plane : int, optional
        The number of a single plane.
    frames : slice, optional
        The frames that make up the recording; by default all.
    axes : str, optional
        What the axes of the file are, a letter for each, such as ``"TCYX"``: T for time, C for channels, Z for planes.
        By default, as the file says; of three axes of which it says nothing, the first is the time.
    channels, planes : int, optional
        How many channels and planes there are in a file that has them one after the other in time, without saying so:
        within a volume, plane by plane; within a plane, channel by channel.
    salvage : bool, default False
        Leave out frames of which something is missing; by default that is an error. Frames that are there but damaged
        are found only as they are read; `compress` leaves these out, too.
    storage_options : mapping, optional
        Options of the protocol, such as ``{"anon": True}``, for a URL.

    Returns
    -------
    Recording
        The recording, whose frames are read as its channels are sliced.

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
    TypeError
        If it is none of these.
    ValueError
        If it is not a complete file of one of these formats, or there is no such recording in it.
    """
    given: _Given
    absolute: _Given
    if isinstance(path, Store | zarr.Array):
        given = absolute = path
    elif isinstance(path, str | os.PathLike):
        given = without_local_protocol(os.fspath(path))
        absolute = given if "://" in given else str(Path(given).absolute())
    else:
        given = _paths(path)
        absolute = tuple(str(Path(one).absolute()) for one in given)
    choice = _Choice(key, channel, plane, frames, axes, channels, planes, salvage, storage_options)
    return _open(given, absolute, choice)


def _paths(path: Any) -> tuple[str, ...]:
    if isinstance(path, bytes | zarr.Group) or not isinstance(path, Iterable):
        what = f"path is a {type(path).__name__}"
        raise TypeError(f"{what}, but must be a path, a URL, a store or an array of Zarr, or a sequence of paths")
    return tuple(os.fspath(one) for one in path)


def open_movie(
    path: RecordingLike,
    key: str | None = None,
    *,
    channel: int | str | None = None,
    plane: int | None = None,
    frames: slice | None = None,
    axes: str | None = None,
    channels: int | None = None,
    planes: int | None = None,
    salvage: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> MovieFile:
    """Open one channel and one plane of a recording as an object that can be sliced like an array (time, y, x).

    Parameters
    ----------
    path, key, channel, plane, frames, axes, channels, planes, salvage, storage_options : various
        As for `open_recording`.

    Returns
    -------
    MovieFile
        The movie, whose frames are read as it is sliced.

    Raises
    ------
    FileNotFoundError, ModuleNotFoundError, OSError, RuntimeError
        As for `open_recording`.
    ValueError
        Likewise; also if there are several channels or planes, and none is chosen.

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
    recording = open_recording(
        path,
        key,
        channel=channel,
        plane=plane,
        frames=frames,
        axes=axes,
        channels=channels,
        planes=planes,
        salvage=salvage,
        storage_options=storage_options,
    )
    several = []
    if len(recording) > 1:
        several.append(f"{len(recording)} channels ({listed(recording.channels)}), choose one, such as channel=0")
    if recording.planes > 1:
        several.append(f"{recording.planes} planes, choose one, such as plane=0")
    if several:
        raise ValueError(
            f"{recording.name} has {', and '.join(several)}: a movie is (time, y, x); open_recording opens all"
        )
    return recording[0]


def _open(given: _Given, absolute: _Given, choice: _Choice) -> Recording:
    try:
        return _opened(given, absolute, choice)
    except (ValueError, OSError, RuntimeError, ModuleNotFoundError, MemoryError) as error:
        if isinstance(error, RAISED_BY_PYTHON):
            raise software_fault(f"{_shown(given)} cannot be opened", error) from error
        raise
    except Exception as error:
        raise software_fault(f"{_shown(given)} cannot be opened", error) from error


def _shown(given: _Given) -> str:
    """Return what was to be opened, for messages."""
    return without_secrets(str(given[0] if isinstance(given, tuple) else given))


def _opened(given: _Given, absolute: _Given, choice: _Choice) -> Recording:
    key = Key.parse(choice.key)
    if isinstance(given, Store | zarr.Array) or (isinstance(given, str) and "://" in given):
        place = f"{given.store}/{given.path}" if isinstance(given, zarr.Array) else str(given)
        name = without_secrets(place).rstrip("/").rpartition("/")[2]
        source = open_zarr(given, key.place, choice.storage_options)
    elif choice.storage_options is not None:
        raise ValueError(f"{given} is not a URL, and only a URL takes storage_options")
    elif isinstance(given, str):
        name = Path(given).absolute().name
        source = open_path(given, key.place)
    else:
        source = open_files([Path(one) for one in given], key.place)
        name = Path(given[0]).absolute().name
    check_dtype(name, source.dtype)
    if 0 in source.shape:
        raise ValueError(f"{name} has the shape {source.shape}, which holds no values")
    source = arranged(name, source, key.indices, axes=choice.axes, channels=choice.channels, planes=choice.planes)
    named = len(source.channels) == source.shape[1] and len(set(source.channels)) == len(source.channels)
    channels = source.channels if named else tuple(f"channel_{i}" for i in range(source.shape[1]))
    several = len(channels) > 1
    if choice.channel is not None:
        number = number_of(name, channels, choice.channel)
        channels, source = (channels[number],), narrowed(source, 1, number)
    if choice.plane is not None:
        if not -source.shape[2] <= choice.plane < source.shape[2]:
            raise ValueError(f"{name} has no plane {choice.plane}: it has {source.shape[2]}, from 0 on")
        source = narrowed(source, 2, choice.plane % source.shape[2])
    frames = _chosen_frames(name, source.shape[0], choice.frames)
    if choice.damaged:
        source = _with_damage(source, choice)
    source, numbers = _whole_frames(name, source, frames, salvage=choice.salvage)
    if (np.diff(numbers) == frames.step).all():
        frames = range(int(numbers[0]), int(numbers[-1]) + 1, frames.step)
    rate = source.frame_rate
    source = replace(source, frame_rate=None if rate is None else rate / frames.step)
    return Recording(
        name=name,
        key=",".join([*([source.key] if source.key else []), *(f"{a}={i}" for a, i in key.indices.items())]) or None,
        channels=channels,
        planes=source.shape[2],
        frames=frames,
        plane=choice.plane,
        _numbers=numbers,
        _source=source,
        _named=named or several,
        _reopen=(_open_again, (absolute, choice)),
        _places=partial(places_of, given)
        if isinstance(given, Store | zarr.Array)
        else partial(_places_of_all, source.locations, choice.storage_options),
    )


def without_damaged_frames(recording: Recording, progress: Progress | None = None) -> Recording:
    """Return a recording that was opened with `salvage`, without the frames that are there but cannot be read.

    Parameters
    ----------
    recording : Recording
        The recording; all of it is read.
    progress : callable, optional
        Called with the bytes read and to be read.

    Raises
    ------
    OSError, RuntimeError
        If it cannot be read for reasons other than damage.
    ValueError
        If no frame is whole.
    """
    source, (_, (path, choice)) = recording._source, recording._reopen
    frames, others = source.shape[0], [range(length) for length in source.shape[1:]]
    frame_size = math.prod(source.shape[1:]) * source.dtype.itemsize
    at_a_time = frames_to_read(recording[0], _AT_A_TIME // len(recording))
    errors: dict[int, Exception] = {}
    for start in range(0, frames, at_a_time):
        block = range(start, min(start + at_a_time, frames))
        try:
            errors.update(damaged_frames(lambda some: source.read([some, *others]), block, source.locations))
        except FAULTS as error:
            raise software_fault(f"{recording.name} cannot be read", error) from error
        if progress is not None:
            progress(block.stop * frame_size, frames * frame_size)
    if not errors:
        return recording
    numbers = [int(recording._numbers[frame]) for frame in errors]
    damage = one_line(next(iter(errors.values())))
    return _open(path, path, replace(choice, damaged=tuple(numbers), damage=damage))


def _chosen_frames(name: str, count: int, frames: slice | None) -> range:
    if frames is None:
        return range(count)
    step = 1 if frames.step is None else operator.index(frames.step)
    limits = [operator.index(limit) for limit in (frames.start, frames.stop) if limit is not None]
    chosen = range(count)[frames] if step > 0 else range(0)
    if not chosen or any(not -count <= limit <= count for limit in limits):
        raise ValueError(f"{name} has {count} frames, so {frames} is out of bounds, empty or backward")
    return chosen


def _whole_frames(name: str, source: Source, frames: range, *, salvage: bool) -> tuple[Source, npt.NDArray[np.int64]]:
    """Return a source with these frames, and their numbers in the file; with `salvage`, without those that lack."""
    numbers = np.arange(frames.start, frames.stop, frames.step)
    if source.missing is None:
        return with_frames(source, numbers) if frames != range(source.shape[0]) else source, numbers
    lacks = np.any(source.missing.images, axis=(1, 2))[numbers]
    if not lacks.any():
        return with_frames(source, numbers), numbers
    whole = numbers[~lacks]
    frames_are = "frame {} of {} is" if np.count_nonzero(lacks) == 1 else "frames {} of {} are"
    what = f"{frames_are.format(_runs(numbers[lacks]), source.shape[0])} {LACKING}: {source.missing.reason}"
    if not len(whole):
        raise ValueError(f"{name}: {what}{_whole_part(source)}")
    if not salvage:
        raise ValueError(
            f"{name}: {what}; give {longest_run(whole, frames.step)} or others that are whole, or salvage=True to "
            f"leave out those that are not{_whole_part(source)}"
        )
    return replace(with_frames(source, whole), notes=(*source.notes, f"Left out: {what}")), whole


def _with_damage(source: Source, choice: _Choice) -> Source:
    """Return a source of which the frames that cannot be read are missing, too."""
    images = np.zeros(source.shape[:3], np.bool_) if source.missing is None else source.missing.images.copy()
    images[list(choice.damaged)] = True
    reasons = [choice.damage] if source.missing is None else [source.missing.reason, choice.damage]
    return replace(source, missing=Missing(images, "; ".join(reasons)))


def _whole_part(source: Source) -> str:
    """Return what a message says of a channel or plane of which nothing is missing, while others lack something."""
    assert source.missing is not None
    for name, others in (("channel", (0, 2)), ("plane", (0, 1))):
        whole = np.flatnonzero(~source.missing.images.any(axis=others))
        if len(whole):
            return f"; nothing is missing of {name}={int(whole[0])}"
    return ""


def _runs(numbers: np.ndarray[Any, Any]) -> str:
    """Return ascending numbers as runs, such as "3 to 5, 9", at most ten."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return listed([f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs])


def _places_of_all(locations: Sequence[str], options: Mapping[str, Any] | None) -> list[Place]:
    return [place for location in locations for place in places_at(location, options)]


def _open_again(shape: tuple[int, ...], dtype: np.dtype[Any], path: _Given, choice: _Choice, number: int) -> MovieFile:
    movie = _open(path, path, choice)[number]
    if (movie.shape, movie.dtype) != (shape, dtype):
        raise ValueError(f"{movie.name} has changed: it was {shape} {dtype}, and is {movie.shape} {movie.dtype}")
    return movie
