"""Folders, patterns and lists of TIFF files without metadata: what their names tell of channels, planes and time."""

import os
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered_images import numbers_in, write_all, write_numbered

from anscombe_transform import open_movie, open_recording


@given(data=st.data())
@settings(max_examples=20, derandomize=True)
def test_channels_planes_and_times_are_told_by_the_words_before_their_numbers(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """In any order and width, whichever comes first."""
    words = {
        "C": data.draw(st.sampled_from(["Ch", "ch", "_C", "channel", "Chan_"])),
        "Z": data.draw(st.sampled_from(["_z", "_Z", "plane", "slice_", "Plane-"])),
        "T": data.draw(st.sampled_from(["_t", "_", "frame", "_img-", "Cycle"])),
    }
    order = data.draw(st.permutations("CZT"))
    lengths = {axis: data.draw(st.integers(1, 3)) for axis in "CZ"} | {"T": data.draw(st.sampled_from([2, 11]))}
    width = data.draw(st.integers(1, 4))
    first = data.draw(st.integers(0, 1))
    folder = tmp_path_factory.mktemp("set")
    for c, z, t in product(*(range(lengths[axis]) for axis in "CZT")):
        place = {"C": c, "Z": z, "T": t}
        name = "".join(f"{words[axis]}{place[axis] + first:0{width}d}" for axis in order)
        write_numbered(folder / f"scan-{name}.tif", 100 * c + 20 * z + t)
    planes = [[100 * c + np.arange(lengths["T"])[:, None] + 20 * np.arange(lengths["Z"])] for c in range(lengths["C"])]
    expected = [plane[0].squeeze(1) if lengths["Z"] == 1 else plane[0] for plane in planes]
    for found, wanted in zip(numbers_in(folder), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    if lengths["C"] > 1:
        assert all(re.search(r"\d$", name) for name in open_recording(folder).channels)


@pytest.mark.parametrize(
    "names",
    [
        ["rec.tif", "rec-001.tif", "rec-002.tif"],
        ["recording_20160118_142018.tif", "recording_20160118_142018-001.tif", "recording_20160118_142018-002.tif"],
        ["rec.tif", "rec_1.tif", "rec_2.tif"],
        ["rec.tif", "rec_X2.tif", "rec_X3.tif"],
        ["a_MMStack_Pos0.ome.tif", "a_MMStack_Pos0_1.ome.tif", "a_MMStack_Pos0_2.ome.tif"],
        ["scan_2.tif", "scan_10.tif", "scan_18.tif"],
        ["file000.tif", "file500.tif", "file1000.tif"],
        ["scan_1.TIF", "scan_2.tiff", "scan_3.tif"],
        ["m1_20240103_000000.tif", "m1_20240103_000001.tif", "m1_20240103_000002.tif"],
    ],
    ids=lambda names: names[1],
)
def test_parts_of_a_movie_follow_each_other_as_people_count(tmp_path: Path, names: list[str]) -> None:
    """An unnumbered name comes first, and 2 before 10."""
    folder = write_all(tmp_path / "set", {name: [2 * i, 2 * i + 1] for i, name in enumerate(names)})
    assert numbers_in(folder) == [[0, 1, 2, 3, 4, 5]]
    assert open_recording(folder).files == tuple(names)
    assert numbers_in(f"{folder}/*") == [[0, 1, 2, 3, 4, 5]]
    assert numbers_in([folder / name for name in reversed(names)]) == [[4, 5, 2, 3, 0, 1]]


@pytest.mark.parametrize(
    "name",
    [
        lambda i: f"img_{i:04d}_t{1000 + 33 * i}.tif",
        lambda i: f"img_20240103_1420{i:02d}.tif",
        lambda i: f"Basler_2024-01-03_12-00-{i:02d}_{i:04d}.tif",
    ],
)
def test_single_images_may_have_their_times_in_their_names(tmp_path: Path, name: Callable[[int], str]) -> None:
    assert numbers_in(write_all(tmp_path / "set", {name(i): i for i in range(12)})) == [[*range(12)]]


SEVERAL = {
    "positions": (["x_Pos0_{}.tif", "x_Pos1_{}.tif"], "positions or recordings"),
    "wells": (["XY01_{}.tif", "XY02_{}.tif"], "positions or recordings"),
    "stage": (["x_w1GFP_s1_t{}.tif", "x_w1GFP_s2_t{}.tif"], "positions or recordings"),
    "mice": (["mouse1_{}.tif", "mouse2_{}.tif"], "positions or recordings"),
    "acquisitions": (["scan_00001_0000{}.tif", "scan_00002_0000{}.tif"], "several numbers"),
    "days": (["m1_20240103_{}.tif", "m1_20240104_{}.tif"], "dates or times"),
    "days with dashes": (["m1_2024-01-03_{}.tif", "m1_2024-01-04_{}.tif"], "dates or times"),
    "short days": (["m1_240103_{}.tif", "m1_240104_{}.tif"], "dates or times"),
    "times of a day": (["m1_20240103_142018_{}.tif", "m1_20240103_150231_{}.tif"], "dates or times"),
    "words": (["left_{}.tif", "right_{}.tif"], "words"),
    "corrected": (["scan_{}.tif", "scan_{}_rigid.tif"], "words"),
    "copies": (["scan_{}.tif", "scan_{} - Copy.tif"], "words"),
    "depths": (["m_-150um_{}.tif", "m_-175um_{}.tif"], "positions or recordings"),
    "lasers": (["m_920nm_{}.tif", "m_1040nm_{}.tif"], "positions or recordings"),
    "powers": (["m_{}_10mW.tif", "m_{}_20mW.tif"], "positions or recordings"),
    "rates": (["m_15Hz_{}.tif", "m_30Hz_{}.tif"], "positions or recordings"),
    "magnifications": (["m_1x_{}.tif", "m_2x_{}.tif"], "positions or recordings"),
    "decimal depths": (["z_0.5um_{}.tif", "z_1.25um_{}.tif"], "positions or recordings"),
    "regions of interest": (["roi1_{}.tif", "roi2_{}.tif"], "positions or recordings"),
    "layers": (["layer1_{}.tif", "layer2_{}.tif"], "positions or recordings"),
    "brackets": (["scan[1]_{}.tif", "scan[2]_{}.tif"], "several numbers"),
}


@pytest.mark.parametrize("unit", ["um", "\N{MICRO SIGN}m", "nm", "mW", "Hz", "kHz", "uM", "x", "V", "C", "%"])
def test_a_number_with_a_unit_is_a_setting_unless_it_is_a_time(tmp_path: Path, unit: str) -> None:
    folder = write_all(tmp_path / "set", {f"rec_{i}{unit}.tif": [i, i] for i in (10, 20)})
    with pytest.raises(ValueError, match=rf"rec_10{unit}\.tif \(1 file\), rec_20{unit}\.tif \(1 file\)"):
        open_recording(folder)
    for time in ("s", "ms", "min"):
        folder = write_all(tmp_path / time, {f"rec_{i}{time}.tif": i for i in (5, 10, 15)})
        assert numbers_in(folder) == [[5, 10, 15]]


@pytest.mark.parametrize("word", ["PMT", "cam", "Camera_", "detector-", "w"])
def test_detectors_are_channels(tmp_path: Path, word: str) -> None:
    folder = write_all(tmp_path / "set", {f"rec_{word}{i}.tif": [10 * i, 10 * i + 1] for i in (1, 2)})
    assert numbers_in(folder) == [[10, 11], [20, 21]]
    assert open_recording(folder).channels == (f"{word}1", f"{word}2")


@given(
    step=st.integers(1, 400), places=st.integers(1, 3), first=st.integers(0, 3), unit=st.sampled_from(["", "s", "ms"])
)
@settings(max_examples=30, derandomize=True)
def test_decimal_numbers_are_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, step: int, places: int, first: int, unit: str
) -> None:
    """As `%g` writes them: 0.5, 1, 1.5; or an error says that they may be two numbers each."""
    values = [(first + i) * step / 10**places for i in range(13)]
    folder = tmp_path_factory.mktemp("set")
    names = [f"img_{value:g}{unit}.tif" for value in values]
    write_all(folder, {name: i for i, name in enumerate(names)})
    found, message = [[*range(13)]], "differ in several numbers"
    try:
        found = numbers_in(folder)
    except ValueError as error:
        message = str(error)
    assert found == [[*range(13)]]
    assert "differ in several numbers" in message or "decimal numbers or two numbers each" in message
    for given_order in (names, sorted(names)):
        assert numbers_in([folder / name for name in given_order]) == [[*range(13)]]


def test_numbers_with_a_point_may_be_two_each(tmp_path: Path) -> None:
    """1.9 comes before 1.10; what cannot be told is asked for; a time without an image is missing."""
    folder = write_all(tmp_path / "versions", {f"v1.{i}.tif": i for i in (8, 9, 10, 11)})
    assert numbers_in(folder) == [[8, 9, 10, 11]]
    folder = write_all(tmp_path / "unclear", {"rec_1.25.tif": [1, 1], "rec_1.5.tif": [2, 2]})
    with pytest.raises(ValueError, match=r"rec_1\.5, rec_1\.25, which may be decimal .*: give a list of the files"):
        open_recording(folder)
    assert numbers_in([folder / "rec_1.25.tif", folder / "rec_1.5.tif"]) == [[1, 1, 2, 2]]
    folder = write_all(
        tmp_path / "gone", {f"t{value}s.tif": i for i, value in enumerate(["0.05", "0.1", "0.2", "0.25"])}
    )
    with pytest.raises(ValueError, match=r"frame 2 of 5 .*t0\.15s\.tif is not there"):
        open_recording(folder)


@pytest.mark.parametrize("form", ["Series{:03d}/img_{}.tif", "mouse{}/r_{}.tif", "s{}_r_{}.tif", "a{}/b{}.tif"])
def test_an_alphabetical_list_of_several_recordings_is_never_interleaved(tmp_path: Path, form: str) -> None:
    """They follow each other by all numbers in their names, the first ones first."""
    pairs = [*product((1, 2), (1, 2, 10))]
    paths = [tmp_path / form.format(*pair) for pair in pairs]
    for (series, part), path in zip(pairs, paths, strict=True):
        write_numbered(path, 100 * series + part)
    expected = [[101, 102, 110, 201, 202, 210]]
    assert numbers_in(paths) == numbers_in(sorted(paths)) == expected
    assert "2 comes before 10" in open_recording(sorted(paths)).notes[0]
    assert not any("sorted" in note for note in open_recording(paths).notes)
    assert numbers_in([*paths[3:], *paths[:3]]) == [[201, 202, 210, 101, 102, 110]]


def test_an_alphabetical_list_of_names_with_other_words_is_sorted_by_numbers(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "set", {"a_1.tif": 1, "a_2.tif": 2, "a_10.tif": 10, "b_1.tif": 21})
    assert numbers_in(sorted(folder.iterdir())) == [[1, 2, 10, 21]]
    folder = write_all(tmp_path / "hexadecimal", {f"f_{i:02x}.tif": i for i in range(8, 18)})
    assert numbers_in(sorted(folder.iterdir())) == [[*range(8, 18)]]


def test_several_numbers_of_channels_are_asked_for(tmp_path: Path) -> None:
    """Also in a list: channels never follow each other in time."""
    files = {f"cam{k}_Ch{c}_{t}.tif": 100 * k + 10 * c + t for k, c, t in product((1, 2), repeat=3)}
    folder = write_all(tmp_path / "set", files)
    for path in (folder, sorted(folder.iterdir())):
        with pytest.raises(
            ValueError, match=r"several channels or planes, .*cam1_Ch1_\*\.tif'\. There are cam1_Ch1_\*"
        ):
            open_recording(path)
    assert numbers_in(f"{folder}/cam2*") == [[211, 212], [221, 222]]


def test_a_list_of_channels_in_time_is_as_given_without_a_note(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "set", {f"r{t}_Ch{c}.tif": 10 * c + t for t, c in product((1, 2, 3), (1, 2))})
    paths = [folder / f"r{t}_Ch{c}.tif" for c, t in product((1, 2), (1, 2, 3))]
    assert numbers_in(paths) == [[11, 12, 13], [21, 22, 23]]
    assert open_recording(paths).notes == ()


def test_missing_files_are_called_as_the_others(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "set", {f"rec_{i}.tif": i for i in (1, 2, 3, 4, 6, 7, 8, 9, 10)})
    with pytest.raises(ValueError, match=r" rec_5\.tif is not there"):
        open_recording(folder)
    folder = write_all(tmp_path / "padded", {f"rec_{i:02d}.tif": i for i in (98, 99, 101)})
    with pytest.raises(ValueError, match=r" rec_100\.tif is not there"):
        open_recording(folder)


def test_letters_of_axes_cannot_contradict_the_names_of_files(tmp_path: Path) -> None:
    """Channels told by names are no planes."""
    folder = write_all(tmp_path / "set", {f"rec_Ch{c}.tif": [100 * c + i for i in range(6)] for c in (0, 1)})
    with pytest.raises(
        ValueError, match=r"axes='TZYX' says Z of the axis C .* names of its files tell C, give axes='TCYX'"
    ):
        open_recording(folder, axes="TZYX")
    assert numbers_in(folder, axes="TCYX") == [[0, 1, 2, 3, 4, 5], [100, 101, 102, 103, 104, 105]]
    assert numbers_in(folder, planes=3) == [[[0, 1, 2], [3, 4, 5]], [[100, 101, 102], [103, 104, 105]]]


@pytest.mark.parametrize("name", ["TSeries.xml", "set.companion.ome"])
def test_for_the_metadata_of_a_set_its_folder_is_asked_for(tmp_path: Path, name: str) -> None:
    folder = write_all(tmp_path / "set", {"a_1.tif": 1, "a_2.tif": 2})
    (folder / name).write_text("<xml/>")
    with pytest.raises(ValueError, match=r"has no images itself, but there are TIFF files beside it: give .*set$"):
        open_recording(folder / name)


@pytest.mark.parametrize("kind", SEVERAL)
def test_files_that_may_be_several_recordings_are_shown_with_patterns_that_work(tmp_path: Path, kind: str) -> None:
    forms, why = SEVERAL[kind]
    first, second = ({form.format(i): [10 * k + i] * 2 for i in (1, 2)} for k, form in enumerate(forms))
    folder = write_all(tmp_path / "set", first | second)
    with pytest.raises(ValueError, match=f"differ in {why}") as raised:
        open_recording(folder)
    (_, patterns) = str(raised.value).split(" There are ")
    groups = re.findall(r"(\S.*?) \((\d+) files?\)(?:, |$)", patterns)
    assert [count for _, count in groups] == ["2", "2"]
    assert sorted(numbers_in(f"{folder}/{pattern}") for pattern, _ in groups) == [[[1, 1, 2, 2]], [[11, 11, 12, 12]]]
    such_as = re.search("such as '(.*?)', or", str(raised.value))
    assert such_as is not None
    assert numbers_in(such_as[1]) in ([[1, 1, 2, 2]], [[11, 11, 12, 12]])


def test_of_many_groups_ten_are_shown(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "set", {f"{word}.tif": [1, 2] for word in "abcdefghijklmn"})
    with pytest.raises(ValueError, match=r"j\.tif \(1 file\), 4 more$"):
        open_recording(folder)


@pytest.mark.parametrize("names", [["MAX_scan_1.tif", "AVG_scan_2.tif"], ["STD_scan.tif", "SUM_scan.tif"]])
def test_projections_are_left_out_and_named(tmp_path: Path, names: list[str]) -> None:
    folder = write_all(tmp_path / "set", {"scan_1.tif": [1, 2], "scan_2.tif": [3], names[0]: 9, names[1]: 9})
    write_numbered(folder / "scan_2.tif", [3, 4])
    assert numbers_in(folder) == [[1, 2, 3, 4]]
    (note,) = open_recording(folder).notes
    assert all(name in note for name in names)
    with pytest.raises(ValueError, match="are projections of other files, by their names: leave them out"):
        open_recording([folder / name for name in ("scan_1.tif", "scan_2.tif", *names)])


def test_what_may_be_a_projection_or_a_frame_is_asked_for(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "images", {"scan_1.tif": 1, "scan_2.tif": 2, "MAX_scan_1.tif": 9})
    with pytest.raises(ValueError, match=r"MAX_scan_1\.tif \(1 file\), scan_\*\.tif \(2 files\)"):
        open_recording(folder)
    folder = write_all(tmp_path / "stacks", {"rec.tif": 9, "rec_1.tif": [1, 2], "rec_2.tif": [3, 4]})
    with pytest.raises(ValueError, match=r"rec\.tif \(1 file\), rec_\*\.tif \(2 files\)"):
        open_recording(folder)


@pytest.mark.parametrize("options", [{"dtype": "int16"}, {"shape": (2, 3)}], ids=str)
def test_files_of_other_shapes_or_dtypes_are_named(tmp_path: Path, options: dict[str, Any]) -> None:
    folder = write_all(tmp_path / "set", {"scan_1.tif": [1, 2], "scan_2.tif": [3, 4]})
    other = np.zeros(options.get("shape", (4, 6)), options.get("dtype", "uint16"))
    tifffile.imwrite(folder / "scan_3.tif", other, photometric="minisblack")
    with pytest.raises(
        ValueError, match=r"images of 4 x 6 pixels and uint16 and of .* scan_3\.tif \(1 file\)"
    ) as raised:
        open_recording(folder)
    pattern = re.search("such as '(.*?)'", str(raised.value))
    assert pattern is not None
    assert numbers_in(pattern[1]) == [[1, 2, 3, 4]]
    with pytest.raises(ValueError, match=r"scan_3\.tif \(1 file\)"):
        open_recording([folder / f"scan_{i}.tif" for i in (1, 2, 3)])


def test_a_file_gone_from_the_numbers_is_missing(tmp_path: Path) -> None:
    """Its frames are as many as those of the others."""
    folder = write_all(tmp_path / "set", {f"scan_{i:02d}.tif": [10 * i, 10 * i + 1] for i in (1, 2, 4, 5)})
    with pytest.raises(ValueError, match=r"frames 4 to 5 of 10 are missing .*scan_03\.tif is not there; give frames="):
        open_recording(folder)
    assert numbers_in(folder, salvage=True) == [[10, 11, 20, 21, 40, 41, 50, 51]]
    assert numbers_in(folder, frames=slice(6, 9)) == [[40, 41, 50]]


def test_a_gone_file_of_unknown_length_counts_as_one_frame(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "set", {f"scan_{i}.tif": [i] * (i + 1) for i in (1, 2, 4)})
    with pytest.raises(ValueError, match=r"frame 5 of .*scan_3\.tif is not there, how many frames .* is not known"):
        open_recording(folder)
    assert numbers_in(folder, salvage=True) == [[1, 1, 2, 2, 2, 4, 4, 4, 4, 4]]


def test_numbers_that_hardly_count_files_are_no_gaps_but_noted(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "set", {f"scan_{i}.tif": [i, i] for i in (1, 2, 10)})
    assert numbers_in(folder) == [[1, 1, 2, 2, 10, 10]]
    assert "some may be missing" in open_recording(folder).notes[0]


def test_a_file_gone_from_one_channel_leaves_the_other_whole(tmp_path: Path) -> None:
    files = {f"a_Ch{c}_{t:03d}.tif": 100 * c + t for c, t in product((1, 2), range(5))}
    folder = write_all(tmp_path / "set", files)
    (folder / "a_Ch2_003.tif").unlink()
    with pytest.raises(
        ValueError, match=r"frame 3 of 5 .*a_Ch2_003\.tif is not there; .*nothing is missing of channel=0"
    ):
        open_recording(folder)
    assert numbers_in(folder, channel="Ch1") == [[100, 101, 102, 103, 104]]
    assert numbers_in(folder, salvage=True) == [[100, 101, 102, 104], [200, 201, 202, 204]]


def test_a_channel_that_ends_earlier_lacks_the_last_frames(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "set", {"a_Ch1.tif": [1, 2, 3], "a_Ch2.tif": [11, 12]})
    with pytest.raises(ValueError, match=r"a_Ch2\.tif has 2 frames, and others of the same time 3"):
        open_recording(folder)
    assert numbers_in(folder, frames=slice(0, 2)) == [[1, 2], [11, 12]]


def test_equal_files_that_are_links_to_one_object_count_each(tmp_path: Path) -> None:
    """As git-annex and DataLad store them; a link to an object that is not there is a missing file."""
    folder = write_all(tmp_path / "set", {".git/annex/dark": 0, ".git/annex/bright": 9})
    objects = ["dark", "bright", "dark", "dark", "absent", "bright"]
    for i, name in enumerate(objects):
        (folder / f"frame_{i}.tif").symlink_to(folder / ".git" / "annex" / name)
    assert numbers_in(folder, frames=slice(0, 4)) == [[0, 9, 0, 0]]
    assert numbers_in([folder / f"frame_{i}.tif" for i in (0, 1, 2, 3, 5)]) == [[0, 9, 0, 0, 9]]
    with pytest.raises(ValueError, match=r"frame 4 of 6 .*frame_4\.tif is a link to a file that is not there"):
        open_recording(folder)


def test_a_file_that_is_given_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_all(tmp_path / "set", {"a.tif": [1], "b.tif": [2]})
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match=r"a\.tif is given 2 times: give each file once"):
        open_recording(["a.tif", "b.tif", folder / "a.tif"])


