"""Frame rates and pixel sizes that files tell."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from movie_formats import MOVIE, SCANIMAGE, write_nwb, write_ome_zarr, write_pages, write_tiff, write_zarr

from anscombe_transform.movies.opening import open_movie, open_recording


def write_volumes(path: Path) -> None:
    settings = (
        "SI.hRoiManager.scanFrameRate = 30\nSI.hRoiManager.scanVolumeRate = 10\nSI.hStackManager.enable = true\n"
        "SI.hStackManager.framesPerSlice = 1\nSI.hStackManager.numSlices = 3"
    )
    volumes = np.repeat(MOVIE, 3, axis=0)
    write_pages(path, volumes, bigtiff=True, metadata=None, software=settings)


def ome(**metadata: Any) -> Callable[[Path], None]:
    return lambda path: write_tiff(path, MOVIE, ome=True, metadata={"axes": "TYX"} | metadata)


def imagej(resolution: tuple[Any, Any] | None = None, **metadata: Any) -> Callable[[Path], None]:
    return lambda path: write_tiff(path, MOVIE, imagej=True, resolution=resolution, metadata={"axes": "TYX"} | metadata)


def own_attributes(path: Path) -> None:
    write_zarr(path, MOVIE, attributes={"anscombe_transform": {"frame_rate": 12.5, "pixel_size": [0.5, 0.6]}})


@pytest.mark.parametrize(
    ("name", "write", "key", "rate", "size"),
    [
        ("a.tif", ome(PhysicalSizeX=0.5, PhysicalSizeY=0.6, TimeIncrement=0.05), None, 20, (0.6, 0.5)),
        (
            "b.tif",
            ome(
                PhysicalSizeX=500,
                PhysicalSizeXUnit="nm",
                PhysicalSizeY=0.6,
                PhysicalSizeYUnit="\u00b5m",
                TimeIncrement=50,
                TimeIncrementUnit="ms",
            ),
            None,
            20,
            (0.6, 0.5),
        ),
        (
            "c.tif",
            ome(PhysicalSizeX=0.5, PhysicalSizeXUnit="pixel", PhysicalSizeY=0.6, TimeIncrement=0),
            None,
            None,
            None,
        ),
        ("d.tif", imagej((2, 2.5), unit="um", finterval=0.05), None, 20, (0.4, 0.5)),
        ("e.tif", imagej((2, 2.5), unit="micron", finterval=50, tunit="ms"), None, 20, (0.4, 0.5)),
        ("f.tif", imagej((2, 2.5), unit="\\u00B5m", fps=20), None, None, (0.4, 0.5)),
        ("g.tif", imagej((20000, 25000), unit="cm"), None, None, (0.4, 0.5)),
        ("h.tif", imagej((2, 2.5), unit="pixel", finterval=float("inf")), None, None, None),
        ("i.tif", imagej(None, unit="um", fps=0), None, None, None),
        ("j.tif", imagej((72, 72), unit="inch"), None, None, None),
        ("k.tif", lambda path: write_tiff(path, MOVIE, resolution=(72, 72), resolutionunit="INCH"), None, None, None),
        ("l.tif", lambda path: write_tiff(path, MOVIE, resolution=(2, 2)), None, None, None),
        (
            "m.tif",
            lambda path: write_tiff(path, MOVIE, resolution=(2e4, 2e4), resolutionunit=3),
            None,
            None,
            (0.5, 0.5),
        ),
        (
            "n.tif",
            lambda path: write_pages(path, MOVIE[:10], bigtiff=True, metadata=None, **SCANIMAGE),
            "C=0",
            15.25,
            (1, 2),
        ),
        ("o.tif", write_volumes, "Z=1", 10, None),
        (
            "p.tif",
            lambda path: write_pages(
                path, MOVIE, metadata=None, description="state.acq.frameRate=3.5\r\nstate.acq.x=1"
            ),
            None,
            3.5,
            None,
        ),
        ("q.nwb", lambda path: write_nwb(path, MOVIE), None, 20, (2, 0.5)),
        ("r.nwb", lambda path: write_nwb(path, MOVIE, timestamps=True), None, 20, (2, 0.5)),
        ("s.zarr", lambda path: write_ome_zarr(path, MOVIE, 2), None, 20, (0.5, 0.25)),
        ("t.zarr", lambda path: write_ome_zarr(path, MOVIE, 3), "1", 20, (1, 0.5)),
        ("u.zarr", own_attributes, None, 12.5, (0.5, 0.6)),
        ("v.npy", lambda path: np.save(path, MOVIE), None, None, None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_frame_rate_and_pixel_size_are_those_of_the_file(
    tmp_path: Path, name: str, write: Callable[[Path], None], key: str | None, rate: float | None, size: Any
) -> None:
    """They are None where it has none."""
    write(tmp_path / name)
    movie = open_movie(tmp_path / name, key)
    assert movie.frame_rate == (None if rate is None else pytest.approx(rate))
    assert movie.pixel_size == (None if size is None else pytest.approx(size))
    halved = open_movie(tmp_path / name, key, frames=slice(None, None, 2))
    assert halved.frame_rate == (None if rate is None else pytest.approx(rate / 2))


VOLUMES = np.repeat(MOVIE[:6], 2, axis=0).reshape(3, 2, 2, 20, 24)
"""Along time, planes and channels."""


def write_volumes_of_imagej(path: Path, **metadata: Any) -> None:
    write_tiff(path, VOLUMES, imagej=True, resolution=(2, 2.5), metadata={"axes": "TZCYX", "unit": "um"} | metadata)


@pytest.mark.parametrize(
    ("metadata", "z_step"),
    [
        ({"spacing": 3}, 3),
        ({"spacing": 3000, "zunit": "nm"}, 3),
        ({"spacing": 3, "unit": "pixel"}, None),
        ({}, None),
    ],
)
def test_the_distance_between_planes_is_that_of_imagej(tmp_path: Path, metadata: Any, z_step: float | None) -> None:
    """In the unit of the axis, which is that of x unless it is told."""
    write_volumes_of_imagej(tmp_path / "a.tif", **metadata)
    assert open_recording(tmp_path / "a.tif").z_step == (None if z_step is None else pytest.approx(z_step))


def test_the_unit_along_y_may_differ_from_that_along_x(tmp_path: Path) -> None:
    write_volumes_of_imagej(tmp_path / "a.tif", yunit="nm")
    assert open_recording(tmp_path / "a.tif").pixel_size == pytest.approx((0.0004, 0.5))


@pytest.mark.parametrize(
    ("label", "channels"),
    [
        (lambda t, z, c: f"c:{c + 1}/2 z:{z + 1}/2 t:{t + 1}/3 - {['GFP', 'RFP'][c]}", ("GFP", "RFP")),
        (lambda t, z, c: ["GFP", "RFP"][c], ("GFP", "RFP")),
        (lambda t, z, c: f"c:{c + 1}/2 z:{z + 1}/2 t:{t + 1}/3 - movie.lif", ("channel_0", "channel_1")),
        (lambda t, z, c: f"img_{t}_{z}_{c}", ("channel_0", "channel_1")),
    ],
)
def test_channels_have_the_labels_that_imagej_gives_to_each_of_their_images(
    tmp_path: Path, label: Callable[[int, int, int], str], channels: tuple[str, ...]
) -> None:
    labels = [label(t, z, c) for t in range(3) for z in range(2) for c in range(2)]
    write_volumes_of_imagej(tmp_path / "a.tif", Labels=labels)
    assert open_recording(tmp_path / "a.tif").channels == channels


def test_the_calibration_of_imagej_is_kept_and_the_values_are_as_stored(tmp_path: Path) -> None:
    """It writes signed values as unsigned ones that are larger by 32768."""
    imagej(None, cf=0, c0=-32768.0, c1=1.0, vunit="gray value")(tmp_path / "a.tif")
    movie = open_movie(tmp_path / "a.tif")
    assert movie.calibration == {"scale": 1, "offset": -32768, "unit": "gray value"}
    np.testing.assert_array_equal(movie[:], MOVIE)
    imagej(None, cf=0, c0=0.0, c1=1.0)(tmp_path / "b.tif")
    assert open_movie(tmp_path / "b.tif").calibration == {}
    imagej(None, cf=20, c0=1.0, c1=2.0)(tmp_path / "c.tif")
    assert open_movie(tmp_path / "c.tif").calibration == {}
    assert "by its function 20, which is left aside" in open_movie(tmp_path / "c.tif").notes[0]
