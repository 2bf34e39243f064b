"""The kernel that compares decoded values with the originals, against the same sums by NumPy in float64."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import other_threads
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import INTEGER_DTYPES, logarithmic

from anscombe_transform._kernels.squared_errors import squared_errors

DTYPES = (*INTEGER_DTYPES, "float32", "float64")
LANES, BLOCK = 16, 2048

Array = npt.NDArray[Any]

zero_levels = st.one_of(st.sampled_from([0.0, 100.0, -200.5]), st.floats(-3000, 3000))
gains = st.one_of(st.sampled_from([0.5, 2.5, 97.0]), logarithmic(0.1, 1e4))
lengths = st.one_of(
    st.integers(0, 3 * LANES),
    st.tuples(st.sampled_from([BLOCK, 2 * BLOCK, LANES * BLOCK]), st.integers(-LANES - 1, LANES + 1)).map(sum),
)
seeds = st.integers(0, 2**32 - 1)


def expected(original: Array, decoded: Array, zero_level: float, conversion_gain: float) -> tuple[float, float]:
    before, after = original.astype(np.float64), decoded.astype(np.float64)
    photons = np.maximum(0, (before - zero_level) / conversion_gain)
    squares = ((before - after) / conversion_gain) ** 2 / (photons + 3 / 8)
    return float(squares.max(initial=0)), float(squares.sum())


def accuracy(dtype: str, zero_level: float, conversion_gain: float) -> float:
    """Return how far sums may be off: elements of 8 and 16 bits are worked out in float32."""
    if np.dtype(dtype).itemsize > 2:
        return 1e-11
    return 1e-5 + 4 * float(np.finfo("float32").eps) * abs(zero_level) / (3 / 8 * conversion_gain)


def values_and_errors(random: np.random.Generator, dtype: str, n: int) -> tuple[Array, Array]:
    """Return values on both sides of any zero level, and others near them."""
    limits = np.iinfo(dtype) if np.dtype(dtype).kind != "f" else np.finfo(dtype)
    lowest, highest = max(-4000, int(limits.min)), int(min(60_000, limits.max))
    original = random.integers(lowest, highest, n, endpoint=True)
    decoded = np.clip(original + random.integers(-300, 300, n), lowest, highest)
    if np.dtype(dtype).kind == "f":
        return (original + random.random(n)).astype(dtype), (decoded + random.random(n)).astype(dtype)
    return original.astype(dtype), decoded.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@given(seeds, lengths, zero_levels, gains)
@settings(max_examples=30)
def test_largest_and_sum_are_those_of_numpy(dtype: str, seed: int, n: int, zero_level: float, gain: float) -> None:
    original, decoded = values_and_errors(np.random.default_rng(seed), dtype, n)
    found = squared_errors(original, decoded, zero_level, gain)
    np.testing.assert_allclose(
        found, expected(original, decoded, zero_level, gain), rtol=accuracy(dtype, zero_level, gain)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, LANES, LANES + 1, BLOCK, BLOCK + LANES, BLOCK + 5, LANES * BLOCK + 2 * LANES + 7])
def test_no_place_is_left_out_nor_counted_twice(dtype: str, n: int) -> None:
    original = np.full(n, 50, dtype)
    places = {0, n - 1, *range(0, n, 37), *range(max(0, n - 2 * LANES), n)}
    for place in places:
        decoded = original.copy()
        decoded[place] = 53
        largest, total = squared_errors(original, decoded, 10.0, 4.0)
        assert largest == total == pytest.approx(9 / (4 * (40 + 1.5)), rel=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_ends_of_the_dtype_do_not_wrap_around(dtype: str) -> None:
    limits = np.iinfo(dtype) if np.dtype(dtype).kind != "f" else np.iinfo("int32")
    original = np.array([limits.min, limits.max], dtype)
    found = squared_errors(original, original[::-1].copy(), 3.0, 2.0)
    np.testing.assert_allclose(found, expected(original, original[::-1], 3.0, 2.0), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "float32", "float64"])
def test_below_the_zero_level_the_noise_is_that_of_no_photons(dtype: str) -> None:
    original = np.array([-100, -5, 20], dtype)
    decoded = original + np.array([2, -2, 2], dtype)
    largest, total = squared_errors(original, decoded, 20.0, 3.0)
    assert largest == pytest.approx(4 / (9 * 3 / 8))
    assert total == pytest.approx(3 * largest)


@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_values_have_no_error_and_no_values_neither(dtype: str) -> None:
    values, _ = values_and_errors(np.random.default_rng(0), dtype, 3000)
    assert squared_errors(values, values, 5.0, 0.3) == (0.0, 0.0)
    assert squared_errors(values[:0], values[:0], 5.0, 0.3) == (0.0, 0.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [3, LANES, BLOCK + 3])
def test_a_nan_on_either_side_makes_the_sum_nan(dtype: str, n: int) -> None:
    """Equal infinities are no error."""
    for place in {0, n // 2, n - 1}:
        original = np.linspace(0, 100, n).astype(dtype)
        decoded = original + 1
        largest, total = squared_errors(original, decoded, 0.0, 2.0)
        for infinity in (np.inf, -np.inf):
            before, after = original.copy(), decoded.copy()
            before[place] = after[place] = infinity
            found = squared_errors(before, after, 0.0, 2.0)
            others = np.arange(n) != place
            assert found == pytest.approx(squared_errors(original[others], decoded[others], 0.0, 2.0))
            assert found[0] <= largest
            assert found[1] < total
            before[place] = original[place]
            found = squared_errors(before, after, 0.0, 2.0)
            assert found == (math.inf, math.inf)
        for pair in [(np.nan, 1), (1, np.nan), (np.nan, np.nan)]:
            before, after = original.copy(), decoded.copy()
            before[place], after[place] = pair
            assert math.isnan(squared_errors(before, after, 0.0, 2.0)[1])


@pytest.mark.parametrize(("n", "other"), [(0, 1), (1, 0), (16, 17), (2048, 2047)])
def test_arrays_of_other_lengths_are_refused(n: int, other: int) -> None:
    with pytest.raises(ValueError, match=rf"\b{other}\b.*\b{n}\b"):
        squared_errors(np.zeros(n, "int16"), np.zeros(other, "int16"), 0.0, 1.0)


def test_read_only_arrays_are_compared_too() -> None:
    original, decoded = values_and_errors(np.random.default_rng(0), "int16", 100)
    found = squared_errors(original, decoded, 0.0, 1.0)
    original.flags.writeable = decoded.flags.writeable = False
    assert squared_errors(original, decoded, 0.0, 1.0) == found


def test_threads_find_the_same_side_by_side() -> None:
    pairs = [values_and_errors(np.random.default_rng(seed), dtype, 50_000) for seed in range(8) for dtype in DTYPES]
    compare: Callable[[tuple[Array, Array]], Any] = lambda pair: squared_errors(*pair, 100.0, 2.5)  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(compare, pairs)) == [compare(pair) for pair in pairs]


def test_other_threads_run_meanwhile() -> None:
    original, decoded = values_and_errors(np.random.default_rng(0), "int16", 1 << 18)
    assert other_threads.run_during(lambda: squared_errors(original, decoded, 0.0, 1.0))
