"""TIFF files: stacks of many files, pyramids, files that are truncated, and metadata that do not fit."""

import logging
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from movie_formats import MOVIE, ome_xml, write_ome_set
from numbered_images import image, numbers_in, write_numbered, write_pages_numbered

from anscombe_transform import open_movie, open_recording


@pytest.mark.parametrize("order", ["natural", "pattern", "sequence"])
def test_many_tiff_files_follow_each_other_in_time(movie_files: dict[str, Path], order: str, monkeypatch: Any) -> None:
    folder = movie_files["folder"]
    monkeypatch.chdir(folder.parent)
    if order == "sequence":
        paths = [folder / f"scan_{number}.tif" for number in (12, 6, 3)]
        movie = open_movie(paths)
        np.testing.assert_array_equal(movie[:], MOVIE[[6, 2, 3, 4, 1]])
        assert movie.locations == tuple(map(str, paths))
    else:
        movie = open_movie(folder if order == "natural" else "folder/scan_*.tif")
        np.testing.assert_array_equal(movie[:], MOVIE)


@pytest.mark.parametrize("companion", [None, "part_0.ome.tif", "part_3.ome.tif", "set.companion.ome"])
@pytest.mark.parametrize("opened", ["", "part_0.ome.tif", "part_2.ome.tif", "part_*.tif"])
def test_a_set_of_ome_tiff_is_opened_once_by_any_of_its_files(
    tmp_path: Path, companion: str | None, opened: str
) -> None:
    write_ome_set(tmp_path / "set", MOVIE, companion)
    movie = open_movie(f"{tmp_path}/set/{opened}")
    np.testing.assert_array_equal(movie[:], MOVIE)
    assert {str(path) for path in (tmp_path / "set").glob("*.tif")} <= set(movie.locations)


def test_only_the_whole_resolution_of_a_pyramid_is_the_movie(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "pyramid.ome.tif") as tiff:
        options: Any = {"photometric": "minisblack", "tile": (16, 16), "compression": "zlib"}
        tiff.write(MOVIE, subifds=1, metadata={"axes": "TYX"}, **options)
        tiff.write(MOVIE[:, ::2, ::2], subfiletype=1, **options)
    np.testing.assert_array_equal(open_movie(tmp_path / "pyramid.ome.tif")[:], MOVIE)


def test_a_sequence_needs_files_that_can_follow_each_other(movie_files: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="there is no path"):
        open_movie([])
    with pytest.raises(
        ValueError, match=r"c\.npy is not a TIFF file, and only TIFF files can make one recording together"
    ):
        open_movie([movie_files["plain.tif"], movie_files["c.npy"]])


@given(
    share=st.floats(0.02, 1, exclude_max=True),
    kind=st.sampled_from(["pages", "tifffile", "zlib", "imagej", "one page"]),
)
@settings(max_examples=60, derandomize=True)
def test_the_whole_frames_of_a_truncated_file_are_reached(
    tmp_path_factory: pytest.TempPathFactory, share: float, kind: str
) -> None:
    """By a choice of frames, or without those that are not whole."""
    path = tmp_path_factory.mktemp("cut") / "movie.tif"
    options: dict[str, dict[str, Any]] = {
        "tifffile": {"metadata": {}},
        "zlib": {"metadata": {}, "compression": "zlib"},
        "imagej": {"imagej": True, "metadata": {"axes": "TYX"}},
        "one page": {"imagej": True, "metadata": {"axes": "TYX"}, "truncate": True},
    }
    if kind == "pages":
        write_pages_numbered(path, range(30))
    else:
        write_numbered(path, range(30), **options[kind])
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    message = ""
    try:
        found = numbers_in(path)
    except ValueError as error:
        found, message = [[]], str(error)
    if not message:
        assert found == [[*range(30)]]
        return
    assert "movie.tif" in message
    whole = re.search(r"give frames=slice\(0, (\d+)\)", message)
    assert (whole is None) == ("not a whole TIFF file" in message or "frames 0 to 29 of 30" in message), message
    if whole is not None:
        assert numbers_in(path, frames=slice(0, int(whole[1]))) == [[*range(int(whole[1]))]]
        assert numbers_in(path, salvage=True) == [[*range(int(whole[1]))]]
        assert any("movie.tif" in note for note in open_recording(path, salvage=True).notes)


