"""What one may give to `estimate_parameters`, what it reads, what it refuses, and what is done with the estimate."""

import itertools
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pytest
import reference
import zarr
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import logarithmic

from anscombe_transform import ParameterEstimate, encode, estimate_parameters
from anscombe_transform.estimate import gathering
from anscombe_transform.estimate.estimation import PhotonTransferCurve
from anscombe_transform.estimate.legacy import compute_conversion_gain
from anscombe_transform.quality import measure_stabilized_noise

Array = npt.NDArray[Any]

FRAMES, HEIGHT, WIDTH = 60, 48, 64
ZERO, GAIN = 100, 5

few_examples = settings(max_examples=10)


def make_movie(shape: tuple[int, int, int] = (FRAMES, HEIGHT, WIDTH), seed: int = 0) -> npt.NDArray[np.int16]:
    """Return a movie of a gradient of light, from 2 photons on the left to 60 on the right."""
    photons = np.random.default_rng(seed).poisson(np.linspace(2, 60, shape[2]), shape)
    return (ZERO + GAIN * photons).astype("int16")


MOVIE = make_movie()
MOVIE.flags.writeable = False


@cache
def estimate_as(dtype: str) -> ParameterEstimate:
    return estimate_parameters(MOVIE.astype(dtype))


@pytest.fixture(scope="module")
def estimate() -> ParameterEstimate:
    return estimate_as("int16")


def numbers(estimate: ParameterEstimate) -> list[float]:
    return [
        estimate.conversion_gain,
        estimate.zero_level,
        estimate.conversion_gain_error,
        estimate.zero_level_error,
        estimate.lowest,
        estimate.highest,
        estimate.frames,
    ]


def assert_same(one: ParameterEstimate, other: ParameterEstimate) -> None:
    """Assert that two estimates differ no more than by what rounding moves a pixel from one bin to the next."""
    assert abs(one.conversion_gain - other.conversion_gain) < 0.1 * other.conversion_gain_error
    assert abs(one.zero_level - other.zero_level) < 0.1 * other.zero_level_error
    assert one.conversion_gain_error == pytest.approx(other.conversion_gain_error, rel=0.1)
    assert one.zero_level_error == pytest.approx(other.zero_level_error, rel=0.1)
    assert (one.lowest, one.highest, one.frames) == (other.lowest, other.highest, other.frames)


def assert_true(estimate: ParameterEstimate, zero_level: float = ZERO, conversion_gain: float = GAIN) -> None:
    """Assert that the estimate is within 5 standard errors of the truth, and that those are not large."""
    assert abs(estimate.conversion_gain - conversion_gain) < 5 * estimate.conversion_gain_error
    assert abs(estimate.zero_level - zero_level) < 5 * estimate.zero_level_error
    assert 0 < estimate.conversion_gain_error < 0.1 * conversion_gain
    assert 0 < estimate.zero_level_error < 2 * conversion_gain


class Recorder:
    """An array that keeps account of what is read from it."""

    def __init__(self, array: Array, chunks: tuple[Any, ...] | None = None) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self.requests: list[tuple[range, range]] = []
        if chunks is not None:
            self.chunks = chunks

    def __getitem__(self, index: Any) -> Array:
        in_time, in_y, *_ = (*(index if isinstance(index, tuple) else (index,)), slice(None))
        frames, height, _ = self.shape
        self.requests.append((range(*in_time.indices(frames)), range(*in_y.indices(height))))
        values: Array = self.array[index]
        return values

    def times_read(self) -> npt.NDArray[np.int64]:
        times = np.zeros(self.shape[:2], np.int64)
        for frames, rows in self.requests:
            times[frames.start : frames.stop, rows.start : rows.stop] += 1
        return times

    def largest_request(self) -> int:
        pixels = max(len(frames) * len(rows) for frames, rows in self.requests) * self.shape[2]
        return int(pixels * self.dtype.itemsize)


def fortran_ordered(movie: Array) -> Array:
    return np.asfortranarray(movie)


def time_last_in_memory(movie: Array) -> Array:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(movie, 0, -1)), -1, 0)


def strided(movie: Array) -> Array:
    frames, height, width = movie.shape
    larger = np.full((2 * frames, 3 * height, width + 9), -1, movie.dtype)
    larger[::2, ::3, 4:-5] = movie
    return larger[::2, ::3, 4:-5]


def reversed_in_memory(movie: Array) -> Array:
    return np.ascontiguousarray(movie[::-1, ::-1, ::-1])[::-1, ::-1, ::-1]


def byte_swapped(movie: Array) -> Array:
    return movie.astype(movie.dtype.newbyteorder())


