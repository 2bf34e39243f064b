"""Threads and processes that all need tables at once which nobody has built yet."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from cold_threads import PAIRS, check_rounds
from processes import TIMEOUT

pytestmark = pytest.mark.slow

THREADS, ROUNDS = 16, 30


def test_threads_with_mixed_parameters_get_codes_of_their_own() -> None:
    assert check_rounds(THREADS, ROUNDS, 0) == 2 * THREADS * ROUNDS * len(PAIRS)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_so_do_those_of_processes_that_begin_meanwhile(method: str) -> None:
    """A child that is forked while a table is built does not wait for it."""
    context = multiprocessing.get_context(method)
    children = 4
    with ThreadPoolExecutor(1) as beside, ProcessPoolExecutor(children, context) as pool:
        busy = beside.submit(check_rounds, THREADS, ROUNDS, 1)
        counts = [pool.submit(check_rounds, THREADS // children, ROUNDS, 2 + child) for child in range(children)]
        for count in counts:
            assert count.result(4 * TIMEOUT) == 2 * THREADS // children * ROUNDS * len(PAIRS)
        busy.result(4 * TIMEOUT)
