"""What the sections of one run share: the settings, and the two packages at work."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from benchmarks.comparison import OURS, PEER, Comparison, compare
from benchmarks.settings import Settings
from benchmarks.worker import Worker

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Packages:
    """A worker with this package, and one with the release 1.0.0."""

    ours: Worker
    peer: Worker
    rounds: int

    def both(
        self, work: Callable[P, Callable[[], T]], *args: P.args, **kwargs: P.kwargs
    ) -> dict[str, Callable[[], Callable[[], T]]]:
        """Return what prepares the work with each of the packages."""
        return {OURS: self.ours.later(work, *args, **kwargs), PEER: self.peer.later(work, *args, **kwargs)}

    def compare(
        self, name: str, contenders: Mapping[str, Callable[[], Callable[[], float]]], pixels: int | None = None
    ) -> Comparison:
        """Have all contenders do the work in turn, and drop what they prepared for it."""
        comparison = compare(name, contenders, self.rounds, pixels)
        self.ours.forget()
        self.peer.forget()
        return comparison


@dataclass(frozen=True)
class Session:
    """One run."""

    settings: Settings
    folder: Path
    """For files that are needed no longer than the run."""
    own: Path
    """The Python of this package."""
    release: Path
    """The Python of the release 1.0.0."""

    @contextmanager
    def packages(self) -> Iterator[Packages]:
        """Yield both packages, and end their workers."""
        with Worker(self.own) as ours, Worker(self.release) as peer:
            yield Packages(ours, peer, self.settings.rounds)
