"""Sets of OME-TIFF: files, pages, channels and planes as the OME-XML in one of them tells, whatever the names are."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered_images import numbers_in, write_numbered, write_pages_numbered

from anscombe_transform import open_recording

Block = tuple[str, int, int, tuple[int, int, int]]
"""The name of a file, the first page, the number of pages, and the first time, channel and plane."""


def xml_of(
    images: Sequence[Sequence[Block]],
    sizes: tuple[int, int, int],
    own: str = "",
    order: str = "XYCZT",
    inside: str = "",
    attributes: str = "",
) -> str:
    """Return OME-XML of images with sizes along time, channels and planes."""
    text = ""
    for i, blocks in enumerate(images):
        data = "".join(
            f'<TiffData FirstT="{t}" FirstC="{c}" FirstZ="{z}" IFD="{page}" PlaneCount="{count}">'
            f'<UUID FileName="{name}">urn:uuid:{name}</UUID></TiffData>'
            for name, page, count, (t, c, z) in blocks
        )
        text += (
            f'<Image ID="Image:{i}" Name="Pos{i}"><Pixels ID="Pixels:{i}" DimensionOrder="{order}" Type="uint16" '
            f'SizeX="6" SizeY="4" SizeT="{sizes[0]}" SizeC="{sizes[1]}" SizeZ="{sizes[2]}" {attributes}>'
            f"{inside}{data}</Pixels></Image>"
        )
    return f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}">{text}</OME>'


def binary_only(name: str) -> str:
    return f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2013-06"><BinaryOnly MetadataFile="{name}"/></OME>'


def write_bruker(folder: Path, frames: int = 6, channels: int = 2) -> list[str]:
    """Write a file for each image, the first of which has the metadata of all."""
    names = [f"TS_Cycle00001_Ch{c + 1}_{t + 1:06d}.ome.tif" for c in range(channels) for t in range(frames)]
    places = [(t, c, 0) for c in range(channels) for t in range(frames)]
    planes = "".join(f'<Plane TheC="{c}" TheT="{t}" TheZ="0" DeltaT="{0.05 * t}"/>' for t, c, _ in places)
    blocks = [(name, 0, 1, place) for name, place in zip(names, places, strict=True)]
    xml = xml_of([blocks], (frames, channels, 1), names[0], inside=planes)
    for name, (t, c, _) in zip(names, places, strict=True):
        write_numbered(folder / name, 100 * c + t, description=xml if name == names[0] else binary_only(names[0]))
    return names


@given(data=st.data())
@settings(max_examples=15, derandomize=True)
def test_images_are_where_the_metadata_tell(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """In files of any names and lengths, in any order of dimensions; any of the files opens all of them."""
    sizes = tuple(data.draw(st.integers(1, 3)) for _ in range(3))
    sizes = (sizes[0] + 1, *sizes[1:])
    order = "XY" + "".join(data.draw(st.permutations("CZT")))
    of = dict(zip("TCZ", sizes, strict=True))
    images = [
        dict(zip(reversed(order[2:]), place, strict=True))
        for place in product(*(range(of[axis]) for axis in reversed(order[2:])))
    ]
    ends = sorted({*data.draw(st.lists(st.integers(1, len(images)), max_size=3)), len(images)})
    names = data.draw(st.permutations([f"{letter}.tif" for letter in "abcd"]))
    runs = list(zip(names, [0, *ends], ends, strict=False))
    blocks: list[Block] = [
        (name, i - start, 1, (images[i]["T"], images[i]["C"], images[i]["Z"]))
        for name, start, end in runs
        for i in range(start, end)
    ]
    folder = tmp_path_factory.mktemp("set")
    for name, start, end in runs:
        numbers = [100 * one["C"] + 10 * one["Z"] + one["T"] for one in images[start:end]]
        write_numbered(
            folder / name, numbers, description=xml_of([blocks], (sizes[0], sizes[1], sizes[2]), name, order)
        )
    expected = [
        [[100 * c + 10 * z + t for z in range(sizes[2])] if sizes[2] > 1 else 100 * c + t for t in range(sizes[0])]
        for c in range(sizes[1])
    ]
    for path in (folder, *(folder / name for name, _, _ in runs)):
        assert numbers_in(path) == expected


def test_a_set_of_one_file_for_each_image_is_opened_by_any_of_them(tmp_path: Path) -> None:
    names = write_bruker(tmp_path / "TS")
    for path in (tmp_path / "TS", tmp_path / "TS" / names[0], tmp_path / "TS" / names[8], f"{tmp_path}/TS/*.tif"):
        assert numbers_in(path) == [[0, 1, 2, 3, 4, 5], [100, 101, 102, 103, 104, 105]]
    assert open_recording(tmp_path / "TS").frame_rate == pytest.approx(20)
    assert len(open_recording(tmp_path / "TS").files) == 12


def test_a_part_of_a_set_may_be_asked_for(tmp_path: Path) -> None:
    names = write_bruker(tmp_path)
    for path in (f"{tmp_path}/*Ch2*", [tmp_path / name for name in names[6:]]):
        assert numbers_in(path) == [[100, 101, 102, 103, 104, 105]]
        assert open_recording(path).files == tuple(names[6:])
        assert "larger set" in open_recording(path).notes[0]
    assert numbers_in([tmp_path / name for name in names[2:4]]) == [[2, 3]]


def test_of_a_channel_that_was_deleted_the_other_one_opens(tmp_path: Path) -> None:
    for name in write_bruker(tmp_path)[6:]:
        (tmp_path / name).unlink()
    with pytest.raises(ValueError, match=r"Ch2_000001\.ome\.tif, .* and 3 more are not there; .* missing of channel=0"):
        open_recording(tmp_path)
    assert numbers_in(tmp_path, channel=0) == [[0, 1, 2, 3, 4, 5]]


def test_without_the_file_that_has_the_metadata_names_tell(tmp_path: Path) -> None:
    """And what is missing is that file."""
    names = write_bruker(tmp_path)
    (tmp_path / names[0]).unlink()
    with pytest.raises(ValueError, match=r"frame 0 of 6 .*Ch1_000001\.ome\.tif is not there; .*missing of channel=1"):
        open_recording(tmp_path)
    assert numbers_in(tmp_path, channel="Ch2") == [[100, 101, 102, 103, 104, 105]]
    assert numbers_in(tmp_path, salvage=True) == [[1, 2, 3, 4, 5], [101, 102, 103, 104, 105]]
    with pytest.raises(FileNotFoundError, match=r"Ch1_000001\.ome\.tif is missing, .*: give the folder, or a pattern"):
        open_recording(tmp_path / names[3])


def write_positions(folder: Path, count: int) -> list[str]:
    names = [f"p_Pos{i}.tif" for i in range(count)]
    images: list[list[Block]] = [[(name, 0, 3, (0, 0, 0))] for name in names]
    for i, name in enumerate(names):
        write_numbered(folder / name, [10 * i, 10 * i + 1, 10 * i + 2], description=xml_of(images, (3, 1, 1), name))
    return names


def test_positions_are_series_of_which_one_is_chosen(tmp_path: Path) -> None:
    """By its number, or by its file."""
    names = write_positions(tmp_path, 12)
    with pytest.raises(ValueError, match=r"has 12 series: .*series=0 \(Pos0, .*series=9 \(Pos9, .*\) and 2 more$"):
        open_recording(tmp_path)
    assert numbers_in(tmp_path, key="series=11") == [[110, 111, 112]]
    assert numbers_in(tmp_path / names[4]) == [[40, 41, 42]]
    assert numbers_in(f"{tmp_path}/p_Pos7*") == [[70, 71, 72]]
    with pytest.raises(ValueError, match="there is no 12"):
        open_recording(tmp_path, "series=12")


def test_a_single_file_may_have_been_renamed(tmp_path: Path) -> None:
    write_numbered(
        tmp_path / "new.tif", [1, 2, 3], description=xml_of([[("old.tif", 0, 3, (0, 0, 0))]], (3, 1, 1), "u")
    )
    assert numbers_in(tmp_path / "new.tif") == [[1, 2, 3]]


def test_metadata_that_tell_of_other_images_than_there_are_put_the_axes_in_doubt(tmp_path: Path) -> None:
    """As those of Micro-Manager with two cameras, which tell of a second channel where there is one."""
    blocks: list[Block] = [("a.tif", 2 * t + c, 1, (t, c, 0)) for t in range(3) for c in range(2)]
    write_numbered(tmp_path / "a.tif", [0, 100, 1, 101, 2, 102], description=xml_of([blocks], (3, 1, 1), "a.tif"))
    with pytest.raises(ValueError, match=r"a\.tif has 6 pages, but its OME-XML tells of 3 images: give axes='TYX'"):
        open_recording(tmp_path / "a.tif")
    assert numbers_in(tmp_path / "a.tif", channels=2) == [[0, 1, 2], [100, 101, 102]]
    assert numbers_in(tmp_path / "a.tif", axes="TYX") == [[0, 100, 1, 101, 2, 102]]
    write_numbered(tmp_path / "b.tif", [0])
    blocks.append(("b.tif", 0, 1, (0, 0, 0)))
    write_numbered(tmp_path / "a.tif", [0, 100], description=xml_of([blocks], (3, 1, 1), "a.tif"))
    with pytest.raises(ValueError, match="tells of an image at C=1"):
        open_recording(tmp_path / "a.tif")


def test_one_image_of_each_channel_is_no_movie(tmp_path: Path) -> None:
    """As tifffile calls the frames of a movie without names of axes."""
    tifffile.imwrite(
        tmp_path / "a.ome.tif", np.arange(9 * 24, dtype="uint16").reshape(9, 4, 6), photometric="minisblack"
    )
    with pytest.raises(ValueError, match=r"one image of each of 9 channels .*: if they .* give axes='TYX'"):
        open_recording(tmp_path / "a.ome.tif")
    assert len(open_recording(tmp_path / "a.ome.tif", axes="TYX")[0]) == 9


def test_a_file_that_ends_before_its_metadata_lacks_images(tmp_path: Path) -> None:
    xml = xml_of([[("a.tif", t, 1, (t, 0, 0)) for t in range(9)]], (9, 1, 1), "a.tif")
    write_pages_numbered(tmp_path / "a.tif", range(9), description=xml)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: -len(content) // 3])
    with pytest.raises(ValueError, match=r"a\.tif has \d pages, fewer than its OME-XML tells, a\.tif is truncated"):
        open_recording(tmp_path / "a.tif")
    (salvaged,) = numbers_in(tmp_path / "a.tif", salvage=True)
    assert salvaged == [*range(len(salvaged))]
    assert 4 <= len(salvaged) <= 6


@pytest.mark.parametrize(
    ("inside", "attributes", "rate"),
    [
        ("", 'TimeIncrement="50" TimeIncrementUnit="ms"', 20),
        ("", 'TimeIncrement="0"', None),
        ("TCZ", 'TimeIncrement="0" TimeIncrementUnit="frame"', 1 / 0.6),
        ("TCZ", "", 1 / 0.6),
    ],
)
def test_the_frame_rate_is_that_of_each_plane(tmp_path: Path, inside: str, attributes: str, rate: Any) -> None:
    """From the median time between two images of a channel and plane, if the time between frames is not told."""
    times = [0.1 * i for i in range(24)]
    times[18:] = [time + 5 for time in times[18:]]  # a pause before the last frame
    places = [(t, c, z) for t in range(4) for z in range(3) for c in range(2)]
    planes = "".join(
        f'<Plane TheT="{t}" TheC="{c}" TheZ="{z}" DeltaT="{1000 * time}" DeltaTUnit="ms"/>'
        for (t, c, z), time in zip(places, times, strict=True)
    )
    xml = xml_of(
        [[("a.tif", 0, 24, (0, 0, 0))]],
        (4, 2, 3),
        "a.tif",
        inside=planes if inside else "",
        attributes=attributes + ' PhysicalSizeX="0.5" PhysicalSizeY="600" PhysicalSizeYUnit="nm" PhysicalSizeZ="2.5"',
    )
    write_numbered(tmp_path / "a.tif", range(24), description=xml)
    recording = open_recording(tmp_path / "a.tif")
    assert recording.frame_rate == (None if rate is None else pytest.approx(rate))
    assert recording.pixel_size == pytest.approx((0.6, 0.5))
    assert recording.z_step == 2.5


def write_named(path: Path, numbers: Sequence[int], names: Sequence[str]) -> None:
    """Write images of channels, all of a frame before the next one."""
    channels = "".join(f'<Channel ID="Channel:0:{i}" Name="{name}"/>' for i, name in enumerate(names))
    sizes = (len(numbers) // len(names), len(names), 1)
    xml = xml_of([[(path.name, 0, len(numbers), (0, 0, 0))]], sizes, path.name, inside=channels)
    write_numbered(path, numbers, description=xml)


def test_channels_of_the_parts_of_a_recording_are_matched_by_their_names(tmp_path: Path) -> None:
    write_named(tmp_path / "s_0.ome.tif", [0, 100, 1, 101], ["green", "red"])
    write_named(tmp_path / "s_1.ome.tif", [102, 2, 103, 3], ["red", "green"])
    assert numbers_in(tmp_path) == [[0, 1, 2, 3], [100, 101, 102, 103]]
    assert open_recording(tmp_path).channels == ("green", "red")


@pytest.mark.parametrize(("first", "second"), [(["green", "red"], ["blue", "red"]), (["green"], ["red"])])
def test_channels_of_other_names_make_no_recording_together(
    tmp_path: Path, first: list[str], second: list[str]
) -> None:
    write_named(tmp_path / "s_0.ome.tif", [0, 1, 2, 3], first)
    write_named(tmp_path / "s_1.ome.tif", [4, 5, 6, 7], second)
    told = rf"with the channels \({', '.join(first)}\) and \({', '.join(second)}\), .* s_1\.ome\.tif \(1 file\)"
    with pytest.raises(ValueError, match=told):
        open_recording(tmp_path)
    with pytest.raises(ValueError, match=told):
        open_recording([tmp_path / "s_0.ome.tif", tmp_path / "s_1.ome.tif"])


def test_a_stack_that_was_cut_off_is_a_frame_that_is_not_whole(tmp_path: Path) -> None:
    for t in range(4):
        planes = 2 if t == 3 else 3
        xml = xml_of([[(f"s_{t}.tif", 0, 2 * planes, (0, 0, 0))]], (1, 2, planes), f"s_{t}.tif")
        numbers = [100 * c + 10 * z + t for z in range(planes) for c in range(2)]
        write_numbered(tmp_path / f"s_{t}.tif", numbers, description=xml)
    with pytest.raises(ValueError, match=r"frame 3 of 4 .*s_3\.tif has 2 planes, and others 3"):
        open_recording(tmp_path)
    whole = [[[100 * c + 10 * z + t for z in range(3)] for t in range(3)] for c in range(2)]
    assert numbers_in(tmp_path, salvage=True) == numbers_in(tmp_path, frames=slice(0, 3)) == whole


def test_channels_have_their_names(tmp_path: Path) -> None:
    channels = '<Channel ID="Channel:0:0" Name="GCaMP"/><Channel ID="Channel:0:1" Name="tdTomato"/>'
    xml = xml_of([[("a.tif", 0, 8, (0, 0, 0))]], (4, 2, 1), "a.tif", inside=channels)
    write_numbered(tmp_path / "a.tif", range(8), description=xml)
    assert open_recording(tmp_path / "a.tif").channels == ("GCaMP", "tdTomato")
    assert numbers_in(tmp_path / "a.tif", channel="tdTomato") == [[1, 3, 5, 7]]


@pytest.mark.parametrize(
    "xml",
    [
        "<OME xmlns='x'><Image>",
        "<OME xmlns='x'/>",
        xml_of([[]], (0, 1, 1)),
        xml_of([[]], (10**8, 10**8, 10**8)),
        xml_of([[]], (3, 1, 1), order="XYTT"),
    ],
)
def test_metadata_that_make_no_sense_are_an_error(tmp_path: Path, xml: str) -> None:
    write_numbered(tmp_path / "a.tif", [1, 2, 3], description=xml)
    with pytest.raises(ValueError, match=r"a\.tif is not a whole TIFF file: its OME-XML"):
        open_recording(tmp_path / "a.tif")
