"""ScanImage: pages are sorted by time, plane and channel as they were acquired, or not at all."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from anscombe_transform.movies.opening import open_recording

Array = npt.NDArray[Any]


class Page(NamedTuple):
    """What a page is, and the number of its frame in the acquisition, from 1 on."""

    time: int
    plane: int
    channel: int
    frame: int


def acquired(volumes: int, planes: int, repeats: int, flyback: int, channels: int) -> Iterator[Page]:
    """Yield pages in the order in which a microscope acquires them; those of the flyback have the plane -1."""
    frame = 0
    for volume in range(volumes):
        for plane, repeat in product(range(planes), range(repeats)):
            frame += 1
            for channel in range(channels):
                yield Page(volume * repeats + repeat, plane, channel, frame)
        for _ in range(flyback):
            frame += 1
            for channel in range(channels):
                yield Page(volume, -1, channel, frame)


def header(planes: int = 1, repeats: int = 1, flyback: int = 0, channels: int = 1, **more: Any) -> str:
    settings = {
        "hChannels.channelSave": f"[{';'.join(map(str, range(1, channels + 1)))}]",
        "hChannels.channelName": "{'green';'red';'blue';'far red'}",
        "hRoiManager.scanFrameRate": 30,
        "hStackManager.enable": "true" if planes > 1 else "false",
        "hStackManager.framesPerSlice": repeats,
        "hStackManager.numSlices": planes,
        "hStackManager.numVolumes": 100_000,
        "hStackManager.numFramesPerVolume": planes * repeats,
        "hStackManager.numFramesPerVolumeWithFlyback": planes * repeats + flyback,
    }
    return "\n".join(f"SI.{name} = {value}" for name, value in (settings | more).items())


def value(page: Page) -> int:
    return 1000 * page.plane + 100 * page.channel + page.time


def write(path: Path, pages: Sequence[Page], software: str, *, numbered: bool = True, acquisition: int = 1) -> None:
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for page in pages:
            description = f"frameNumbers = {page.frame}\nacquisitionNumbers = {acquisition}\n" if numbered else None
            image = np.full((4, 6), value(page), "int16")
            options: dict[str, Any] = {"contiguous": False, "photometric": "minisblack", "metadata": None}
            tiff.write(image, description=description, software=software, **options)


def corner(path: Any, **options: Any) -> Array:
    """Return the first pixel of each image, along channel, time and plane."""
    recording = open_recording(path, **options)
    return np.stack([movie[..., 0, 0].reshape(len(movie), -1) for movie in recording])


@given(data=st.data(), numbered=st.booleans())
@settings(max_examples=60, derandomize=True)
def test_each_page_is_found_at_its_time_plane_and_channel(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, numbered: bool
) -> None:
    """Also where files are cut within volumes, and the last volume is not whole."""
    channels, planes, repeats = (data.draw(st.integers(1, most)) for most in (3, 4, 3))
    repeats = repeats if planes > 1 else 1
    flyback = data.draw(st.integers(0, 2)) if planes > 1 else 0
    volumes = data.draw(st.integers(2, 4))
    pages = list(acquired(volumes + 1, planes, repeats, flyback, channels))
    a_volume = len(pages) // (volumes + 1)
    begun = channels * data.draw(st.integers(0, planes * repeats - 1)) if numbered or not flyback else 0
    pages = pages[: volumes * a_volume + begun]
    ends = sorted({*data.draw(st.lists(st.integers(1, len(pages) - 1), max_size=3)), len(pages)})
    folder = tmp_path_factory.mktemp("scan")
    for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False), 1):
        software = header(planes, repeats, flyback, channels)
        write(folder / f"scan_00001_{number:05d}.tif", pages[start:end], software, numbered=numbered)
    expected = [
        [[value(Page(time, plane, channel, 0)) for plane in range(planes)] for time in range(volumes * repeats)]
        for channel in range(channels)
    ]
    np.testing.assert_array_equal(corner(folder), expected)


SOME = [*acquired(4, 3, 1, 0, 2)]


def planes_of(volumes: int, channel: int = 0) -> list[list[int]]:
    return [[value(Page(time, plane, channel, 0)) for plane in range(3)] for time in range(volumes)]


def test_the_settings_name_channels_and_planes(tmp_path: Path) -> None:
    more: dict[str, Any] = {
        "hStackManager.stackZStepSize": -7,
        "hRoiManager.imagingFovUm": "[-24 -10;24 -10;24 10;-24 10]",
    }
    write(tmp_path / "a.tif", SOME, header(3, channels=2, **more))
    recording = open_recording(tmp_path / "a.tif")
    assert (recording.channels, recording.frame_rate, recording.z_step) == (("green", "red"), 10, 7)
    assert recording.pixel_size == (5, 8)
    saved: dict[str, Any] = {"hChannels.channelSave": "[1;4]"}
    write(tmp_path / "b.tif", SOME, header(3, channels=2, **saved))
    assert open_recording(tmp_path / "b.tif").channels == ("green", "far red")
    degrees: dict[str, Any] = {"objectiveResolution": 15, "hRoiManager.imagingFovDeg": "[-2 -1;2 -1;2 1;-2 1]"}
    write(tmp_path / "c.tif", SOME, header(3, channels=2, **degrees))
    assert open_recording(tmp_path / "c.tif").pixel_size == (7.5, 10)


@pytest.mark.parametrize(
    ("more", "rate"),
    [
        ({"hRoiManager.scanVolumeRate": 9}, 9),
        ({"hRoiManager.scanVolumeRate": 30}, 10),
        ({"hStackManager.numFramesPerVolumeWithFlyback": 5, "hRoiManager.scanVolumeRate": 6}, 6),
        ({"hStackManager.numFramesPerVolumeWithFlyback": 5}, 6),
        ({"hStackManager.actualNumSlices": 3, "hStackManager.numSlices": 11}, 10),
        ({"hStackManager.numSlices": 11}, 10),
    ],
    ids=str,
)
def test_the_frame_rate_is_that_of_a_plane(tmp_path: Path, more: dict[str, Any], rate: float) -> None:
    """Volumes are slower than frames; numbers of slices may be left from another recording."""
    flyback = 2 if more.get("hStackManager.numFramesPerVolumeWithFlyback") == 5 else 0
    write(tmp_path / "a.tif", [*acquired(4, 3, 1, flyback, 2)], header(3, channels=2, **more))
    assert open_recording(tmp_path / "a.tif").frame_rate == rate
    assert corner(tmp_path / "a.tif").tolist() == [planes_of(4), planes_of(4, 1)]


def test_pages_may_be_averages_of_frames(tmp_path: Path) -> None:
    averaged: dict[str, Any] = {"hScan2D.logAverageFactor": 5}
    pages = [page._replace(frame=5 * page.frame) for page in acquired(9, 1, 1, 0, 2)]
    write(tmp_path / "movie.tif", pages, header(channels=2, **averaged))
    assert open_recording(tmp_path / "movie.tif").frame_rate == 6
    assert corner(tmp_path / "movie.tif")[1, :, 0].tolist() == [*range(100, 109)]
    pages = [page._replace(frame=5 * page.frame) for page in acquired(2, 3, 4, 0, 1)]
    write(tmp_path / "slow.tif", pages, header(3, 20, **averaged))
    assert open_recording(tmp_path / "slow.tif").frame_rate == 6
    assert corner(tmp_path / "slow.tif").shape == (1, 8, 3)


def test_of_a_slow_stack_that_was_aborted_whole_planes_are_reached(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", [*acquired(1, 5, 10, 0, 1)][:35], header(5, 10))
    with pytest.raises(ValueError, match=r"a\.tif ends before its volume is whole; nothing is missing of plane=0"):
        open_recording(tmp_path / "a.tif")
    assert corner(tmp_path / "a.tif", plane=2)[0, :, 0].tolist() == [*range(2000, 2010)]
    with pytest.raises(ValueError, match=r"give frames=slice\(0, 5\)"):
        open_recording(tmp_path / "a.tif", plane=3)


def test_runs_of_a_plane_are_noted(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", [*acquired(2, 3, 4, 1, 1)], header(3, 4, 1))
    assert open_recording(tmp_path / "a.tif").notes == (
        "Left out: 1 of 13 frames of each volume, in which the focus flies back",
        "Each plane was recorded in 2 runs of 4 frames",
    )


@pytest.mark.parametrize("frame", [lambda i: 1, lambda i: 10_000 * i, lambda i: 5 * (i % 2)])
def test_numbers_of_frames_that_make_no_sense_are_left_aside(tmp_path: Path, frame: Any) -> None:
    pages = [page._replace(frame=frame(i // 2)) for i, page in enumerate(SOME)]
    write(tmp_path / "a.tif", pages, header(3, channels=2))
    assert corner(tmp_path / "a.tif").tolist() == [planes_of(4), planes_of(4, 1)]


def test_a_frame_that_was_dropped_is_missing(tmp_path: Path) -> None:
    """The planes of the others are told by their numbers."""
    write(tmp_path / "a.tif", [page for page in SOME if page.frame != 8], header(3, channels=2))
    with pytest.raises(ValueError, match=r"frame 2 of 4 .*a\.tif lacks frames, as their numbers tell; .*plane=0"):
        open_recording(tmp_path / "a.tif")
    assert corner(tmp_path / "a.tif", salvage=True)[0].tolist() == [planes_of(4)[i] for i in (0, 1, 3)]


def test_acquisitions_that_were_aborted_follow_each_other_in_whole_volumes(tmp_path: Path) -> None:
    for number, count in ((1, 16), (2, 14), (3, 24)):
        write(tmp_path / f"trial_{number:05d}.tif", SOME[:count], header(3, channels=2), acquisition=number)
    assert corner(tmp_path)[1].tolist() == planes_of(2, 1) + planes_of(2, 1) + planes_of(4, 1)
    assert "6 pages of volumes that are cut off" in open_recording(tmp_path).notes[0]


def test_a_file_of_an_acquisition_begins_where_its_numbers_tell(tmp_path: Path) -> None:
    """In the middle of a volume, whose planes before are in the file before."""
    pages = [*acquired(6, 3, 1, 0, 2)]
    for number, start, end in ((1, 0, 8), (2, 8, 14), (3, 14, 36)):
        write(tmp_path / f"a_00001_{number:05d}.tif", pages[start:end], header(3, channels=2))
    assert corner(tmp_path / "a_00001_00003.tif")[0].tolist() == planes_of(6)[3:]
    (tmp_path / "a_00001_00002.tif").unlink()
    with pytest.raises(ValueError, match=r"frames 1 to 2 of 6 .*a_00001_00002\.tif is not there; "):
        open_recording(tmp_path)
    assert corner(tmp_path, salvage=True)[0].tolist() == [planes_of(6)[i] for i in (0, 3, 4, 5)]


def test_what_was_acquired_before_the_first_file_is_missing(tmp_path: Path) -> None:
    """A single file may be from the middle of an acquisition; but of a set, the first file should be there."""
    pages = [*acquired(6, 3, 1, 0, 2)]
    for number, start, end in ((1, 0, 16), (2, 16, 32), (3, 32, 36)):
        write(tmp_path / f"a_00001_{number:05d}.tif", pages[start:end], header(3, channels=2))
    (tmp_path / "a_00001_00001.tif").unlink()
    message = (
        r"frames 0 to 2 of 6 .*a_00001_00002\.tif, the first file, begins with frame 9 of its acquisition; give fr"
    )
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path)
    assert corner(tmp_path, salvage=True)[0].tolist() == planes_of(6)[3:]
    assert corner(tmp_path / "a_00001_00002.tif")[0].tolist() == planes_of(6)[3:5]


MISFITS: dict[str, tuple[Sequence[Page], str, bool, str]] = {
    "half a frame": (SOME[:23], header(3, channels=2), True, "23 pages, which are not a multiple of its channels"),
    "no volume": (SOME[:4], header(3, channels=2), True, "4 pages, fewer than a volume"),
    "one channel alone": (
        [page for page in SOME if page.channel == 0],
        header(3, channels=2),
        True,
        "a frame number of its own in each page, as if there were one channel",
    ),
    "without its flyback": (
        SOME[:18],
        header(3, flyback=1, channels=2),
        False,
        "18 pages, which are whole volumes only without .* flyback",
    ),
}


@pytest.mark.parametrize("kind", MISFITS)
def test_settings_that_do_not_fit_the_pages_are_an_error_with_a_way_out(tmp_path: Path, kind: str) -> None:
    pages, software, numbered, message = MISFITS[kind]
    write(tmp_path / "a.tif", pages, software, numbered=numbered)
    with pytest.raises(
        ValueError, match=f"a.tif has {message}.* ScanImage header tells of 2 channels.*: give channels=N"
    ):
        open_recording(tmp_path / "a.tif")
    images = [value(page) for page in pages]
    assert corner(tmp_path / "a.tif", axes="TYX").ravel().tolist() == images
    assert corner(tmp_path / "a.tif", channels=1, planes=1).ravel().tolist() == images
    assert corner(tmp_path / "a.tif", channels=2)[1].ravel().tolist() == images[1::2]


def test_files_of_which_it_cannot_be_told_where_volumes_begin_are_given_one_by_one(tmp_path: Path) -> None:
    for number, count in ((1, 8), (2, 10), (3, 14)):
        write(tmp_path / f"trial_{number:05d}.tif", SOME[:count], header(3, channels=2), numbered=False)
    with pytest.raises(ValueError, match="no numbers of frames to tell where these begin: give the files one by one"):
        open_recording(tmp_path)
    assert corner(tmp_path / "trial_00003.tif")[0].tolist() == planes_of(2)


def test_one_volume_is_no_movie(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", SOME[:6], header(3, channels=2))
    with pytest.raises(ValueError, match=r"one volume of 3 planes .*; if these follow .* give channels=N, planes=1"):
        open_recording(tmp_path / "a.tif")
    assert corner(tmp_path / "a.tif", channels=2, planes=1)[1].ravel().tolist() == planes_of(1, 1)[0]


def test_several_regions_of_interest_are_noted(tmp_path: Path) -> None:
    regions: dict[str, Any] = {"hRoiManager.mroiEnable": 1, "hRoiManager.imagingFovUm": "[0 0;24 0;24 20;0 20]"}
    write(tmp_path / "a.tif", [*acquired(3, 1, 1, 0, 1)], header(**regions))
    recording = open_recording(tmp_path / "a.tif")
    assert "lines between them that were not scanned" in recording.notes[0]
    assert recording.pixel_size is None


OLD = {
    "5": "\n".join(
        f"scanimage.SI.{line}"
        for line in (
            "hChannels.channelSave = [1;2]",
            "hFastZ.enable = true",
            "hFastZ.numFramesPerVolume = 4",
            "hStackManager.numSlices = 3",
            "hStackManager.framesPerSlice = Inf",
            "hRoiManager.scanFrameRate = 40",
            "hStackManager.stackZStepSize = 5",
        )
    ),
    "4": "\n".join(
        f"scanimage.SI4.{line}"
        for line in (
            "channelsSave = [1;2]",
            "fastZEnable = 1",
            "stackNumSlices = 3",
            "fastZNumDiscardFrames = 1",
            "scanFrameRate = 40",
            "stackZStepSize = 5",
        )
    ),
}


@pytest.mark.parametrize("version", OLD)
def test_old_versions_with_a_fast_focus(tmp_path: Path, version: str) -> None:
    write(tmp_path / "a.tif", [*acquired(4, 3, 1, 1, 2)], OLD[version])
    assert corner(tmp_path / "a.tif").tolist() == [planes_of(4), planes_of(4, 1)]
    assert (open_recording(tmp_path / "a.tif").frame_rate, open_recording(tmp_path / "a.tif").z_step) == (10, 5)


def test_version_3_has_the_frames_of_a_slice_one_after_the_other(tmp_path: Path) -> None:
    lines = ("numberOfZSlices=3", "numberOfFrames=4", "savingChannel1=1", "savingChannel2=1", "savingChannel3=0")
    text = "\r".join(f"state.acq.{line}" for line in (*lines, "frameRate=3.5", "zStepSize=-2"))
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page in acquired(1, 3, 4, 0, 2):
            options: dict[str, Any] = {"contiguous": False, "photometric": "minisblack", "metadata": None}
            tiff.write(np.full((4, 6), value(page), "int16"), description=text, **options)
    assert corner(tmp_path / "a.tif").tolist() == [planes_of(4), planes_of(4, 1)]
    assert (open_recording(tmp_path / "a.tif").frame_rate, open_recording(tmp_path / "a.tif").z_step) == (3.5, 2)


@given(share=st.floats(0.1, 1, exclude_max=True))
@settings(max_examples=15, derandomize=True)
def test_the_whole_volumes_of_a_truncated_file_are_reached(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    path = tmp_path_factory.mktemp("cut") / "a.tif"
    write(path, [*acquired(6, 3, 1, 1, 2)], header(3, flyback=1, channels=2))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    try:
        found = corner(path, salvage=True)[0].tolist()
    except ValueError as error:
        found = []
        assert "a.tif" in str(error)  # noqa: PT017 - there is a result or an error
    assert found == planes_of(len(found))
    assert len(found) >= int(6 * share) - 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"hChannels.channelSave": "[2]"}),
        ({}, {"channels": 2}),
        ({"channels": 2}, {}),
        ({}, {"planes": 3}),
        ({}, {"hRoiManager.scanFrameRate": 15}),
    ],
    ids=["another channel", "more channels", "fewer channels", "planes", "another rate"],
)
def test_files_of_different_acquisitions_do_not_follow_each_other(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Their channels and planes would be mixed into the time."""
    for number, said in enumerate((first, second), 1):
        with tifffile.TiffWriter(tmp_path / f"scan_{number:05d}.tif", bigtiff=True) as tif:
            for _ in range(6):
                image = np.full((8, 9), number, "int16")
                tif.write(image, contiguous=False, metadata=None, software=header(**said))
    with pytest.raises(ValueError, match=r"ScanImage files of different acquisitions.*scan_00001.*scan_00002"):
        open_recording(tmp_path)
    assert open_recording(tmp_path / "scan_00001.tif").shape[0] > 0
