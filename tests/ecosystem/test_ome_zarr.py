"""What ome-zarr-py and the reader of napari make of images that `compress` writes with `ome=True`."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressed_movies import GIVEN, MOVIE

from anscombe_transform import compress, decode, encode

TWO = np.stack([MOVIE[:, :, :48], MOVIE[::-1, :, :48]], axis=1)
TWO_EXPECTED = decode(encode(TWO, **GIVEN), **GIVEN, decoded_dtype="int16")
EXPECTED = decode(encode(MOVIE, **GIVEN), **GIVEN, decoded_dtype="int16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a recording of two channels and one of one, the latter as OME-Zarr and as plain Zarr."""
    folder = tmp_path_factory.mktemp("ome")
    np.save(folder / "two.npy", TWO)
    compress(folder / "two.npy", folder / "two.ome.zarr", axes="TCYX", ome=True, **GIVEN)
    compress(MOVIE, folder / "one.ome.zarr", ome=True, **GIVEN)
    compress(MOVIE, folder / "one.zarr", **GIVEN)
    return folder


def images(path: Path) -> Any:
    """Return the images that ome-zarr-py finds at a path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pydantic, when ome-zarr-py is imported
        io, reader = pytest.importorskip("ome_zarr.io"), pytest.importorskip("ome_zarr.reader")
    return list(reader.Reader(io.parse_url(path))())


def layers(path: Path) -> Any:
    """Return the layers that napari would show; its reader runs without a window."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pydantic, when napari is imported
        reader = pytest.importorskip("napari_ome_zarr._reader")
    read = reader.napari_get_reader(str(path))
    assert read is not None
    return read(str(path))


def test_ome_zarr_reads_an_image_of_one_channel(folder: Path) -> None:
    (image,) = images(folder / "one.ome.zarr")
    assert [axis["name"] for axis in image.metadata["axes"]] == ["t", "y", "x"]
    np.testing.assert_array_equal(image.data[0], EXPECTED)


def test_ome_zarr_reads_each_channel_as_an_image_of_its_own(folder: Path) -> None:
    for number in (0, 1):
        (image,) = images(folder / f"two.ome.zarr/{number}")
        assert image.metadata["name"] == f"channel_{number}"
        np.testing.assert_array_equal(image.data[0], TWO_EXPECTED[:, number])


def test_napari_shows_a_layer_for_each_channel(folder: Path) -> None:
    """By the model of its viewer, which needs no window."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pydantic, when napari is imported
        components = pytest.importorskip("napari.components")
        pytest.importorskip("npe2").PluginManager.instance().discover()
        viewer = components.ViewerModel()
        viewer.open(str(folder / "two.ome.zarr"), plugin="napari-ome-zarr")
    assert [layer.name for layer in viewer.layers] == ["channel_0", "channel_1"]
    assert viewer.dims.axis_labels == ("t", "y", "x")
    for number, layer in enumerate(viewer.layers):
        np.testing.assert_array_equal(layer.data, TWO_EXPECTED[:, number])


def test_napari_reads_one_frame_without_the_others(folder: Path) -> None:
    """The data of a layer are a Dask array."""
    ((levels, _, _),) = layers(folder / "one.ome.zarr")
    np.testing.assert_array_equal(levels[0][7].compute(), EXPECTED[7])


def test_napari_adds_an_array_that_is_no_image_as_a_dask_array(folder: Path) -> None:
    """The reader has nothing to show for it."""
    da = pytest.importorskip("dask.array")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        napari, reader = pytest.importorskip("napari.layers"), pytest.importorskip("napari_ome_zarr._reader")
    with pytest.warns(UserWarning, match="Failed to open Zarr group"):
        assert reader.napari_get_reader(str(folder / "one.zarr")) is None
    layer = napari.Image(da.from_zarr(str(folder / "one.zarr")))
    np.testing.assert_array_equal(layer.data[7], EXPECTED[7])
