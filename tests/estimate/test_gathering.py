"""What an estimate reads of a movie: blocks of whole chunks, once, or some of the frames."""

import numpy as np
import pytest
from estimates import FRAMES, HEIGHT, MOVIE, WIDTH, Recorder, assert_true, few_examples, make_movie, numbers
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import logarithmic

from anscombe_transform import ParameterEstimate, estimate_parameters
from anscombe_transform.estimate import gathering


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


@pytest.mark.parametrize("chunks", [None, (7, HEIGHT, WIDTH), (150, 16, WIDTH)])
@pytest.mark.parametrize("max_frames", [16, 50, 100, 299])
def test_max_frames_are_read_from_all_parts_of_the_movie(
    max_frames: int, chunks: tuple[int, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """About so many, and never more."""
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
