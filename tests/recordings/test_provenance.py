"""What the attributes of a compressed array tell of the movie that it was made from."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import tifffile
from compressed_movies import GIVEN, MOVIE, G, is_stored, opened

from anscombe_transform import compress


def test_the_attributes_tell_how_the_array_was_made(tmp_path: Path) -> None:
    result = compress(MOVIE, tmp_path / "a")
    attributes: Any = opened(tmp_path / "a").attrs.asdict()
    del attributes["anscombe_transform"]["digest"]
    assert attributes == {
        "anscombe_transform": {
            "version": version("anscombe-transform"),
            "parameters": result.parameters,
            "input": {"shape": [40, 64, 64], "dtype": "int16"},
        }
    }
    assert result.parameters["source"] == "estimated"
    assert result.parameters["conversion_gain"] == pytest.approx(G, abs=3 * result.parameters["conversion_gain_error"])


@pytest.mark.parametrize("kind", ["ImageJ", "OME"])
@pytest.mark.parametrize("options", [{}, {"zarr_format": 2}, {"ome": True}], ids=str)
def test_frame_rate_and_pixel_size_of_a_tiff_file_are_told(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    if kind == "ImageJ":
        tifffile.imwrite(
            tmp_path / "movie.tif",
            MOVIE.astype("uint16"),
            imagej=True,
            resolution=(4.0, 2.0),
            metadata={"axes": "TYX", "finterval": 0.05, "unit": "um"},
        )
    else:
        tifffile.imwrite(
            tmp_path / "movie.tif",
            MOVIE.astype("uint16"),
            ome=True,
            photometric="minisblack",
            metadata={
                "axes": "TYX",
                "TimeIncrement": 0.05,
                "TimeIncrementUnit": "s",
                "PhysicalSizeX": 0.25,
                "PhysicalSizeY": 0.5,
            },
        )
    compress(tmp_path / "movie.tif", tmp_path / "a", **GIVEN, **options)
    story: Any = opened(tmp_path / "a").attrs["anscombe_transform"]
    assert story["frame_rate"] == pytest.approx(20)
    assert story["pixel_size"] == pytest.approx([0.5, 0.25])
    is_stored(MOVIE.astype("uint16"), tmp_path / "a")


def test_every_second_frame_is_half_the_frame_rate(tmp_path: Path) -> None:
    metadata = {"axes": "TYX", "TimeIncrement": 0.05, "TimeIncrementUnit": "s"}
    tifffile.imwrite(tmp_path / "movie.tif", MOVIE, ome=True, photometric="minisblack", metadata=metadata)
    compress(tmp_path / "movie.tif", tmp_path / "a", frames=slice(None, None, 2), **GIVEN)
    story: Any = opened(tmp_path / "a").attrs["anscombe_transform"]
    assert story["frame_rate"] == pytest.approx(10)
