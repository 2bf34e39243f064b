"""Frames that ScanImage dropped: a number is skipped, also where there is one channel and one plane."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import tifffile
from numbered_images import image, numbers_in

from anscombe_transform import open_recording


def write(path: Path, frames: Sequence[int], acquisition: int = 1) -> None:
    """Write a page for each of these frames, of which the first of an acquisition is frame 1."""
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for frame in frames:
            tiff.write(
                image(frame),
                contiguous=False,
                photometric="minisblack",
                metadata=None,
                software="SI.hChannels.channelSave = 1\nSI.hRoiManager.scanFrameRate = 30\nSI.VERSION_MAJOR = 2022",
                description=f"frameNumbers = {frame}\nacquisitionNumbers = {acquisition}\n",
            )


def test_a_frame_that_was_dropped_from_a_single_plane_is_missing(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", [1, 2, 3, 5, 6])
    with pytest.raises(ValueError, match=r"frame 3 of 6 is missing .*: a\.tif lacks frames, as their numbers tell"):
        open_recording(tmp_path / "a.tif")
    assert numbers_in(tmp_path / "a.tif", salvage=True) == [[1, 2, 3, 5, 6]]
    assert numbers_in(tmp_path / "a.tif", frames=slice(0, 3)) == [[1, 2, 3]]
    assert numbers_in(tmp_path / "a.tif", channels=1, planes=1) == [[1, 2, 3, 5, 6]]


def test_frames_of_a_single_plane_follow_each_other_through_files_and_acquisitions(tmp_path: Path) -> None:
    """A recording may begin with any frame."""
    write(tmp_path / "a_00002.tif", [4, 5, 6])
    write(tmp_path / "a_00003.tif", [7, 8])
    assert numbers_in(tmp_path) == [[4, 5, 6, 7, 8]]
    write(tmp_path / "a_00004.tif", [1, 2], acquisition=2)
    assert numbers_in(tmp_path) == [[4, 5, 6, 7, 8, 1, 2]]
    assert open_recording(tmp_path).frame_rate == 30
