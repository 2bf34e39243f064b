"""What was measured of one piece of work, as each contender does it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peer import RELEASE
from benchmarks.timing import Spread, in_turn, ratio, spread
from benchmarks.worker import WorkError

OURS, PEER = "this package", RELEASE


@dataclass(frozen=True)
class Comparison:
    """Values by contender and round: seconds, or bytes."""

    name: str
    values: Mapping[str, Sequence[float]]
    unit: str = "s"
    pixels: int | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    """Contenders that cannot do the work, and why."""

    def median(self, contender: str) -> float:
        """Return the median over the rounds."""
        return spread(self.values[contender])[0]

    def nanoseconds_per_pixel(self, contender: str) -> float:
        """Return the median time."""
        assert self.pixels is not None
        return 1e9 * self.median(contender) / self.pixels

    def to(self, other: str, contender: str = OURS) -> Spread | None:
        """Return the speed of a contender to that of another; None if one of them failed."""
        if contender in self.failures or other in self.failures:
            return None
        return ratio(self.values, other, contender)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds of it."""
        contenders = {}
        for name, values in self.values.items():
            median, low, high = spread(values)
            contenders[name] = {"median": median, "quartiles": [low, high], "rounds": list(values)}
        return {"unit": self.unit, "pixels": self.pixels, "contenders": contenders, "failures": dict(self.failures)}


def compare(
    name: str, contenders: Mapping[str, Callable[[], Callable[[], float]]], rounds: int, pixels: int | None = None
) -> Comparison:
    """Prepare the work of all contenders, and have them do it in turn; who cannot prepare it is left out.

    Raises
    ------
    WorkError
        If this package cannot.
    """
    ready, failures = {}, {}
    for contender, prepare in contenders.items():
        try:
            ready[contender] = prepare()
        except WorkError as error:
            if contender == OURS:
                raise
            failures[contender] = str(error)
    return Comparison(name, in_turn(ready, rounds), pixels=pixels, failures=failures)
