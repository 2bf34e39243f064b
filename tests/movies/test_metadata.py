"""Frame rates and pixel sizes that files tell."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from movie_formats import MOVIE, SCANIMAGE, write_nwb, write_ome_zarr, write_pages, write_tiff, write_zarr

from anscombe_transform.movies.opening import open_movie


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
        ("f.tif", imagej((2, 2.5), unit="\\u00B5m", fps=20), None, 20, (0.4, 0.5)),
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
