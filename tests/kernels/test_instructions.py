"""Every instruction set that the processor has gives the same bits."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import CODE_DTYPES, INTEGER_DTYPES, parameters

from anscombe_transform._kernels import anscombe
from anscombe_transform._kernels.dispatch import INSTRUCTION_SETS, use_instructions
from anscombe_transform._kernels.lookup import lookup as lookup_kernel
from anscombe_transform._kernels.squared_errors import squared_errors
from anscombe_transform.transform.parameters import Transform
from anscombe_transform.transform.ranges import held_range
from anscombe_transform.transform.tables import kernel

BASELINE, *OTHERS = INSTRUCTION_SETS
COMPUTED_DTYPES = ("int32", "uint32", "int64", "uint64", "float32", "float64")
WIDE_CODE_DTYPES = ("int32", "uint32", "float32", "float64")
VECTOR, BLOCK = 64, 2048
GUARD = 0xA5

Array = npt.NDArray[Any]


@pytest.fixture(params=INSTRUCTION_SETS)
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    use_instructions(request.param)
    yield request.param
    use_instructions(INSTRUCTION_SETS[-1])


def check_with_all(work: Callable[[], Array]) -> None:
    """Check that `work` returns the same bits with each instruction set."""
    results = {}
    for name in INSTRUCTION_SETS:
        use_instructions(name)
        try:
            results[name] = work()
        finally:
            use_instructions(INSTRUCTION_SETS[-1])
    for name in OTHERS:
        assert results[name].tobytes() == results[BASELINE].tobytes(), name


def table_of(index_bits: int, item_bits: int) -> Array:
    random = np.random.default_rng(item_bits)
    table: Array = random.integers(0, 2**item_bits, 2**index_bits, f"u{item_bits // 8}")
    return table


def lookup(indices: Array, table: Array, out: Array, first: int = 0, span: int | None = None) -> bool:
    find = kernel(lookup_kernel, indices.dtype.name, table.dtype.name)
    return find(indices, table, out, first, table.size - 1 if span is None else span)


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("item_bits", [8, 16, 32, 64])
@pytest.mark.parametrize("index_bits", [8, 16])
def test_all_indices_find_their_items(index_bits: int, item_bits: int) -> None:
    table = table_of(index_bits, item_bits)
    indices = np.random.default_rng(0).permutation(np.arange(1 << 16)).astype(f"u{index_bits // 8}")
    out = np.zeros(indices.size, table.dtype)
    assert lookup(indices, table, out)
    np.testing.assert_array_equal(out, table[indices])


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("item_bits", [8, 16, 32, 64])
@pytest.mark.parametrize("index_bits", [8, 16])
def test_any_length_and_alignment_is_looked_up(index_bits: int, item_bits: int) -> None:
    """Nothing beside the output is written."""
    table = table_of(index_bits, item_bits)
    memory = np.random.default_rng(0).integers(0, table.size, 4 * VECTOR, f"u{index_bits // 8}")
    for length in range(2 * VECTOR + 3):
        for start in range(length % 4, VECTOR, 4):
            indices = memory[start : start + length]
            out_start = 1 + (start + 7 * length) % VECTOR
            out = np.full(4 * VECTOR, GUARD, table.dtype)
            assert lookup(indices, table, out[out_start : out_start + length])
            np.testing.assert_array_equal(out[out_start : out_start + length], table[indices])
            assert (out[:out_start] == GUARD).all()
            assert (out[out_start + length :] == GUARD).all()


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize(("index_bits", "first", "span"), [(8, 250, 20), (16, 65000, 2000), (16, 10, 300)])
def test_one_index_out_of_range_is_noticed_wherever_it_is(index_bits: int, first: int, span: int) -> None:
    table = table_of(index_bits, 8)
    indices = np.random.default_rng(0).integers(first, first + span, 2 * BLOCK + 67, endpoint=True)
    indices = (indices % table.size).astype(f"u{index_bits // 8}")
    out = np.empty(indices.size, table.dtype)
    assert lookup(indices, table, out, first, span)
    np.testing.assert_array_equal(out, table[indices])
    for outside in (first - 1, (first + span + 1) % table.size):
        for position in range(indices.size):
            inside, indices[position] = indices[position], outside
            assert not lookup(indices, table, out, first, span)
            indices[position] = inside


def values_around(transform: Transform, dtype: str, size: int, random: np.random.Generator) -> Array:
    """Return random values of a dtype: photon counts, all its magnitudes, and what is not finite."""
    near = transform.zero_level + transform.conversion_gain * random.normal(20, 30, size)
    if dtype in INTEGER_DTYPES:
        info = np.iinfo(dtype)
        anything = random.integers(info.min, info.max, size, dtype, endpoint=True)
        return np.where(random.random(size) < 0.8, np.clip(near, -(2**31), 2**31 - 1).astype(dtype), anything)
    special = random.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, float(np.finfo(dtype).max), -1e30], size)
    with np.errstate(over="ignore"):
        return np.where(random.random(size) < 0.9, near, special).astype(dtype)


lengths = st.one_of(st.integers(0, 40), st.integers(BLOCK - 20, BLOCK + 20))
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # negative inputs of unsigned dtypes
@given(parameters(), st.sampled_from(COMPUTED_DTYPES), st.sampled_from(CODE_DTYPES), st.booleans(), lengths, seeds)
def test_codes_are_computed_alike(
    p: dict[str, Any], dtype: str, encoded_dtype: Any, clamp: bool, length: int, seed: int
) -> None:
    transform = Transform(**p)
    values = values_around(transform, dtype, length, np.random.default_rng(seed))
    codes = np.zeros(length, encoded_dtype)
    limits = held_range(transform, encoded_dtype)
    encode = kernel(anscombe.encode, dtype, encoded_dtype)

    def work() -> Array:
        codes.fill(0)
        held = encode(values, codes, clamp, *limits, *transform.coefficients)
        return codes.copy() if held else np.array("refused")

    check_with_all(work)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@given(
    parameters(),
    st.sampled_from(WIDE_CODE_DTYPES),
    st.sampled_from((*INTEGER_DTYPES, "float32", "float64")),
    lengths,
    seeds,
)
def test_values_are_computed_alike(
    p: dict[str, Any], encoded_dtype: str, decoded_dtype: str, length: int, seed: int
) -> None:
    transform = Transform(**p)
    codes = values_around(transform, encoded_dtype, length, np.random.default_rng(seed))
    values = np.zeros(length, decoded_dtype)
    decode = kernel(anscombe.decode, encoded_dtype, decoded_dtype)
    largest = float(np.finfo(decoded_dtype).max) if decoded_dtype[0] == "f" else 0.0

    def work() -> Array:
        decode(codes, values, largest, *transform.coefficients)
        return values.copy()

    check_with_all(work)


@given(parameters(), st.sampled_from((*INTEGER_DTYPES, "float32", "float64")), lengths, seeds)
def test_errors_are_summed_alike(p: dict[str, Any], dtype: str, length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    original, decoded = (random.integers(0, 127, length).astype(dtype) for _ in range(2))
    sums = kernel(squared_errors, dtype)
    check_with_all(lambda: np.array(sums(original, decoded, p["zero_level"], p["conversion_gain"])))


def test_an_instruction_set_that_the_processor_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="MMX"):
        use_instructions("MMX")
