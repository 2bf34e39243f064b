"""The figures of a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from anscombe_transform.report.saturation import Saturation
from anscombe_transform.report.tradeoff import CodeHistogram, Tradeoff
from anscombe_transform.report.verdict import Verdict


@dataclass(frozen=True)
class Report:
    """The figures of a report. Sizes are those of the excerpt that was measured, in bytes.

    Attributes
    ----------
    name : str or None
        What the movie is called.
    channel : str or None
        Which channel it is, if the file names it or has several.
    shape : tuple of int
        Of the movie: (time, y, x).
    dtype : str
        Of the movie.
    frame_rate : float or None
        In Hz.
    pixel_size : tuple of float or None
        Height and width of a pixel, in µm.
    notes : tuple of str
        Sentences on what was left out of the recording, or taken to be otherwise than the file says.
    conversion_gain, zero_level : float
        The parameters, in ADU per photon and in ADU.
    conversion_gain_error, zero_level_error : float or None
        Their standard errors; None if they were given.
    first_frame, frames : int
        The excerpt: its first frame, counted from 0, and how many.
    rows, columns : int
        Of the excerpt: those of the movie, or of the middle of its frames.
    raw_size, size_without_codec : int
        As it is, and as a Zarr array with the same chunks and compressor as with the codec.
    region_side, regions : int
        Pixels along a side of a region, and how many regions were compared.
    intensity : tuple of float
        Mean intensity, in ADU, of each bin of `tradeoffs`.
    stabilized_intensity, stabilized_noise : tuple of float
        Intensity in ADU, and the noise after the transform, in noise standard deviations.
    verdict : Verdict
        Whether the parameters fit.
    saturation : Saturation
        The highest value, and whether the detector saturates there.
    held : tuple of float
        The lowest and the highest value, in ADU, that the codes of the default beta hold.
    codes : CodeHistogram
        At the default beta.
    tradeoffs : tuple of Tradeoff
        What each beta saves and costs.
    command : str or None
        What compresses the movie with these parameters: a line for a shell if the command made the report, and
        otherwise lines of Python. None if the movie is not fit for it with parameters that were estimated.
    date : str
        When the report was made, in ISO 8601. Reports that only differ in it are equal.
    versions : dict
        Of this package, of Zarr, NumPy and Python.
    """

    name: str | None
    channel: str | None
    shape: tuple[int, int, int]
    dtype: str
    frame_rate: float | None
    pixel_size: tuple[float, float] | None
    notes: tuple[str, ...]
    conversion_gain: float
    zero_level: float
    conversion_gain_error: float | None
    zero_level_error: float | None
    first_frame: int
    frames: int
    rows: int
    columns: int
    raw_size: int
    size_without_codec: int
    region_side: int
    regions: int
    intensity: tuple[float, ...]
    stabilized_intensity: tuple[float, ...]
    stabilized_noise: tuple[float, ...]
    verdict: Verdict
    saturation: Saturation
    held: tuple[float, float]
    codes: CodeHistogram
    tradeoffs: tuple[Tradeoff, ...]
    command: str | None
    date: str = field(compare=False)
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values: names, numbers and lists."""
        return asdict(self)
