"""TIFF files: stacks of many files, sets of OME-TIFF, pyramids, and what their metadata promise."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from movie_formats import MOVIE, Array, ome_xml, write_ome_set, write_tiff

from anscombe_transform.movies.opening import open_movie


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


@pytest.mark.parametrize("companion", [None, "part_3.ome.tif"])
def test_a_set_of_ome_tiff_of_which_a_file_is_missing_is_refused(tmp_path: Path, companion: str | None) -> None:
    write_ome_set(tmp_path / "set", MOVIE, companion)
    (tmp_path / "set" / "part_3.ome.tif").unlink()
    for opened in ("", "part_0.ome.tif"):
        with pytest.raises((ValueError, FileNotFoundError), match=r"part_0.ome.tif .*part_3.ome.tif"):
            open_movie(tmp_path / "set" / opened)


def test_only_the_whole_resolution_of_a_pyramid_is_the_movie(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "pyramid.ome.tif") as tiff:
        options: Any = {"photometric": "minisblack", "tile": (16, 16), "compression": "zlib"}
        tiff.write(MOVIE, subifds=1, metadata={"axes": "TYX"}, **options)
        tiff.write(MOVIE[:, ::2, ::2], subfiletype=1, **options)
    np.testing.assert_array_equal(open_movie(tmp_path / "pyramid.ome.tif")[:], MOVIE)


@pytest.mark.parametrize("different", [MOVIE[0, :10], MOVIE[0].astype("uint16")], ids=["shape", "dtype"])
def test_files_that_differ_make_no_movie(tmp_path: Path, different: Array) -> None:
    write_tiff(tmp_path / "scan_2.tif", MOVIE[0])
    write_tiff(tmp_path / "scan_10.tif", different)
    for path in (tmp_path, str(tmp_path / "*.tif")):
        with pytest.raises(
            ValueError, match=r"scan_10.tif has images of shape \(.*\) and u?int16, but scan_2.tif, .* has"
        ):
            open_movie(path)


def test_a_sequence_needs_files_that_can_follow_each_other(movie_files: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="there is no path"):
        open_movie([])
    with pytest.raises(ValueError, match=r"c\.npy is not a TIFF file, and only TIFF files can make one movie together"):
        open_movie([movie_files["plain.tif"], movie_files["c.npy"]])


@pytest.mark.parametrize("written", ["more", "fewer"])
def test_pages_that_do_not_fit_the_metadata_are_not_left_out_silently(tmp_path: Path, written: str) -> None:
    for name, options in {"o.ome.tif": {"metadata": None}, "i.tif": {"metadata": None}}.items():
        images = 4 if written == "more" else 20
        description = (
            ome_xml({}, 0, "urn:uuid:0")
            .replace('SizeT="0"', f'SizeT="{images}"')
            .replace("/></Pixels>", "/><TiffData/></Pixels>")
            if name == "o.ome.tif"
            else f"ImageJ=1.53\nimages={images}\nframes={images}\n"
        )
        write_tiff(tmp_path / name, MOVIE, description=description, **options)
        with pytest.raises(ValueError, match=rf"{name} is not a whole TIFF file"):
            open_movie(tmp_path / name)


def test_the_messages_of_tifffile_reach_who_asks_for_them_elsewhere(movie_files: dict[str, Path], caplog: Any) -> None:
    content = movie_files["pages.tif"].read_bytes()
    movie_files["pages.tif"].with_name("cut.tif").write_bytes(content[:-3000])
    with pytest.raises(ValueError, match=r"cut\.tif"):
        open_movie(movie_files["pages.tif"].with_name("cut.tif"))
    assert caplog.records == []
    logging.getLogger("tifffile").warning("seen")
    assert [record.message for record in caplog.records] == ["seen"]
