"""Writes arrays of every pair of dtypes with anscombe-transform 2.0.0, for `tests/test_golden_of_2_0_0.py` to open.

What is in `of_2_0_0/` is kept for ever, byte for byte: it stands for the arrays that people have. This shows how it was
made, and refuses to make it again. A release that writes something new gets a folder of its own.

    python tests/golden/make_golden_2_0_0.py

For each Zarr format there is one zip file with all arrays, a store that Zarr reads, and an npz file beside it. It has,
for each array `<encoded_dtype>-<decoded_dtype>`, the input and, after it, what 2.0.0 reads. The test compares both, and
the codes in the zip file, with an independent calculation.
"""

import math
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import zarr
from zarr.storage import ZipStore

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3
from anscombe_transform.transform.parameters import DECODED_DTYPES, EncodedDType, Transform
from anscombe_transform.transform.ranges import held_range

FOLDER = Path(__file__).parent / "of_2_0_0"
SHAPE = (15, 16)
LEVELS = 20


def main() -> None:
    """Write the files, if they are not there."""
    if version("anscombe-transform") != "2.0.0":
        sys.exit("these arrays must be of anscombe-transform 2.0.0: install that release")
    FOLDER.mkdir()
    write(2)
    write(3)


def write(zarr_format: Literal[2, 3]) -> None:
    """Write the arrays of one Zarr format, and what they hold."""
    random = np.random.default_rng(zarr_format)
    expected: dict[str, npt.NDArray[Any]] = {}
    archive = FOLDER / f"zarr{zarr_format}.zip"
    archive.touch(exist_ok=False)
    with ZipStore(archive, mode="w", compression=zipfile.ZIP_DEFLATED) as store:
        group = zarr.create_group(store, zarr_format=zarr_format)
        for i, encoded_dtype in enumerate(get_args(EncodedDType)):
            for j, name in enumerate(DECODED_DTYPES):
                dtype = np.dtype(name)
                if zarr_format == 3 and dtype.itemsize == 1 and np.dtype(encoded_dtype).itemsize > 1:
                    continue  # Zarr 3.1 cannot read them, so the codec refuses them
                big_endian = zarr_format == 2 and (i + j) % 4 > 1
                dtype = dtype.newbyteorder(">") if big_endian else dtype
                options = parameters(encoded_dtype, clamp=(i + j) % 2 == 1)
                movie = values(random, dtype, options)
                key = f"{encoded_dtype}-{name}"
                create(group, key, dtype, options)[...] = expected[key] = movie
    with ZipStore(FOLDER / f"zarr{zarr_format}.zip", mode="r") as store:
        for key, array in zarr.open_group(store, mode="r").arrays():
            expected[key] = np.stack([expected[key], array[...]])
    np.savez_compressed(FOLDER / f"zarr{zarr_format}.npz", **expected)  # type: ignore[arg-type]


def parameters(encoded_dtype: EncodedDType, clamp: bool) -> dict[str, Any]:
    """Return the parameters: a zero level below 0 where codes have signs, and another beta where values are clamped."""
    return {
        "zero_level": 20 if encoded_dtype.startswith("u") else -37,
        "conversion_gain": 2.5,
        "beta": 0.37 if clamp else 0.5,
        "encoded_dtype": encoded_dtype,
        "out_of_range": "clamp" if clamp else None,
    }


def values(random: np.random.Generator, dtype: np.dtype[Any], options: dict[str, Any]) -> npt.NDArray[Any]:
    """Return an image that repeats levels of all magnitudes, with the lowest, the highest, and that of no photons."""
    transform = Transform(options["zero_level"], options["conversion_gain"], options["beta"])
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    ends = max(float(info.min), -9e18), min(float(info.max), 9e18)
    if options["out_of_range"] is None:
        held = held_range(transform, options["encoded_dtype"])
        ends = max(ends[0], held[0]), min(ends[1], held[1])
    special = [*ends, transform.zero_level, 0, 1, transform.zero_level + 100 * transform.conversion_gain]
    signs = random.choice([-1, 1], LEVELS, p=[0.2, 0.8])
    levels = np.array([*special, *signs * np.geomspace(0.5, ends[1], LEVELS)]).clip(*ends)
    levels = levels if dtype.kind == "f" else np.rint(levels).clip(math.ceil(ends[0]), math.floor(ends[1]))
    exact = levels.astype(dtype.newbyteorder("="))
    if dtype.kind == "f":
        outside = exact.astype("f8") != exact.astype("f8").clip(*ends)
        exact[outside] = np.nextafter(exact[outside], exact.dtype.type(0))
    return np.resize(exact, SHAPE).astype(dtype)


def create(group: zarr.Group, key: str, dtype: np.dtype[Any], options: dict[str, Any]) -> "zarr.Array[Any]":
    """Create the array of a pair of dtypes, with one chunk that the zip file compresses."""
    codec: Any = AnscombeTransformV3(**options)
    if group.metadata.zarr_format == 2:
        codec = AnscombeTransformV2(**options, decoded_dtype=dtype)
    return group.create_array(key, shape=SHAPE, chunks=SHAPE, dtype=dtype, filters=[codec], compressors=None)


if __name__ == "__main__":
    main()
