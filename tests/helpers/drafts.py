"""Drafts of single arrays."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.buffer import Buffer
from zarr.storage import MemoryStore

from anscombe_transform.storage.draft import ArrayDraft, Draft
from anscombe_transform.storage.layout import Layout
from anscombe_transform.storage.location import Location


def draft_of_one(
    place: str | Path,
    layout: Layout,
    shape: tuple[int, ...],
    dtype: npt.DTypeLike,
    codec: Any = None,
    attributes: dict[str, Any] | None = None,
    image: dict[str, Any] | None = None,
) -> Draft:
    """Return the draft of an array, in the group of an image if there are attributes of one."""
    created: dict[str, Buffer] = {}
    store = MemoryStore(created)
    path = "" if image is None else "0"
    if image is not None:
        zarr.create_group(store, attributes=image, zarr_format=3)
    layout.create(store, path, shape, np.dtype(dtype), codec=codec, attributes=attributes or {})
    return Draft.of(created, Location.parse(place), [path])


def only(draft: Draft) -> ArrayDraft:
    """Return the only array of a draft."""
    (array,) = draft.arrays.values()
    return array
