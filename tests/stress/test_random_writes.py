"""Random writes, resizes and reopenings of arrays, next to a NumPy array of what should be stored."""

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference
import zarr
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pipelines import pipeline  # noqa: F401 - each test runs with each pipeline
from strategies import CODE_DTYPES, REAL_DTYPES

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3

pytestmark = pytest.mark.slow

Array = npt.NDArray[Any]

LAYOUTS: dict[str, dict[str, Any]] = {
    "format 2": {"zarr_format": 2, "chunks": (4, 3)},
    "format 3": {"zarr_format": 3, "chunks": (4, 3)},
    "shards": {"zarr_format": 3, "chunks": (4, 3), "shards": (8, 6)},
}
LARGEST = (14, 11)


def zarr_writes_chosen_places(layout: dict[str, Any]) -> bool:
    """Return whether Zarr does it in an array without this codec: in shards, Zarr 3.1.3 raises errors of its own."""
    array: Any = zarr.create_array({}, shape=(2, 1), dtype="int16", compressors=None, fill_value=0, **layout)
    try:
        array.oindex[np.array([1, 0]), np.array([0])] = np.array([[5], [6]], "int16")
    except (ValueError, IndexError):
        return False
    return True


sizes = st.tuples(st.integers(1, LARGEST[0]), st.integers(1, LARGEST[1]))
seeds = st.integers(0, 2**32 - 1)


@st.composite
def slices(draw: st.DrawFn, length: int) -> slice:
    """Any part of an axis, with any step."""
    start = draw(st.integers(0, length - 1))
    return slice(start, draw(st.integers(start + 1, length)), draw(st.sampled_from([1, 1, 2, 3])))


