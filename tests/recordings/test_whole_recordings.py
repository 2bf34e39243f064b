"""Recordings of several channels and planes, compressed as a whole, opened by others, and written back."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import xarray
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ome_zarr_models.v05 import Image
from stored import contents

from anscombe_transform import (
    Recording,
    compress,
    decode,
    decompress,
    describe,
    describe_recording,
    encode,
    estimate_parameters,
    open_movie,
    open_recording,
)
from anscombe_transform.recordings.channels import array_names
from anscombe_transform.simulate import Detector, Scene, simulate_movie

Movie = npt.NDArray[Any]

GAINS = (40.0, 60.0)


@pytest.fixture(scope="module")
def values() -> Movie:
    """Two channels of different gain, with three planes each, (time, channel, plane, y, x)."""
    return np.stack(
        [
            np.stack(
                [
                    simulate_movie((40, 48, 56), Scene(), Detector(zero_level=200, conversion_gain=gain), seed=plane)
                    for plane in range(3)
                ],
                axis=1,
            )
            for gain in GAINS
        ],
        axis=1,
    )


@pytest.fixture(scope="module")
def file(values: Movie, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "two.ome.tif"
    metadata = {
        "axes": "TCZYX",
        "TimeIncrement": 0.1,
        "TimeIncrementUnit": "s",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeY": 0.25,
        "PhysicalSizeZ": 4.0,
        "Channel": {"Name": ["GCaMP 8", "tdTomato"]},
    }
    tifffile.imwrite(path, values, photometric="minisblack", metadata=metadata)
    return path


@pytest.fixture(scope="module")
def recording(file: Path) -> Recording:
    return open_recording(file)


@pytest.fixture(scope="module")
def stored(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("stored") / "two.zarr"
    compress(file, output, chunks=8)
    return output


def arrays_in(output: Path) -> dict[str, Any]:
    group = zarr.open_group(output, mode="r")
    return {name: array for name, array in sorted(group.arrays()) if array.ndim > 1}


def is_stored(movie: Movie, array: Any, beta: float = 0.5) -> None:
    """Assert that an array has what the codec makes of a movie with the parameters in its attributes."""
    found = array.attrs["anscombe_transform"]["parameters"]
    parameters = {name: found[name] for name in ("zero_level", "conversion_gain")} | {"beta": beta}
    (codec,) = array.filters
    codes = encode(movie, **parameters, encoded_dtype=codec.encoded_dtype)
    np.testing.assert_array_equal(array[...], decode(codes, **parameters, decoded_dtype=movie.dtype))


def test_a_recording_knows_its_channels_and_planes(recording: Recording, values: Movie) -> None:
    assert recording.channels == ("GCaMP 8", "tdTomato")
    assert (recording.planes, recording.shape, recording.dtype) == (3, (40, 3, 48, 56), values.dtype)
    assert (recording.frame_rate, recording.pixel_size, recording.z_step) == (10.0, (0.25, 0.5), 4.0)
    for channel in (1, "tdTomato", -1, "1"):
        np.testing.assert_array_equal(recording[channel][:], values[:, 1])
    assert [movie.channel for movie in recording] == ["GCaMP 8", "tdTomato"]
    with pytest.raises(ValueError, match=r"no channel 'red'.*GCaMP 8, tdTomato"):
        recording["red"]


@pytest.mark.parametrize("channel", [0, "tdTomato"])
@pytest.mark.parametrize("plane", [0, 2, -1])
def test_one_channel_and_plane_is_a_movie(file: Path, values: Movie, channel: int | str, plane: int) -> None:
    movie = open_movie(file, channel=channel, plane=plane, frames=slice(3, 30, 4))
    number = channel if isinstance(channel, int) else 1
    np.testing.assert_array_equal(movie[:], values[3:30:4, number, plane])
    assert movie.frame_rate == 2.5


def test_a_movie_is_not_chosen_in_silence(file: Path) -> None:
    with pytest.raises(
        ValueError, match=r"2 channels \(GCaMP 8, tdTomato\), choose one, such as channel=0, and 3 planes"
    ):
        open_movie(file)
    with pytest.raises(ValueError, match=r"no plane 3: it has 3"):
        open_movie(file, channel=0, plane=3)


def test_each_channel_becomes_an_array_with_an_estimate_of_its_own(stored: Path, values: Movie) -> None:
    arrays = arrays_in(stored)
    assert list(arrays) == ["GCaMP_8", "tdTomato"]
    for number, name in enumerate(arrays):
        is_stored(values[:, number], arrays[name])
        assert arrays[name].metadata.dimension_names == ("t", "z", "y", "x")
        found = arrays[name].attrs["anscombe_transform"]["parameters"]
        assert found["source"] == "estimated"
        assert abs(found["conversion_gain"] / GAINS[number] - 1) < 0.1


def test_planes_share_an_estimate_from_all_of_them(stored: Path, file: Path) -> None:
    """It is that of a movie whose frames have the planes below each other."""
    for channel in open_recording(file):
        below = channel[:].reshape(40, 3 * 48, 56)
        expected = estimate_parameters(below)
        found = estimate_parameters(channel)
        assert (found.conversion_gain, found.zero_level) == (expected.conversion_gain, expected.zero_level)
        (name,) = array_names([channel.channel or ""])
        parameters = arrays_in(stored)[name].attrs["anscombe_transform"]["parameters"]
        assert parameters["conversion_gain"] == pytest.approx(expected.conversion_gain, rel=1e-6)


def test_the_group_says_how_it_was_made(stored: Path) -> None:
    said: Any = zarr.open_group(stored, mode="r").attrs["anscombe_transform"]
    assert said["channels"] == [{"name": "GCaMP 8", "path": "GCaMP_8"}, {"name": "tdTomato", "path": "tdTomato"}]
    assert (said["frame_rate"], said["pixel_size"], said["z_step"]) == (10.0, [0.25, 0.5], 4.0)
    assert said["input"]["name"] == "two.ome.tif"
    assert "parameters" not in said


def test_what_was_written_is_a_recording_again(stored: Path, recording: Recording, values: Movie) -> None:
    again = open_recording(stored)
    assert (again.channels, again.planes, again.shape) == (recording.channels, 3, recording.shape)
    assert (again.frame_rate, again.pixel_size, again.z_step) == (10.0, (0.25, 0.5), 4.0)
    np.testing.assert_array_equal(again["tdTomato"][5:9, 1], arrays_in(stored)["tdTomato"][5:9, 1])


def test_xarray_opens_it_with_times_and_positions(stored: Path) -> None:
    dataset = xarray.open_zarr(stored, consolidated=False)
    assert dataset["tdTomato"].dims == ("t", "z", "y", "x")
    np.testing.assert_allclose(dataset.coords["t"], np.arange(40) * 0.1)
    np.testing.assert_allclose(dataset.coords["z"], np.arange(3) * 4.0)
    np.testing.assert_allclose(dataset.coords["y"], np.arange(48) * 0.25)
    np.testing.assert_allclose(dataset.coords["x"], np.arange(56) * 0.5)
    np.testing.assert_array_equal(dataset["tdTomato"][7], arrays_in(stored)["tdTomato"][7])


@pytest.mark.parametrize(
    ("name", "axes"), [("a.npy", None), ("a.tif", "TCZYX"), ("a.ome.tif", "TCZYX")], ids=["npy", "tif", "ome"]
)
def test_decompressing_gives_all_channels_and_planes_back_in_order(
    stored: Path, tmp_path: Path, name: str, axes: str | None
) -> None:
    arrays = arrays_in(stored)
    expected = np.stack([arrays["GCaMP_8"][...], arrays["tdTomato"][...]], axis=1)
    result = decompress(stored, tmp_path / name)
    assert result.shape == (40, 2, 3, 48, 56)
    assert result.size == expected.nbytes
    if axes is None:
        np.testing.assert_array_equal(np.load(tmp_path / name), expected)
        return
    with tifffile.TiffFile(tmp_path / name) as tif:
        assert tif.series[0].axes == axes
        np.testing.assert_array_equal(tif.asarray(), expected)
    if name == "a.ome.tif":
        again = open_recording(tmp_path / name)
        assert again.channels == ("GCaMP 8", "tdTomato")
        assert (again.frame_rate, again.pixel_size, again.z_step) == (10.0, (0.25, 0.5), 4.0)


def test_decompressing_to_zarr_leaves_out_only_the_codec(stored: Path, tmp_path: Path) -> None:
    decompress(stored, tmp_path / "plain.zarr")
    plain, arrays = arrays_in(tmp_path / "plain.zarr"), arrays_in(stored)
    assert plain.keys() == arrays.keys()
    for name, array in plain.items():
        assert not array.filters
        assert array.chunks == arrays[name].chunks
        np.testing.assert_array_equal(array[...], arrays[name][...])
    assert open_recording(tmp_path / "plain.zarr").channels == ("GCaMP 8", "tdTomato")


def test_one_channel_or_plane_is_decompressed_alone(stored: Path, tmp_path: Path) -> None:
    decompress(stored, tmp_path / "a.npy", channel="tdTomato", plane=1, frames=slice(4, 9))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), arrays_in(stored)["tdTomato"][4:9, 1])


def test_each_channel_is_an_image_of_ome(file: Path, values: Movie, tmp_path: Path) -> None:
    """They are listed as bioformats2raw does, and each is valid by itself."""
    compress(file, tmp_path / "a.ome.zarr", ome=True)
    root: Any = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    assert root.attrs["ome"] == {"version": "0.5", "bioformats2raw.layout": 3}
    assert root["OME"].attrs["ome"]["series"] == ["0", "1"]
    xml = ElementTree.parse(tmp_path / "a.ome.zarr/OME/METADATA.ome.xml").getroot()
    assert [(image.attrib["ID"], image.attrib["Name"]) for image in xml] == [
        ("Image:0", "GCaMP 8"),
        ("Image:1", "tdTomato"),
    ]
    for number, name in enumerate(root["OME"].attrs["ome"]["series"]):
        image = Image.from_zarr(root[name])
        (multiscale,) = image.ome_attributes.multiscales
        assert multiscale.name == ["GCaMP 8", "tdTomato"][number]
        assert [axis.name for axis in multiscale.axes] == ["t", "z", "y", "x"]
        dataset: Any = multiscale.datasets[0]
        np.testing.assert_allclose(dataset.coordinateTransformations[0].scale, [0.1, 4.0, 0.25, 0.5])
        is_stored(values[:, number], root[f"{name}/0"])
    assert open_recording(tmp_path / "a.ome.zarr").channels == ("GCaMP 8", "tdTomato")


def test_a_channel_and_a_plane_alone_become_an_array(file: Path, values: Movie, tmp_path: Path) -> None:
    compress(file, tmp_path / "a.zarr", channel=1, plane=2)
    array: Any = zarr.open_array(tmp_path / "a.zarr", mode="r")
    is_stored(values[:, 1, 2], array)
    said = array.attrs["anscombe_transform"]["input"]
    assert (said["channel"], said["plane"]) == ("tdTomato", 2)


@pytest.mark.parametrize("options", [{}, {"zarr_format": 2}, {"ome": True}], ids=["V3", "V2", "ome"])
def test_an_interrupted_recording_is_resumed_to_the_same_bytes(
    file: Path, values: Movie, tmp_path: Path, options: dict[str, Any]
) -> None:
    """Nothing of it can be opened before it is finished, whichever channel is being written."""
    compress(file, tmp_path / "whole.zarr", chunks=8, **options)
    whole = contents(tmp_path / "whole.zarr")
    metadata = [key for key in whole if key.rpartition("/")[2] in ("zarr.json", ".zarray", ".zgroup", ".zattrs")]
    output = tmp_path / "whole" / "whole.zarr"
    compress(file, output, chunks=8, **options)
    last = next(iter(describe_recording(output)))
    marker = begun_again(output)
    first, second = ("0", "1") if "ome" in options else ("GCaMP_8", "tdTomato")
    (output / [key for key in whole if key not in metadata and key.startswith(second)][1]).unlink()
    (output / first / "rubbish.partial").write_bytes(b"half")
    for path in ("", first, second, f"{second}/0"):
        with pytest.raises(FileNotFoundError):
            zarr.open(output, path=path, mode="r")
    assert [found.finished for found in describe_recording(output)] == [False, False]
    result = compress(file, output, chunks=8, resume=True, **options)
    assert contents(output) == whole
    assert result.channels[0].parameters["conversion_gain"] == last.conversion_gain
    assert not marker.exists()


def begun_again(output: Path) -> Path:
    """Put a finished recording back to where it was before the last step, and return the path of its marker."""
    from anscombe_transform.storage.draft import finished
    from anscombe_transform.storage.location import UNFINISHED, Location

    draft = finished(Location.parse(output))
    assert draft is not None
    draft.begin()
    for key in draft.documents:
        (output / key).unlink()
    return output / UNFINISHED


def test_resuming_with_another_recording_is_refused(file: Path, tmp_path: Path) -> None:
    compress(file, tmp_path / "a.zarr")
    with pytest.raises(ValueError, match="2 channels, and the recording has 1"):
        compress(file, tmp_path / "a.zarr", channel=0, resume=True)
    with pytest.raises(ValueError, match="holds Zarr data"):
        compress(file, tmp_path / "a.zarr")
    with pytest.raises(ValueError, match="begun with other settings"):
        compress(file, tmp_path / "a.zarr", beta=1, resume=True)
    before = contents(tmp_path / "a.zarr")
    assert compress(file, tmp_path / "a.zarr", resume=True).comparison is None
    assert contents(tmp_path / "a.zarr") == before


def test_parameters_are_given_for_each_channel_or_for_all(file: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"overwrite": True, "plane": 0}
    result = compress(file, tmp_path / "a.zarr", zero_level=[198, None], conversion_gain=[40, None], **options)
    assert [channel.parameters["source"] for channel in result.channels] == ["given", "estimated"]
    result = compress(file, tmp_path / "a.zarr", zero_level=200, conversion_gain=50, **options)
    assert {channel.parameters["conversion_gain"] for channel in result.channels} == {50}
    for wrong in ([1.0], [1.0, 2.0, 3.0]):
        with pytest.raises(ValueError, match=f"zero_level has {len(wrong)} numbers for 2 channels"):
            compress(file, tmp_path / "b.zarr", zero_level=wrong, conversion_gain=50)
    with pytest.raises(ValueError, match="GCaMP 8: zero_level and conversion_gain belong together"):
        compress(file, tmp_path / "b.zarr", zero_level=[1, 2], conversion_gain=[None, 50])
    assert not (tmp_path / "b.zarr").exists()


def test_a_dark_channel_is_named_with_ways_out(values: Movie, tmp_path: Path) -> None:
    dark = values.copy()
    dark[:, 1] = 200
    np.save(tmp_path / "dark.npy", dark)
    with pytest.raises(ValueError, match=r"^channel_1: .*give zero_level and conversion_gain for channel_1"):
        compress(tmp_path / "dark.npy", tmp_path / "a.zarr", axes="TCZYX")
    assert not (tmp_path / "a.zarr").exists()


def test_the_result_has_each_channel_and_the_whole(file: Path, values: Movie, tmp_path: Path) -> None:
    result = compress(file, tmp_path / "a.zarr", dry_run=True)
    assert not (tmp_path / "a.zarr").exists()
    written = compress(file, tmp_path / "a.zarr")
    for compression in (result, written):
        assert compression.size == values.nbytes == sum(channel.size for channel in compression.channels)
        assert [channel.name for channel in compression.channels] == ["GCaMP 8", "tdTomato"]
        assert compression.to_dict()["channels"][1]["path"] == "tdTomato"
        with pytest.raises(ValueError, match="look at channels: GCaMP 8, tdTomato"):
            compression.parameters  # noqa: B018
    assert written.comparison is not None
    assert written.comparison.count == values.size
    descriptions = describe_recording(tmp_path / "a.zarr")
    assert [found.channel for found in descriptions] == ["GCaMP 8", "tdTomato"]
    assert [found.stored_size for found in descriptions] == [channel.stored_size for channel in written.channels]
    assert describe(tmp_path / "a.zarr", key="tdTomato") == descriptions[1]
    with pytest.raises(ValueError, match="give the name of one as key: GCaMP_8, tdTomato"):
        describe(tmp_path / "a.zarr")


def test_a_frame_that_the_codec_cannot_hold_is_named_with_its_channel(tmp_path: Path) -> None:
    late = np.full((600, 2, 16, 64), 110, "uint16")
    late[301, 1, 5, 5] = 60_000
    np.save(tmp_path / "late.npy", late)
    with pytest.raises(ValueError, match="channel_1: frame 301"):
        compress(tmp_path / "late.npy", tmp_path / "a.zarr", axes="TCYX", zero_level=0, conversion_gain=1)


@given(
    shape=st.tuples(st.integers(1, 7), st.integers(1, 3), st.integers(1, 4)),
    order=st.permutations("TCZ"),
    zarr_format=st.sampled_from([2, 3]),
    chunks=st.sampled_from([None, 1, 2, -1]),
    data=st.data(),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_number_of_channels_and_planes_in_any_order_comes_back(
    tmp_path: Path, shape: tuple[int, ...], order: list[str], zarr_format: Any, chunks: int | None, data: st.DataObject
) -> None:
    """Of the axes of a file, those of length 1 are left out; time, channel and plane keep their places."""
    frames, channels, planes = shape
    values = np.random.default_rng(sum(shape)).poisson(20, (frames, channels, planes, 8, 9)).astype("uint16") + 100
    axes = "".join(order) + "YX"
    np.save(tmp_path / "a.npy", values.transpose(["TCZYX".index(letter) for letter in axes]))
    result = compress(
        tmp_path / "a.npy",
        tmp_path / "a.zarr",
        axes=axes,
        zero_level=100,
        conversion_gain=1,
        chunks=chunks,
        zarr_format=zarr_format,
        overwrite=True,
    )
    codes = encode(values, zero_level=100, conversion_gain=1, encoded_dtype="uint16")
    expected = decode(codes, zero_level=100, conversion_gain=1, decoded_dtype="uint16")
    assert len(result.channels) == channels
    frame = data.draw(st.integers(0, frames - 1))
    decompress(tmp_path / "a.zarr", tmp_path / "b.npy", overwrite=True)
    read = np.load(tmp_path / "b.npy").reshape(expected.shape)
    np.testing.assert_array_equal(read[frame], expected[frame])
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize(
    ("channels", "names"),
    [
        (["Ch1", "Ch2"], ["Ch1", "Ch2"]),
        (["GCaMP 8m (green)", "µ"], ["GCaMP_8m_green", "channel_1"]),
        (["a/b", "a b"], ["a_b", "a_b_1"]),
        (["t", "T", "OME"], ["t_0", "T_1", "OME_2"]),
        (["../up", ".hidden"], ["up", "hidden"]),
    ],
)
def test_arrays_have_the_names_of_their_channels_as_far_as_names_of_files_allow(
    channels: list[str], names: list[str]
) -> None:
    assert array_names(channels) == names
