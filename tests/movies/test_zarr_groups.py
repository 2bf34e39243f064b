"""Zarr groups: images of OME-Zarr, plates, recordings of this package, and members that Zarr cannot open."""

import json
import uuid
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import numpy as np
import pytest
import zarr
from limited_filesystem import serve
from movie_formats import MOVIE, OTHER

from anscombe_transform.movies.opening import open_movie, open_recording

CHANNELS = np.stack([MOVIE, MOVIE + np.int16(1)], 1)
AXES: list[Any] = [
    {"name": "t", "type": "time", "unit": "millisecond"},
    {"name": "c", "type": "channel"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]


def write_image(group: Any, values: Any = CHANNELS, labels: Any = ("GFP", "RFP")) -> None:
    """Write an image of two levels with the axes (t, c, y, x)."""
    datasets = []
    for level in range(2):
        group.create_array(str(level), data=values[..., :: 2**level, :: 2**level])
        scale = {"type": "scale", "scale": [50, 1, 0.5 * 2**level, 0.25 * 2**level]}
        datasets.append({"path": str(level), "coordinateTransformations": [scale]})
    ome: Any = {
        "multiscales": [{"axes": AXES, "datasets": datasets}],
        "omero": {"channels": [{"label": label} for label in labels]},
    }
    group.attrs.update({"ome": ome} if group.metadata.zarr_format == 3 else ome)


def write_series(path: Path, count: int, zarr_format: Any, *, listed: bool = True) -> None:
    """Write images as bioformats2raw does."""
    root = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    layout: Any = {"bioformats2raw.layout": 3}
    root.attrs.update({"ome": layout} if zarr_format == 3 else layout)
    if listed:
        series: Any = {"series": [str(number) for number in range(count)]}
        root.create_group("OME").attrs.update({"ome": series} if zarr_format == 3 else series)
        (path / "OME" / "METADATA.ome.xml").write_text("<OME/>")
    for number in range(count):
        write_image(root.create_group(str(number)), CHANNELS + np.int16(10 * number))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("listed", [True, False])
def test_the_only_series_of_bioformats2raw_is_opened(tmp_path: Path, zarr_format: int, listed: bool) -> None:
    path = tmp_path / "one.ome.zarr"
    write_series(path, 1, zarr_format, listed=listed)
    for key in (None, "0", "/0/", "0/0"):
        recording = open_recording(path, key)
        assert (recording.channels, recording.key) == (("GFP", "RFP"), "0/0")
        assert (recording.frame_rate, recording.pixel_size) == (20, (0.5, 0.25))
        np.testing.assert_array_equal(recording["RFP"][:], CHANNELS[:, 1])
    assert open_movie(path, channel="GFP").channel == "GFP"
    half = open_movie(path, "0/1,C=1")
    np.testing.assert_array_equal(half[:], CHANNELS[:, 1, ::2, ::2])
    assert (half.pixel_size, half.channel) == ((1, 0.5), "RFP")
    for place, step in (("0", 1), ("0/0", 1), ("0/1", 2)):  # a folder within it
        inner = open_movie(path / place, channel="RFP")
        np.testing.assert_array_equal(inner[:], CHANNELS[:, 1, ::step, ::step])
        assert inner.pixel_size == (0.5 * step, 0.25 * step)
        assert all(Path(location).is_relative_to(path / place) for location in inner.locations)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_of_several_series_the_key_chooses_one(tmp_path: Path, zarr_format: int) -> None:
    path = tmp_path / "two.ome.zarr"
    write_series(path, 2, zarr_format)
    with pytest.raises(ValueError, match=r"has several images: give the path of one as key, such as key='0': 0, 1$"):
        open_movie(path, channel=0)
    np.testing.assert_array_equal(open_movie(path, "1", channel=0)[:], MOVIE + np.int16(10))
    np.testing.assert_array_equal(open_movie(path, "1,C=0")[:], MOVIE + np.int16(10))
    for key in ("2", "1/7"):
        with pytest.raises(ValueError, match=rf"two.ome.zarr has no '{key}': give the path of an image as key: 0, 1$"):
            open_movie(path, key)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_of_a_plate_the_key_chooses_a_field(tmp_path: Path, zarr_format: Any) -> None:
    def told(attributes: Any) -> Any:
        return {"ome": attributes} if zarr_format == 3 else attributes

    root = zarr.open_group(tmp_path / "plate.zarr", mode="w", zarr_format=zarr_format)
    wells = ["A/1", "B/3"]
    root.attrs.update(told({"plate": {"wells": [{"path": path} for path in wells]}, "bioformats2raw.layout": 3}))
    for well in wells:
        group = root.create_group(well)
        group.attrs.update(told({"well": {"images": [{"path": "0"}, {"path": "1"}]}}))
        for field in range(2):
            write_image(group.create_group(str(field)))
    message = r"plate with several fields: .* as key, such as key='A/1/0': A/1/0, A/1/1, B/3/0, B/3/1$"
    with pytest.raises(ValueError, match=message):
        open_movie(tmp_path / "plate.zarr")
    with pytest.raises(ValueError, match=r"is a well with several fields: .* such as key='B/3/0': B/3/0, B/3/1$"):
        open_movie(tmp_path / "plate.zarr", "B/3")
    np.testing.assert_array_equal(open_movie(tmp_path / "plate.zarr", "B/3/1", channel=1)[:], CHANNELS[:, 1])
    np.testing.assert_array_equal(open_movie(tmp_path / "plate.zarr" / "A" / "1" / "0", channel=0)[:], MOVIE)


def write_recording(path: Path | str, *, within: str = "", planes: bool = False) -> None:
    """Write a recording as this package does: an array for each channel, and coordinates beside them."""
    root = zarr.open_group(path, mode="w")
    names: Any = ["t", "z", "y", "x"] if planes else ["t", "y", "x"]
    for number in range(2):
        values = CHANNELS[:, number]
        values = np.stack([values, values + np.int16(7)], 1) if planes else values
        name = f"channel_{number}{within}"
        root.create_array(name, shape=values.shape, dtype="int16", dimension_names=names)[:] = values
    root.create_array("t", shape=(len(MOVIE),), dtype="float64", dimension_names=["t"])[:] = np.arange(len(MOVIE))
    channels: Any = [{"name": name, "path": f"channel_{i}"} for i, name in enumerate(("GFP", "RFP"))]
    root.attrs["anscombe_transform"] = {
        "channels": channels,
        "frame_rate": 12.5,
        "pixel_size": [0.5, 0.6],
        "z_step": 4.0,
        "calibration": {"scale": 2.0, "offset": -32768.0},
    }


@pytest.mark.parametrize("within", ["", "/0"])
@pytest.mark.parametrize("planes", [False, True])
def test_a_recording_of_this_package_is_opened_as_a_whole(tmp_path: Path, within: str, planes: bool) -> None:
    path = tmp_path / "recording.zarr"
    write_recording(path, within=within, planes=planes)
    recording = open_recording(path)
    assert (recording.channels, recording.planes, recording.key) == (("GFP", "RFP"), 1 + planes, None)
    assert (recording.frame_rate, recording.pixel_size, recording.z_step) == (12.5, (0.5, 0.6), 4.0)
    assert dict(recording[0].calibration) == {"scale": 2.0, "offset": -32768.0}
    movie = open_movie(path, channel="RFP", plane=planes)
    np.testing.assert_array_equal(movie[:], CHANNELS[:, 1] + np.int16(7 * planes))
    assert {str(path / f"channel_{i}{within}") for i in range(2)} < set(movie.locations)
    one = open_movie(path, f"channel_1{within}", plane=0)
    np.testing.assert_array_equal(one[:], CHANNELS[:, 1])


def test_a_recording_of_this_package_that_is_damaged_says_how(tmp_path: Path) -> None:
    path = tmp_path / "recording.zarr"
    write_recording(path)
    (path / "channel_1" / "c" / "0" / "0" / "0").unlink()
    message = r"frames 0 to 10 of 11 are missing .*recording.zarr/channel_1 are not stored.*channel=0$"
    with pytest.raises(ValueError, match=message):
        open_recording(path)
    zarr.create_array(path, name="channel_1", data=OTHER, overwrite=True)
    with pytest.raises(ValueError, match=r"channels that do not fit together: .*: channel_0 \(11, 20, 24\) int16, ch"):
        open_recording(path)
    (path / "channel_1" / "zarr.json").unlink()
    with pytest.raises(ValueError, match=r"recording.zarr has no array 'channel_1', which its metadata name"):
        open_recording(path)


OBJECTS = {
    "zarr_format": 2,
    "shape": [3],
    "chunks": [3],
    "dtype": "|O",
    "fill_value": 0,
    "order": "C",
    "compressor": None,
    "filters": [{"id": "pickle"}],
}


def write_unreadable(folder: Path, shape: list[int] | None = None) -> None:
    """Write the metadata of an array of Python objects, of which Zarr knows no dtype."""
    folder.mkdir(parents=True)
    (folder / ".zarray").write_text(json.dumps(OBJECTS | {"shape": shape or [3]}))


def test_members_that_zarr_cannot_open_are_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "group.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("movie", data=MOVIE)
    write_unreadable(path / "names")
    (path / "notes.txt").write_text("beside")
    np.testing.assert_array_equal(open_movie(path)[:], MOVIE)
    with pytest.raises(ValueError, match=r"group.zarr is not a whole Zarr array .*No Zarr data type"):
        open_movie(path, "names")
    with pytest.raises(ValueError, match=r"has no array 'other': give the name of one as key: movie \(11, 20, 24\)$"):
        open_movie(path, "other")


def write_nwb_zarr(path: Path | str, movie: Any = MOVIE, name: str = "TwoPhotonSeries") -> Any:
    """Write an imaging series as hdmf-zarr does, with links as attributes and objects that Zarr cannot read."""
    attributes: Any = {"nwb_version": "2.7.0", "neurodata_type": "NWBFile"}
    root = zarr.open_group(path, mode="w", zarr_format=2, attributes=attributes)
    plane = root.create_group("general/optophysiology/plane", attributes={"neurodata_type": "ImagingPlane"})
    spacing = plane.create_array("grid_spacing", data=np.array([0.5e-6, 2e-6, 3e-6]))
    spacing.attrs["unit"] = "meters"
    plane.create_group("GFP", attributes={"neurodata_type": "OpticalChannel"})
    link: Any = {"name": "imaging_plane", "path": "/general/optophysiology/plane", "source": ".", "object_id": "x"}
    series = root.create_group(f"acquisition/{name}", attributes={"neurodata_type": name, "zarr_link": [link]})
    data = series.create_array("data", data=movie.swapaxes(1, 2))
    data.attrs.update({"conversion": 0.25, "offset": -8.0, "unit": "photons"})
    start = series.create_array("starting_time", data=np.array([0.0]))
    start.attrs["rate"] = 20.0
    return root


@pytest.mark.parametrize("consolidated", [True, False])
def test_nwb_in_zarr_is_read_as_in_hdf5(tmp_path: Path, consolidated: bool) -> None:
    path = tmp_path / "series.nwb.zarr"
    write_nwb_zarr(path)
    if consolidated:
        zarr.consolidate_metadata(path)
        content = json.loads((path / ".zmetadata").read_text())
        content["metadata"]["specifications/.zarray"] = OBJECTS
        (path / ".zmetadata").write_text(json.dumps(content))
    write_unreadable(path / "specifications")
    for key in (None, "TwoPhotonSeries", "acquisition/TwoPhotonSeries", "acquisition/TwoPhotonSeries/data"):
        movie = open_movie(path, key)
        np.testing.assert_array_equal(movie[:], MOVIE)
        if key != "acquisition/TwoPhotonSeries/data":
            assert (movie.frame_rate, movie.channel) == (20, "GFP")
            assert movie.pixel_size == pytest.approx((2, 0.5))
            assert movie.z_step == pytest.approx(3)
            assert dict(movie.calibration) == {"scale": 0.25, "offset": -8.0, "unit": "photons"}
    with pytest.raises(ValueError, match="has no imaging series 'other': give the name of one as key: acquisition/Two"):
        open_movie(path, "other")


def test_frames_of_nwb_in_zarr_that_are_in_other_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "series.nwb.zarr"
    write_nwb_zarr(path, np.zeros((0, 0, 0), "uint8"))
    write_unreadable(path / "acquisition" / "TwoPhotonSeries" / "external_file", [2])
    with pytest.raises(ValueError, match="has the frames of acquisition/TwoPhotonSeries in other files"):
        open_movie(path)


def test_steps_channels_and_meanings_of_values_are_told_by_coordinates_and_attributes(tmp_path: Path) -> None:
    """As xarray writes them."""
    group = zarr.open_group(tmp_path / "dataset.zarr", mode="w", zarr_format=2)

    def write(name: str, values: Any, dimensions: list[str], **attributes: Any) -> None:
        group.create_array(name, data=values).attrs.update({"_ARRAY_DIMENSIONS": dimensions, **attributes})

    write("movie", CHANNELS, ["time", "channel", "y", "x"], scale_factor=0.5, add_offset=3.0, units="photons")
    write("time", np.arange(11) * 50, ["time"], units="milliseconds since 2026-01-01")
    write("y", np.arange(20)[::-1] * 0.5, ["y"], units="um")
    write("x", np.arange(24) * 250.0, ["x"], units="nm")
    write("channel", np.array(["GFP", "RFP"]), ["channel"])
    recording = open_recording(tmp_path / "dataset.zarr")
    assert (recording.channels, recording.key) == (("GFP", "RFP"), "movie")
    assert (recording.frame_rate, recording.pixel_size) == (20, (0.5, 0.25))
    assert dict(recording[0].calibration) == {"scale": 0.5, "offset": 3.0, "unit": "photons"}
    np.testing.assert_array_equal(recording["GFP"][:], MOVIE)


def test_a_single_file_at_a_url_is_refused_with_a_way_that_works(tmp_path: Path) -> None:
    for name in ("movie.tif", "movie.h5", "movie.npy", "movie.zarr.zip"):
        url = f"memory://{uuid.uuid4().hex}/{name}"
        with fsspec.open(url, "wb") as file:
            file.write(b"content")
        with pytest.raises(
            ValueError, match=rf"{name} is a single file, .* copy it to this machine, such as"
        ) as raised:
            open_movie(url)
        way = str(raised.value).partition("such as with ")[2]
        target = str(tmp_path / name)
        eval(way.replace(f"'{name}'", repr(target)), {"fsspec": fsspec})
        assert (tmp_path / name).read_bytes() == b"content"


def test_missing_credentials_are_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoCredentialsError(Exception):
        """Has the name of what botocore raises."""

    for error, message in (
        (NoCredentialsError("Unable to locate credentials"), r"needs credentials: .*storage_options={'anon': True}"),
        (PermissionError("Access Denied"), "may not be read: Access Denied"),
    ):
        url = serve(tmp_path, monkeypatch, error)
        with pytest.raises(PermissionError, match=rf"{url} {message}"):
            open_movie(url)
