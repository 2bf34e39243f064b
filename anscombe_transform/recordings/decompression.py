"""From compressed Zarr arrays back to a TIFF file, a NumPy file, or arrays without the codec."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from zarr.abc.store import Store

from anscombe_transform._files import whole_file
from anscombe_transform._formatting import without_secrets
from anscombe_transform._optional import require_extra
from anscombe_transform._typing import Array, Progress
from anscombe_transform.movies.movie import frames_to_read, size_of
from anscombe_transform.movies.opening import open_recording
from anscombe_transform.movies.recording import Recording
from anscombe_transform.recordings.channels import Channel, channels_of, draft_of
from anscombe_transform.recordings.results import Decompression
from anscombe_transform.recordings.writing import Task, write_movies
from anscombe_transform.storage.layout import Layout
from anscombe_transform.storage.location import Location, StoreLike, options_for
from anscombe_transform.storage.overwriting import check_apart, check_free, check_name, check_takes_drafts
from anscombe_transform.storage.replacing import check_replaceable
from anscombe_transform.storage.writer import check_no_writer

_BLOCK_SIZE = 1 << 26
"""Bytes of a movie that are read at a time, as nearly as chunks allow."""

_LARGEST_TIFF = (1 << 32) - (1 << 25)
"""The most bytes of pixels for which a TIFF file need not be a BigTIFF, with room for its metadata."""

_MICROMETERS_PER_CENTIMETER = 10_000


def decompress(
    store: StoreLike,
    output: StoreLike,
    *,
    key: str | None = None,
    channel: int | str | None = None,
    plane: int | None = None,
    frames: slice | None = None,
    overwrite: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Decompression:
    """Write a recording from Zarr arrays in a format that other software reads.

    Parameters
    ----------
    store : str, path or store of Zarr
        The folder or URL of the Zarr array, or of the group of a recording.
    output : str, path or store of Zarr
        A file whose name ends with ``.tif``, ``.tiff``, ``.ome.tif`` or ``.npy``; or else a folder or URL, for Zarr
        arrays with the same chunks and without the codec. Of several channels and planes, a file has the axes (time,
        channel, plane, y, x), but for those of length 1. A file appears only once it is complete.
    key : str, optional
        Which array of a Zarr group that is not a recording.
    channel : int or str, optional
        The number or the name of a single channel.
    plane : int, optional
        The number of a single plane.
    frames : slice, optional
        Which frames; by default all.
    overwrite : bool, default False
        Replace what is at `output`.
    storage_options : mapping, optional
        For fsspec, of URLs.
    scheduler : str, optional
        Address of a Dask scheduler whose workers write Zarr arrays; files are written by this process.
    progress : callable, optional
        Called with the bytes of the recording done and to do.

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
    recording = open_recording(
        store,
        key,
        channel=channel,
        plane=plane,
        frames=frames,
        storage_options=options_for(store, storage_options),
    )
    start = time.perf_counter()
    name = "" if isinstance(output, Store) else os.fspath(output).lower()
    if not isinstance(output, Store) and name.endswith((".tif", ".tiff", ".npy")):
        if "://" in name:
            shown = without_secrets(os.fspath(output))
            raise ValueError(f"{shown} is a URL, where only Zarr arrays are written: choose a local file")
        target = Path(output).absolute()
        _check_file(target, recording, overwrite=overwrite)
        with whole_file(target) as partial:
            if name.endswith(".npy"):
                _write_npy(recording, partial, progress)
            else:
                _write_tiff(recording, partial, progress, ome=name.endswith((".ome.tif", ".ome.tiff")))
        url = str(target)
    else:
        url = _write_zarr(recording, output, overwrite, storage_options, scheduler, progress)
    seconds = time.perf_counter() - start
    return Decompression(url, _whole_shape(recording), recording.dtype.name, _size_of(recording), seconds)


