"""The kernel that gathers noise, against least-squares fits of quadratic surfaces by NumPy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import other_threads
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anscombe_transform._kernels.noise import gather_noise

STRIP = 512
ROWS = 6
UNUSED = 0xFFFF

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

heights = st.integers(5, 14)
widths = st.one_of(st.integers(5, 40), st.integers(STRIP - 2, STRIP + 12), st.just(2 * STRIP + 7))
dtypes = st.sampled_from(["float32", "float64"])
seeds = st.integers(0, 2**32 - 1)


def weights_of_the_surface() -> Floats:
    """Return what each of 5 by 5 pixels adds to the middle of the quadratic surface that fits them best."""
    y, x = (axis.ravel() for axis in np.mgrid[-2:3, -2:3].astype(np.float64))
    terms = np.stack([np.ones(25), x, y, x * x, x * y, y * y], axis=1)
    return np.asarray((terms @ np.linalg.pinv(terms))[12].reshape(5, 5))


SURFACE = weights_of_the_surface()
RESIDUAL = -SURFACE
RESIDUAL[2, 2] += 1


def weighted_sums(image: Array, weights: Floats) -> Floats:
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.float64), (5, 5))
    return np.asarray((windows * weights).sum(axis=(2, 3)))


@dataclass
class Fitted:
    """What least squares tell of two frames, where 5 by 5 pixels fit, in units of the noise of one frame."""

    surface: Floats
    residual: Floats
    intensity: Floats

    def __init__(self, earlier: Array, later: Array) -> None:
        difference = later.astype(np.float64) - earlier
        self.surface = weighted_sums(difference, SURFACE) / np.sqrt(2 * (SURFACE**2).sum())
        self.residual = weighted_sums(difference, RESIDUAL) / np.sqrt(2 * (RESIDUAL**2).sum())
        self.intensity = weighted_sums(later.astype(np.float64) + earlier, RESIDUAL**2) / (2 * (RESIDUAL**2).sum())


def two_frames(
    random: np.random.Generator, shape: tuple[int, int], dtype: str, levels: int = 4000
) -> tuple[Array, Array]:
    earlier, later = random.integers(0, levels, (2, *shape)).astype(dtype)
    return earlier, later


def empty_sums() -> tuple[Floats, Floats]:
    table = np.zeros((ROWS, 7))
    table[:, 3], table[:, 5] = -np.inf, np.inf
    return table, np.zeros((4, 4))


def nothing_before(shape: tuple[int, int], dtype: str) -> Array:
    """Return the residuals of the last two differences, none of which is known."""
    return np.full((2, max(1, shape[0] // 4), shape[1]), np.nan, dtype)


def everywhere(shape: tuple[int, int], dtype: str) -> tuple[Array, Array]:
    """Return cells and limits with which all pixels are used, for the first row of the table."""
    return np.zeros(shape, np.uint16), np.full(shape, 1e12, dtype)


def expected_table(fitted: Fitted, later: Array, cells: Array, used: npt.NDArray[np.bool_]) -> Floats:
    table, _ = empty_sums()
    values, cells = later[2:-2, 2:-2], cells[2:-2, 2:-2]
    for row in range(ROWS):
        here = used & (cells == row)
        if here.any():
            smallest, largest = values[here].min(), values[here].max()
            table[row] = (
                here.sum(),
                fitted.intensity[here].sum(),
                (fitted.residual[here] ** 2).sum(),
                largest,
                (values[here] == largest).sum(),
                smallest,
                (values[here] == smallest).sum(),
            )
    return table


def expected_pairs(residual: Floats, before: Floats, limits: Array, used: npt.NDArray[np.bool_]) -> Floats:
    """Return the sums over pairs; what `before` has where nothing is known is NaN, and so is a residual not used."""
    residual = np.where(used, residual, np.nan)
    sums = np.zeros((4, 4))

    def add(axis: int, first: float, second: float, of_first: float, of_second: float) -> None:
        if np.isfinite([first, second]).all() and min(of_first, of_second) > 0:
            common = np.array([first * second, (first**2 + second**2) / 2]) / of_first
            own = [first**2 / of_first, second**2 / of_second] if axis < 2 else [0, 0]
            sums[axis] += [*common, *own]

    height, width = residual.shape
    for y in range(1, height):
        if (y + 2) % 4 != 3:
            continue
        for x in range(width):
            add(1, residual[y - 1, x], residual[y, x], limits[y - 1, x], limits[y, x])
            add(2, before[0, y, x], residual[y, x], limits[y, x], limits[y, x])
            add(3, before[1, y, x], residual[y, x], limits[y, x], limits[y, x])
            if x % 2 == 0 and x + 1 < width and (x + 1) % STRIP:
                for row in (y - 1, y):
                    add(0, residual[row, x], residual[row, x + 1], limits[row, x], limits[row, x + 1])
    return sums


@given(seeds, heights, widths, dtypes, st.sampled_from([3, 4000]))
def test_the_sums_are_those_of_least_squares_fits_around_each_used_pixel(
    seed: int, height: int, width: int, dtype: str, levels: int
) -> None:
    random = np.random.default_rng(seed)
    earlier, later = two_frames(random, (height, width), dtype, levels)
    fitted = Fitted(earlier, later)
    cells = random.choice(np.array([*range(ROWS), ROWS, UNUSED], np.uint16), (height, width))
    unlimited, exceeded = random.random((2, *fitted.surface.shape)) < [[[0.3]], [[0.5]]]
    unchanged = np.abs(fitted.surface) < 1e-9
    exceeded &= ~unlimited & ~unchanged
    limits = np.zeros((height, width), dtype)
    limits[2:-2, 2:-2] = fitted.surface**2 * np.where(exceeded, 0.999, 1.001)
    limits[2:-2, 2:-2][unlimited] = np.inf
    limits[2:-2, 2:-2][unchanged] = 1
    used = (cells[2:-2, 2:-2] < ROWS) & ~exceeded

    table, pairs = empty_sums()
    previous = nothing_before((height, width), dtype)
    known = random.random(previous.shape) < 0.7
    previous[known] = random.normal(0, levels, known.sum())
    before = np.full((2, height, width), np.nan)
    before[:, 3 : 4 * (height // 4) : 4, 2:-2] = previous[:, : height // 4, : width - 4]
    last = previous.copy()
    totals = gather_noise(earlier, later, cells, limits, table, pairs, previous)

    accuracy = 2e-5 if dtype == "float32" else 1e-12
    expected = expected_table(fitted, later, cells, used)
    exactly = [0, 3, 4, 5, 6]
    np.testing.assert_array_equal(table[:, exactly], expected[:, exactly])
    rounding = accuracy**2  # all that is there of residuals that happen to be 0
    np.testing.assert_allclose(table[:, 1:3], expected[:, 1:3], rtol=accuracy, atol=rounding)
    np.testing.assert_allclose(totals, table[:, :3].sum(axis=0), rtol=1e-9, atol=rounding)
    expected_sums = expected_pairs(fitted.residual, before[:, 2:-2, 2:-2], limits[2:-2, 2:-2].astype(np.float64), used)
    np.testing.assert_allclose(pairs[:, 1:], expected_sums[:, 1:], rtol=accuracy, atol=rounding)
    np.testing.assert_array_less(np.abs(pairs - expected_sums)[:, 0], accuracy * (expected_sums[:, 1] + 1))
    kept = np.where(used, fitted.residual, np.nan)[1 : height - 4 : 4]
    np.testing.assert_allclose(previous[0, : len(kept), : width - 4], kept, atol=accuracy * levels)
    np.testing.assert_array_equal(previous[1, : len(kept), : width - 4], last[0, : len(kept), : width - 4])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_and_intensity_are_on_one_line(dtype: str) -> None:
    """Also for dark pixels among bright ones."""
    random = np.random.default_rng(0)
    dark = random.random((64, 64)) < 0.2
    table, pairs = empty_sums()
    previous = nothing_before((64, 64), dtype)
    limits = everywhere((64, 64), dtype)[1]
    for _ in range(100):
        earlier, later = random.poisson(np.where(dark, 10, 200), (2, 64, 64)).astype(dtype)
        gather_noise(earlier, later, dark.astype(np.uint16), limits, table, pairs, previous)
    count, intensity, variance = table[:2, :3].T
    np.testing.assert_array_less(count * [0, 10], intensity)
    assert intensity[1] / count[1] < 0.6 * intensity[0] / count[0]
    np.testing.assert_allclose(variance, intensity, rtol=0.03)


@given(seeds, heights, widths, dtypes)
def test_what_changes_as_a_quadratic_surface_is_not_noise(seed: int, height: int, width: int, dtype: str) -> None:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / width
    constant, of_x, of_y, of_xx, of_xy, of_yy = random.uniform(-100, 100, 6)
    change = constant + of_x * x + of_y * y + of_xx * x * x + of_xy * x * y + of_yy * y * y
    earlier = random.integers(0, 4000, (height, width)).astype(dtype)
    later = (earlier + change).astype(dtype)
    table, pairs = empty_sums()
    shape = (height, width)
    gather_noise(earlier, later, *everywhere(shape, dtype), table, pairs, nothing_before(shape, dtype))
    deviation = np.sqrt(table[0, 2] / table[0, 0])
    assert deviation < 100 * np.finfo(dtype).eps * (np.abs(later).max() + np.abs(change).max())


@given(seeds, heights, widths, dtypes)
def test_sums_go_on_from_call_to_call(seed: int, height: int, width: int, dtype: str) -> None:
    random = np.random.default_rng(seed)
    cells = random.integers(0, ROWS, (height, width)).astype(np.uint16)
    _, limits = everywhere((height, width), dtype)
    together, pairs = empty_sums()
    expected, expected_pairs = empty_sums()
    previous = nothing_before((height, width), dtype)
    for levels in (3, 4, 3):
        frames = two_frames(random, (height, width), dtype, levels)
        alone, of_pairs = empty_sums()
        gather_noise(*frames, cells, limits, alone, of_pairs, previous.copy())
        gather_noise(*frames, cells, limits, together, pairs, previous)
        expected[:, :3] += alone[:, :3]
        for extreme, beyond in ((3, np.greater), (5, np.less)):
            hits = np.where(beyond(alone[:, extreme], expected[:, extreme]), 0, expected[:, extreme + 1])
            met = ~beyond(expected[:, extreme], alone[:, extreme])
            expected[:, extreme + 1] = hits + np.where(met, alone[:, extreme + 1], 0)
        expected[:, 3] = np.maximum(expected[:, 3], alone[:, 3])
        expected[:, 5] = np.minimum(expected[:, 5], alone[:, 5])
        expected_pairs += of_pairs
    np.testing.assert_allclose(together, expected, rtol=1e-12)
    np.testing.assert_allclose(pairs, expected_pairs, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(4, 4), (4, 9), (9, 4), (1, 600), (600, 1), (0, 9), (9, 0)])
def test_frames_of_less_than_5_by_5_pixels_add_nothing(shape: tuple[int, int], dtype: str) -> None:
    frames = two_frames(np.random.default_rng(0), shape, dtype)
    table, pairs = empty_sums()
    gather_noise(*frames, *everywhere(shape, dtype), table, pairs, nothing_before(shape, dtype))
    np.testing.assert_array_equal(table, empty_sums()[0])
    np.testing.assert_array_equal(pairs, 0)


@pytest.mark.parametrize("wrong", [(8, 9), (7, 10), (9, 8)])
@pytest.mark.parametrize("argument", ["later", "cells", "limits"])
def test_images_of_another_shape_are_refused_before_anything_is_added(argument: str, wrong: tuple[int, ...]) -> None:
    arguments = given_arguments()
    arguments[argument] = np.zeros(wrong, arguments[argument].dtype)
    refused(arguments)


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        ("table", (ROWS, 6)),
        ("table", (ROWS, 8)),
        ("pairs", (3, 4)),
        ("pairs", (4, 3)),
        ("previous", (1, 2, 10)),
        ("previous", (2, 1, 10)),
        ("previous", (2, 2, 9)),
    ],
)
def test_sums_of_another_shape_are_refused_before_anything_is_added(argument: str, wrong: tuple[int, ...]) -> None:
    arguments = given_arguments()
    arguments[argument] = np.zeros(wrong, arguments[argument].dtype)
    refused(arguments)


def given_arguments() -> dict[str, Array]:
    earlier, later = two_frames(np.random.default_rng(0), (8, 10), "float32")
    cells, limits = everywhere((8, 10), "float32")
    table, pairs = empty_sums()
    return {
        "earlier": earlier,
        "later": later,
        "cells": cells,
        "limits": limits,
        "table": table,
        "pairs": pairs,
        "previous": nothing_before((8, 10), "float32"),
    }


def refused(arguments: dict[str, Array]) -> None:
    before = {name: array.copy() for name, array in arguments.items()}
    with pytest.raises(ValueError, match="shapes of the arguments do not agree"):
        gather_noise(*arguments.values())
    for name, array in arguments.items():
        np.testing.assert_array_equal(array, before[name])


def test_other_threads_run_meanwhile() -> None:
    shape = (256, 256)
    frames = two_frames(np.random.default_rng(0), shape, "float32")
    arguments = (*frames, *everywhere(shape, "float32"), *empty_sums(), nothing_before(shape, "float32"))
    assert other_threads.run_during(lambda: gather_noise(*arguments))
