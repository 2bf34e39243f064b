"""Writes arrays with anscombe-transform 1.0.0 next to this file, for `tests/test_golden.py` to open.

Run it with a Python that has that release, and nothing of this package, installed:

    python -m venv old
    old/bin/pip install anscombe-transform==1.0.0 "zarr<3.2"
    old/bin/python tests/golden/make_golden.py

Next to each array, `<name>`, it writes `<name>.npz`: the `input`, as many frames from the first on as were written,
their `codes` by 1.0.0, and the whole array as 1.0.0 reads it, `read_back`.
"""

import json
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import ZstdCodec

try:
    _release = version("anscombe-transform")
except PackageNotFoundError:
    _release = "no release"
if _release != "1.0.0":
    sys.exit(
        f"This Python has {_release} of anscombe-transform, but these arrays must be of 1.0.0. Make an environment "
        'of its own for it, with: pip install anscombe-transform==1.0.0 "zarr<3.2"'
    )

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3  # once the release is known

HERE = Path(__file__).parent

FRAMES, HEIGHT, WIDTH = SHAPE = (4, 12, 16)
CHUNK = (2, HEIGHT, WIDTH)


@dataclass(frozen=True)
class Case:
    """One array: the parameters of the codec, and how Zarr stores it."""

    name: str
    zero_level: float
    conversion_gain: float
    encoded_dtype: str = "uint8"
    dtype: str = "int16"
    zarr_format: int = 3
    v2_compressor: str = "zstd"
    shards: tuple[int, ...] | None = None
    frames: int = FRAMES
    fill_value: int = 0
    codec_name: str = "anscombe-v1"


CASES = [
    Case("v3_defaults", 0, 12.5),
    Case("v3_float_zero_level", 31.7, 9.25),
    Case("v3_of_the_guide", 100, 2.5),
    Case("v3_uint16_codes", 10, 3.5, encoded_dtype="uint16"),
    Case("v3_int16_codes", 250, 20.0, encoded_dtype="int16"),
    Case("v3_int16_codes_below_0", -200, 80.0, encoded_dtype="int16"),
    Case("v3_uint16_array", 0, 10.0, dtype="uint16"),
    Case("v3_int32_array", 50, 11.0, dtype="int32"),
    Case("v3_under_the_other_name", 0, 12.5, codec_name="anscombe-transform"),
    Case("v3_fill_value_without_code", -200, 80.0, frames=2),
    Case("v3_partly_written", 20, 15.0, frames=2, fill_value=500),
    Case("v3_sharded", 0, 12.5, shards=SHAPE),
    Case("v3_sharded_partly_written", -200, 80.0, shards=SHAPE, frames=2),
    Case("v2_compressed", 0, 12.5, zarr_format=2),
    Case("v2_uncompressed", 31.7, 9.25, zarr_format=2, v2_compressor="none"),
    Case("v2_as_compressor", 20, 15.0, zarr_format=2, v2_compressor="codec"),
    Case("v2_uint16_array", 0, 10.0, dtype="uint16", zarr_format=2),
    Case("v2_partly_written", 20, 15.0, zarr_format=2, frames=2, fill_value=500),
]


def main() -> None:
    """Write every case anew."""
    for seed, case in enumerate(CASES):
        written = movie(case, np.random.default_rng(seed))
        path = HERE / case.name
        shutil.rmtree(path, ignore_errors=True)
        array = create(case, path)
        array[: case.frames] = written
        if case.codec_name != "anscombe-v1":
            rename_codec(path, case.codec_name)
        np.savez_compressed(
            path.with_suffix(".npz"), input=written, codes=codec_v2(case).encode(written), read_back=array[...]
        )


def movie(case: Case, random: np.random.Generator) -> npt.NDArray[Any]:
    """Return frames of photon counts from the dark to the largest int16, with extremes and negative inputs."""
    dark = 0.1 + max(0.0, -2 * case.zero_level / case.conversion_gain)
    photons = np.geomspace(dark, 40_000 / case.conversion_gain, case.frames * HEIGHT * WIDTH)
    adu = case.zero_level + case.conversion_gain * random.poisson(random.permutation(photons))
    adu = adu + random.normal(0, 2, adu.size)
    special = [0, 1, 2, 5, 32_766, 32_767]
    special += [40_000, 65_535] if case.dtype == "uint16" else [-1, -7, -300]
    adu[: len(special)] = special
    info = np.iinfo(case.dtype if case.dtype == "uint16" else "int16")
    return np.asarray(np.clip(np.rint(adu), info.min, info.max).reshape(-1, HEIGHT, WIDTH), case.dtype)


def create(case: Case, path: Path) -> "zarr.Array[Any]":
    """Create the array of a case with the codec of 1.0.0."""
    if case.zarr_format == 2:
        codec, zstd = codec_v2(case), numcodecs.Zstd(9)
        return zarr.create_array(
            path,
            shape=SHAPE,
            chunks=CHUNK,
            dtype=case.dtype,
            fill_value=case.fill_value,
            filters=None if case.v2_compressor == "codec" else [codec],
            compressors={"zstd": zstd, "none": None, "codec": codec}[case.v2_compressor],
            zarr_format=2,
        )
    return zarr.create_array(
        path,
        shape=SHAPE,
        chunks=CHUNK,
        shards=case.shards,
        dtype=case.dtype,
        fill_value=case.fill_value,
        filters=[AnscombeTransformV3(case.zero_level, case.conversion_gain, encoded_dtype=case.encoded_dtype)],
        compressors=ZstdCodec(level=9),
    )


def codec_v2(case: Case) -> AnscombeTransformV2:
    """Return the V2 codec of 1.0.0, whose codes are also those of its V3 codec."""
    return AnscombeTransformV2(case.zero_level, case.conversion_gain, encoded_dtype=case.encoded_dtype)


def rename_codec(path: Path, name: str) -> None:
    """Change the name of the codec in the metadata of a Zarr V3 array."""
    metadata_file = path / "zarr.json"
    metadata_file.write_text(metadata_file.read_text().replace('"anscombe-v1"', json.dumps(name)))


if __name__ == "__main__":
    main()
