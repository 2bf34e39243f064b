"""What `compress` is going to write, decided before anything is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Progress
from anscombe_transform.codecs.anscombe_zarr2 import AnscombeTransformV2
from anscombe_transform.codecs.anscombe_zarr3 import AnscombeTransformV3
from anscombe_transform.movies.movie import Movie, as_movie, size_of
from anscombe_transform.recordings.channels import Channel, draft_of
from anscombe_transform.recordings.codec_choice import choose_codec, choose_parameters, codec_before, keep_codec
from anscombe_transform.recordings.comparison import Comparison
from anscombe_transform.recordings.prediction_choice import choose_predictor
from anscombe_transform.recordings.provenance import codec_of, predictor_of
from anscombe_transform.recordings.results import ChannelCompression, Compression
from anscombe_transform.recordings.writing import Task
from anscombe_transform.storage.draft import ArrayDraft, Draft, ZarrArray, begun, finished, has_damaged_marker
from anscombe_transform.storage.layout import Layout
from anscombe_transform.storage.location import PROVENANCE, Location
from anscombe_transform.storage.overwriting import state_of
from anscombe_transform.storage.replacing import place_to_resume
from anscombe_transform.transform.parameters import OutOfRange

RESUME_HINT = "resume=True goes on with it, "
"""What an error says can be done with an array that is not finished."""


@dataclass(frozen=True)
class Plan:
    """The channels of a recording, and the arrays that they will be stored in."""

    channels: tuple[Channel, ...]
    draft: Draft
    coordinates: Mapping[str, Any]
    """As `draft_of` returns them."""
    is_finished: bool
    """Whether all of it is in the store already."""

    @property
    def arrays(self) -> list[ArrayDraft]:
        """The array of each channel."""
        return list(self.draft.arrays.values())

    def tasks(self) -> list[Task]:
        """Return what is to be written."""
        several = len(self.channels) > 1
        return [
            Task(channel.movie, path, channel.comparer, channel.name if several else "")
            for channel, path in zip(self.channels, self.draft.paths, strict=True)
        ]

    def result(
        self,
        stored_sizes: Sequence[int],
        seconds: float,
        comparisons: Sequence[Comparison | None],
        *,
        dry_run: bool,
    ) -> Compression:
        """Return what was done."""
        first, array = self.channels[0], self.arrays[0].template
        assert first.codec is not None
        return Compression(
            output=self.draft.location.url,
            shape=tuple(first.movie.shape),
            dtype=np.dtype(first.movie.dtype).name,
            beta=first.codec.beta,
            chunks=array.chunks,
            shards=array.shards,
            seconds=seconds,
            dry_run=dry_run,
            channels=tuple(
                ChannelCompression(
                    name=channel.name,
                    path=path,
                    parameters=channel.parameters or {},
                    encoded_dtype=channel.codec.encoded_dtype,
                    predicted=channel.predictor is not None,
                    size=size_of(channel.movie),
                    stored_size=stored_size,
                    comparison=comparison,
                )
                for channel, path, stored_size, comparison in zip(
                    self.channels, self.draft.paths, stored_sizes, comparisons, strict=True
                )
                if channel.codec is not None
            ),
        )


@dataclass(frozen=True)
class CodecChoice:
    """What `compress` takes for the codec; what is None follows from the movie."""

    zero_level: float | Sequence[float | None] | None
    conversion_gain: float | Sequence[float | None] | None
    beta: float | None
    encoded_dtype: npt.DTypeLike | None
    out_of_range: OutOfRange | None
    predict: bool | None

    def parameters_of(self, channels: int) -> list[tuple[float | None, float | None]]:
        """Return the zero level and the conversion gain of each channel, as far as they are given.

        Raises
        ------
        ValueError
            If there are several numbers, but not one for each channel.
        """
        both = []
        for name in ("zero_level", "conversion_gain"):
            given = getattr(self, name)
            numbers = list(given) if isinstance(given, Sequence | np.ndarray) else [given] * channels
            if len(numbers) != channels:
                raise ValueError(
                    f"{name} has {len(numbers)} numbers for {channels} channels: give one for each, or one"
                )
            both.append(numbers)
        return list(zip(*both, strict=True))


def make_plan(
    movies: Mapping[str, Movie],
    location: Location,
    layout: Layout,
    previous: Draft | None,
    choice: CodecChoice,
    *,
    ome: bool,
    progress: Callable[[Movie], Progress | None],
) -> Plan:
    """Choose the codecs for the channels of a recording and the layout of their arrays.

    Parameters
    ----------
    movies : mapping
        The channels by their names, of shape (time, y, x) or (time, plane, y, x), in ADU.
    location : Location
        Where the arrays will be.
    layout : Layout
        Chunks, shards and compressor.
    previous : Draft or None
        What was begun there and is to be continued: its parameters and its dtypes of codes are used.
    choice : CodecChoice
        As for `compress`.
    ome : bool
        As for `compress`.
    progress : callable
        Returns what is called with the number of frames of a movie read so far for its estimate, and that to read.

    Returns
    -------
    Plan
        What is to be written, and where; nothing of it is written yet.

    Raises
    ------
    ValueError
        If a parameter is not allowed, if the parameters cannot be estimated from a movie, if its values have no
        codes, or if what was begun has other settings.
    """
    if ome and layout.zarr_format != 3:
        raise ValueError("OME-NGFF 0.5 needs Zarr format 3: leave out ome=True, or the format")
    begun_arrays: list[ZarrArray | None] = [None] * len(movies)
    if previous is not None:
        begun_arrays = [array.template for array in previous.arrays.values()]
        if len(begun_arrays) != len(movies):
            raise ValueError(
                f"{location.url} was begun with {len(begun_arrays)} channels, and the recording has {len(movies)}: "
                "resume=True needs the same recording, overwrite=True begins anew"
            )
    channels = []
    for (name, movie), array, given in zip(
        movies.items(), begun_arrays, choice.parameters_of(len(movies)), strict=True
    ):
        try:
            channels.append(_channel(name, movie, layout, array, choice, given, progress(movie)))
        except ValueError as error:
            if len(movies) == 1:
                raise
            give = f"give zero_level and conversion_gain for {name}, or " if given == (None, None) else ""
            way_out = f"{give}compress another channel alone, with channel='NAME'"
            raise type(error)(f"{name}: {error}; or {way_out}") from error
    draft, positions = draft_of(channels, location, layout, ome=ome)
    if previous is not None:
        _check_same(previous, draft)
    finished = previous is not None and state_of(previous.location) != "unfinished"
    return Plan(tuple(channels), draft, positions, finished)


def _channel(
    name: str,
    movie: Movie,
    layout: Layout,
    begun: ZarrArray | None,
    choice: CodecChoice,
    given: tuple[float | None, float | None],
    progress: Progress | None,
) -> Channel:
    """Return a channel with its codec; `begun` is the array to continue, if there is any."""
    encoded_dtype = choice.encoded_dtype
    codec_class = AnscombeTransformV3 if layout.zarr_format == 3 else AnscombeTransformV2
    if (before := codec_before(movie)) is not None:
        kept, codec = keep_codec(
            codec_class, before, np.dtype(movie.dtype), given, choice.beta, encoded_dtype, choice.out_of_range
        )
        return Channel(name, movie, codec, kept, choose_predictor(movie, codec, layout, begun, choice.predict))
    parameters, seen = None, None
    flat = as_movie(movie)
    if begun is not None:
        encoded_dtype = encoded_dtype or codec_of(begun).encoded_dtype
        if given == (None, None):
            parameters = cast("dict[str, Any]", begun.attrs[PROVENANCE])["parameters"]
    if parameters is None:
        parameters, seen = choose_parameters(flat, *given, progress)
    codec = choose_codec(
        codec_class,
        flat,
        parameters,
        seen,
        beta=0.5 if choice.beta is None else choice.beta,
        encoded_dtype=encoded_dtype,
        out_of_range=choice.out_of_range,
    )
    predictor = choose_predictor(movie, codec, layout, begun, choice.predict)
    return Channel(name, movie, codec, parameters, predictor)


def begun_or_finished(location: Location) -> Draft | None:
    """Return what is to be resumed, finished or not, or None if there is nothing yet.

    Raises
    ------
    ValueError
        If there is something else.
    """
    place = place_to_resume(location)
    if state_of(place) == "empty" or has_damaged_marker(place):  # the chunks of which are compared with the movie
        return None
    draft = begun(place) or finished(place)
    if draft is None or any(PROVENANCE not in array.template.attrs for array in draft.arrays.values()):
        raise ValueError(f"{location.url} holds something else: resume=True has nothing to go on with")
    return draft


def _check_same(previous: Draft, draft: Draft) -> None:
    before, now = (
        {
            f"{path} of {key}" if key.count("/") else path: value
            for key, text in d.documents.items()
            for path, value in _leaves(text if key.endswith(".xml") else json.loads(text))
            if not path.partition(f"{PROVENANCE}.")[2].startswith("digest.")  # known only of what is finished
        }
        for d in (previous, draft)
    )
    differing = sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))
    if not differing:
        return
    if previous.documents.keys() != draft.documents.keys():
        differing = ["zarr_format or ome"]
    elif _is_predicted(previous) != _is_predicted(draft):
        differing = ["predict"]
    raise ValueError(
        f"{draft.location.url} was begun with other settings ({', '.join(differing[:5])}): resume=True needs the "
        "same movie and options, overwrite=True begins anew"
    )


def _is_predicted(draft: Draft) -> list[bool]:
    return [predictor_of(array.template) is not None for array in draft.arrays.values()]


def _leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict | list):
        items = document.items() if isinstance(document, dict) else enumerate(document)
        for name, value in items:
            yield from _leaves(value, f"{path}.{name}".lstrip("."))
    else:
        yield path, document
