"""What `compress` and `decompress` did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any

from anscombe_transform._formatting import quantity, shape_text
from anscombe_transform.recordings.comparison import Comparison
from anscombe_transform.recordings.provenance import beta_row, parameter_rows, prediction_row


@dataclass(frozen=True)
class ChannelCompression:
    """What `compress` did, or would do, with one channel.

    Attributes
    ----------
    name : str
        The name of the channel; ``"channel_0"`` if it has none.
    path : str
        The path of its array in the group of the recording; ``""`` if the array is the whole output.
    parameters : mapping
        ``zero_level`` and ``conversion_gain``, in ADU and ADU per photon, and their ``source``: ``"given"``,
        ``"estimated"``, or ``"kept"`` where the movie had been compressed before. If they were estimated, also the
        standard errors, ``zero_level_error`` and ``conversion_gain_error``, the number of ``frames`` that were read for
        the estimate, and ``warnings``, if there were any.
    encoded_dtype : str
        The dtype of the codes.
    predicted : bool
        Whether they are stored as differences from what earlier frames and rows predict.
    size : int
        Bytes of the movie.
    stored_size : int
        Bytes in the store; what a few blocks predict, if this was a dry run.
    comparison : Comparison or None
        How far the values that came back are from the movie; None if the array was finished before.
    """

    name: str
    path: str
    parameters: Mapping[str, Any]
    encoded_dtype: str
    predicted: bool
    size: int
    stored_size: int
    comparison: Comparison | None

    @property
    def ratio(self) -> float:
        """How many times smaller the store is than the movie."""
        return self.size / self.stored_size

    def to_dict(self) -> dict[str, Any]:
        """Return all that is known, as JSON values."""
        known = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "comparison"}
        return known | {"ratio": self.ratio} | _compared(self.comparison)


@dataclass(frozen=True)
class Compression:
    """What `compress` did, or would do.

    Attributes
    ----------
    output : str
        The path or URL.
    shape : tuple of int
        Frames, height and width of each channel; or frames, planes, height and width.
    dtype : str
        The dtype of the movie.
    beta : float
        Noise standard deviations per code.
    chunks : tuple of int
        Shape of a chunk.
    shards : tuple of int or None
        Shape of a shard, if there are any.
    seconds : float
        What writing took, together with reading back.
    dry_run : bool
        Whether nothing was written.
    channels : tuple of ChannelCompression
        What was done with each channel; a movie has one.
    """

    output: str
    shape: tuple[int, ...]
    dtype: str
    beta: float
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    seconds: float
    dry_run: bool
    channels: tuple[ChannelCompression, ...]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The `parameters` of the only channel; of several, look at `channels`."""
        return self._only.parameters

    @property
    def encoded_dtype(self) -> str:
        """The dtype of the codes of the only channel; of several, look at `channels`."""
        return self._only.encoded_dtype

    @property
    def predicted(self) -> bool:
        """Whether the codes of the only channel are predicted; of several, look at `channels`."""
        return self._only.predicted

    @property
    def size(self) -> int:
        """Bytes of all channels."""
        return sum(channel.size for channel in self.channels)

    @property
    def stored_size(self) -> int:
        """Bytes of all channels in the store; what a few blocks predict, if this was a dry run."""
        return sum(channel.stored_size for channel in self.channels)

    @property
    def ratio(self) -> float:
        """How many times smaller the store is than the recording."""
        return self.size / self.stored_size

    @property
    def comparison(self) -> Comparison | None:
        """How far the values that came back are from all channels; None if they were finished before."""
        compared = [channel.comparison for channel in self.channels if channel.comparison is not None]
        return reduce(Comparison.merge, compared) if compared else None

    @property
    def _only(self) -> ChannelCompression:
        if len(self.channels) > 1:
            names = ", ".join(channel.name for channel in self.channels)
            raise ValueError(f"the recording has several channels, each with its own: look at channels: {names}")
        return self.channels[0]

    def to_dict(self) -> dict[str, Any]:
        """Return all that is known, as JSON values."""
        known = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "channels"}
        known |= {"size": self.size, "stored_size": self.stored_size, "ratio": self.ratio}
        if len(self.channels) == 1:
            known |= {name: getattr(self, name) for name in ("encoded_dtype", "predicted")}
            known["parameters"] = dict(self.parameters)
        else:
            known["channels"] = [channel.to_dict() for channel in self.channels]
        return known | _compared(self.comparison)

    def table(self) -> list[tuple[str, str]]:
        """Return names and values, rounded, with units."""
        several = len(self.channels) > 1
        of_each = f" in each of {len(self.channels)} channels" if several else ""
        rows = [
            ("Would be written to" if self.dry_run else "Written to", self.output),
            ("Movie", f"{shape_text(self.shape)} {self.dtype}{of_each}, {quantity(self.size, 'B')}"),
        ]
        for channel in self.channels:
            if several:
                rows.append(("Channel", channel.name))
            rows += [*parameter_rows(channel.parameters), ("Codes", channel.encoded_dtype)]
            rows.append(prediction_row(channel.predicted))
            if several:
                stored = f"{quantity(channel.stored_size, 'B')}, {channel.ratio:.2f} times smaller"
                rows.append(("Stored", stored))
        rows += [
            beta_row(self.beta),
            ("Chunks", shape_text(self.chunks) + (f" in shards of {shape_text(self.shards)}" if self.shards else "")),
            (
                "Stored in all" if several else "Stored",
                f"{quantity(self.stored_size, 'B')}, {self.ratio:.2f} times smaller",
            ),
        ]
        comparison = self.comparison
        if comparison is None:
            return [*rows, ("Read back", "no, it was finished before")]
        if not self.dry_run:
            rows.append(("Time", f"{self.seconds:.1f} s, {quantity(self.size / self.seconds, 'B/s')}"))
        bounded = comparison.count - comparison.clamped
        rows.append(("Read back", f"{bounded} values, all within the bound of the format"))
        rows.append(("Largest error", f"{comparison.largest_error:.3f} standard deviations of the noise"))
        rows.append(("Added noise", f"{comparison.added_noise:.2%} of the variance"))
        if comparison.clamped:
            rows.append(("Clamped", f"{comparison.clamped} values that have no code"))
        return rows


def _compared(comparison: Comparison | None) -> dict[str, Any]:
    if comparison is None:
        return {}
    return {name: getattr(comparison, name) for name in ("largest_error", "added_noise", "clamped")}


@dataclass(frozen=True)
class Decompression:
    """What `decompress` wrote."""

    output: str
    """The path or URL."""
    shape: tuple[int, ...]
    """Frames, channels and planes, if there are several, height and width."""
    dtype: str
    """The dtype of the values."""
    size: int
    """Bytes of the recording."""
    seconds: float
    """How long writing took."""

    def to_dict(self) -> dict[str, Any]:
        """Return all that is known, as JSON values."""
        return asdict(self)

    def table(self) -> list[tuple[str, str]]:
        """Return names and values, rounded, with units."""
        return [
            ("Written to", self.output),
            ("Movie", f"{shape_text(self.shape)} {self.dtype}, {quantity(self.size, 'B')}"),
            ("Time", f"{self.seconds:.1f} s, {quantity(self.size / self.seconds, 'B/s')}"),
        ]
