"""Formats of microscopes that have their images in TIFF files of their own kind: MetaMorph, Zeiss LSM, FluoView."""

import struct
from pathlib import Path

import pytest
import tifffile
from numbered_images import image, numbers_in, write_numbered

from anscombe_transform import open_recording


def write_metamorph(path: Path, images: int, step: int = 0) -> None:
    """Write one directory, the pixels of all images, and what the tag UIC2 has for each of them."""
    tag = (33629, 5, images, tuple(range(2 * images)), True)
    tifffile.imwrite(path, image(0), photometric="minisblack", metadata=None, extratags=[tag])
    content = bytearray(path.read_bytes())
    at = content.index(struct.pack("<HHI", 33629, 5, images)) + 8
    content += b"".join(image(i).tobytes() for i in range(1, images))
    content[at : at + 4] = struct.pack("<I", len(content))
    for i in range(images):
        content += struct.pack("<6I", step * i, 1, 2451545 + i // 4, (86_400_000 - 150 + 50 * i) % 86_400_000, 0, 0)
    path.write_bytes(content)


def test_the_images_of_a_metamorph_stack_follow_each_other_in_time(tmp_path: Path) -> None:
    """Also beyond midnight; unless they have distances along z."""
    write_metamorph(tmp_path / "a.stk", 8)
    assert numbers_in(tmp_path / "a.stk") == [[*range(8)]]
    assert open_recording(tmp_path / "a.stk").frame_rate == pytest.approx(20)
    write_metamorph(tmp_path / "z.stk", 8, step=2)
    assert "planes are taken for frames" in open_recording(tmp_path / "z.stk").notes[0]
    assert open_recording(tmp_path / "z.stk").frame_rate is None


def test_a_metamorph_stack_that_is_cut_off_lacks_images(tmp_path: Path) -> None:
    write_metamorph(tmp_path / "a.stk", 8)
    content = (tmp_path / "a.stk").read_bytes()
    (tmp_path / "a.stk").write_bytes(content[: -8 * 24 - 2 * 48 - 10])
    with pytest.raises(ValueError, match=r"a\.stk"):
        open_recording(tmp_path / "a.stk")


def write_lsm(path: Path, frames: int, planes: int, *, channels: int = 1, lost: int = 0) -> None:
    numbers = (6, 4, planes, channels, frames, 2, 3, 2)
    info = struct.pack("<Ii8i6dHH5Id", 0x0400494C, 500, *numbers, 2e-7, 3e-7, 1e-6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.25)
    with tifffile.TiffWriter(path) as tiff:
        for i in range(frames * planes - lost):
            tags = [(34412, 1, 500, info.ljust(500, b"\0"), True)] if i == 0 else []
            tiff.write(image(i), photometric="minisblack", metadata=None, contiguous=False, extratags=tags)
            thumbnail = image(9, "uint8")[:2, :3]
            tiff.write(thumbnail, photometric="minisblack", metadata=None, contiguous=False, subfiletype=1)


def test_an_lsm_file_has_planes_within_frames_and_thumbnails_between(tmp_path: Path) -> None:
    write_lsm(tmp_path / "a.lsm", 4, 3)
    assert numbers_in(tmp_path / "a.lsm") == [[[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]]
    recording = open_recording(tmp_path / "a.lsm")
    assert recording.frame_rate == 4
    assert recording.z_step == pytest.approx(1)
    assert recording.pixel_size == pytest.approx((0.3, 0.2))


def test_an_lsm_file_that_is_not_as_its_header_tells(tmp_path: Path) -> None:
    write_lsm(tmp_path / "a.lsm", 4, 3, lost=2)
    with pytest.raises(ValueError, match=r"frame 3 of 4 .*a\.lsm has 10 images, but its LSM header tells of 12"):
        open_recording(tmp_path / "a.lsm")
    write_lsm(tmp_path / "b.lsm", 4, 3, lost=-1)
    with pytest.raises(ValueError, match=r"b\.lsm has more images than its LSM header tells of: give axes='TYX'"):
        open_recording(tmp_path / "b.lsm")
    write_lsm(tmp_path / "c.lsm", 4, 3, channels=2)
    with pytest.raises(ValueError, match=r"c\.lsm has several channels in a page, .*: such LSM files are not read"):
        open_recording(tmp_path / "c.lsm")


def test_the_order_of_images_of_fluoview_is_asked_for(tmp_path: Path) -> None:
    write_numbered(tmp_path / "a.tif", range(6), extratags=[(34361, 1, 8, bytes(8), True)])
    with pytest.raises(
        ValueError, match=r"a\.tif has images in an order of FluoView that is not read: give axes='TYX' if"
    ):
        open_recording(tmp_path / "a.tif")
    assert numbers_in(tmp_path / "a.tif", planes=2) == [[[0, 1], [2, 3], [4, 5]]]
