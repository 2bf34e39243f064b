"""Dry runs, which write nothing and predict the size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressed_movies import GIVEN, MOVIE, Z
from stored import contents, memory_url

from anscombe_transform import compress


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": 1},
        {"chunks": 3},
        {"chunks": (4, 16, 64)},
        {"chunks": 2, "shards": 8},
        {"zarr_format": 2, "chunks": 7},
        {"ome": True, "chunks": 4},
        {"compressor": "none", "chunks": 4},
    ],
    ids=str,
)
def test_a_dry_run_writes_nothing_and_predicts_the_size(tmp_path: Path, options: dict[str, Any]) -> None:
    predicted = compress(MOVIE, tmp_path / "a", **GIVEN, **options, dry_run=True)
    assert list(tmp_path.iterdir()) == []
    assert predicted.dry_run
    assert predicted.comparison is not None
    assert json.loads(json.dumps(predicted.to_dict()))["dry_run"] is True
    written = compress(MOVIE, tmp_path / "a", **GIVEN, **options)
    assert predicted.stored_size == pytest.approx(written.stored_size, rel=0.05)
    for name in ("output", "shape", "dtype", "parameters", "encoded_dtype", "chunks", "shards", "size"):
        assert getattr(predicted, name) == getattr(written, name)


def test_dark_chunks_are_stored_and_predicted_like_others(tmp_path: Path) -> None:
    movie = np.zeros((16, 64, 64), "uint16")
    movie[2] = Z
    options: dict[str, Any] = {"compressor": "none", "chunks": 2, "encoded_dtype": "uint8"}
    predicted = compress(movie, tmp_path / "a", **GIVEN, **options, dry_run=True)
    written = compress(movie, tmp_path / "a", **GIVEN, **options)
    assert written.stored_size > movie.size
    assert predicted.stored_size == pytest.approx(written.stored_size, rel=0.02)  # but for the digest


def test_a_dry_run_deletes_nothing_either(tmp_path: Path) -> None:
    for place in (tmp_path / "a", memory_url()):
        compress(MOVIE[:20], place, **GIVEN)
        before = contents(place)
        compress(MOVIE, place, **GIVEN, overwrite=True, dry_run=True)
        assert contents(place) == before
