"""Writes arrays on one set of packages, and reads them on another: data outlive the packages that wrote them.

    python exchange.py write FOLDER
    python exchange.py read FOLDER

The first compresses a movie in every layout that `compress` has, and writes arrays of many dtypes with the codecs. It
keeps beside each what it reads itself. The second asserts that it reads the same.
"""

import sys
from pathlib import Path

import numpy as np
import zarr

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, compress, describe

GIVEN = {"zero_level": 100, "conversion_gain": 2.5, "chunks": 5}

LAYOUTS = {
    "default": {},
    "sharded": {"shards": 10},
    "v2": {"zarr_format": 2},
    "ome": {"ome": True},
    "blosc": {"compressor": "blosc-lz4"},
    "gzip-v2": {"compressor": "gzip", "zarr_format": 2},
    "float-codes": {"encoded_dtype": "float32"},
    "clamped": {"encoded_dtype": "int8", "beta": 0.3, "out_of_range": "clamp"},
}

DTYPES = ("uint8", "int16", "uint16", "int32", "uint64", "float32", "float64", ">i2", ">f4")

CODES = ("uint8", "int8", "int16", "uint32", "float64")


def write(folder: Path) -> None:
    """Write all arrays, and what they are read as."""
    movie = (100 + 2.5 * np.random.default_rng(0).poisson(20, (23, 24, 20))).astype("int16")
    for name, options in LAYOUTS.items():
        compress(movie, folder / f"{name}.zarr", **GIVEN | options)
    for dtype in DTYPES:
        for encoded_dtype in CODES:
            values = np.minimum(movie, 250).astype(dtype)
            name = f"{dtype.replace('>', 'big-')}-{encoded_dtype}"
            codecs = {2: AnscombeTransformV2(0, 2.5, encoded_dtype, dtype)}
            if values.itemsize > 1 or np.dtype(encoded_dtype).itemsize == 1:
                codecs[3] = AnscombeTransformV3(0, 2.5, encoded_dtype)
            for zarr_format, codec in codecs.items():
                array = zarr.create_array(
                    folder / f"{name}-v{zarr_format}.zarr",
                    shape=values.shape,
                    dtype=values.dtype,
                    chunks=(5, 24, 20),
                    filters=[codec],
                    zarr_format=zarr_format,
                )
                array[:20] = values[:20]
    for path in sorted(folder.glob("*.zarr")):
        np.save(path.with_suffix(".npy"), opened(path)[...])


def read(folder: Path) -> None:
    """Assert that all arrays are read as they were where they were written."""
    paths = sorted(folder.glob("*.zarr"))
    for path in paths:
        np.testing.assert_array_equal(opened(path)[...], np.load(path.with_suffix(".npy")), err_msg=path.name)
    for name in LAYOUTS:
        assert describe(folder / f"{name}.zarr").finished, name
    print(f"{len(paths)} arrays are read as they were on the packages that they were written with")
    assert len(paths) > 90


def opened(path: Path) -> zarr.Array:
    """Return an array, or that of an OME-NGFF image."""
    node = zarr.open(path, mode="r")
    return node if isinstance(node, zarr.Array) else node["0"]


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
