"""Movies that this package has compressed before: they are stored exactly, or not at all."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE

from anscombe_transform import AnscombeTransformV2, compress, describe, open_movie, open_recording, verify
from anscombe_transform.simulate import simulate_movie


@pytest.fixture(params=[2, 3])
def compressed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    compress(MOVIE, tmp_path / "a.zarr", beta=1, zarr_format=request.param)
    return tmp_path / "a.zarr"


@pytest.mark.parametrize(
    "opened", [Path, open_movie, open_recording, zarr.open_array], ids=lambda opened: opened.__name__
)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_it_is_stored_exactly_with_the_parameters_that_it_has(
    compressed: Path, tmp_path: Path, opened: Any, zarr_format: Any
) -> None:
    result = compress(opened(compressed), tmp_path / "b.zarr", chunks=7, zarr_format=zarr_format)
    before: Any = zarr.open_array(compressed, mode="r")
    after: Any = zarr.open_array(tmp_path / "b.zarr", mode="r")
    np.testing.assert_array_equal(after[...], before[...])
    assert result.comparison is not None
    assert result.comparison.largest_error == 0
    assert result.parameters["source"] == "kept"
    assert ("Source", "kept, as the movie had been compressed before") in result.table()
    for name in ("zero_level", "conversion_gain", "beta", "encoded_dtype"):
        assert getattr(after.filters[0], name) == getattr(before.filters[0], name)


def test_what_it_has_may_be_asked_for_and_nothing_else(compressed: Path, tmp_path: Path) -> None:
    codec: Any = zarr.open_array(compressed, mode="r").filters[0]
    own = {name: getattr(codec, name) for name in ("zero_level", "conversion_gain", "beta", "encoded_dtype")}
    assert compress(compressed, tmp_path / "b.zarr", **own).parameters["source"] == "kept"
    other = {"zero_level": 3, "conversion_gain": 7, "beta": 0.5, "encoded_dtype": "int16"}
    for name in own:
        with pytest.raises(
            ValueError, match=rf"compressed before, with {name}=.*leave out {name}=.* to store it exactly"
        ):
            compress(compressed, tmp_path / "c.zarr", **(own | {name: other[name]}))
    with pytest.raises(ValueError, match="out_of_range"):
        compress(compressed, tmp_path / "c.zarr", out_of_range="clamp")
    assert not (tmp_path / "c.zarr").exists()


def test_each_channel_keeps_its_own(tmp_path: Path) -> None:
    values = np.stack([simulate_movie((30, 48, 48), seed=0), 2 * simulate_movie((30, 48, 48), seed=1)], axis=1)
    np.save(tmp_path / "two.npy", values)
    first = compress(tmp_path / "two.npy", tmp_path / "a.zarr", axes="TCYX", beta=0.25)
    second = compress(tmp_path / "a.zarr", tmp_path / "b.zarr")
    for before, after in zip(first.channels, second.channels, strict=True):
        assert after.parameters["conversion_gain"] == before.parameters["conversion_gain"]
        assert after.comparison is not None
        assert after.comparison.largest_error == 0
    one = compress(tmp_path / "a.zarr", tmp_path / "c.zarr", channel=1)
    assert one.parameters["conversion_gain"] == first.channels[1].parameters["conversion_gain"]


AS_COMPRESSOR = Path(__file__).parents[1] / "golden/v2_as_compressor"


@pytest.mark.parametrize(
    "opened", [Path, open_movie, open_recording, zarr.open_array], ids=lambda opened: opened.__name__
)
def test_an_array_with_the_codec_as_compressor_is_one_of_them(tmp_path: Path, opened: Any) -> None:
    """In Zarr V2, it may stand there."""
    before: Any = zarr.open_array(AS_COMPRESSOR, mode="r")
    with pytest.raises(ValueError, match=r"compressed before, with beta=0\.5"):
        compress(opened(AS_COMPRESSOR), tmp_path / "b.zarr", beta=1)
    assert not (tmp_path / "b.zarr").exists()
    assert compress(opened(AS_COMPRESSOR), tmp_path / "b.zarr").parameters["source"] == "kept"
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "b.zarr", mode="r")[...], before[...])


def test_an_array_with_the_codec_as_compressor_is_described_and_verified(tmp_path: Path) -> None:
    codec = AnscombeTransformV2(**GIVEN)
    zarr.create_array(tmp_path / "a.zarr", data=MOVIE, compressors=codec, zarr_format=2)
    found = describe(tmp_path / "a.zarr")
    assert (found.zero_level, found.conversion_gain) == (codec.zero_level, codec.conversion_gain)
    assert found.compressors == ()
    assert verify(tmp_path / "a.zarr", against=MOVIE).is_whole
