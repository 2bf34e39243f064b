"""Micro-Manager: stacks with a map of their images, files of one image each, and NDTiff."""

import json
import struct
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numbered_images import image, numbers_in, write_numbered

from anscombe_transform import open_recording

SUMMARY: dict[str, Any] = {"ChNames": ["GFP", "RFP"], "PixelSize_um": 0.2, "z-step_um": -1.5, "Interval_ms": 0}


def expected(frames: int, planes: int = 2, channels: int = 2) -> Any:
    numbers = 100 * np.arange(channels)[:, None, None] + 10 * np.arange(planes) + np.arange(frames)[:, None]
    return numbers[..., 0] if planes == 1 else numbers


def write_images(folder: Path, frames: int = 4, planes: int = 2) -> dict[str, Any]:
    """Write files of one image each as version 1.4, and return their metadata."""
    metadata: dict[str, Any] = {"Summary": SUMMARY}
    for t, c, z in product(range(frames), range(2), range(planes)):
        name = f"img_{t:09d}_{SUMMARY['ChNames'][c]}_{z:03d}.tif"
        write_numbered(folder / name, 100 * c + 10 * z + t)
        metadata[f"FrameKey-{t}-{c}-{z}"] = {"FileName": name, "ElapsedTime-ms": 40.0 * t + 7 * z}
    (folder / "metadata.txt").write_text(json.dumps(metadata))
    return metadata


def test_files_of_one_image_each_are_where_their_metadata_tell(tmp_path: Path) -> None:
    write_images(tmp_path / "Pos0")
    for path in (tmp_path / "Pos0", tmp_path, tmp_path / "Pos0" / "img_000000002_RFP_001.tif"):
        np.testing.assert_array_equal(numbers_in(path), expected(4))
    recording = open_recording(tmp_path / "Pos0")
    assert (recording.channels, recording.pixel_size, recording.z_step) == (("GFP", "RFP"), (0.2, 0.2), 1.5)
    assert recording.frame_rate == pytest.approx(25)


@pytest.mark.parametrize("length", [-1, 700, 20, None])
def test_metadata_that_were_cut_off_are_read_as_far_as_they_go(tmp_path: Path, length: int | None) -> None:
    """As when an acquisition is aborted; then, and without any, names tell the rest."""
    write_images(tmp_path)
    path = tmp_path / "metadata.txt"
    text = path.read_text()
    path.unlink() if length is None else path.write_text(text[:length])
    np.testing.assert_array_equal(numbers_in(tmp_path), expected(4))
    assert open_recording(tmp_path).channels == ("GFP", "RFP")


def test_an_image_that_is_gone_is_missing(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "img_000000002_RFP_001.tif").unlink()
    with pytest.raises(ValueError, match=r"frame 2 of 4 .*img_000000002_RFP_001\.tif is not there; .*channel=0"):
        open_recording(tmp_path)
    assert len(open_recording(tmp_path, channel="GFP", plane=1)[0]) == 4


def test_files_of_version_2_have_coordinates(tmp_path: Path) -> None:
    metadata: dict[str, Any] = {"Summary": SUMMARY}
    for t, c in product(range(5), range(2)):
        name = f"img_channel{c:03d}_position000_time{t:09d}_z000.tif"
        write_numbered(tmp_path / name, 100 * c + t)
        metadata[f"Coords-Default/{name}"] = {"time": t, "channel": c, "z": 0, "position": 0}
        metadata[f"Metadata-Default/{name}"] = {"ElapsedTimeMs": 20 * t, "PixelSizeUm": 0.2}
    (tmp_path / "metadata.txt").write_text(json.dumps(metadata)[:-1] + ",\n")
    np.testing.assert_array_equal(numbers_in(tmp_path), expected(5, planes=1))
    assert (open_recording(tmp_path).channels, open_recording(tmp_path).frame_rate) == (("GFP", "RFP"), 50)
    (tmp_path / "metadata.txt").unlink()
    np.testing.assert_array_equal(numbers_in(tmp_path), expected(5, planes=1))
    assert open_recording(tmp_path).channels == ("channel000", "channel001")


