"""Arrays of every pair of dtypes that release 2.0.0 wrote are read as they were. `make_golden_2_0_0.py` made them."""

import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from exact import Exact
from pipelines import PIPELINES
from strategies import CODE_DTYPES, INTEGER_CODE_DTYPES, REAL_DTYPES
from zarr.storage import ZipStore

from anscombe_transform import encode

FOLDER = Path(__file__).parent / "golden" / "of_2_0_0"


Array = npt.NDArray[Any]


class Golden(NamedTuple):
    """An array: its parameters, the codes in its chunk, what was written, and what release 2.0.0 read."""

    array: Any
    parameters: dict[str, Any]
    encoded_dtype: str
    out_of_range: Any
    codes: Array
    input: Array
    read_back: Array


def goldens(zarr_format: int) -> Iterator[Golden]:
    path = FOLDER / f"zarr{zarr_format}.zip"
    with zipfile.ZipFile(path) as files, ZipStore(path, mode="r") as store, np.load(path.with_suffix(".npz")) as arrays:
        for name, array in zarr.open_group(store, mode="r").arrays():
            codec: Any = array.filters[0]
            encoded_dtype = codec.encoded_dtype
            assert name.startswith(f"{encoded_dtype}-")
            stored = files.read(f"{name}/0.0" if zarr_format == 2 else f"{name}/c/0/0")
            codes = np.frombuffer(stored, np.dtype(encoded_dtype).newbyteorder("<")).reshape(array.shape)
            parameters = {field: getattr(codec, field) for field in ("zero_level", "conversion_gain", "beta")}
            written, read_back = arrays[name]
            yield Golden(array, parameters, encoded_dtype, codec.out_of_range, codes, written, read_back)


def exact_code(golden: Golden, exact: Exact, x: float) -> Decimal:
    """Return the code of an input, rounded where codes are integers, and clamped as the array says."""
    y = exact.code(x)
    if golden.encoded_dtype.startswith("f"):
        return y
    info = np.iinfo(golden.encoded_dtype)
    rounded = y.to_integral_value("ROUND_HALF_EVEN")
    clamped = min(max(rounded, Decimal(int(info.min))), Decimal(int(info.max)))
    assert golden.out_of_range == "clamp" or clamped == rounded
    return clamped


def exact_value(golden: Golden, exact: Exact, code: float) -> Decimal:
    """Return what a code stands for, rounded and clipped to the dtype of the array."""
    dtype = golden.read_back.dtype
    if golden.encoded_dtype.startswith("f"):
        value = exact.inverse(Decimal(code))
        value = value if dtype.kind == "f" else value.to_integral_value("ROUND_HALF_EVEN")
    elif dtype.kind == "f":
        value = exact.middle(int(code))
    else:
        return Decimal(exact.middle_of_integers(int(code), dtype.name))
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    lowest, highest = (Decimal(float(end) if dtype.kind == "f" else int(end)) for end in (info.min, info.max))
    return min(max(value, lowest), highest)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_there_is_an_array_of_every_pair_of_dtypes(zarr_format: int) -> None:
    """With the byte orders that the format has; Zarr 3.1 cannot read wider codes in arrays of 8 bits of format 3."""
    pairs, settings, betas, orders = set(), set(), set(), set()
    for golden in goldens(zarr_format):
        pairs.add((golden.encoded_dtype, golden.read_back.dtype.name))
        settings.add((golden.encoded_dtype, golden.out_of_range))
        betas.add(golden.parameters["beta"])
        orders.add(golden.array.dtype.byteorder)
    narrow = {(e, d) for e in CODE_DTYPES[2:] for d in ("int8", "uint8")} if zarr_format == 3 else set()
    assert pairs == {(e, d) for e in CODE_DTYPES for d in REAL_DTYPES} - narrow
    assert settings == {(e, out_of_range) for e in CODE_DTYPES for out_of_range in (None, "clamp")}
    assert betas == {0.5, 0.37}
    assert (">" in orders) == (zarr_format == 2)


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_they_are_read_bit_for_bit_as_then(zarr_format: int, pipeline: str) -> None:
    with zarr.config.set({"codec_pipeline.path": pipeline}):
        for golden in goldens(zarr_format):
            read = np.asarray(golden.array[...])
            assert read.dtype.newbyteorder("=") == golden.read_back.dtype
            assert read.astype(golden.read_back.dtype).tobytes() == golden.read_back.tobytes(), golden.array.name


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_writing_the_same_gives_the_codes_bit_for_bit(zarr_format: int) -> None:
    for golden in goldens(zarr_format):
        options = {"encoded_dtype": golden.encoded_dtype, "out_of_range": golden.out_of_range}
        codes = encode(golden.input, **golden.parameters, **options)
        assert codes.astype(golden.codes.dtype).tobytes() == golden.codes.tobytes(), golden.array.name
        if not golden.encoded_dtype.startswith("f"):
            again = encode(golden.read_back, **golden.parameters, **options)
            info = np.iinfo(golden.encoded_dtype)
            inside = (golden.out_of_range is None) | ((info.min < golden.codes) & (golden.codes < info.max))
            np.testing.assert_array_equal(again[inside], golden.codes[inside], golden.array.name)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_what_was_read_then_is_right(zarr_format: int) -> None:
    """By the formulas in 60 digits: integers exactly, floats to their last digits."""
    for golden in goldens(zarr_format):
        exact = Exact(**golden.parameters)
        for x, code, value in set(
            zip(
                golden.input.ravel().tolist(),
                golden.codes.ravel().tolist(),
                golden.read_back.ravel().tolist(),
                strict=True,
            )
        ):
            codes, values = exact_code(golden, exact, x), exact_value(golden, exact, code)
            if golden.encoded_dtype.startswith("f"):
                accuracy = 8 * Decimal(float(np.finfo(golden.encoded_dtype).eps))
                assert abs(Decimal(code) - codes) <= accuracy * (abs(codes) + abs(exact.offset))
            else:
                assert code == codes
            if golden.read_back.dtype.kind == "f":
                accuracy = 8 * Decimal(float(np.finfo(golden.read_back.dtype).eps))
                assert abs(Decimal(value) - values) <= accuracy * (abs(values) + abs(exact.zero_level))
            else:
                # Of large ones, float64 rounds the ends of intervals, and more than 53 bits of the integers.
                rounding = abs(values) * Decimal(2.0**-50) + 1 if abs(values) > 2**40 else 0
                assert abs(value - values) <= rounding


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_they_have_codes_of_the_ends_and_of_no_photons(zarr_format: int) -> None:
    """Where the dtypes of the arrays have inputs for them."""
    found: dict[str, set[float]] = {encoded_dtype: set() for encoded_dtype in CODE_DTYPES}
    for golden in goldens(zarr_format):
        found[golden.encoded_dtype] |= set(golden.codes.ravel().tolist())
        dark = encode(golden.parameters["zero_level"], **golden.parameters, encoded_dtype=golden.encoded_dtype)
        if golden.read_back.dtype.kind != "u" or golden.parameters["zero_level"] >= 0:
            assert dark in golden.codes
    for encoded_dtype in INTEGER_CODE_DTYPES:
        info = np.iinfo(encoded_dtype)
        assert {int(info.min), int(info.max)} <= found[encoded_dtype]
