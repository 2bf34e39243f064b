"""How the channels of a recording become arrays: one at the root, or one for each channel in a group."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from zarr.abc.buffer import Buffer
from zarr.abc.store import Store
from zarr.buffer import cpu
from zarr.storage import MemoryStore

from anscombe_transform.codecs.configuration import CodecParameters
from anscombe_transform.movies.movie import Movie, check_movie
from anscombe_transform.movies.movie_file import MovieFile
from anscombe_transform.movies.opening import RecordingLike, open_recording
from anscombe_transform.movies.recording import Recording
from anscombe_transform.recordings.comparison import Comparer
from anscombe_transform.recordings.provenance import provenance_of, provenance_of_recording
from anscombe_transform.storage.draft import BESIDE_CHANNELS, Draft
from anscombe_transform.storage.layout import Layout, coordinates
from anscombe_transform.storage.location import PROVENANCE, Location
from anscombe_transform.storage.ome import METADATA_XML, ome_image, ome_series, ome_xml
from anscombe_transform.transform.prediction import Predictor


@dataclass(frozen=True)
class Channel:
    """A channel that is to be stored, or that was stored."""

    name: str
    movie: Movie
    codec: CodecParameters | None = None
    """The first filter, if there is any."""
    parameters: Mapping[str, Any] | None = None
    """As `Compression` has them."""
    predictor: Predictor | None = None
    """What predicts the codes, if anything does."""

    @property
    def comparer(self) -> Comparer:
        """What checks that the movie comes back from the store."""
        return Comparer(self.codec)


def opened(
    name: str,
    movie: RecordingLike | Recording | Movie,
    *,
    storage_options: Mapping[str, Any] | None,
    **choice: Any,
) -> Recording | Movie:
    """Return what `open_recording` opens, and a recording or an array as it is; messages call it by the name."""
    chosen = [field for field, value in choice.items() if value is not None and value is not False]
    if isinstance(movie, zarr.Array) and (len(movie.shape) > 3 or chosen):
        return open_recording(movie, **choice, storage_options=None)
    if isinstance(movie, str | os.PathLike | Sequence | Store) and not isinstance(movie, Recording):
        return open_recording(movie, **choice, storage_options=storage_options)
    if chosen:
        raise ValueError(f"{' and '.join(chosen)} are for files: choose from the recording or the array itself")
    if not hasattr(movie, "shape") or not hasattr(movie, "dtype"):
        raise TypeError(f"{name} is a {type(movie).__name__}, which is neither a path nor an array")
    if not isinstance(movie, Recording | MovieFile):
        check_movie(movie)
    return movie


def channels_of(movie: Recording | Movie) -> dict[str, Movie]:
    """Return the movies of a recording by the names of their channels; of a single movie, it alone."""
    if isinstance(movie, Recording):
        return dict(zip(movie.channels, movie, strict=True))
    return {getattr(movie, "channel", None) or "channel_0": movie}


def draft_of(
    channels: Sequence[Channel], location: Location, layout: Layout, *, ome: bool = False
) -> tuple[Draft, Mapping[str, Any]]:
    """Return the draft of the arrays of all channels, in their order, and the coordinates that lie beside them.

    A single channel with a single plane is an array at the root, or the image of a group if it is to be an OME-NGFF
    image. Otherwise the root is a group with an array, or an image, for each channel.

    Parameters
    ----------
    channels : sequence of Channel
        What is to be stored.
    location : Location
        Where it will be.
    layout : Layout
        How each array lies in the store.
    ome : bool, default False
        Whether each array is to be an OME-NGFF image.
    """
    created: dict[str, Buffer] = {}
    store = MemoryStore(created)
    first = channels[0].movie
    ndim = len(first.shape)
    is_group = len(channels) > 1 or ndim > 3
    scales = {name: getattr(first, name, None) for name in ("frame_rate", "pixel_size", "z_step")}
    titles = [channel.name for channel in channels]
    names = [""]
    if is_group:  # readers of OME images expect numbers
        names = [str(number) for number in range(len(channels))] if ome else array_names(titles)
    paths = [f"{name}/0".lstrip("/") if ome else name for name in names]
    positions: Mapping[str, Any] = {}
    if is_group:
        of_channels = dict(zip(titles, paths, strict=True))
        root: dict[str, Any] = {PROVENANCE: provenance_of_recording(first, of_channels)}
        of_images, series = ome_series(len(channels))
        zarr.create_group(store, attributes=root | (of_images if ome else {}), zarr_format=layout.zarr_format)
        if ome:
            zarr.create_group(store, path="OME", attributes=series, zarr_format=3)
            xml = ome_xml(titles, tuple(first.shape), np.dtype(first.dtype), **scales)
            created |= {} if xml is None else {METADATA_XML: cpu.Buffer.from_bytes(xml.encode())}
        else:
            positions = coordinates(first.shape, **scales)
    for name, path, channel in zip(names, paths, channels, strict=True):
        if ome:
            title = location.url.rpartition("/")[2] if not is_group else channel.name
            zarr.create_group(store, path=name, attributes=ome_image(title, ndim, **scales), zarr_format=3)
        dtype = np.dtype(channel.movie.dtype)
        layout.create(
            store,
            path,
            tuple(channel.movie.shape),
            dtype,
            codec=channel.codec,
            predictor=channel.predictor,
            fill_value=0 if channel.codec is None else channel.comparer.nearest_held(0, dtype),
            attributes={PROVENANCE: provenance_of(channel.movie, channel.parameters)},
        )
    for axis, (values, unit) in positions.items():
        layout.create_coordinate(store, axis, len(values), unit)
    return Draft.of(created, location, paths), positions


def array_names(channels: Sequence[str]) -> list[str]:
    """Return names of arrays for channels: letters, digits and ``_.-`` of their own names, all different."""
    names: list[str] = []
    for number, channel in enumerate(channels):
        name = re.sub(r"[^\w.-]+", "_", channel, flags=re.ASCII).strip("._") or f"channel_{number}"
        while name.lower() in {other.lower() for other in (*names, *BESIDE_CHANNELS, "c", "zarr.json")}:
            name = f"{name}_{number}"
        names.append(name)
    return names
