"""Overwriting: what is there stays whole until its successor is, whenever it ends before."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import zarr
from compressed_movies import GIVEN, MOVIE, is_stored, make_something
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored import contents, memory_url

from anscombe_transform import compress, decompress
from anscombe_transform.storage import replacing
from anscombe_transform.storage.location import Location

OLD = MOVIE[:13]
PROPERTY = settings(max_examples=6, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Stop(BaseException):
    """Ends a run where it is raised, as a kill does."""


@pytest.fixture(params=["folder", "link to a folder", "URL"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "URL":
        return memory_url()
    if request.param == "folder":
        return tmp_path / "movie.zarr"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "movie.zarr").symlink_to(tmp_path / "elsewhere")
    return tmp_path / "movie.zarr"


def successor(output: Any) -> str:
    return Location.parse(output).successor.url


def stop_after(blocks: int) -> Any:
    """Return a progress function that ends the run after some blocks."""
    calls = iter(range(10**6))

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "Writing" and next(calls) == blocks:
            raise Stop

    return progress


@pytest.mark.usefixtures("blocks_of_two_frames")
@given(blocks=st.integers(0, 20), go_on=st.booleans())
@PROPERTY
def test_an_interrupted_overwrite_leaves_the_old_array_and_can_go_on(output: Any, blocks: int, go_on: bool) -> None:
    compress(OLD, output, **GIVEN, overwrite=True)
    before = contents(output)
    with pytest.raises(Stop) as raised:
        compress(MOVIE, output, **GIVEN, chunks=2, overwrite=True, progress=stop_after(blocks))
    assert contents(output) == before
    (note,) = raised.value.__notes__
    assert note.startswith(f"{Location.parse(output).url} is as it was, and {successor(output)} is not finished: ")
    compress(MOVIE, output, **GIVEN, chunks=2, resume=go_on, overwrite=not go_on)
    is_stored(MOVIE, output)
    assert contents(successor(output)) == {}


@pytest.mark.usefixtures("blocks_of_two_frames")
def test_the_bytes_are_those_of_an_array_that_replaces_nothing(output: Any, tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "new" / "movie.zarr", **GIVEN, zarr_format=2)
    compress(OLD, output, **GIVEN)
    compress(MOVIE, output, **GIVEN, zarr_format=2, overwrite=True)
    assert contents(output) == contents(tmp_path / "new" / "movie.zarr")


@pytest.mark.parametrize("step", range(3))
def test_a_kill_while_one_takes_the_place_of_the_other_leaves_both_and_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    output = tmp_path / "movie.zarr"
    compress(OLD, output, **GIVEN)
    before = contents(output)
    compress(MOVIE, tmp_path / "new.zarr", **GIVEN)
    after = contents(tmp_path / "new.zarr")
    rename, steps = Path.rename, iter(range(10))

    def stopping(path: Path, target: Path) -> Any:
        if path.parent == tmp_path and next(steps) == step:
            raise Stop
        return rename(path, target)

    def stopping_too(path: Path) -> None:
        raise Stop

    monkeypatch.setattr(Path, "rename", stopping)
    monkeypatch.setattr(shutil, "rmtree", stopping_too)
    with pytest.raises(Stop):
        compress(MOVIE, output, **GIVEN, overwrite=True)
    monkeypatch.undo()
    left = {path.name: contents(path) for path in tmp_path.iterdir() if path.name != "new.zarr"}
    assert before in left.values()
    assert after in left.values()
    compress(MOVIE, output, **GIVEN, resume=True)
    assert contents(output) == after
    if step == 2:
        with pytest.raises(ValueError, match=r"movie\.zarr\.replaced is left of an interrupted overwrite: delete it"):
            compress(MOVIE, output, **GIVEN, overwrite=True)
    else:
        assert sorted(path.name for path in tmp_path.iterdir()) == ["movie.zarr", "new.zarr"]


def test_a_kill_while_objects_are_copied_leaves_the_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    output = memory_url()
    compress(OLD, output, **GIVEN)
    with monkeypatch.context() as context:
        context.setattr(replacing, "_is_metadata", lambda name: exec("raise Stop", globals()))
        with pytest.raises(Stop):
            compress(MOVIE, output, **GIVEN, overwrite=True)
    is_stored(MOVIE, successor(output))
    with pytest.raises(FileNotFoundError):
        zarr.open(output, mode="r")
    compress(MOVIE, output, **GIVEN, resume=True)
    is_stored(MOVIE, output)
    assert contents(successor(output)) == {}


def test_what_others_have_beside_the_output_is_never_deleted(tmp_path: Path) -> None:
    output, beside = tmp_path / "movie.zarr", tmp_path / "movie.zarr.unfinished"
    compress(OLD, output, **GIVEN)
    for kind in ("array", "folder with files", "file"):
        make_something(kind, beside)
        before = contents(tmp_path)
        with pytest.raises(
            ValueError, match=r"movie\.zarr\.unfinished, where the new array would be written, holds other"
        ):
            compress(MOVIE, output, **GIVEN, overwrite=True)
        assert contents(tmp_path) == before
        shutil.rmtree(beside) if beside.is_dir() else beside.unlink()
    compress(MOVIE, beside, **GIVEN)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="is where the movie is"):
        compress(beside, output, overwrite=True)
    with pytest.raises(ValueError, match="is where the movie is"):
        decompress(beside, output, overwrite=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["analysis/results.csv", ".hidden", "c/notes.txt", "analysis/0.0.0", "group/12", "12.txt"]
)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_files_of_others_in_any_folder_are_an_obstacle(tmp_path: Path, name: str, zarr_format: Any) -> None:
    compress(OLD, tmp_path / "a", **GIVEN, zarr_format=zarr_format)
    (tmp_path / "a" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "a" / name).write_bytes(b"precious")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=f"a also holds {name}, which is not part of a Zarr array"):
        compress(MOVIE, tmp_path / "a", **GIVEN, overwrite=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("options", [{"zarr_format": 2}, {"ome": True}, {"shards": 10, "chunks": 5}], ids=str)
def test_what_this_package_writes_is_no_obstacle(tmp_path: Path, options: dict[str, Any]) -> None:
    compress(OLD, tmp_path / "a", **GIVEN, **options)
    (tmp_path / "a" / ".DS_Store").touch()
    compress(MOVIE, tmp_path / "a", **GIVEN, **options, overwrite=True)
    is_stored(MOVIE, tmp_path / "a")
    assert not (tmp_path / "a" / ".DS_Store").exists()