def _check_file(target: Path, recording: Recording, *, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise ValueError(f"{target} cannot be written: there is no folder {target.parent}")
    if target.is_dir():
        raise ValueError(f"{target} is a folder: choose another output")
    if target.exists() and not overwrite:
        raise ValueError(f"{target} exists already: overwrite=True replaces it")
    check_apart(Location.parse(target), recording[0])


def _whole_shape(recording: Recording) -> tuple[int, ...]:
    """Return the shape of all channels together: after the time come channels and planes, if there are several."""
    frames, *others = recording.shape
    return (frames, *([len(recording)] if len(recording) > 1 else []), *others)


def _axes(recording: Recording) -> str:
    """Return the letters of the axes of all channels together."""
    return "T" + ("C" if len(recording) > 1 else "") + ("Z" if recording.planes > 1 else "") + "YX"


def _size_of(recording: Recording) -> int:
    return len(recording) * size_of(recording[0])


def _blocks(recording: Recording, progress: Progress | None) -> Iterator[Array]:
    """Yield all channels together in blocks of frames."""
    movies = list(recording)
    frames, total = recording.shape[0], _size_of(recording)
    step = frames_to_read(movies[0], _BLOCK_SIZE // len(movies))
    for start in range(0, frames, step):
        blocks = [movie[start : start + step] for movie in movies]
        block = blocks[0] if len(blocks) == 1 else np.stack(blocks, axis=1)
        yield block
        if progress is not None:
            progress((start + len(block)) * (total // frames), total)


def _write_npy(recording: Recording, path: Path, progress: Progress | None) -> None:
    with path.open("wb") as file:
        descr = np.lib.format.dtype_to_descr(recording.dtype)
        header = {"descr": descr, "fortran_order": False, "shape": _whole_shape(recording)}
        np.lib.format.write_array_header_1_0(file, header)
        for block in _blocks(recording, progress):
            file.write(np.ascontiguousarray(block).data)


def _write_tiff(recording: Recording, path: Path, progress: Progress | None, *, ome: bool) -> None:
    with require_extra("TIFF files need tifffile"):
        from tifffile import TiffWriter
    if ome and recording.dtype.name in ("int64", "uint64", "float16"):
        raise ValueError(f"OME-TIFF has no {recording.dtype}: choose a name that ends with .tif only")
    resolution = None
    if recording.pixel_size is not None:
        height, width = recording.pixel_size
        resolution = _MICROMETERS_PER_CENTIMETER / width, _MICROMETERS_PER_CENTIMETER / height
    shape = _whole_shape(recording)
    with TiffWriter(path, bigtiff=_size_of(recording) > _LARGEST_TIFF, ome=ome) as file:
        file.write(
            (image for block in _blocks(recording, progress) for image in block.reshape(-1, *shape[-2:])),
            shape=shape,
            dtype=recording.dtype,
            photometric="minisblack",
            metadata={"axes": _axes(recording)} | (_ome_metadata(recording) if ome else _metadata(recording)),
            resolution=resolution,
            resolutionunit=None if resolution is None else "CENTIMETER",
        )


def _ome_metadata(recording: Recording) -> dict[str, Any]:
    """Return what OME calls the properties of a recording; its default unit of length is the micrometer."""
    metadata: dict[str, Any] = {}
    if recording.frame_rate is not None:
        metadata |= {"TimeIncrement": 1 / recording.frame_rate, "TimeIncrementUnit": "s"}
    if recording.pixel_size is not None:
        metadata |= {"PhysicalSizeY": recording.pixel_size[0], "PhysicalSizeX": recording.pixel_size[1]}
    if recording.z_step is not None and recording.planes > 1:
        metadata["PhysicalSizeZ"] = recording.z_step
    if recording[0].channel is not None:
        metadata["Channel"] = {"Name": list(recording.channels)}
    return metadata


def _metadata(recording: Recording) -> dict[str, Any]:
    """Return what ImageJ calls the properties of a recording; readers of other files look at the resolution."""
    metadata: dict[str, Any] = {}
    if recording.frame_rate is not None:
        metadata |= {"finterval": 1 / recording.frame_rate, "tunit": "s"}
    if recording.z_step is not None and recording.planes > 1:
        metadata |= {"spacing": recording.z_step, "unit": "um"}
    if recording[0].channel is not None:
        metadata["channels"] = list(recording.channels)
    if calibration := recording[0].calibration:
        metadata["calibration"] = dict(calibration)
    return metadata


def _write_zarr(
    recording: Recording,
    output: StoreLike,
    overwrite: bool,
    storage_options: Mapping[str, Any] | None,
    scheduler: str | None,
    progress: Progress | None,
) -> str:
    location = Location.parse(output, options_for(output, storage_options))
    check_name(location)
    check_takes_drafts(location)
    check_apart(location, recording[0])
    check_no_writer(location)
    check_free(location, overwrite=overwrite)
    if overwrite:
        check_replaceable(location)
    channels = [Channel(name, movie) for name, movie in channels_of(recording).items()]
    draft, positions = draft_of(channels, location, Layout(chunks=recording[0].chunks))
    tasks = [Task(channel.movie, path, channel.comparer) for channel, path in zip(channels, draft.paths, strict=True)]
    write_movies(tasks, draft, coordinates=positions, overwrite=overwrite, scheduler=scheduler, progress=progress)
    return location.url
