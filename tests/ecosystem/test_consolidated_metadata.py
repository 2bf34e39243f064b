"""Groups whose metadata were consolidated after `compress` had written them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE

from anscombe_transform import compress, decode, describe_recording, encode, open_recording, verify

xarray = pytest.importorskip("xarray")

pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")

TWO = np.stack([MOVIE, MOVIE[::-1]], axis=1)
EXPECTED = decode(encode(TWO, **GIVEN), **GIVEN, decoded_dtype="int16")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("consolidated")
    np.save(folder / "two.npy", TWO)
    compress(folder / "two.npy", folder / "two.zarr", axes="TCYX", **GIVEN)
    zarr.consolidate_metadata(folder / "two.zarr")
    return folder / "two.zarr"


def test_zarr_and_xarray_open_all_channels_from_one_document(path: Path) -> None:
    group: Any = zarr.open_consolidated(path)
    dataset = xarray.open_zarr(path, consolidated=True)
    for number, name in enumerate(("channel_0", "channel_1")):
        np.testing.assert_array_equal(group[name][...], EXPECTED[:, number])
        np.testing.assert_array_equal(dataset[name], EXPECTED[:, number])


def test_nothing_changes_for_this_package(path: Path) -> None:
    assert [channel.finished for channel in describe_recording(path)] == [True, True]
    assert verify(path).is_whole
    np.testing.assert_array_equal(open_recording(path)["channel_1"][...], EXPECTED[:, 1])
