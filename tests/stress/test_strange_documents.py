"""Metadata of arrays with fields of strangers: the array behaves as they say, or there is one of the errors that are
documented."""

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, describe, open_movie
from anscombe_transform._faults import SoftwareFault

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::zarr.errors.ZarrUserWarning"),
]

MOVIE = (100 + 2.5 * np.random.default_rng(0).poisson(8, (6, 8, 8))).astype("int16")
LAYOUTS: dict[str, dict[str, Any]] = {
    "format 2": {"zarr_format": 2, "chunks": (2, 8, 8)},
    "format 3": {"zarr_format": 3, "chunks": (2, 8, 8)},
    "shards": {"zarr_format": 3, "chunks": (2, 4, 8), "shards": (4, 8, 8)},
}
LARGEST = 10**6
"""Elements of what is read."""

STRANGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.sampled_from([2**31, 2**63, -(2**63), 10**30, 1e308, math.nan, math.inf, -0.0])
    | st.sampled_from(
        ["", "int8", "uint16", ">i2", "<f4", "|b1", "float99", "NaN", "array", "anscombe-v1", "\0", "é" * 40]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "id", "order", "x"]), inner),
    max_leaves=4,
)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where in a document there is something."""
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*place, key))


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """The document with one to three of its fields changed, left out or added."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from([place for place in places(document) if place] or [("new",)]))
        inner = document
        for key in place[:-1]:
            inner = inner[key]
        if draw(st.booleans()) and draw(st.booleans()):
            del inner[place[-1]]
        elif isinstance(inner, dict) and draw(st.integers(0, 9)) == 0:
            inner[draw(st.sampled_from(["new", "order", "configuration"]))] = draw(STRANGE)
        else:
            inner[place[-1]] = draw(STRANGE)
        if not isinstance(document, dict) or not document:
            break
    return document


@pytest.fixture(params=LAYOUTS)
def array(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    layout = LAYOUTS[request.param]
    kind: Any = AnscombeTransformV2 if layout["zarr_format"] == 2 else AnscombeTransformV3
    written = zarr.create_array(
        tmp_path / "a.zarr", shape=MOVIE.shape, dtype=MOVIE.dtype, filters=[kind(100, 2.5)], **layout
    )
    written[...] = MOVIE
    return tmp_path / "a.zarr"


def document_of(array: Path) -> Path:
    return next(path for name in (".zarray", "zarr.json") if (path := array / name).exists())


def test_the_entry_of_the_codec_is_read_or_refused_with_one_of_two_errors(array: Path) -> None:
    """By Zarr alone."""
    path = document_of(array)
    original = json.loads(path.read_text())

    def entry_of(document: Any) -> Any:
        if "filters" in document:
            return document["filters"][0]
        (first, *_) = document["codecs"]
        return first["configuration"]["codecs"][0] if first["name"] == "sharding_indexed" else first

    fields = entry_of(original)
    configuration = fields.get("configuration", fields)

    @given(changed(configuration))
    @settings(max_examples=150)
    def check(strange: Any) -> None:
        document = copy.deepcopy(original)
        entry = entry_of(document)
        if "configuration" in entry:
            entry["configuration"] = strange
        else:
            entry.clear()
            entry.update(strange, id="anscombe-v1")
        path.write_text(json.dumps(document))
        try:
            opened: Any = zarr.open_array(array, mode="r")
            read = opened[...]
        except (ValueError, TypeError):
            return
        assert (read.shape, read.dtype) == (opened.shape, opened.dtype)

    check()


@pytest.mark.parametrize("look", [open_movie, describe])
def test_any_document_is_opened_or_refused_with_an_error_that_is_documented(array: Path, look: Any) -> None:
    path = document_of(array)
    original = json.loads(path.read_text())

    @given(changed(original))
    @settings(max_examples=150)
    def check(document: Any) -> None:
        path.write_text(json.dumps(document))
        try:
            seen = look(array)
            if look is open_movie and math.prod(seen.shape) <= LARGEST:
                frame = seen[0]
                assert (frame.shape, frame.dtype) == (seen.shape[1:], seen.dtype)
        except (ValueError, OSError, SoftwareFault) as error:
            assert "\n" not in str(error)  # noqa: PT017 - the rest of the promise
        except MemoryError:  # an index of a shard without its checksum makes Zarr ask for any number of bytes
            assert "crc32c" not in path.read_text()

    check()
