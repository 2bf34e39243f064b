"""The workbook of the documentation, executed as a reader executes it, in an empty folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference
import tifffile
from fresh_process import read_in_a_fresh_process

from anscombe_transform.simulate import Detector, simulate_movie

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

WORKBOOK = Path(__file__).parents[1] / "docs/examples/workbook.ipynb"


def executed(folder: Path) -> Any:
    """Execute the workbook in a folder; return it with its outputs."""
    workbook = nbformat.read(WORKBOOK, as_version=4)
    nbclient.NotebookClient(workbook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return workbook


def outputs(workbook: Any) -> list[Any]:
    return [output for cell in workbook.cells for output in cell.get("outputs", ())]


def printed(workbook: Any) -> str:
    streams = [output for output in outputs(workbook) if output.output_type == "stream"]
    assert {output.name for output in streams} == {"stdout"}
    return "".join(output.text for output in streams)


def displayed(workbook: Any, kind: str) -> list[Any]:
    return [output.data[kind] for output in outputs(workbook) if kind in output.get("data", {})]


def test_the_workbook_is_stored_without_outputs() -> None:
    workbook = nbformat.read(WORKBOOK, as_version=4)
    nbformat.validate(workbook)
    assert outputs(workbook) == []
    assert all(cell.get("execution_count") is None for cell in workbook.cells)


@pytest.mark.slow
def test_what_the_workbook_shows_of_a_simulated_recording_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANSCOMBE_RECORDING", raising=False)
    (results := tmp_path / "results").mkdir()
    (folder := tmp_path / "workbook").mkdir()
    workbook = executed(folder)
    text = printed(workbook)

    gain = float(re.search(r"Conversion gain +(\S+) ADU per photon", text)[1])  # type: ignore[index]
    zero_level = float(re.search(r"Zero level +(\S+) ADU\n", text)[1])  # type: ignore[index]
    assert gain == pytest.approx(50, rel=0.01)
    assert zero_level == pytest.approx(98, abs=1)

    (read,) = read_in_a_fresh_process(results, folder / "recording.zarr")
    movie = tifffile.imread(folder / "recording.tif")
    assert np.all(np.abs(read.astype("float64") - movie) <= reference.largest_error(movie, zero_level, gain))
    assert "the same as here: True\n" in text
    assert "all within the bound of the format: True\n" in text
    largest, of_noise = re.search(r"largest error +(\S+) noise standard deviations, (\S+) photons", text).groups()  # type: ignore[union-attr]
    assert float(largest) < 0.31
    assert float(of_noise) == pytest.approx(np.abs(read.astype("float64") - movie).max() / gain, abs=0.01)

    assert len(displayed(workbook, "image/png")) == 6
    (table,) = displayed(workbook, "text/markdown")
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    ratios = {beta: [float(ratio) for ratio in row] for beta, _, *row in rows}
    assert list(ratios) == ["0.25", "0.5", "1", "2"]
    assert all(np.all(np.diff(column) > 0) for column in np.transpose(list(ratios.values())))
    size = sum(file.stat().st_size for file in (folder / "recording.zarr").rglob("*") if file.is_file())
    assert ratios["0.5"][0] == pytest.approx(movie.nbytes / size, rel=0.03)


@pytest.mark.slow
def test_the_workbook_takes_the_recording_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "mine.npy", simulate_movie((60, 96, 90), detector=Detector(dtype="uint16")))
    monkeypatch.setenv("ANSCOMBE_RECORDING", str(tmp_path / "mine.npy"))
    text = printed(executed(tmp_path))
    assert text.startswith("mine.npy: 60 frames of 96 by 90 pixels, uint16\n")
    assert "the same as here: True\n" in text
    assert "all within the bound of the format: True\n" in text
