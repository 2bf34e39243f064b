"""A whole recording in a file or in a set of files: its channels, each with its planes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from anscombe_transform._formatting import listed, without_secrets
from anscombe_transform.movies.movie_file import MovieFile
from anscombe_transform.movies.source import Source
from anscombe_transform.storage.overlap import Place


@dataclass(frozen=True, eq=False)
class Recording:
    """The channels of a recording, each of which is a movie; index it by the number or the name of one.

    Examples
    --------
    >>> import numpy as np
    >>> from anscombe_transform import open_recording
    >>> np.save("two.npy", np.zeros((100, 2, 3, 64, 64), "uint16"))
    >>> recording = open_recording("two.npy", axes="TCZYX")
    >>> recording.channels, recording.planes
    (('channel_0', 'channel_1'), 3)
    >>> recording["channel_1"].shape
    (100, 3, 64, 64)
    """

    name: str
    """Name of the file or folder, without those that it is in."""
    key: str | None
    """Which array or series of the file it is."""
    channels: tuple[str, ...]
    """The names of the channels; of those that have none, such as ``channel_0``."""
    planes: int
    """How many planes each channel has."""
    frames: range
    """Which frames of those in the file it has."""
    plane: int | None
    """Which plane it is, if one was chosen."""
    _numbers: npt.NDArray[np.int64] = field(repr=False)
    """The number in the file of each of its frames, also where some were left out."""
    _source: Source = field(repr=False)
    """With the axes TCZYX."""
    _named: bool = field(repr=False)
    """Whether the file names the channels, or has more than one."""
    _reopen: tuple[Callable[..., MovieFile], tuple[Any, ...]] = field(repr=False)
    _places: Callable[[], list[Place] | None] = field(repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a channel: frames, height and width; or frames, planes, height and width."""
        return self._without_channels(self._source.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the values, in native byte order."""
        return self._source.dtype

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files, each once, in their order; of a single file or folder, its own."""
        return self._source.files or (self.name,)

    @property
    def frame_rate(self) -> float | None:
        """How often each plane is recorded, in Hz, where the file has it."""
        return self._source.frame_rate

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Along y and x, in micrometers, where the file has it."""
        return self._source.pixel_size

    @property
    def z_step(self) -> float | None:
        """From plane to plane, in micrometers, where the file has it."""
        return self._source.z_step

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was left out, or taken to be otherwise than the file says."""
        return self._source.notes

    def __len__(self) -> int:
        return len(self.channels)

    def __iter__(self) -> Iterator[MovieFile]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, channel: int | str) -> MovieFile:
        number = number_of(self.name, self.channels, channel)
        source = self._source
        function, arguments = self._reopen
        return MovieFile(
            shape=self.shape,
            dtype=self.dtype,
            chunks=self._without_channels(source.chunks),
            name=self.name,
            key=self.key,
            channel=self.channels[number] if self._named else None,
            plane=self.plane,
            frame_rate=source.frame_rate,
            pixel_size=source.pixel_size,
            z_step=source.z_step,
            locations=tuple(map(without_secrets, source.locations)),
            frames=self.frames,
            _numbers=self._numbers,
            _source=source,
            _channel=number,
            _reopen=(function, (*arguments, number)),
            _places=self._places,
        )

    def _without_channels(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        frames, _, planes, height, width = lengths
        return (frames, height, width) if self.planes == 1 else (frames, planes, height, width)

    def table(self) -> list[tuple[str, str]]:
        """Return what it is as names and values, with units."""
        files, (frames, *_, height, width) = self.files, self.shape
        rows = [("Recording", self.name)]
        if len(files) > 1:
            rows.append(("Files", f"{len(files)}, from {files[0]} to {files[-1]}"))
        rows.append(("Frames", f"{frames} of {height} x {width} pixels, {self.dtype.name}"))
        if len(self.channels) > 1:
            rows.append(("Channels", f"{len(self.channels)}: {listed(self.channels)}"))
        if self.planes > 1:
            rows.append(("Planes", f"{self.planes}" + (f", {self.z_step:g} µm apart" if self.z_step else "")))
        if self.frame_rate is not None:
            rows.append(("Frame rate", f"{self.frame_rate:g} Hz" + (" for each plane" if self.planes > 1 else "")))
        if self.pixel_size is not None:
            rows.append(("Pixel", f"{self.pixel_size[0]:g} by {self.pixel_size[1]:g} µm"))
        return [*rows, *(("Note", note) for note in self.notes)]


def number_of(path: object, channels: tuple[str, ...], channel: int | str) -> int:
    """Return the number of a channel that is given by its name or number.

    Raises
    ------
    ValueError
        If there is none of that name or number.
    """
    if isinstance(channel, str) and channel in channels:
        return channels.index(channel)
    number = int(channel) if isinstance(channel, str) and channel.isdecimal() else channel
    if isinstance(number, str) or not -len(channels) <= number < len(channels):
        raise ValueError(f"{path} has no channel {channel!r}: it has {len(channels)}, from 0 on: {listed(channels)}")
    return number % len(channels)
