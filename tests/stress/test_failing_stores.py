"""A store of which the n-th operation fails, for every n."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from compressed_movies import GIVEN, MOVIE, make_unfinished
from failing_store import Failure
from stored import contents

from anscombe_transform import compress, decompress, describe

pytestmark = pytest.mark.slow

LAYOUTS: dict[str, dict[str, Any]] = {
    "format 2": {"zarr_format": 2, "chunks": 16},
    "shards": {"chunks": (8, 32, 64), "shards": (16, 64, 64)},
    "an image": {"chunks": 16, "ome": True},
}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> dict[str, Any]:
    return LAYOUTS[request.param]


def is_told_from_a_finished_one(output: Path, expected: dict[str, bytes]) -> None:
    """Assert that an array cannot be opened, or is whole but for the removal of the marker."""
    found = contents(output)
    if found.keys() & {"zarr.json", ".zarray"}:
        assert {key: value for key, value in found.items() if key != "unfinished.json"} == expected
    assert not found or "unfinished.json" in found


class Trial:
    """Work with a failure: call `again` with the next one, until there are no more operations that could fail."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        self._folder = folder
        self._monkeypatch = monkeypatch

    def again(self, prepare: Callable[[Path], object], work: Callable[[Path], object]) -> tuple[Path, bool] | None:
        """Return the output, and whether the work was done in spite of the failure; None if there was none."""
        self.number += 1
        output = self._folder / str(self.number) / "a.zarr"
        output.parent.mkdir()
        prepare(output)
        failure = Failure(self.number)
        with self._monkeypatch.context() as patch:
            failure.install(patch)
            try:
                work(output)
            except OSError:
                done = False
            else:
                done = True
        assert failure.has_come or done
        return (output, done) if failure.has_come else None


def nothing(output: Path) -> None:
    """Leave an output as it is."""


def test_compression_is_never_finished_by_mistake_and_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: dict[str, Any]
) -> None:
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN, **layout)
    expected = contents(tmp_path / "a.zarr")
    trial = Trial(tmp_path, monkeypatch)
    while outcome := trial.again(nothing, lambda output: compress(MOVIE, output, **GIVEN, **layout)):
        output, done = outcome
        if done:
            assert contents(output) == expected
        elif contents(output) != expected:
            is_told_from_a_finished_one(output, expected)
            assert not output.exists() or not describe(output).finished
        compress(MOVIE, output, **GIVEN, **layout, resume=True)
        assert contents(output) == expected
    assert trial.number > 10


def test_resuming_that_fails_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: dict[str, Any]
) -> None:
    compress(MOVIE, tmp_path / "a.zarr", **GIVEN, **layout)
    expected = contents(tmp_path / "a.zarr")

    def interrupted(output: Path) -> None:
        compress(MOVIE, output, **GIVEN, **layout)
        make_unfinished(output)
        damaged = sorted(path for path in output.rglob("*") if path.is_file() and "json" not in path.name)[1]
        if damaged.name not in (".zattrs", ".zarray"):
            damaged.write_bytes(damaged.read_bytes()[:50])

    trial = Trial(tmp_path, monkeypatch)
    while outcome := trial.again(interrupted, lambda output: compress(MOVIE, output, **GIVEN, **layout, resume=True)):
        output, done = outcome
        if done:
            assert contents(output) == expected
        elif contents(output) != expected:
            is_told_from_a_finished_one(output, expected)
            assert not output.exists() or not describe(output).finished
        compress(MOVIE, output, **GIVEN, **layout, resume=True)
        assert contents(output) == expected
    assert trial.number > 10


def test_overwriting_that_fails_leaves_the_old_array_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: dict[str, Any]
) -> None:
    for name, movie in {"old": MOVIE[:20], "new": MOVIE}.items():
        (tmp_path / name).mkdir()
        compress(movie, tmp_path / name / "a.zarr", **GIVEN, **layout)
    old, new = (contents(tmp_path / name / "a.zarr") for name in ("old", "new"))
    trial = Trial(tmp_path, monkeypatch)
    while outcome := trial.again(
        lambda output: compress(MOVIE[:20], output, **GIVEN, **layout),
        lambda output: compress(MOVIE, output, **GIVEN, **layout, overwrite=True),
    ):
        output, done = outcome
        assert contents(output) == new if done else contents(output) in (old, new)
        goes_on: dict[str, Any] = {"resume" if output.with_name("a.zarr.unfinished").exists() else "overwrite": True}
        compress(MOVIE, output, **GIVEN, **layout, **goes_on)
        assert contents(output) == new
        assert [path.name for path in output.parent.iterdir()] == ["a.zarr"]
    assert trial.number > 10


def test_decompression_is_never_finished_by_mistake_and_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: dict[str, Any]
) -> None:
    compress(MOVIE, tmp_path / "compressed.zarr", **GIVEN, **layout)
    decompress(tmp_path / "compressed.zarr", tmp_path / "a.zarr")
    expected = contents(tmp_path / "a.zarr")
    trial = Trial(tmp_path, monkeypatch)
    while outcome := trial.again(nothing, lambda output: decompress(tmp_path / "compressed.zarr", output)):
        output, done = outcome
        if done:
            assert contents(output) == expected
        elif contents(output) != expected:
            is_told_from_a_finished_one(output, expected)
        decompress(tmp_path / "compressed.zarr", output, overwrite=True)
        assert contents(output) == expected
    assert trial.number > 10
