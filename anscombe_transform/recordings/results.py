"""What `compress` and `decompress` did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from anscombe_transform._formatting import quantity, shape_text
from anscombe_transform.recordings.comparison import Comparison
from anscombe_transform.recordings.provenance import parameter_rows


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
        ``"estimated"``. If they were estimated, also the standard errors, ``zero_level_error`` and
        ``conversion_gain_error``, and the number of ``frames`` that were read for the estimate.
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
        """How many times smaller the store is than the movie."""
        return self.size / self.stored_size

    def to_dict(self) -> dict[str, Any]:
        """Return all that is known, as JSON values."""
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
        """Return all that is known, as JSON values."""
        return asdict(self)

    def table(self) -> list[tuple[str, str]]:
        """Return names and values, rounded, with units."""
        return [
            ("Written to", self.output),
            ("Movie", f"{shape_text(self.shape)} {self.dtype}, {quantity(self.size, 'B')}"),
            ("Time", f"{self.seconds:.1f} s, {quantity(self.size / self.seconds, 'B/s')}"),
        ]