def test_a_list_is_in_the_order_given_but_for_channels(tmp_path: Path) -> None:
    """Two sessions may follow each other if someone says so; two channels never do."""
    folder = write_all(tmp_path / "days", {"m_20240104.tif": [1, 2], "m_20240103.tif": [3], "dark.tif": [4]})
    assert numbers_in([folder / name for name in ("m_20240104.tif", "m_20240103.tif", "dark.tif")]) == [[1, 2, 3, 4]]
    folder = write_all(tmp_path / "channels", {f"Ch{c}_{t}.tif": 10 * c + t for c, t in product((1, 2), range(3))})
    names = ["Ch1_2.tif", "Ch1_0.tif", "Ch2_2.tif", "Ch2_0.tif"]
    assert numbers_in([folder / name for name in names]) == [[12, 10], [22, 20]]


def test_a_list_in_alphabetical_order_is_sorted_by_numbers(tmp_path: Path) -> None:
    """Shells and `sorted` put 10 before 2."""
    folder = write_all(tmp_path, {f"scan_{i}.tif": [i] for i in range(1, 13)})
    files = sorted(folder.iterdir())
    assert files[1].name == "scan_10.tif"
    assert numbers_in(files) == [[*range(1, 13)]]
    assert open_recording(files).notes == ("The files were sorted by the numbers in their names: 2 comes before 10",)
    assert numbers_in(files[::-1]) == [[9, 8, 7, 6, 5, 4, 3, 2, 12, 11, 10, 1]]
    assert open_recording(files[::-1]).notes == (
        "The files follow each other as they were given, not by the numbers in their names",
    )
    assert "some may be missing" in open_recording([folder / f"scan_{i}.tif" for i in (8, 10, 11)]).notes[-1]
    assert open_recording([folder / f"scan_{i}.tif" for i in (8, 9, 10)]).notes == ()


