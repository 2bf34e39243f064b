"""What is known about a compressed array without reading it."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zarr.codecs import Crc32cCodec

from anscombe_transform._formatting import listed, quantity, shape_text
from anscombe_transform.codecs.configuration import CodecParameters
from anscombe_transform.recordings.provenance import beta_row, codec_of, parameter_rows, prediction_row, predictor_of
from anscombe_transform.storage.chunks import checksums_of, grid_of, stored_chunks
from anscombe_transform.storage.draft import Draft, ZarrArray, begun, finished
from anscombe_transform.storage.groups import array_at
from anscombe_transform.storage.location import PROVENANCE, Location, StoreLike
from anscombe_transform.storage.overwriting import state_of
from anscombe_transform.transform.ranges import held_range

_CHECKSUMS = {
    "crc32c": "crc32c of each chunk",
    "zstd": "of Zstandard, in each chunk",
    "gzip": "of gzip, in each chunk",
    None: "none: damage may go unseen",
}


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
    predicted : bool
        Whether they are stored as differences from what earlier frames and rows predict.
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
    stored_size : int or None
        Bytes in the store, metadata included; None if the store does not list what it has.
    stored_chunks : int or None
        How many chunks, or shards, are in the store, likewise. Writers other than `compress` may leave out chunks that
        have nothing but the fill value.
    all_chunks : int
        How many chunks, or shards, there are.
    looked_at_every : int
        1, or, for more than 20,000 files, from every which of them the two numbers before were predicted.
    checksums : str or None
        What makes damage visible to each reader: ``"crc32c"`` of each chunk, ``"zstd"`` or ``"gzip"`` for those of the
        compressor, or None.
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
    predicted: bool
    out_of_range: str | None
    held_range: tuple[float, float]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    compressors: tuple[str, ...]
    size: int
    stored_size: int | None
    stored_chunks: int | None
    all_chunks: int
    looked_at_every: int
    checksums: str | None
    story: Mapping[str, Any] | None

    @property
    def channel(self) -> str:
        """The name of the channel; without one, the path of the array."""
        found = (self.story or {}).get("input", {}).get("channel")
        return str(found or self.path)

    @property
    def ratio(self) -> float | None:
        """How many times smaller the store is than the movie; None while it is not finished."""
        return self.size / self.stored_size if self.finished and self.stored_size else None

    @property
    def is_whole(self) -> bool:
        """Whether it is finished, and has all its chunks if `compress` wrote it, which stores each of them."""
        return self.finished and not (self.story is not None and self._missing)

    @property
    def _missing(self) -> int:
        return 0 if self.stored_chunks is None else self.all_chunks - self.stored_chunks

    def to_dict(self) -> dict[str, Any]:
        """Return all that is known, as JSON values."""
        return asdict(self) | {"ratio": self.ratio, "is_whole": self.is_whole}

    def _state(self) -> str:
        if not self.finished:
            return "no: compress it again with resume=True"
        return "yes" if self.is_whole else f"yes, but {self._missing} of {self.all_chunks} chunks are missing now"

    def _stored(self) -> list[tuple[str, str]]:
        """Return what is known of the store, as rows of the table."""
        if self.stored_chunks is None or self.stored_size is None:
            return [("Stored", "not known, as the store does not list what it has")]
        size = quantity(self.stored_size, "B") + (f", {self.ratio:.2f} times smaller" if self.ratio else "")
        chunks = f"{self.stored_chunks} of {self.all_chunks}"
        if self.looked_at_every > 1:
            size = f"about {size}"
            chunks += f", by a look at 1 in {self.looked_at_every}; verify looks at each"
        rows = [("Stored", size), ("Stored chunks", chunks)]
        if self.stored_chunks:
            rows.append(("Mean size of a chunk", quantity(self.stored_size / self.stored_chunks, "B")))
        return rows

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
            prediction_row(self.predicted),
            ("Out of range", self.out_of_range or "an error"),
            ("Chunks", shape_text(self.chunks) + (f" in shards of {shape_text(self.shards)}" if self.shards else "")),
            ("Compressor", ", ".join(name for name in self.compressors if name != str(Crc32cCodec())) or "none"),
            ("Checksums", _CHECKSUMS[self.checksums]),
            *self._stored(),
        ]
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


def _provenance_in(attribute: object) -> Mapping[str, Any] | None:
    """Return what an attribute tells of how an array was made, without what `compress` would not have written."""
    if not isinstance(attribute, Mapping):
        return None
    story = _as_written(attribute, _KINDS)
    if not {"zero_level", "conversion_gain", "source"} <= {*story.get("parameters", ())}:
        story.pop("parameters", None)
    return story


def _as_written(values: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are of their kind, and those that are of none."""
    written = {}
    for name, value in values.items():
        kind = kinds.get(name)
        if isinstance(kind, Mapping):
            if isinstance(value, Mapping):
                written[name] = _as_written(value, kind)
        elif kind is None or kind(value):
            written[name] = value
    return written


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


_KINDS: Mapping[str, Any] = {
    "version": _is_text,
    "parameters": {
        **dict.fromkeys(("zero_level", "conversion_gain", "zero_level_error", "conversion_gain_error"), _is_number),
        "source": _is_text,
        "frames": _is_number,
        "warnings": _are_texts,
    },
    "input": {"name": _is_text, "channel": _is_text, "notes": _are_texts},
    "frame_rate": _is_number,
    "pixel_size": lambda value: isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)),
    "z_step": _is_number,
}
"""Whether a field of the attribute has a value such as `compress` writes; of two fields, whether those within have."""


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


_MOST_CHUNKS = 10_000_000
"""Chunks, or shards, of an array that are looked for, at most."""


def _described(location: Location, array: ZarrArray, *, finished: bool) -> Description:
    codec = codec_of(array)
    chunks = math.prod(grid_of(array))
    if chunks > _MOST_CHUNKS:
        raise ValueError(
            f"{location.url} has {chunks} chunks by its metadata, more than {_MOST_CHUNKS}: they are damaged"
        )
    stored = stored_chunks(location, array, array.path)
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
        predicted=predictor_of(array) is not None,
        out_of_range=codec.out_of_range,
        held_range=held_range(codec.transform, codec.encoded_dtype),
        chunks=array.chunks,
        shards=array.shards,
        compressors=tuple(str(one) for one in array.compressors if not isinstance(one, CodecParameters)),
        size=array.nbytes,
        stored_size=stored.size,
        stored_chunks=stored.count,
        all_chunks=stored.total,
        looked_at_every=stored.every,
        checksums=checksums_of(array),
        story=_provenance_in(array.attrs.get(PROVENANCE)),
    )