def read_only(movie: Array) -> Array:
    copy = movie.copy()
    copy.flags.writeable = False
    return copy


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize(
    "laid_out", [fortran_ordered, time_last_in_memory, strided, reversed_in_memory, byte_swapped, read_only]
)
def test_the_estimate_does_not_depend_on_how_the_movie_lies_in_memory(laid_out: Any, dtype: str) -> None:
    movie = MOVIE.astype(dtype)
    given = laid_out(movie)
    assert_same(estimate_parameters(given), estimate_as(dtype))
    np.testing.assert_array_equal(given, movie)


def test_a_file_that_is_mapped_into_memory_gives_the_same_estimate(tmp_path: Path, estimate: ParameterEstimate) -> None:
    np.save(tmp_path / "movie.npy", MOVIE)
    mapped = np.load(tmp_path / "movie.npy", mmap_mode="r")
    assert numbers(estimate_parameters(mapped)) == numbers(estimate)


def test_nested_lists_give_the_same_estimate(estimate: ParameterEstimate) -> None:
    assert_same(estimate_parameters(MOVIE.tolist()), estimate)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"])
def test_the_estimate_does_not_depend_on_the_dtype_of_the_values(dtype: str, estimate: ParameterEstimate) -> None:
    other = estimate_as(dtype)
    assert_same(other, estimate)
    assert other.dtype == dtype


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("chunks", [(1, HEIGHT, WIDTH), (7, 20, WIDTH), (FRAMES, 16, 16), (FRAMES, HEIGHT, WIDTH)])
def test_a_zarr_array_gives_the_same_estimate_whatever_its_chunks(
    zarr_format: Any, chunks: tuple[int, ...], estimate: ParameterEstimate
) -> None:
    array = zarr.create_array({}, shape=MOVIE.shape, chunks=chunks, dtype=MOVIE.dtype, zarr_format=zarr_format)
    array[...] = MOVIE
    assert numbers(estimate_parameters(array)) == numbers(estimate)


@given(
    chunks=st.one_of(st.none(), st.tuples(st.integers(1, FRAMES), st.integers(8, HEIGHT), st.integers(1, WIDTH))),
    block_size=logarithmic(1e4, 1e6).map(int),
)
@example(chunks=(FRAMES - 1, HEIGHT, WIDTH), block_size=300_000)
@few_examples
def test_a_movie_larger_than_memory_is_read_once_in_blocks_of_whole_chunks(
    chunks: tuple[int, int, int] | None, block_size: int
) -> None:
    movie = Recorder(MOVIE, chunks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering, "_BLOCK_SIZE", block_size)
        estimate = estimate_parameters(movie)
    assert_true(estimate)
    assert estimate.frames == FRAMES
    assert (estimate.lowest, estimate.highest) == (float(MOVIE.min()), float(MOVIE.max()))
    np.testing.assert_array_equal(movie.times_read(), 1)
    assert min(len(in_time) for in_time, _ in movie.requests) >= 2
    depth, rows = chunks[:2] if chunks else (1, HEIGHT)
    row = WIDTH * MOVIE.itemsize
    assert movie.largest_request() <= max(4 * block_size, (depth + 2) * rows * row, 3 * HEIGHT * row)
    if depth * HEIGHT * row <= 2 * block_size:
        for in_time, in_y in movie.requests:
            assert in_time.start % depth == 0
            assert in_y.start % rows == 0


def test_chunks_may_be_irregular_as_those_of_dask_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_BLOCK_SIZE", 1 << 15)
    movie = Recorder(MOVIE, ((25, 25, 10), (16, 16, 16), (WIDTH,)))
    assert_true(estimate_parameters(movie))
    np.testing.assert_array_equal(movie.times_read(), 1)
    assert movie.largest_request() < MOVIE.nbytes / 2


