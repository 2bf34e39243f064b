"""Prairie View: its XML file tells which page of which file each image is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numbered_images import numbers_in, write_numbered

from anscombe_transform import open_recording

TIMED, VOLUME = "TSeries Timed Element", "TSeries ZSeries Element"


def write_scan(
    folder: Path,
    sequences: list[tuple[str, int]],
    *,
    pages: bool = False,
    bidirectional: bool = False,
    period: float = 0.05,
) -> dict[tuple[int, int, int], str]:
    """Write the images of two channels, and return the name of the file of each sequence, frame and channel."""
    folder.mkdir()
    names, text = {}, ""
    for k, (kind, count) in enumerate(sequences):
        frames = ""
        for i in range(count):
            files = ""
            for c in (1, 2):
                names[k, i, c] = name = f"{folder.name}_Cycle{k + 1:05d}_Ch{c}_{1 if pages else i + 1:06d}.ome.tif"
                files += f'<File channel="{c}" channelName="{["Red", "Green"][c - 1]}" page="{i + 1 if pages else 1}" '
                files += f'filename="{name}"/>'
                if not pages:
                    write_numbered(folder / name, 1000 * c + 100 * k + i)
            frames += (
                f'<Frame relativeTime="{i * period}" absoluteTime="{k + i * period + 0.3}" index="{i + 1}">{files}'
                '<PVStateShard><PVStateValue key="framePeriod" value="9"/></PVStateShard></Frame>'
            )
        text += f'<Sequence type="{kind}" cycle="{k + 1}" bidirectionalZ="{bidirectional}">{frames}</Sequence>'
        if pages:
            for c in (1, 2):
                write_numbered(folder / names[k, 0, c], [1000 * c + 100 * k + i for i in range(count)])
    sizes = "".join(
        f'<IndexedValue index="{axis}Axis" value="{size}"/>' for axis, size in zip("XYZ", (1, 2, 5), strict=True)
    )
    (folder / f"{folder.name}.xml").write_text(
        f'<?xml version="1.0"?><PVScan version="5.5"><PVStateShard><PVStateValue key="framePeriod" value="0.04"/>'
        f'<PVStateValue key="micronsPerPixel">{sizes}</PVStateValue></PVStateShard>{text}</PVScan>'
    )
    (folder / "Config.xml").write_text("<Config/>")
    return names


@pytest.mark.parametrize("pages", [False, True])
def test_frames_of_a_time_series_follow_each_other(tmp_path: Path, pages: bool) -> None:
    names = write_scan(tmp_path / "TS", [(TIMED, 4), (TIMED, 3)], pages=pages)
    expected = [[1000 * c + i for i in (0, 1, 2, 3, 100, 101, 102)] for c in (1, 2)]
    for path in (tmp_path / "TS", tmp_path / "TS" / names[0, 2, 2]):
        assert numbers_in(path) == expected
    recording = open_recording(tmp_path / "TS")
    assert recording.channels == ("Red", "Green")
    assert recording.frame_rate == pytest.approx(20)
    assert recording.pixel_size == (2, 1)
    assert recording.z_step is None
    assert numbers_in(f"{tmp_path}/TS/*Ch2*") == expected[1:]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_each_sequence_of_planes_is_a_frame(tmp_path: Path, bidirectional: bool) -> None:
    """Every other one is in the reverse order if the focus moves up and down; the last one is not whole."""
    write_scan(tmp_path / "TS", [(VOLUME, 3), (VOLUME, 3), (VOLUME, 3), (VOLUME, 2)], bidirectional=bidirectional)
    frames = np.arange(3)[:, None] * 100 + np.arange(3)
    if bidirectional:
        frames[1] = frames[1, ::-1]
    np.testing.assert_array_equal(numbers_in(tmp_path / "TS"), [frames + 1000, frames + 2000])
    recording = open_recording(tmp_path / "TS")
    assert recording.frame_rate == pytest.approx(1)
    assert recording.z_step == 5
    assert "the last frame, of which 4 of 6 images were recorded" in recording.notes[0]


def test_a_file_that_is_gone_is_missing(tmp_path: Path) -> None:
    names = write_scan(tmp_path / "TS", [(TIMED, 5)])
    (tmp_path / "TS" / names[0, 2, 1]).unlink()
    with pytest.raises(ValueError, match=r"frame 2 of 5 .*Ch1_000003\.ome\.tif is not there; .*missing of channel=1"):
        open_recording(tmp_path / "TS")
    assert numbers_in(tmp_path / "TS", channel="Green") == [[2000, 2001, 2002, 2003, 2004]]
    assert numbers_in(tmp_path / "TS", salvage=True) == [[1000, 1001, 1003, 1004], [2000, 2001, 2003, 2004]]


def test_frames_without_times_have_the_rate_of_the_settings(tmp_path: Path) -> None:
    write_scan(tmp_path / "TS", [(TIMED, 2)], period=0)
    assert open_recording(tmp_path / "TS").frame_rate == pytest.approx(25)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace(VOLUME, TIMED, 1), "tells of sequences that are volumes and of others that are not"),
        (lambda text: text[:-20], r"TS\.xml cannot be read, and tells what the files are"),
    ],
)
def test_what_cannot_be_understood_is_an_error(tmp_path: Path, change: Any, message: str) -> None:
    write_scan(tmp_path / "TS", [(VOLUME, 3), (VOLUME, 3)])
    path = tmp_path / "TS" / "TS.xml"
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path / "TS")