def test_other_files_in_a_folder_are_no_obstacle(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "set", {"scan_1.tif": [1, 2], "scan_2.tif": [3]})
    for name in ("notes.txt", "scan.xml", "._scan_1.tif", ".hidden.tif", "metadata.txt"):
        (folder / name).write_bytes(b"<of no use>")
    write_all(folder / "References", {"dark.tif": 0})
    for path in (folder, f"{folder}/*", f"{folder}/scan_*"):
        assert numbers_in(path) == [[1, 2, 3]]


def test_a_folder_of_one_folder_of_files_is_opened(tmp_path: Path) -> None:
    write_all(tmp_path / "set" / "Pos0", {"img_0.tif": 1, "img_1.tif": 2})
    assert numbers_in(tmp_path / "set") == [[1, 2]]
    write_all(tmp_path / "set" / "Pos1", {"img_0.tif": 3, "img_1.tif": 4})
    with pytest.raises(ValueError, match=r"folders with TIFF files: give one, such as .*Pos0: Pos0, Pos1"):
        open_recording(tmp_path / "set")


def test_brackets_in_a_pattern_are_those_of_the_files_where_there_are_such(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "data [2024]", {"scan[1].tif": [1], "scan[2].tif": [2], "scan1.tif": [3]})
    write_all(tmp_path / "data 2", {"scan1.tif": [9, 9]})
    (folder / "scan1.tif").unlink()
    assert numbers_in(f"{folder}/scan[[]*.tif") == [[1, 2]]
    assert numbers_in(f"{folder}/scan[*.tif") == [[1, 2]]
    with pytest.raises(ValueError, match="at least"):
        open_movie(f"{folder}/scan[1].tif")
    write_numbered(folder / "scan[1].tif", [5, 6])
    assert numbers_in(f"{folder}/scan[1].tif") == [[5, 6]]


def test_a_set_with_a_damaged_file_lacks_its_frames(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "set", {f"scan_{i}.tif": [10 * i, 10 * i + 1] for i in range(4)})
    os.truncate(folder / "scan_2.tif", 4)
    with pytest.raises(ValueError, match=r"frame 4 of 7 .*scan_2\.tif has 4 bytes, which do not begin as a TIFF file"):
        open_recording(folder)
    assert numbers_in(folder, salvage=True) == [[0, 1, 10, 11, 30, 31]]