def test_a_chain_of_pages_that_leads_back_is_damaged(tmp_path: Path) -> None:
    write_pages_numbered(tmp_path / "movie.tif", range(5))
    content = bytearray((tmp_path / "movie.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "movie.tif") as tif:
        third, fourth = (struct.pack("<I", tif.pages[i].offset) for i in (2, 3))
    at = content.index(fourth)
    content[at : at + 4] = third
    (tmp_path / "movie.tif").write_bytes(content)
    with pytest.raises(ValueError, match=r"frame 3 of 4 .* after page 2: the next page is an earlier one"):
        open_movie(tmp_path / "movie.tif")


def test_axes_of_tifffile_that_have_no_name_are_asked_for(tmp_path: Path) -> None:
    """And what the message advises works, also for a set of files."""
    volume = np.arange(4 * 2 * 24, dtype="uint16").reshape(4, 2, 4, 6)
    for i in (1, 2):
        tifffile.imwrite(tmp_path / f"scan_{i}.tif", volume + np.uint16(1000 * i), photometric="minisblack")
    for path, frames in ((tmp_path / "scan_1.tif", 4), (tmp_path, 8)):
        with pytest.raises(ValueError, match="name them, such as axes='TCYX'"):
            open_recording(path)
        channels = [movie[:] for movie in open_recording(path, axes="TCYX")]
        np.testing.assert_array_equal(np.stack(channels, 1)[:4], volume + 1000)
        assert len(channels[0]) == frames


def test_slices_of_imagej_in_several_files_are_asked_for(tmp_path: Path) -> None:
    """It calls all images slices by default; files of several lengths can be nothing but frames."""
    options: dict[str, Any] = {"imagej": True, "metadata": {"axes": "ZYX"}}
    for i in range(3):
        write_numbered(tmp_path / f"scan_{i}.tif", [10 * i, 10 * i + 1], **options)
    with pytest.raises(
        ValueError, match="give axes='TZYX' if each file is one frame, or axes='TYX' if all images follow"
    ):
        open_recording(tmp_path)
    assert numbers_in(tmp_path, axes="TZYX") == [[[0, 1], [10, 11], [20, 21]]]
    assert numbers_in(tmp_path, axes="TYX") == [[0, 1, 10, 11, 20, 21]]
    write_numbered(tmp_path / "scan_3.tif", [30, 31, 32], **options)
    assert numbers_in(tmp_path) == [[0, 1, 10, 11, 20, 21, 30, 31, 32]]
    assert "whatever its metadata say" in open_recording(tmp_path).notes[0]


@pytest.mark.parametrize("short", [1, 3])
def test_a_stack_that_was_cut_off_is_a_frame_that_is_not_whole(tmp_path: Path, short: int) -> None:
    """Its planes never slide into the time."""
    for t in range(4):
        planes = range(2 if t == short else 3)
        write_numbered(tmp_path / f"i_{t}.tif", [10 * t + z for z in planes], imagej=True, metadata={"axes": "ZYX"})
    pattern = f"{tmp_path}/i_*.tif"
    with pytest.raises(ValueError, match=r"has files of 3 slices each by their metadata, but for 1 with fewer: give"):
        open_recording(pattern)
    whole = [[10 * t, 10 * t + 1, 10 * t + 2] for t in range(4) if t != short]
    for options in ({"axes": "TZYX"}, {"planes": 3}):
        told = rf"frame {short} of 4 .*i_{short}\.tif has 2 planes, and others 3"
        with pytest.raises(ValueError, match=told):
            open_recording(pattern, **options)
        assert numbers_in(pattern, salvage=True, **options) == [whole]
        assert numbers_in(pattern, frames=slice(0, short), **options) == [whole[:short]]
    everything = [10 * t + z for t in range(4) for z in range(2 if t == short else 3)]
    assert numbers_in(pattern, axes="TYX") == [everything]


@pytest.mark.parametrize("written", ["append", "compressed", "contiguous"])
def test_arrays_written_one_after_the_other_may_follow_each_other_in_time(tmp_path: Path, written: str) -> None:
    """Someone has to say so: they may be channels."""
    path = tmp_path / "a.tif"
    chunks = [np.stack([image(3 * t + i) for i in range(3)]) for t in range(3)]
    if written == "append":
        for chunk in chunks:
            tifffile.imwrite(path, chunk, photometric="minisblack", append=path.exists())
    else:
        options: dict[str, Any] = {"compression": "zlib"} if written == "compressed" else {"contiguous": True}
        with tifffile.TiffWriter(path) as tiff:
            for chunk in chunks:
                tiff.write(chunk, photometric="minisblack", **options)
    with pytest.raises(ValueError, match="name them" if written == "contiguous" else "give axes='TYX' if they follow"):
        open_recording(path)
    assert numbers_in(path, axes="TYX") == [[*range(9)]]
    if written == "contiguous":
        return
    assert numbers_in(path, channels=1) == [[*range(9)]]
    assert "3 series of a.tif follow each other" in open_recording(path, axes="TYX").notes[0]
    assert numbers_in(path, key="series=1") == [[3, 4, 5]]
    assert open_recording(path, "series=1").notes == ("Left out: 2 of 3 series of a.tif, which are alike",)


def test_the_colors_in_which_imagej_shows_a_movie_are_left_aside(tmp_path: Path) -> None:
    green = np.zeros((3, 256), "uint16")
    green[1] = np.arange(256) * 257
    options = {"description": "ImageJ=1.53\nimages=4\nframes=4\n", "photometric": "palette", "colormap": green}
    write_numbered(tmp_path / "i.tif", range(4), "uint8", **options)
    assert numbers_in(tmp_path / "i.tif") == [[0, 1, 2, 3]]
    assert "colors in which ImageJ shows them are left aside" in open_recording(tmp_path / "i.tif").notes[0]


@pytest.mark.parametrize("written", ["more", "fewer"])
def test_pages_that_do_not_fit_the_metadata_are_not_left_out_silently(tmp_path: Path, written: str) -> None:
    images = 4 if written == "more" else 20
    description = (
        ome_xml({}, 0, "urn:uuid:0")
        .replace('SizeT="0"', f'SizeT="{images}"')
        .replace("/></Pixels>", "/><TiffData/></Pixels>")
    )
    write_numbered(tmp_path / "o.ome.tif", range(11), description=description)
    write_numbered(tmp_path / "i.tif", range(11), description=f"ImageJ=1.53\nimages={images}\nframes={images}\n")
    for name in ("o.ome.tif", "i.tif"):
        told = (
            rf"{name} has 11 pages, .* {images}"
            if written == "more"
            else rf"frames 11 to 19 of 20 .*{name} has 11 pages"
        )
        with pytest.raises(ValueError, match=told):
            open_movie(tmp_path / name)
        options: dict[str, Any] = {"axes": "TYX"} if written == "more" else {"salvage": True}
        assert numbers_in(tmp_path / name, **options) == [[*range(11)]]


@pytest.mark.parametrize("numbers", ["images=6\nchannels=2\nslices=2\nframes=2", "images=999999999\nframes=999999999"])
def test_numbers_of_imagej_that_make_no_sense_are_an_error(tmp_path: Path, numbers: str) -> None:
    write_numbered(tmp_path / "i.tif", range(6), description=f"ImageJ=1.53\n{numbers}\n")
    with pytest.raises(ValueError, match=r"i\.tif.* ImageJ metadata tell of"):
        open_movie(tmp_path / "i.tif")


def test_a_header_that_is_wrong_can_be_overruled(tmp_path: Path) -> None:
    """Both channels and planes have to be given where it tells of several of both."""
    metadata = {"axes": "TZCYX"}
    volume = np.arange(12, dtype="uint16").reshape(2, 3, 2, 1, 1) + np.zeros((4, 6), "uint16")
    tifffile.imwrite(tmp_path / "i.tif", volume, imagej=True, metadata=metadata)
    path = tmp_path / "i.tif"
    assert numbers_in(path) == [[[0, 2, 4], [6, 8, 10]], [[1, 3, 5], [7, 9, 11]]]
    assert numbers_in(path, channels=3, planes=2) == [[[0, 3], [6, 9]], [[1, 4], [7, 10]], [[2, 5], [8, 11]]]
    assert numbers_in(path, channels=1, planes=1) == numbers_in(path, axes="TYX") == [[*range(12)]]
    with pytest.raises(ValueError, match=r"to sort its images otherwise, give both channels=N and planes=N"):
        open_recording(path, channels=2)


def test_the_messages_of_tifffile_reach_who_asks_for_them_elsewhere(movie_files: dict[str, Path], caplog: Any) -> None:
    content = movie_files["pages.tif"].read_bytes()
    movie_files["pages.tif"].with_name("cut.tif").write_bytes(content[:-3000])
    with pytest.raises(ValueError, match=r"cut\.tif"):
        open_movie(movie_files["pages.tif"].with_name("cut.tif"))
    assert caplog.records == []
    logging.getLogger("tifffile").warning("seen")
    assert [record.message for record in caplog.records] == ["seen"]
