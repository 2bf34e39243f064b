"""Chunks with bits flipped, cut off, made longer or exchanged: reading them gives values of the dtype, or an error."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference
import zarr
from pipelines import pipeline  # noqa: F401 - each test runs with each pipeline
from zarr.codecs import Crc32cCodec, ZstdCodec

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3

pytestmark = pytest.mark.slow

ROUNDS = 150
"""Damages of each array."""

LAYOUTS: dict[str, dict[str, Any]] = {
    "format 2, compressed": {"zarr_format": 2},
    "format 2, plain": {"zarr_format": 2, "compressors": None},
    "format 3, compressed": {},
    "format 3, plain": {"compressors": None},
    "format 3, checksums": {"compressors": [ZstdCodec(), Crc32cCodec()]},
    "shards": {"shards": (8, 8, 16)},
    "shards, plain": {"shards": (8, 8, 16), "compressors": None},
    "shards, checksums": {"shards": (8, 8, 16), "compressors": [ZstdCodec(), Crc32cCodec()]},
}
MOVIE = (100 + 2.5 * np.random.default_rng(0).poisson(8, (16, 16, 16))).astype("int16")


def possible_values(encoded_dtype: Any) -> npt.NDArray[Any]:
    """Return what codes stand for, and the fill value."""
    info = np.iinfo(encoded_dtype)
    codes = np.arange(info.min, info.max + 1, dtype="float64")
    return np.append(reference.decoded(codes, MOVIE.dtype, 100, 2.5), 0).astype(MOVIE.dtype)


def damage(contents: bytes, random: random.Random) -> bytes:
    """Return the bytes of a chunk with something wrong."""
    changed = bytearray(contents)
    kind = random.choice(["flip", "flip", "many", "cut", "extend", "noise"])
    if kind == "cut":
        return contents[: random.randrange(len(contents))]
    if kind == "extend":
        return contents + random.randbytes(random.randint(1, 100))
    if kind == "noise":
        start = random.randrange(len(contents))
        length = min(len(contents) - start, random.randint(1, 40))
        changed[start : start + length] = random.randbytes(length)
        return bytes(changed)
    for _ in range(1 if kind == "flip" else random.randint(2, 64)):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("encoded_dtype", ["uint8", "int16"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_damaged_chunks_give_values_that_codes_stand_for_or_an_error(
    tmp_path: Path, layout: str, encoded_dtype: Any
) -> None:
    """Where each chunk has a checksum, the values are the right ones."""
    options: dict[str, Any] = {"shape": MOVIE.shape, "dtype": MOVIE.dtype, "chunks": (4, 8, 16)} | LAYOUTS[layout]
    kind: Any = AnscombeTransformV2 if options.get("zarr_format") == 2 else AnscombeTransformV3
    array: Any = zarr.create_array(tmp_path / "a.zarr", filters=[kind(100, 2.5, encoded_dtype)], **options)
    array[...] = MOVIE
    whole = array[...]
    chunks = sorted(path for path in (tmp_path / "a.zarr").rglob("*") if path.is_file() and path.name[0] not in ".z")
    possible = possible_values(encoded_dtype)
    dice = random.Random(f"{layout} {encoded_dtype}")
    errors = 0
    for _ in range(ROUNDS):
        chunk = dice.choice(chunks)
        before = chunk.read_bytes()
        chunk.write_bytes(damage(before, dice))
        try:
            read = zarr.open_array(tmp_path / "a.zarr", mode="r")[...]
        except Exception:  # of whatever class the compressor has
            errors += 1
        else:
            assert np.isin(read, possible).all()
            if "checksums" in layout:
                np.testing.assert_array_equal(read, whole)
        chunk.write_bytes(before)
    assert errors >= (0 if "plain" in layout else ROUNDS / 4)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "a.zarr", mode="r")[...], whole)


def test_exchanged_chunks_give_each_other_s_values(tmp_path: Path) -> None:
    """Their checksums are right, so that no reader can tell."""
    array: Any = zarr.create_array(
        tmp_path / "a.zarr",
        shape=MOVIE.shape,
        dtype=MOVIE.dtype,
        chunks=(4, 16, 16),
        filters=[AnscombeTransformV3(100, 2.5)],
    )
    array[...] = MOVIE
    whole = array[...]
    one, other = (tmp_path / "a.zarr" / "c" / number / "0" / "0" for number in "13")
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    exchanged = np.concatenate([whole[:4], whole[12:], whole[8:12], whole[4:8]])
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "a.zarr", mode="r")[...], exchanged)
