"""What `compress` is going to write, decided before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Progress
from anscombe_transform.codecs.anscombe_zarr2 import AnscombeTransformV2
from anscombe_transform.codecs.anscombe_zarr3 import AnscombeTransformV3
from anscombe_transform.codecs.configuration import CodecParameters
from anscombe_transform.movies.movie import Movie, size_of
from anscombe_transform.recordings.codec_choice import choose_codec, choose_parameters
from anscombe_transform.recordings.comparison import Comparer, Comparison
from anscombe_transform.recordings.provenance import codec_of, provenance_of
from anscombe_transform.recordings.results import Compression
from anscombe_transform.storage.draft import Draft, begun, finished
from anscombe_transform.storage.layout import Layout, ome_image
from anscombe_transform.storage.location import PROVENANCE, Location
from anscombe_transform.storage.overwriting import state_of
from anscombe_transform.transform.parameters import OutOfRange

RESUME_HINT = "resume=True goes on with it, "
"""What an error says can be done with an array that is not finished."""


@dataclass(frozen=True)
class Plan:
    """A movie, and the array that it will be stored in."""

    movie: Movie
    draft: Draft
    codec: CodecParameters
    parameters: Mapping[str, Any]
    """As `Compression` has them."""
    is_finished: bool
    """Whether all of it is in the store already."""

    @property
    def comparer(self) -> Comparer:
        """What checks that the movie comes back from the store."""
        return Comparer(self.codec)

    def result(self, stored_size: int, seconds: float, comparison: Comparison | None, *, dry_run: bool) -> Compression:
        """Return what was done."""
        array = self.draft.template
        return Compression(
            output=self.draft.location.url,
            shape=tuple(self.movie.shape),
            dtype=np.dtype(self.movie.dtype).name,
            parameters=self.parameters,
            beta=self.codec.beta,
            encoded_dtype=self.codec.encoded_dtype,
            chunks=array.chunks,
            shards=array.shards,
            size=size_of(self.movie),
            stored_size=stored_size,
            seconds=seconds,
            comparison=comparison,
            dry_run=dry_run,
        )


def make_plan(
    movie: Movie,
    location: Location,
    layout: Layout,
    previous: Draft | None,
    *,
    zero_level: float | None,
    conversion_gain: float | None,
    beta: float,
    encoded_dtype: npt.DTypeLike | None,
    out_of_range: OutOfRange | None,
    ome: bool,
    progress: Progress | None,
) -> Plan:
    """Choose the codec for a movie and the layout of its array.

    Parameters
    ----------
    movie : Movie
        Movie of shape (time, y, x), in ADU.
    location : Location
        Where the array will be.
    layout : Layout
        Chunks, shards and compressor.
    previous : Draft or None
        What was begun there and is to be continued: its parameters and its dtype of codes are used.
    zero_level, conversion_gain, beta, encoded_dtype, out_of_range, ome : various
        As for `compress`.
    progress : callable, optional
        Called with the number of frames read so far for the estimate, and the number to read.

    Returns
    -------
    Plan
        What is to be written, and where; nothing of it is written yet.

    Raises
    ------
    ValueError
        If a parameter is not allowed, if the parameters cannot be estimated from the movie, if its values have no
        codes, or if what was begun has other settings.
    """
    if ome and layout.zarr_format != 3:
        raise ValueError("OME-NGFF 0.5 needs Zarr format 3: leave out ome=True, or the format")
    parameters, seen = None, None
    if previous is not None:
        encoded_dtype = encoded_dtype or codec_of(previous.template).encoded_dtype
        if zero_level is None and conversion_gain is None:
            parameters = cast("dict[str, Any]", previous.template.attrs[PROVENANCE])["parameters"]
    if parameters is None:
        parameters, seen = choose_parameters(movie, zero_level, conversion_gain, progress)
    codec = choose_codec(
        AnscombeTransformV3 if layout.zarr_format == 3 else AnscombeTransformV2,
        movie,
        parameters,
        seen,
        beta=beta,
        encoded_dtype=encoded_dtype,
        out_of_range=out_of_range,
    )
    dtype = np.dtype(movie.dtype)
    draft = layout.draft(
        location,
        tuple(movie.shape),
        dtype,
        codec=codec,
        fill_value=Comparer(codec).nearest_held(0, dtype),
        attributes={PROVENANCE: provenance_of(movie, parameters)},
        image=_image(movie, location) if ome else None,
    )
    if previous is not None:
        _check_same(previous, draft)
    return Plan(movie, draft, codec, parameters, previous is not None and state_of(location) != "unfinished")


def begun_or_finished(location: Location) -> Draft | None:
    """Return the array to resume, finished or not, or None if there is nothing yet.

    Raises
    ------
    ValueError
        If there is something else.
    """
    if state_of(location) == "empty":
        return None
    draft = begun(location) or finished(location)
    if draft is None or PROVENANCE not in draft.template.attrs:
        raise ValueError(f"{location.url} holds something else: resume=True has nothing to go on with")
    return draft


def _image(movie: Movie, location: Location) -> dict[str, Any]:
    name = location.url.rpartition("/")[2]
    return ome_image(name, getattr(movie, "frame_rate", None), getattr(movie, "pixel_size", None))


def _check_same(previous: Draft, draft: Draft) -> None:
    if previous.documents == draft.documents:
        return
    before, now = (
        {
            f"{path} of {key}" if key.count("/") else path: value
            for key, text in d.documents.items()
            for path, value in _leaves(json.loads(text))
        }
        for d in (previous, draft)
    )
    differing = sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))
    if previous.documents.keys() != draft.documents.keys():
        differing = ["zarr_format or ome"]
    raise ValueError(
        f"{draft.location.url} was begun with other settings ({', '.join(differing[:5])}): resume=True needs the "
        "same movie and options, overwrite=True begins anew"
    )


def _leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict | list):
        items = document.items() if isinstance(document, dict) else enumerate(document)
        for name, value in items:
            yield from _leaves(value, f"{path}.{name}".lstrip("."))
    else:
        yield path, document
