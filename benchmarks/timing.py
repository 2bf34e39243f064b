"""Times of several pieces of work, taken in turn."""

import statistics
import time
from collections.abc import Callable, Mapping

Times = dict[str, list[float]]


def in_turn(work: Mapping[str, Callable[[], object]], rounds: int, calls: int = 1) -> Times:
    """Return the seconds that a call of each piece of work took, in each of many rounds over all of them."""
    times: Times = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, function in work.items():
            start = time.perf_counter()
            for _ in range(calls):
                function()
            if number > 0:  # the first round warms up
                times[name].append((time.perf_counter() - start) / calls)
    return times


def ratio(times: Times, slow: str, fast: str) -> tuple[float, float, float]:
    """Return the median, over the rounds, of how much longer `slow` took than `fast`, and the quartiles."""
    low, middle, high = statistics.quantiles([s / f for s, f in zip(times[slow], times[fast], strict=True)], n=4)
    return middle, low, high


def seconds(times: Times, name: str) -> float:
    """Return the median."""
    return statistics.median(times[name])
