"""Times of several pieces of work, taken in turn, and their ratios."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

Times = dict[str, list[float]]

Spread = tuple[float, float, float]
"""The median and the quartiles."""


def timed(function: Callable[[], object], at_least: float = 0) -> Callable[[], float]:
    """Return a function that calls `function` as often as takes `at_least` seconds, and returns the seconds per call.

    How often that is, is found out first, which also warms up.
    """
    function()
    calls = 1
    while _elapsed(function, calls) < at_least:
        calls *= 2
    return lambda: _elapsed(function, calls) / calls


def timed_once(function: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    return _elapsed(function, 1)


def _elapsed(function: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return time.perf_counter() - start


def in_turn(work: Mapping[str, Callable[[], float]], rounds: int) -> Times:
    """Return the seconds that each piece of work says it took, in each of many rounds over all of them."""
    times: Times = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, run in work.items():
            taken = run()
            if number > 0:  # the first round warms up
                times[name].append(taken)
    return times


def spread(values: Sequence[float]) -> Spread:
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def ratio(times: Mapping[str, Sequence[float]], slow: str, fast: str) -> Spread:
    """Return the median, over the rounds, of how much longer `slow` took than `fast`, and the quartiles."""
    return spread([s / f for s, f in zip(times[slow], times[fast], strict=True)])


def seconds(times: Times, name: str) -> float:
    """Return the median."""
    return statistics.median(times[name])