@pytest.mark.parametrize("rows", [1, 4])
def test_deep_chunks_of_few_rows_tell_the_noise_too(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_BLOCK_SIZE", 1 << 10)
    movie = Recorder(MOVIE, (FRAMES, rows, WIDTH))
    estimate = estimate_parameters(movie)
    assert_true(estimate)


@given(st.integers(-(10**6), 10**6), st.sampled_from(["int64", "float64"]))
@few_examples
def test_adding_a_constant_moves_the_zero_level_and_nothing_else(constant: int, dtype: str) -> None:
    before = estimate_as(dtype)
    after = estimate_parameters(MOVIE.astype(dtype) + constant)
    assert abs(after.conversion_gain - before.conversion_gain) < 0.1 * before.conversion_gain_error
    assert abs(after.zero_level - before.zero_level - constant) < 0.1 * before.zero_level_error
    assert (after.lowest, after.highest) == (before.lowest + constant, before.highest + constant)


@given(st.one_of(st.integers(2, 1000).map(float), logarithmic(1e-6, 1e6)))
@few_examples
def test_scaling_the_movie_scales_the_estimate(factor: float) -> None:
    before = estimate_as("float64")
    after = estimate_parameters(MOVIE * factor)
    assert abs(after.conversion_gain / factor - before.conversion_gain) < 0.1 * before.conversion_gain_error
    assert abs(after.zero_level / factor - before.zero_level) < 0.1 * before.zero_level_error
    assert after.conversion_gain_error / factor == pytest.approx(before.conversion_gain_error, rel=0.05)


def test_rows_and_columns_are_alike(estimate: ParameterEstimate) -> None:
    transposed = estimate_parameters(MOVIE.transpose(0, 2, 1))
    assert abs(transposed.conversion_gain - estimate.conversion_gain) < 2 * estimate.conversion_gain_error
    assert abs(transposed.zero_level - estimate.zero_level) < 2 * estimate.zero_level_error


def with_value(value: float, frame: int) -> Array:
    movie = MOVIE.astype("float32")
    movie[frame:, 3, 4] = value
    return movie


def uniform(photons: float, shape: tuple[int, int, int]) -> Array:
    return ZERO + GAIN * np.random.default_rng(0).poisson(photons, shape)


@pytest.mark.parametrize(
    ("movie", "message"),
    [
        (MOVIE[0], r"shape \(48, 64\).*three axes, \(time, y, x\)"),
        (MOVIE[None], r"shape \(1, 60, 48, 64\).*three axes.*choose one channel"),
        (np.float64(3), r"shape \(\).*three axes"),
        ([], "three axes"),
        (MOVIE[:1], r"shape \(1, 48, 64\).*give at least 2 frames"),
        (MOVIE[:0], r"shape \(0, 48, 64\), so no values"),
        (MOVIE[:, :4], r"shape \(60, 4, 64\).*frames of at least 5 by 5 pixels"),
        (MOVIE[:, :, :4], r"shape \(60, 48, 4\).*frames of at least 5 by 5 pixels"),
        (MOVIE[:, :0], r"shape \(60, 0, 64\), so no values"),
        (with_value(np.nan, 17), "NaN or infinite values, for example in frame 17: crop them"),
        (with_value(np.inf, 59), "NaN or infinite values, for example in frame 59"),
        (with_value(-np.inf, 0), "NaN or infinite values, for example in frame 0"),
        (np.full((9, 9, 9), 7), "no noise: consecutive frames are the same everywhere; give raw frames"),
        (np.repeat(MOVIE[:1], 9, axis=0), "no noise: consecutive frames are the same everywhere; give raw frames"),
        (uniform(20, (30, 64, 64)), "too little range of brightness.*give more frames, or a scene with dark and"),
        (uniform(20, (30, 12, 12)), "too little range of brightness|bins of intensity.*give more frames"),
        (uniform(20, (2, 64, 64)), "too little range of brightness|bins of intensity.*give more frames"),
        (np.random.default_rng(0).normal(0, 9, (30, 64, 64)), "too little range of brightness"),
        (GAIN * 60 - MOVIE, r"noise that falls with intensity, by [\d.]+ ADU: give raw values"),
        (np.full((30, 64, 64), 65535, "uint16"), "no noise"),
        (MOVIE[:2, :5, :5], "bins of intensity of the 3 that a line needs.*give more frames that"),
        (MOVIE[:, :5, :5], "bins of intensity of the 3 that a line needs|too little range"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_movie_that_tells_nothing_gets_an_error_that_says_what_is_missing(movie: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^movie .*{message}"):
        estimate_parameters(movie)


def test_the_error_names_the_frame_also_when_the_movie_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_BLOCK_SIZE", 1 << 16)
    with pytest.raises(ValueError, match="in frame 41:"):
        estimate_parameters(with_value(np.nan, 41))


def test_an_overexposed_movie_gets_an_error_that_says_so() -> None:
    light = np.linspace(200, 900, WIDTH)
    overexposed = np.random.default_rng(0).poisson(light, MOVIE.shape).clip(0, 202).astype("uint8")
    with pytest.raises(ValueError, match=r"^movie has no pixel that tells.*hot or saturated, at 202 ADU.*less light"):
        estimate_parameters(overexposed)


def test_a_masked_movie_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^movie is masked.*crop it, or give movie\.data"):
        estimate_parameters(np.ma.masked_greater(MOVIE, 300))


@pytest.mark.parametrize("dtype", [bool, "complex64", "complex128", object, "U3", "S3", "datetime64[s]"])
def test_values_that_are_no_real_numbers_are_refused_before_any_is_read(dtype: Any) -> None:
    movie = Recorder(np.zeros((9, 9, 9), dtype))
    name = "Python objects" if dtype is object else re.escape(str(np.dtype(dtype)))
    with pytest.raises(TypeError, match=f"^movie is of {name}, but must be of integers or floats of at most 64 bits"):
        estimate_parameters(movie)
    assert movie.requests == []


@pytest.mark.parametrize("max_frames", [1, 0, -3])
def test_less_than_two_frames_to_read_are_refused(max_frames: int) -> None:
    with pytest.raises(ValueError, match=f"^max_frames must be at least 2, not {max_frames}"):
        estimate_parameters(MOVIE, max_frames=max_frames)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(2, 100), st.integers(5, 15), st.integers(5, 15)),
    brightest=st.sampled_from([0, 2, 20]),
    dtype=st.sampled_from(["int16", "uint8", "float32", "float64"]),
    saturation=st.one_of(st.none(), st.floats(0.5, 1)),
    hot=st.sampled_from([0, 1000]),
)
@settings(max_examples=40)
def test_of_the_smallest_movies_there_is_either_a_finite_estimate_or_a_clear_error(
    seed: int, shape: tuple[int, int, int], brightest: int, dtype: str, saturation: float | None, hot: int
) -> None:
    random = np.random.default_rng(seed)
    movie = 10 + 2 * random.poisson(random.uniform(0, brightest, shape[1:]), shape)
    movie[:, shape[1] // 2, shape[2] // 2] += hot
    largest = np.quantile(movie, saturation) if saturation else 255
    movie = movie.clip(0, largest).astype(dtype)
    try:
        estimate = estimate_parameters(movie)
    except ValueError as error:
        refusal = str(error)
    else:
        assert np.isfinite(numbers(estimate)).all()
        assert estimate.conversion_gain > 0
        return
    assert refusal.startswith("movie ")


@pytest.mark.parametrize("chunks", [None, (7, HEIGHT, WIDTH), (150, 16, WIDTH)])
@pytest.mark.parametrize("max_frames", [16, 50, 100, 299])
def test_max_frames_reads_about_so_many_frames_from_all_parts_of_the_movie(
    max_frames: int, chunks: tuple[int, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_BLOCK_SIZE", 1 << 18)
    frames = 300
    movie = Recorder(make_movie((frames, HEIGHT, WIDTH)), chunks)
    estimate = estimate_parameters(movie, max_frames=max_frames)
    times = movie.times_read()
    assert set(times.ravel()) == {0, 1}
    (read,) = np.nonzero(times.any(axis=1))
    np.testing.assert_array_equal(times.all(axis=1), times.any(axis=1))
    assert estimate.frames == len(read)
    assert 0.8 * max_frames <= len(read) <= max_frames
    assert read[0] == 0
    assert read[-1] == frames - 1
    assert np.diff(read).max() < 0.2 * frames
    assert_true(estimate)


@pytest.mark.parametrize("max_frames", [FRAMES, FRAMES + 1, 10**9, None])
def test_max_frames_of_all_or_more_reads_all(max_frames: int | None, estimate: ParameterEstimate) -> None:
    assert numbers(estimate_parameters(MOVIE, max_frames=max_frames)) == numbers(estimate)


@pytest.mark.parametrize("max_frames", [16, 30, None])
@pytest.mark.parametrize("chunks", [None, (FRAMES, 10, WIDTH)])
def test_progress_counts_the_frames_that_are_read_up_to_their_number(
    chunks: tuple[int, ...] | None, max_frames: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_BLOCK_SIZE", 1 << 15)
    reported: list[tuple[int, int]] = []
    movie = Recorder(MOVIE, chunks)
    estimate = estimate_parameters(
        movie, max_frames=max_frames, progress=lambda done, total: reported.append((done, total))
    )
    done, totals = zip(*reported, strict=True)
    assert set(totals) == {estimate.frames}
    assert list(done) == sorted(done)
    assert done[-1] == estimate.frames
    assert len(reported) == len(movie.requests)
    assert max_frames is not None or done[0] < estimate.frames


def test_the_curve_has_the_bins_that_the_line_was_fitted_to(estimate: ParameterEstimate) -> None:
    curve = estimate.photon_transfer_curve
    assert (np.diff(curve.intensity) > 0).all()
    assert (curve.count > 0).all()
    assert curve.count.sum() <= (FRAMES - 1) * (HEIGHT - 4) * (WIDTH - 4)
    assert curve.count.sum() > 0.9 * (FRAMES - 1) * (HEIGHT - 4) * (WIDTH - 4)
    assert MOVIE.min() <= curve.intensity.min() < curve.intensity.max() <= MOVIE.max()
    expected = GAIN * (curve.intensity - ZERO)
    error = expected * np.sqrt(4 / curve.count)  # residuals share pixels, so they are fewer than they seem
    assert (np.abs(curve.variance - expected)[curve.used] < 5 * error[curve.used]).all()


def test_saturated_bins_are_not_fitted() -> None:
    saturation = ZERO + GAIN * 45
    estimate = estimate_parameters(make_movie((FRAMES, HEIGHT, 128)).clip(max=saturation))
    assert_true(estimate)
    curve = estimate.photon_transfer_curve
    assert curve.used[curve.intensity < ZERO + GAIN * 20].mean() > 0.8
    assert not curve.used[curve.intensity > ZERO + GAIN * 44].any()


def estimate_of(curve: PhotonTransferCurve | None = None, **values: Any) -> ParameterEstimate:
    """Return an estimate that was made up."""
    if curve is None:
        curve = PhotonTransferCurve(np.empty(0), np.empty(0), np.empty(0, np.int64), np.empty(0, np.bool_))
    made_up: dict[str, Any] = {
        "zero_level": 100.0,
        "conversion_gain": 5.0,
        "zero_level_error": 1.0,
        "conversion_gain_error": 0.1,
        "lowest": 90.0,
        "highest": 500.0,
        "dtype": np.dtype("int16"),
        "frames": 2,
    }
    return ParameterEstimate(photon_transfer_curve=curve, **(made_up | values))


SATURATED_CURVE = PhotonTransferCurve(
    intensity=np.array([110.0, 150.0, 200.0, 480.0]),
    variance=np.array([52.0, 249.0, 500.0, 100.0]),
    count=np.array([900, 800, 700, 600]),
    used=np.array([True, True, True, False]),
)


def is_held(x: list[float], encoded_dtype: str, zero_level: float, conversion_gain: float, beta: float) -> bool:
    try:
        encode(x, zero_level=zero_level, conversion_gain=conversion_gain, encoded_dtype=encoded_dtype, beta=beta)
    except ValueError:
        return False
    return True


@given(
    zero_level=st.floats(-1000, 1000),
    conversion_gain=logarithmic(0.1, 1000),
    range_in_photons=st.tuples(st.floats(-9, 2), logarithmic(0.1, 1e6)),
    dtype=st.sampled_from(["int8", "uint8", "int16", ">i2", "uint16", "int32", "float32", "float64"]),
    beta=st.sampled_from([None, 0.25, 1.0]),
    zarr_format=st.sampled_from([2, 3]),
)
def test_the_codec_has_the_narrowest_codes_that_hold_the_movie_with_headroom(
    zero_level: float,
    conversion_gain: float,
    range_in_photons: tuple[float, float],
    dtype: str,
    beta: float | None,
    zarr_format: Any,
) -> None:
    info = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    smallest, largest = float(info.min), float(info.max)
    lowest, highest = sorted(
        min(max(zero_level + conversion_gain * u, smallest), largest) for u in np.cumsum(range_in_photons)
    )
    options = {} if beta is None else {"beta": beta}
    estimate = estimate_of(
        zero_level=zero_level,
        conversion_gain=conversion_gain,
        lowest=lowest,
        highest=highest,
        dtype=np.dtype(dtype),
    )
    codec = estimate.codec(zarr_format, **options)
    noise = float(reference.noise(max(lowest, zero_level), zero_level, conversion_gain))
    above = max(highest, zero_level + 2 * (highest - zero_level))
    needed = [max(smallest, lowest - 3 * noise), min(largest, above)]
    fitting = (
        name
        for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
        if is_held(needed, name, zero_level, conversion_gain, beta or 0.5)
    )
    assert codec.encoded_dtype == next(fitting)
    assert (codec.zero_level, codec.conversion_gain) == (zero_level, conversion_gain)
    assert codec.beta == (beta or 0.5)


@given(logarithmic(0.01, 1000), st.sampled_from(["float32", "float64"]))
def test_codes_become_wider_exactly_where_the_movie_with_headroom_needs_it(gain: float, dtype: str) -> None:
    """Three standard deviations of the noise below, twice the signal above."""
    zero = 5 * gain
    below_0, above_255 = reference.inverse([-0.5, 255.5], zero, gain)
    lowest = below_0 + 3 * reference.noise(zero, zero, gain)
    highest = zero + (above_255 - zero) / 2
    for outside, encoded_dtypes in ((-1e-3, ("uint8", "uint8")), (1e-3, ("int8", "uint16"))):
        ranges = ((lowest - outside * gain, zero + gain), (lowest + gain, highest + outside * gain))
        for (low, high), encoded_dtype in zip(ranges, encoded_dtypes, strict=True):
            estimate = estimate_of(
                zero_level=zero, conversion_gain=gain, lowest=low, highest=high, dtype=np.dtype(dtype)
            )
            assert estimate.codec().encoded_dtype == encoded_dtype


def test_headroom_ends_where_the_dtype_of_the_movie_does() -> None:
    dim: dict[str, Any] = {"zero_level": 86.0, "conversion_gain": 97.0, "lowest": 10.0, "highest": 2000.0}
    assert estimate_of(**dim, dtype=np.dtype("int16")).codec().encoded_dtype == "int8"
    assert estimate_of(**dim, dtype=np.dtype("uint16")).codec().encoded_dtype == "uint8"
    bright: dict[str, Any] = {"zero_level": 0.0, "conversion_gain": 0.07, "lowest": 1.0, "highest": 250.0}
    assert estimate_of(**bright, dtype=np.dtype("uint16")).codec().encoded_dtype == "uint16"
    assert estimate_of(**bright, dtype=np.dtype("uint8")).codec().encoded_dtype == "uint8"


def detected(dtype: str) -> Array:
    """Return a movie with read noise, and with values below its zero level if the dtype has them."""
    random = np.random.default_rng(0)
    zero, gain = (10, 0.8) if dtype in ("int8", "uint8") else (20, 9)
    signal = zero + gain * random.poisson(np.linspace(0, 50, WIDTH), MOVIE.shape) + random.normal(0, gain, MOVIE.shape)
    if np.dtype(dtype).kind == "f":
        return signal.astype(dtype)
    limits = np.iinfo(dtype)
    return signal.round().clip(limits.min, limits.max).astype(dtype)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", ">i2", "uint16", "int32", "float32", "float64"])
def test_the_movie_is_stored_with_the_codec_and_read_back_within_the_bound_of_the_format(dtype: str) -> None:
    movie = detected(dtype)
    estimate = estimate_parameters(movie)
    formats: list[Any] = [2, 3]
    for zarr_format, beta in itertools.product(formats, (0.5, 1.0)):
        codec: Any = estimate.codec(zarr_format, beta=beta)
        array = zarr.create_array(
            {},
            shape=movie.shape,
            chunks=(20, HEIGHT, WIDTH),
            dtype=movie.dtype,
            filters=[codec],
            zarr_format=zarr_format,
        )
        array[...] = movie
        read = np.asarray(array[...])
        assert read.dtype == movie.dtype
        bound = reference.largest_error(movie, estimate.zero_level, estimate.conversion_gain, beta)
        assert (np.abs(read.astype("float64") - movie) <= bound).all()
        assert array.nbytes_stored() < 0.9 * movie.nbytes


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_movies_of_8_bits_get_codes_of_8_bits(dtype: str) -> None:
    estimate = estimate_parameters(detected(dtype))
    assert {np.dtype(estimate.codec(2).encoded_dtype).itemsize, np.dtype(estimate.codec(3).encoded_dtype).itemsize} == {
        1
    }


def test_the_codec_of_zarr_v2_is_for_the_dtype_of_the_movie() -> None:
    for dtype in ("int16", "uint16", ">i2", "float32"):
        codec = estimate_as(dtype).codec(zarr_format=2)
        assert np.dtype(codec.decoded_dtype) == np.dtype(dtype)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_other_parameters_of_the_codec_can_be_given(zarr_format: Any, estimate: ParameterEstimate) -> None:
    codec = estimate.codec(zarr_format, encoded_dtype="int32", beta=0.2, out_of_range="clamp", decoded_dtype="uint16")
    assert codec.encoded_dtype == "int32"
    assert codec.beta == 0.2
    assert codec.out_of_range == "clamp"
    assert codec.decoded_dtype == "uint16"


@pytest.mark.parametrize("zarr_format", [1, 4, "3", None])
def test_there_are_only_codecs_for_zarr_formats_2_and_3(zarr_format: Any, estimate: ParameterEstimate) -> None:
    with pytest.raises(ValueError, match=f"^zarr_format must be 2 or 3, not {zarr_format!r}"):
        estimate.codec(zarr_format)


@pytest.mark.parametrize("wrong", [{"beta": 0}, {"encoded_dtype": "int64"}, {"out_of_range": "wrap"}])
def test_options_that_the_codec_does_not_allow_are_refused(wrong: dict[str, Any], estimate: ParameterEstimate) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name} must be"):
        estimate.codec(**wrong)


@pytest.mark.parametrize("dtype", ["int16", ">i2", "float32"])
def test_as_a_dictionary_it_is_ready_for_json_and_complete(dtype: str) -> None:
    estimate = estimate_as(dtype)
    curve = estimate.photon_transfer_curve
    assert json.loads(json.dumps(estimate.to_dict(), allow_nan=False)) == {
        "conversion_gain": estimate.conversion_gain,
        "conversion_gain_error": estimate.conversion_gain_error,
        "zero_level": estimate.zero_level,
        "zero_level_error": estimate.zero_level_error,
        "encoded_dtype": estimate.codec().encoded_dtype,
        "lowest": MOVIE.min(),
        "highest": MOVIE.max(),
        "dtype": np.dtype(dtype).name,
        "frames": FRAMES,
        "photon_transfer_curve": {
            "intensity": list(curve.intensity),
            "variance": list(curve.variance),
            "count": list(curve.count),
            "used": list(curve.used),
        },
    }


def test_in_a_notebook_it_shows_as_a_table_of_its_values_with_errors(estimate: ParameterEstimate) -> None:
    html = estimate._repr_html_()
    assert html.count("<tr>") == html.count("</tr>") == len(estimate.table())
    gain, zero, *others = re.findall(r"<td>([^<]*)</td>", html)
    for text, value, error in (
        (gain, estimate.conversion_gain, estimate.conversion_gain_error),
        (zero, estimate.zero_level, estimate.zero_level_error),
    ):
        shown_value, shown_error = (float(number) for number in re.findall(r"-?[\d.]+", text))
        assert shown_value == pytest.approx(value, abs=0.05 * error)
        assert shown_error == pytest.approx(error, rel=0.05)
    assert gain.endswith("ADU per photon")
    assert zero.endswith("ADU")
    text = " ".join(others)
    for expected in (f"{MOVIE.min()} to {MOVIE.max()} ADU", "int16", str(FRAMES), estimate.codec().encoded_dtype):
        assert expected in text


@given(st.floats(-1e6, 1e6), logarithmic(1e-9, 1e6))
def test_values_are_shown_with_two_digits_of_their_errors(value: float, error: float) -> None:
    estimate = estimate_of(zero_level=value, zero_level_error=error)
    (text,) = (text for name, text in estimate.table() if name == "Zero level")
    shown_value, shown_error = text.removesuffix(" ADU").split(" ± ")
    assert abs(float(shown_value) - value) <= max(0.5, 0.051 * error)
    assert abs(float(shown_error) - error) <= max(0.5 * (error > 9), 0.051 * error)
    assert len(shown_error.replace(".", "").lstrip("0")) in (2, 3) or error > 9


@pytest.fixture
def figures_in_memory() -> Iterator[None]:
    with mpl.rc_context({"backend": "agg"}):
        yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.mark.usefixtures("figures_in_memory")
def test_it_is_drawn_on_the_axes_that_are_given_or_on_new_ones() -> None:
    from matplotlib import pyplot

    curve = SATURATED_CURVE
    estimate = estimate_of(curve)
    figure, (left, right) = pyplot.subplots(1, 2)
    assert estimate.plot(right) is right
    assert not left.has_data()
    used, others, line = (np.array(drawn.get_xydata()) for drawn in right.get_lines())
    points = np.stack([curve.intensity, curve.variance], axis=1)
    np.testing.assert_array_equal(used, points[curve.used])
    np.testing.assert_array_equal(others, points[~curve.used])
    (start, start_variance), (end, end_variance) = line
    assert start == pytest.approx(estimate.zero_level)
    assert start_variance == 0
    assert end_variance / (end - start) == pytest.approx(estimate.conversion_gain)
    assert "ADU" in right.get_xlabel()
    assert "ADU²" in right.get_ylabel()
    assert pyplot.gcf() is figure
    new = estimate.plot()
    assert new.has_data()
    assert pyplot.gcf() is new.figure is not figure


def test_code_for_1_0_0_finds_the_names_that_it_knows(
    estimate: ParameterEstimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compute_conversion_gain(MOVIE)
    assert found["conversion_gain"] == estimate.conversion_gain
    assert found["zero_level"] == estimate.zero_level
    made_up = estimate_of(SATURATED_CURVE)
    monkeypatch.setattr("anscombe_transform.estimate.legacy.estimate_parameters", lambda movie: made_up)
    assert {name: np.asarray(value).tolist() for name, value in compute_conversion_gain(MOVIE).items()} == {
        "conversion_gain": made_up.conversion_gain,
        "zero_level": made_up.zero_level,
        "min_intensity": 110.0,
        "max_intensity": 200.0,
        "intensity": [110.0, 150.0, 200.0],
        "variance": [52.0, 249.0, 500.0],
        "counts": [900, 800, 700],
    }


def test_code_for_1_0_0_is_warned_that_its_weights_have_no_effect(estimate: ParameterEstimate) -> None:
    with pytest.warns(UserWarning, match=r"^count_weight_gamma=0.5 has no effect") as caught:
        found = compute_conversion_gain(MOVIE, 0.5)
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]
    assert found["conversion_gain"] == estimate.conversion_gain


BRIGHT = (30.0, 300.0)
"""Photons in the movies whose noise is measured after the transform."""


@pytest.fixture(scope="module")
def bright_movie() -> Array:
    photons = np.random.default_rng(0).poisson(np.linspace(*BRIGHT, 96), (100, 64, 96))
    return (ZERO + GAIN * photons).astype("float32")


@pytest.mark.parametrize(
    ("zero_level", "conversion_gain"), [(ZERO, GAIN), (ZERO, 2 * GAIN), (ZERO, GAIN / 3), (20, GAIN), (180, GAIN)]
)
def test_noise_after_the_transform_is_1_for_the_right_parameters_and_for_others_what_theory_says(
    bright_movie: Array, zero_level: float, conversion_gain: float
) -> None:
    intensity, noise = measure_stabilized_noise(
        bright_movie, zero_level=zero_level, conversion_gain=conversion_gain, bins=6
    )
    assert len(intensity) == 6
    assert ZERO + GAIN * BRIGHT[0] < intensity[0] < intensity[-1] < ZERO + GAIN * BRIGHT[1]
    noise_before = np.sqrt(GAIN * (intensity - ZERO))
    slope = 1 / reference.noise(intensity, zero_level, conversion_gain)
    np.testing.assert_allclose(noise, noise_before * slope, rtol=0.03)
    if (zero_level, conversion_gain) == (ZERO, GAIN):
        np.testing.assert_allclose(noise, 1, rtol=0.02)


@pytest.mark.parametrize("filling", [0, -1000, 30_000])
def test_margins_that_registration_filled_do_not_count(filling: int, estimate: ParameterEstimate) -> None:
    movie = MOVIE.copy()
    movie[:, :, :10] = movie[:, -7:] = filling
    assert_true(estimate_parameters(movie))


def test_frames_before_the_shutter_opens_do_not_count() -> None:
    movie = np.concatenate([np.full((20, HEIGHT, WIDTH), ZERO), MOVIE])
    assert_true(estimate_parameters(movie))


@pytest.mark.parametrize("times", [2, 3])
def test_repeated_frames_do_not_count(times: int, estimate: ParameterEstimate) -> None:
    repeated = estimate_parameters(np.repeat(MOVIE, times, axis=0))
    assert abs(repeated.conversion_gain - GAIN) < 3 * estimate.conversion_gain_error


def test_a_jump_of_the_scene_does_not_count() -> None:
    movie = MOVIE.copy()
    for frame in range(15, len(movie), 15):
        movie[frame:] = np.roll(movie[frame:], 9, axis=2)
    assert_true(estimate_parameters(movie))


def test_what_neighboring_pixels_share_of_their_noise_is_counted() -> None:
    light = np.linspace(2, 60, 128)
    photons = np.random.default_rng(0).poisson(light, (200, 64, 128))
    smeared = 0.8 * photons + 0.2 * np.roll(photons, 1, axis=2)
    estimate = estimate_parameters(smeared[:, :, 8:-8])
    assert estimate.conversion_gain == pytest.approx(0.8**2 + 0.2**2, rel=0.02)


def stars() -> Array:
    random = np.random.default_rng(4)
    y, x = np.mgrid[:128, :128]
    light = np.zeros((128, 128))
    for star_y, star_x, peak in random.uniform((5, 5, 20), (123, 123, 800), (60, 3)):
        light += peak * np.exp(-((y - star_y) ** 2 + (x - star_x) ** 2) / 8)
    return light


def bright_row() -> Array:
    light = np.full((128, 128), 3.0)
    light[60] = 500
    return light


@pytest.mark.parametrize("light", [stars(), bright_row()], ids=["stars on black", "a bright row"])
def test_brightness_that_varies_within_a_few_pixels_does_no_harm(light: Array) -> None:
    estimates = [
        estimate_parameters(ZERO + GAIN * np.random.default_rng(seed).poisson(light, (100, 128, 128)))
        for seed in range(4)
    ]
    gains = np.array([estimate.conversion_gain for estimate in estimates])
    error = np.mean([estimate.conversion_gain_error for estimate in estimates])
    assert abs(gains.mean() - GAIN) < 2 * error
    assert abs(gains.mean() - GAIN) < 0.015 * GAIN
    assert max(abs(estimate.zero_level - ZERO) for estimate in estimates) < 0.3 * GAIN


def test_too_few_tiles_to_tell_errors_are_refused() -> None:
    light = np.linspace(2, 60, 8) * np.ones((500, 5, 1))
    movie = ZERO + GAIN * np.random.default_rng(0).poisson(light)[:, :, :7]
    with pytest.raises(ValueError, match=r"^movie has samples in 3 tiles of the image, and standard errors need 4"):
        estimate_parameters(movie)