class Writes(RuleBasedStateMachine):
    """An array on the disk, and what should be in it."""

    def __init__(self, layout: str, encoded_dtype: str, decoded_dtype: str) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.can_choose = zarr_writes_chosen_places(LAYOUTS[layout])
        self.layout, self.encoded_dtype, self.dtype = LAYOUTS[layout], encoded_dtype, np.dtype(decoded_dtype)
        is_float = encoded_dtype.startswith("f")
        self.codes = np.finfo("float64") if is_float else np.iinfo(encoded_dtype)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @initialize(
        shape=sizes,
        zero_level=st.sampled_from([0.0, 20.0, -3.25]),
        conversion_gain=st.sampled_from([0.5, 2.5, 40.0]),
        beta=st.sampled_from([0.25, 0.5, 1.0]),
        out_of_range=st.sampled_from([None, "clamp"]),
        byte_order=st.sampled_from(["<", ">"]),
    )
    def create(
        self,
        shape: tuple[int, int],
        zero_level: float,
        conversion_gain: float,
        beta: float,
        out_of_range: Any,
        byte_order: Any,
    ) -> None:
        self.parameters, self.out_of_range = (zero_level, conversion_gain, beta), out_of_range
        kind: Any = AnscombeTransformV3
        if self.layout["zarr_format"] == 2:
            kind, self.dtype = AnscombeTransformV2, self.dtype.newbyteorder(byte_order)
        codec = kind(*self.parameters[:2], self.encoded_dtype, self.dtype, beta, out_of_range)
        smallest = max(0, float(self.codes.min), float(reference.code(0, *self.parameters)))
        self.fill = self.stored(reference.decoded(np.array([smallest]), self.dtype, *self.parameters))[0]
        zarr.create_array(
            self.folder / "a",
            shape=shape,
            dtype=self.dtype,
            filters=[codec],
            fill_value=self.dtype.type(self.fill).item(),
            **self.layout,
        )
        self.open_again()
        self.model = np.full(LARGEST, self.fill)
        self.shape = shape

    def has_code(self, x: Array) -> Array:
        code = reference.code(x, *self.parameters)
        return np.asarray((float(self.codes.min) <= code) & (code <= float(self.codes.max)))

    def values(self, seed: int, shape: tuple[int, ...]) -> Array:
        """Return random values, those without a code only if they are clamped."""
        random = np.random.default_rng(seed)
        lowest = 0 if self.dtype.kind == "u" else -40
        x = random.integers(lowest, 120, shape).astype(self.dtype)
        if self.dtype.kind == "f":
            x += random.random(shape).astype(self.dtype)
        return x if self.out_of_range else np.where(self.has_code(x), x, self.dtype.type(self.fill))

    def stored(self, x: Array) -> Array:
        """Return what is read where `x` was written, in float64."""
        if self.encoded_dtype.startswith("f"):
            return np.asarray(x, np.float64)
        codes = np.clip(reference.code(x, *self.parameters), float(self.codes.min), float(self.codes.max))
        return reference.decoded(codes, self.dtype, *self.parameters)

    @rule(data=st.data(), seed=seeds)
    def write_a_region(self, data: st.DataObject, seed: int) -> None:
        region = tuple(data.draw(slices(length)) for length in self.shape)
        shape = np.empty(self.shape)[region].shape
        values = self.values(seed, shape)
        self.array[region] = values
        self.model[: self.shape[0], : self.shape[1]][region] = self.stored(values)

    @precondition(lambda self: self.can_choose)
    @rule(data=st.data(), seed=seeds)
    def write_chosen_places(self, data: st.DataObject, seed: int) -> None:
        axes = tuple(
            data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=5, unique=True)) for n in self.shape
        )
        values = self.values(seed, tuple(map(len, axes)))
        self.array.oindex[tuple(map(np.array, axes))] = values
        self.model[np.ix_(*axes)] = self.stored(values)

    @rule(seed=seeds)
    def write_all(self, seed: int) -> None:
        values = self.values(seed, self.shape)
        self.array[...] = values
        self.model[: self.shape[0], : self.shape[1]] = self.stored(values)

    @rule(data=st.data())
    def write_what_has_no_code(self, data: st.DataObject) -> None:
        """Nothing changes."""
        wrong = np.array([-120, 3e4]).clip(*self.limits()).astype(self.dtype)
        place = tuple(data.draw(st.integers(0, n - 1)) for n in self.shape)
        for x in wrong[~self.has_code(wrong)] if self.out_of_range is None else ():
            with pytest.raises(ValueError, match=r"1 of [0-9]+ values are out of range"):
                self.array[place] = x

    @rule(shape=sizes)
    def resize(self, shape: tuple[int, int]) -> None:
        """In chunks that were cut, Zarr may keep what was there."""
        self.array.resize(shape)
        self.shape = shape
        model = self.model[: shape[0], : shape[1]]
        read = np.asarray(self.array[...], np.float64)
        is_fill = self.alike(read, np.full_like(read, self.fill))
        assert (self.alike(read, model) | is_fill).all()
        np.copyto(model, np.where(self.alike(read, model), model, self.fill))

    @rule(rows=st.integers(1, 5), seed=seeds)
    def append(self, rows: int, seed: int) -> None:
        before = self.shape[0]
        rows = min(rows, LARGEST[0] - before)
        if rows:
            values = self.values(seed, (rows, self.shape[1]))
            self.array.append(values)
            self.shape = (before + rows, self.shape[1])
            self.model[before : self.shape[0], : self.shape[1]] = self.stored(values)

    @rule()
    def open_again(self) -> None:
        self.array: Any = zarr.open_array(self.folder / "a", mode="r+")

    @rule(data=st.data())
    def read_a_region(self, data: st.DataObject) -> None:
        region = tuple(data.draw(slices(length)) for length in self.shape)
        expected = self.model[: self.shape[0], : self.shape[1]][region]
        assert self.alike(np.asarray(self.array[region], np.float64), expected).all()

    @invariant()
    def all_is_there(self) -> None:
        read = self.array[...]
        assert read.dtype == self.dtype
        assert read.shape == self.shape
        assert self.alike(read.astype("float64"), self.model[: self.shape[0], : self.shape[1]]).all()

    def limits(self) -> tuple[float, float]:
        info = np.finfo(self.dtype) if self.dtype.kind == "f" else np.iinfo(self.dtype)
        return float(info.min), float(info.max)

    def alike(self, read: Array, expected: Array) -> Array:
        """Return where integers are equal, and floats as much as their precision, and that of their codes, allows."""
        if self.dtype.kind != "f":
            return np.asarray(read == expected)
        precision = float(np.finfo(self.dtype).eps)
        return np.asarray(np.isclose(read, expected, rtol=2 * precision, atol=1e-4))


@pytest.mark.parametrize("encoded_dtype", CODE_DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_hold_what_was_written_whatever_was_done_to_them(layout: str, encoded_dtype: str) -> None:
    """Of every dtype."""
    effort = settings(max_examples=2, stateful_step_count=12, suppress_health_check=list(HealthCheck))
    for dtype in REAL_DTYPES:
        wide = np.dtype(encoded_dtype).itemsize > 1 and np.dtype(dtype).itemsize == 1
        if not (wide and LAYOUTS[layout]["zarr_format"] == 3):  # which the codec refuses
            machine: Any = partial(Writes, layout, encoded_dtype, dtype)
            run_state_machine_as_test(machine, settings=effort)