def write_stack(path: Path, places: Sequence[tuple[int, int, int, int]], *, mapped: bool = True, xml: str = "") -> None:
    """Write images at a time, channel, plane and position, with a map of them unless the acquisition was aborted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    summary = json.dumps(SUMMARY | {"Frames": 5}).encode() + b" " * 8
    content = bytearray(40) + summary[: len(summary) // 8 * 8]
    offsets = []
    for i, (t, c, z, p) in enumerate(places):
        pixels = image(1000 * p + 100 * c + 10 * z + t).tobytes()
        texts = [xml.encode() + bytes(8), json.dumps({"ElapsedTime-ms": 25.0 * t}).encode() + bytes(4)]
        start = len(content) + 2 + 12 * 11 + 4
        at = [start, start + len(texts[0]), start + len(texts[0]) + len(texts[1])]
        entries = [(256, 3, 1, 6), (257, 3, 1, 4), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1)]
        entries += [(270, 2, len(texts[0]), at[0]), (273, 4, 1, at[2]), (277, 3, 1, 1), (278, 3, 1, 4)]
        entries += [(279, 4, 1, len(pixels)), (51123, 2, len(texts[1]), at[1])]
        offsets.append(len(content))
        following = 0 if i + 1 == len(places) else at[2] + len(pixels)
        content += struct.pack("<H", 11) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        content += struct.pack("<I", following) + b"".join(texts) + pixels
    index = len(content) if mapped else 0
    header = (54773648, index, 483765892, 0, 99384722, 0, 2355492, len(summary) // 8 * 8)
    content[:40] = b"II*\0" + struct.pack("<9I", offsets[0], *header)
    content += struct.pack("<2I", 3453623, len(places))
    rows = [(c, z, t, p, offset) for (t, c, z, p), offset in zip(places, offsets, strict=True)]
    path.write_bytes(bytes(content) + np.array(rows, "<u4").tobytes())


def places_of(frames: range, position: int = 0) -> list[tuple[int, int, int, int]]:
    return [(t, c, z, position) for t in frames for z in range(2) for c in range(2)]


def test_images_of_stacks_are_where_their_maps_tell(tmp_path: Path) -> None:
    """Whatever the names of the files are, and in whichever order images were written."""
    rng = np.random.default_rng(0)
    names = ["a_1_MMStack.ome.tif", "a_1_MMStack_1.ome.tif"]
    for name, frames in zip(names, (range(3), range(3, 5)), strict=True):
        write_stack(tmp_path / name, [tuple(place) for place in rng.permutation(places_of(frames)).tolist()])
    for path in (tmp_path, *(tmp_path / name for name in names)):
        np.testing.assert_array_equal(numbers_in(path), expected(5))
    recording = open_recording(tmp_path)
    assert (recording.channels, recording.pixel_size, recording.z_step) == (("GFP", "RFP"), (0.2, 0.2), 1.5)
    assert recording.frame_rate == pytest.approx(40)


def test_a_frame_that_an_aborted_acquisition_did_not_end_is_left_out(tmp_path: Path) -> None:
    write_stack(tmp_path / "a_MMStack.ome.tif", places_of(range(4))[:-3])
    np.testing.assert_array_equal(numbers_in(tmp_path), expected(3))
    assert "the last frame, of which 1 of 4 images were recorded" in open_recording(tmp_path).notes[0]


def test_a_stack_without_a_map_is_told_by_ome_xml(tmp_path: Path) -> None:
    data = "".join(
        f'<TiffData FirstT="{t}" FirstC="{c}" FirstZ="{z}" IFD="{i}" PlaneCount="1"/>'
        for i, (t, c, z, _) in enumerate(places_of(range(3)))
    )
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image><Pixels DimensionOrder="XYCZT" '
        f'SizeX="6" SizeY="4" SizeC="2" SizeZ="2" SizeT="3">{data}</Pixels></Image></OME>'
    )
    write_stack(tmp_path / "a_MMStack.ome.tif", places_of(range(3)), mapped=False, xml=xml)
    np.testing.assert_array_equal(numbers_in(tmp_path), expected(3))


def test_positions_of_stacks_are_series(tmp_path: Path) -> None:
    names = [f"a_1_MMStack_1-Pos00{p}_000.ome.tif" for p in range(3)]
    for p, name in enumerate(names):
        write_stack(tmp_path / name, places_of(range(3), p))
    with pytest.raises(ValueError, match=r"has 3 series: .*series=0 \(position 0\), series=1 \(position 1\)"):
        open_recording(tmp_path)
    np.testing.assert_array_equal(numbers_in(tmp_path, key="series=2"), expected(3) + 2000)
    np.testing.assert_array_equal(numbers_in(tmp_path / names[1]), expected(3) + 1000)
    np.testing.assert_array_equal(numbers_in(f"{tmp_path}/*Pos001*"), expected(3) + 1000)


def test_a_file_of_a_set_of_stacks_that_is_gone_is_named(tmp_path: Path) -> None:
    """The OME-XML in the others tells of it."""
    names = ["a_MMStack.ome.tif", "a_MMStack_1.ome.tif"]
    xml = "".join(f'<UUID FileName="{name}"/>' for name in names)
    write_stack(tmp_path / names[0], places_of(range(3)), xml=f"<OME>{xml}</OME>")
    with pytest.raises(ValueError, match=r"frames 3 to 4 of 5 are missing .*a_MMStack_1\.ome\.tif is not there"):
        open_recording(tmp_path)
    np.testing.assert_array_equal(numbers_in(tmp_path, salvage=True), expected(3))


def write_ndtiff(folder: Path, files: dict[str, range], planes: Sequence[Any] = (0, 1), **more: Any) -> None:
    """Write images along time, channel and z, and an index of where their pixels are."""
    index = b""
    for name, frames in files.items():
        places = [
            {"time": t, "channel": channel, "z": z} | more
            for t, channel, z in product(frames, SUMMARY["ChNames"], planes)
        ]
        numbers = [
            100 * SUMMARY["ChNames"].index(place["channel"]) + 10 * list(planes).index(place["z"]) + place["time"]
            for place in places
        ]
        write_numbered(folder / name, numbers)
        with tifffile.TiffFile(folder / name) as tif:
            offsets = [page.dataoffsets[0] for page in tif.pages]
        content = (folder / name).read_bytes()
        for place, offset in zip(places, offsets, strict=True):
            texts = [json.dumps(place).encode(), name.encode()]
            metadata = json.dumps({"ElapsedTime-ms": 25.0 * place["time"]}).encode()
            index += b"".join(struct.pack("<I", len(text)) + text for text in texts)
            index += struct.pack("<IiiiiIii", offset, 6, 4, 1, 0, len(content), len(metadata), 0)
            content += metadata
        (folder / name).write_bytes(content)
    with (folder / "NDTiff.index").open("ab") as file:
        file.write(index)


@pytest.mark.parametrize("planes", [(0, 1), (-1, 0)])
def test_images_of_ndtiff_are_where_the_index_tells(tmp_path: Path, planes: tuple[int, int]) -> None:
    names = ["NDTiffStack.tif", "NDTiffStack_1.tif"]
    write_ndtiff(tmp_path / "Full resolution", {names[0]: range(3), names[1]: range(3, 5)}, planes)
    write_ndtiff(tmp_path / "Downsampled_x2", {names[0]: range(3)}, planes)
    for path in (tmp_path, tmp_path / "Full resolution" / names[1]):
        np.testing.assert_array_equal(numbers_in(path), expected(5))
    recording = open_recording(tmp_path)
    assert (recording.channels, recording.frame_rate) == (("GFP", "RFP"), 40)


def test_a_file_of_ndtiff_that_is_gone_is_named(tmp_path: Path) -> None:
    write_ndtiff(tmp_path, {"NDTiffStack.tif": range(3), "NDTiffStack_1.tif": range(3, 5)})
    (tmp_path / "NDTiffStack_1.tif").unlink()
    with pytest.raises(ValueError, match=r"frames 3 to 4 of 5 are missing .*NDTiffStack_1\.tif is not there"):
        open_recording(tmp_path)
    np.testing.assert_array_equal(numbers_in(tmp_path, salvage=True), expected(3))


def test_positions_of_ndtiff_are_series_and_other_axes_are_asked_for(tmp_path: Path) -> None:
    for p in range(2):
        write_ndtiff(tmp_path / "positions", {f"NDTiffStack_{p}.tif": range(p, p + 3)}, position=f"Pos{p}")
    with pytest.raises(ValueError, match=r"has 2 series: .*series=1 \(position Pos1\)"):
        open_recording(tmp_path / "positions")
    np.testing.assert_array_equal(numbers_in(tmp_path / "positions", key="series=1"), expected(4)[:, 1:])
    for row in range(2):
        write_ndtiff(tmp_path / "tiles", {f"NDTiffStack_{row}.tif": range(3)}, row=row)
    with pytest.raises(ValueError, match=r"axes T.*R.* such as key='R=0'"):
        open_recording(tmp_path / "tiles")
    np.testing.assert_array_equal(numbers_in(tmp_path / "tiles", key="R=1"), expected(3))
