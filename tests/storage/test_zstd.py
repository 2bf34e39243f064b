"""Frames of Zstandard that are made faster are ordinary ones, and are made of codes of 8 bits at level 1 alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zstandard
from compressed_movies import GIVEN, MOVIE, is_stored, opened
from hypothesis import given
from hypothesis import strategies as st

from anscombe_transform import compress
from anscombe_transform.storage import zstd

LAYOUTS: dict[str, dict[str, Any]] = {
    "format 3": {"chunks": 10},
    "format 2": {"chunks": 10, "zarr_format": 2},
    "shards": {"chunks": (10, 32, 64), "shards": (20, 64, 64)},
}


def chunks_in(place: Path) -> list[bytes]:
    files = sorted(path for path in place.rglob("*") if path.is_file() and path.name[0] not in ".z")
    return [file.read_bytes() for file in files]


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 40), st.booleans())
def test_what_is_compressed_comes_back(part: bytes, times: int, checksum: bool) -> None:
    values = part * times
    frame = zstd.Zstd(1, checksum).encode(np.frombuffer(values, "u1"))
    assert bytes(numcodecs.Zstd().decode(frame)) == values
    parameters = zstandard.get_frame_parameters(frame)
    assert (parameters.content_size, parameters.has_checksum) == (len(values), checksum)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("predict", [True, False])
def test_codes_of_8_bits_are_stored_in_such_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, predict: bool
) -> None:
    """And metadata do not tell: without the package, the same command goes on, and anybody reads the array."""
    options = GIVEN | LAYOUTS[layout] | {"predict": predict}
    compress(MOVIE, tmp_path / "fast", **options)
    monkeypatch.setattr(zstd, "find_spec", lambda name: None)
    compress(MOVIE, tmp_path / "plain", **options)
    is_stored(MOVIE, tmp_path / "fast")
    assert opened(tmp_path / "fast").compressors == opened(tmp_path / "plain").compressors
    fast, plain = (chunks_in(tmp_path / name) for name in ("fast", "plain"))
    assert fast != plain
    assert sum(map(len, fast)) < 1.02 * sum(map(len, plain))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "options", [{"level": 3}, {"encoded_dtype": "int16"}, {"compressor": "blosc-zstd"}, {"compressor": "none"}], ids=str
)
def test_all_else_is_stored_as_it_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, options: dict[str, Any]
) -> None:
    given_options: dict[str, Any] = GIVEN | LAYOUTS[layout] | options
    compress(MOVIE, tmp_path / "one", **given_options)
    monkeypatch.setattr(zstd, "find_spec", lambda name: None)
    compress(MOVIE, tmp_path / "other", **given_options)
    assert chunks_in(tmp_path / "one") == chunks_in(tmp_path / "other")


def test_threads_have_compressors_of_their_own() -> None:
    random = np.random.default_rng(0)
    arrays = [random.integers(0, 9, 100_000 + number, "u1") for number in range(64)]
    codec = zstd.Zstd(1, True)
    alone = [codec.encode(array) for array in arrays]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(codec.encode, arrays)) == alone
