"""Arrays of predicted codes are read as they were written. `golden/make_golden_predicted.py` made them."""

import itertools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from pipelines import pipeline  # noqa: F401 - each test runs with each pipeline
from prediction_rule import residuals_by_the_rule
from zarr.buffer import default_buffer_prototype

from anscombe_transform import Predictor, encode
from anscombe_transform.transform.prediction import PREDICTED_DTYPES

FOLDER = Path(__file__).parent / "golden" / "predicted"

Array = npt.NDArray[Any]


class Golden(NamedTuple):
    """An array: what was written, what was read at once, the codes and chunks in its store, and that store."""

    array: Any
    store: dict[str, Any]
    input: Array
    read_back: Array
    codes: Array
    predictor: Predictor
    chunks: dict[tuple[int, ...], str]


def goldens(zarr_format: int) -> Iterator[Golden]:
    path = FOLDER / f"zarr{zarr_format}.zip"
    buffer = default_buffer_prototype().buffer
    with zipfile.ZipFile(path) as files:
        store: dict[str, Any] = {name: buffer.from_bytes(files.read(name)) for name in files.namelist()}
    with np.load(path.with_suffix(".npz")) as arrays:
        for name, array in sorted(zarr.open_group(store, mode="r+").arrays()):
            written, read_back = arrays[name]
            filters: Any = array.filters
            *transform, prediction = filters
            codes = padded(array, written)
            for codec in transform:
                parameters = {field: getattr(codec, field) for field in ("zero_level", "conversion_gain", "beta")}
                codes = encode(codes, **parameters, encoded_dtype=codec.encoded_dtype)
            assert name == f"{codes.dtype}-{'movie' if transform else 'codes'}"
            counts = (-(-n // chunk) for n, chunk in zip(array.shape, array.chunks, strict=True))
            places = itertools.product(*map(range, counts))
            form = f"{name}/{{}}.{{}}.{{}}" if zarr_format == 2 else f"{name}/c/{{}}/{{}}/{{}}"
            chunks = {place: form.format(*place) for place in places}
            yield Golden(array, store, written, read_back, codes, prediction.predictor, chunks)


def padded(array: Any, values: Array) -> Array:
    """Return values with the fill value where chunks reach beyond the array."""
    behind = [(0, -size % chunk) for size, chunk in zip(array.shape, array.chunks, strict=True)]
    return np.pad(values, behind, constant_values=array.fill_value)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_there_are_codes_and_a_movie_of_every_dtype(zarr_format: int) -> None:
    """With codes of both ends, a constant frame, and chunks that reach beyond the array."""
    names = []
    for golden in goldens(zarr_format):
        names.append(golden.array.basename)
        assert golden.codes.shape != golden.array.shape
        assert any((frame == frame[0, 0]).all() for frame in golden.input)
        if golden.array.basename.endswith("codes"):
            info = np.iinfo(golden.codes.dtype)
            assert {info.min, info.max} <= set(golden.codes.ravel().tolist())
    assert names == sorted(f"{dtype}-{kind}" for dtype in PREDICTED_DTYPES for kind in ("codes", "movie"))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_they_are_read_as_they_were_at_once(zarr_format: int) -> None:
    for golden in goldens(zarr_format):
        read = np.asarray(golden.array[...])
        assert read.dtype == golden.read_back.dtype
        np.testing.assert_array_equal(read, golden.read_back)
        if golden.array.basename.endswith("codes"):
            np.testing.assert_array_equal(read, golden.input)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_their_chunks_hold_the_residuals_of_the_rule(zarr_format: int) -> None:
    for golden in goldens(zarr_format):
        for place, key in golden.chunks.items():
            region = tuple(slice(i * n, (i + 1) * n) for i, n in zip(place, golden.array.chunks, strict=True))
            residuals = residuals_by_the_rule(golden.codes[region], golden.predictor)
            stored = np.frombuffer(golden.store[key].to_bytes(), f"<u{residuals.itemsize}")
            np.testing.assert_array_equal(stored.reshape(residuals.shape), residuals)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_writing_the_same_gives_the_same_bytes(zarr_format: int) -> None:
    for golden in goldens(zarr_format):
        before = {key: golden.store.pop(key).to_bytes() for key in golden.chunks.values()}
        golden.array[...] = golden.input
        assert {key: golden.store[key].to_bytes() for key in golden.chunks.values()} == before
