"""Many threads that encode and decode with codecs that nobody has used before."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import reference

from anscombe_transform import AnscombeTransformV2

PAIRS = (
    *(("uint8", "int16"), ("int16", "uint16"), ("uint16", "int8"), ("int8", ">i2"), ("int32", "int32")),
    *(("uint8", "uint8"), ("float32", "float32"), ("int16", "float64"), ("uint32", "int64"), ("uint16", ">u2")),
)
"""Dtypes of codes and of arrays."""


def check_rounds(threads: int, rounds: int, seed: int) -> int:
    """Let all threads begin each round at once, with the same codecs in another order; return the calls.

    Raises
    ------
    AssertionError
        If a code is not that of the formula, or a value is not within the bound.
    """
    begin = threading.Barrier(threads, timeout=60)

    def work(thread: int) -> int:
        for turn in range(rounds):
            parameters = float(seed % 97 + turn / 8), 2.5 + turn / 16, 0.5 + (turn % 3) / 4
            begin.wait()
            for place in range(len(PAIRS)):
                check_codec(*PAIRS[(place + thread) % len(PAIRS)], *parameters)
        return 2 * rounds * len(PAIRS)

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(work, range(threads)))


def check_codec(encoded_dtype: Any, decoded_dtype: str, z: float, g: float, beta: float) -> None:
    """Encode and decode what an array of 8 bits holds, from the zero level on."""
    x = np.arange(max(0, int(np.ceil(z))), 128).astype(decoded_dtype)
    codec = AnscombeTransformV2(z, g, encoded_dtype, decoded_dtype, beta, "clamp")
    codes = codec.encode(x)
    expected = reference.unrounded_code(x, z, g, beta)
    if encoded_dtype.startswith("f"):
        np.testing.assert_allclose(codes, expected, rtol=1e-6)
    else:
        info = np.iinfo(encoded_dtype)
        expected = np.rint(expected)
        held = (info.min <= expected) & (expected <= info.max)
        np.testing.assert_array_equal(codes[held], expected[held])
        x, codes = x[held], codes[held]
    decoded = codec.decode(codes).astype("float64")
    bound = reference.largest_error(x, z, g, beta)
    assert (np.abs(decoded - x.astype("float64")) <= bound).all()
