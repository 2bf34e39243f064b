"""Arrays of 100,000 chunks, in memory that stays as it is."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from pipelines import pipeline  # noqa: F401 - each test runs with each pipeline

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, decode, encode

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory a process has at the moment"),
]

CHUNKS, AT_A_TIME = 100_000, 2000
FILES = 20_000
GROWTH = 24 * 2**20
"""Bytes; 100,000 objects of 250 bytes would be more, and 20,000 of 1300."""


def memory() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("options", [{"zarr_format": 2}, {"shards": (AT_A_TIME, 4, 4)}], ids=str)
def test_memory_does_not_grow_with_the_number_of_chunks(tmp_path: Path, options: dict[str, Any]) -> None:
    """In a file each, there are fewer."""
    chunks = CHUNKS if "shards" in options else FILES
    kind: Any = AnscombeTransformV2 if options.get("zarr_format") == 2 else AnscombeTransformV3
    array: Any = zarr.create_array(
        tmp_path / "a.zarr",
        shape=(chunks, 4, 4),
        chunks=(1, 4, 4),
        dtype="int16",
        filters=[kind(100, 2.5)],
        compressors=None,
        **options,
    )
    movie = (100 + 2.5 * np.random.default_rng(0).poisson(8, (AT_A_TIME, 4, 4))).astype("int16")
    codes = encode(movie, zero_level=100, conversion_gain=2.5)
    expected = decode(codes, zero_level=100, conversion_gain=2.5, decoded_dtype="int16")
    begun: dict[str, int] = {}
    for start in range(0, chunks, AT_A_TIME):
        array[start : start + AT_A_TIME] = movie
        np.testing.assert_array_equal(array[start : start + AT_A_TIME], expected)
        if start == chunks // 10:
            begun["memory"] = memory()
    assert memory() - begun["memory"] < GROWTH
