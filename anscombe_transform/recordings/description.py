"""What is known about a compressed array without reading it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from anscombe_transform._formatting import listed, quantity, shape_text
from anscombe_transform.recordings.provenance import beta_row, codec_of, parameter_rows
from anscombe_transform.recordings.writing import unit_of_writing
from anscombe_transform.storage.draft import Draft, ZarrArray, begun, finished
from anscombe_transform.storage.groups import array_at
from anscombe_transform.storage.location import PROVENANCE, Location, StoreLike
from anscombe_transform.storage.overwriting import state_of
from anscombe_transform.transform.ranges import held_range


@dataclass(frozen=True)
class Description:
    """What the metadata of an array say, and the sizes in its store.

    Attributes
    ----------
    store : str
        The path or URL.
    path : str
        The path of the array in a group, ``""`` for the root.
    finished : bool
        Whether all chunks have been written.
    zarr_format : int
        2 or 3.
    shape : tuple of int
        Frames, height and width; or frames, planes, height and width.
    dtype : str
        The dtype of what is read.
    zero_level, conversion_gain, beta : float
        The parameters, in ADU, ADU per photon, and noise standard deviations per code.
    encoded_dtype : str
        The dtype of the codes.
    out_of_range : str or None
        ``"clamp"`` if values without a code were stored as the nearest value that has one.
    held_range : tuple of float
        The smallest and the largest value that the codes hold, in ADU.
    chunks : tuple of int
        Shape of a chunk.
    shards : tuple of int or None
        Shape of a shard, if there are any.
    compressors : tuple of str
        What compresses the codes.
    size : int
        Bytes of what is read.
    stored_size : int
        Bytes in the store, metadata included.
    stored_chunks, all_chunks : int
        How many chunks, or shards, are in the store, and how many there are. A chunk that has nothing but the fill
        value is not stored.
    story : mapping or None
        How the array was made, if it says so. The guide lists the fields.
    """

    store: str
    path: str
    finished: bool
    zarr_format: int
    shape: tuple[int, ...]
    dtype: str
    zero_level: float
    conversion_gain: float
    beta: float
    encoded_dtype: str
    out_of_range: str | None
    held_range: tuple[float, float]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    compressors: tuple[str, ...]
    size: int
    stored_size: int
    stored_chunks: int
    all_chunks: int
    story: Mapping[str, Any] | None

    @property
    def channel(self) -> str:
        """The name of the channel; without one, the path of the array."""
        found = (self.story or {}).get("input", {}).get("channel")
        return str(found or self.path)

    @property
    def ratio(self) -> float | None:
        """How many times smaller the store is than the movie; None while it is not finished."""
        return self.size / self.stored_size if self.finished else None

    @property
    def is_whole(self) -> bool:
        """Whether it is finished, and has all its chunks if `compress` wrote it, which stores each of them."""
        return self.finished and (self.story is None or self.stored_chunks == self.all_chunks)

    def to_dict(self) -> dict[str, Any]:
        """Return all that is known, as JSON values."""
        return asdict(self) | {"ratio": self.ratio, "is_whole": self.is_whole}

    def _state(self) -> str:
        if not self.finished:
            return "no: compress it again with resume=True"
        missing = self.all_chunks - self.stored_chunks
        return "yes" if self.is_whole else f"yes, but {missing} of {self.all_chunks} chunks are missing now"

    def table(self) -> list[tuple[str, str]]:
        """Return names and values, rounded, with units."""
        story = self.story or {}
        found = {"zero_level": self.zero_level, "conversion_gain": self.conversion_gain, "source": "not recorded"}
        lowest, highest = self.held_range
        rows = [
            ("Array", f"{self.store}{self.path and ', '}{self.path}, Zarr format {self.zarr_format}"),
            ("Finished", self._state()),
            ("Movie", f"{shape_text(self.shape)} {self.dtype}, {quantity(self.size, 'B')}"),
            *parameter_rows(story.get("parameters", found)),
            beta_row(self.beta),
            ("Codes", f"{self.encoded_dtype}, for {lowest:.6g} to {highest:.6g} ADU"),
            ("Out of range", self.out_of_range or "an error"),
            ("Chunks", shape_text(self.chunks) + (f" in shards of {shape_text(self.shards)}" if self.shards else "")),
            ("Compressor", ", ".join(self.compressors) or "none"),
            (
                "Stored",
                quantity(self.stored_size, "B") + (f", {self.ratio:.2f} times smaller" if self.ratio else ""),
            ),
            ("Stored chunks", f"{self.stored_chunks} of {self.all_chunks}"),
        ]
        if self.stored_chunks:
            rows.append(("Mean size of a chunk", quantity(self.stored_size / self.stored_chunks, "B")))
        if (rate := story.get("frame_rate")) is not None:
            rows.append(("Frame rate", f"{rate:g} Hz"))
        if (pixel := story.get("pixel_size")) is not None:
            rows.append(("Pixel", f"{pixel[0]:g} by {pixel[1]:g} µm"))
        if (step := story.get("z_step")) is not None:
            rows.append(("Planes", f"{step:g} µm apart"))
        if "name" in (source := story.get("input", {})):
            rows.append(("From", source["name"]))
        rows += [("Note", note) for note in source.get("notes", ())]
        if "version" in story:
            rows.append(("Written by", f"anscombe-transform {story['version']}"))
        return rows


def describe(
    store: StoreLike,
    *,
    key: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Description:
    """Describe an array that was compressed by this package, whether it is finished or not.

    Parameters
    ----------
    store : str, path or store of Zarr
        A folder or URL.
    key : str, optional
        Which array of a Zarr group; of an OME-NGFF image, by default the only one.
    storage_options : mapping, optional
        For fsspec, of URLs.

    Returns
    -------
    Description
        The settings of the array, what is in it, and where it comes from.

    Raises
    ------
    ValueError
        If there is no such array, or several channels to choose from: `describe_recording` describes all.
    """
    location = Location.parse(store, storage_options)
    unfinished = _unfinished(location)
    draft = unfinished or _channels(location)
    if draft is None:
        return _described(location, array_at(location, key), finished=True)
    return _described(location, draft.arrays[_path_of(draft, key)].array, finished=unfinished is None)


def describe_recording(
    store: StoreLike, *, storage_options: Mapping[str, Any] | None = None
) -> tuple[Description, ...]:
    """Describe all arrays of a recording that was compressed by this package, whether it is finished or not.

    Parameters
    ----------
    store : str, path or store of Zarr
        A folder or URL: of the group of a recording, or of a single array.
    storage_options : mapping, optional
        For fsspec, of URLs.

    Returns
    -------
    tuple of Description
        One for each channel.

    Raises
    ------
    ValueError
        If there is no such recording.
    """
    location = Location.parse(store, storage_options)
    draft = _unfinished(location)
    if draft is not None:
        return tuple(_described(location, array.array, finished=False) for array in draft.arrays.values())
    if (whole := _channels(location)) is None:
        return (describe(store, storage_options=storage_options),)
    return tuple(_described(location, array.array, finished=True) for array in whole.arrays.values())


def _unfinished(location: Location) -> Draft | None:
    """Return what is not finished there, or None if it is finished."""
    state = state_of(location)
    if state in ("empty", "other"):
        raise ValueError(f"{location.url} is {'not there' if state == 'empty' else 'not a Zarr array'}")
    return begun(location)


def _channels(location: Location) -> Draft | None:
    """Return the channels of a recording that is finished there, or None if it is no group of channels."""
    whole = finished(location)
    return whole if whole is not None and "channels" in whole.attributes.get(PROVENANCE, {}) else None


def _path_of(draft: Draft, key: str | None) -> str:
    """Return the path of the array that `key` names, or of the only one."""
    if draft.paths == ("",) and key is not None:
        raise ValueError(f"{draft.location.url} is a single array: leave out key={key!r}")
    inside = "" if key is None else key.strip("/")
    paths = [path for path in draft.paths if not inside or f"{path}/".startswith(f"{inside}/")]
    if len(paths) == 1:
        return paths[0]
    problem, hint = (
        (f"no channel {key!r}", "") if inside else ("several channels", "; describe_recording describes all of them")
    )
    raise ValueError(f"{draft.location.url} has {problem}: give the name of one as key: {listed(draft.paths)}{hint}")


def _described(location: Location, array: ZarrArray, *, finished: bool) -> Description:
    codec = codec_of(array)
    unit = unit_of_writing(array)
    return Description(
        store=location.url,
        path=array.path,
        finished=finished,
        zarr_format=array.metadata.zarr_format,
        shape=array.shape,
        dtype=array.dtype.name,
        zero_level=codec.zero_level,
        conversion_gain=codec.conversion_gain,
        beta=codec.beta,
        encoded_dtype=codec.encoded_dtype,
        out_of_range=codec.out_of_range,
        held_range=held_range(codec.transform, codec.encoded_dtype),
        chunks=array.chunks,
        shards=array.shards,
        compressors=tuple(str(compressor) for compressor in array.compressors),
        size=array.nbytes,
        stored_size=array.nbytes_stored(),
        stored_chunks=array.nchunks_initialized // (math.prod(unit) // math.prod(array.chunks)),
        all_chunks=math.prod(math.ceil(size / step) for size, step in zip(array.shape, unit, strict=True)),
        story=cast("Mapping[str, Any] | None", array.attrs.get(PROVENANCE)),
    )
