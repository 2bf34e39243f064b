"""The parameters and the codes that a movie is compressed with, and values that have no code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressed_movies import GIVEN, MOVIE, Movie, Spy, is_stored, nobody_can_open, opened, parameters_in

from anscombe_transform import compress, decode, describe, encode, estimate_parameters
from anscombe_transform.simulate import Detector, Scene, simulate_movie


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">i2", "float32", ">f4"])
def test_parameters_of_movies_of_other_dtypes_are_estimated_too(tmp_path: Path, dtype: str) -> None:
    movie = simulate_movie((40, 64, 64), detector=Detector(10, 2, 0.5, dtype=np.dtype(dtype).newbyteorder("=")))
    movie = movie.astype(dtype)
    compress(movie, tmp_path / "a")
    is_stored(movie, tmp_path / "a")
    assert parameters_in(tmp_path / "a")["conversion_gain"] == pytest.approx(2, rel=0.2)


def test_estimated_parameters_are_those_of_256_frames_over_the_whole_movie(tmp_path: Path) -> None:
    movie = simulate_movie((400, 40, 40))
    result = compress(movie, tmp_path / "a")
    estimate = estimate_parameters(movie, max_frames=256)
    assert estimate.frames < 400
    assert result.parameters == {
        "source": "estimated",
        "zero_level": estimate.zero_level,
        "zero_level_error": estimate.zero_level_error,
        "conversion_gain": estimate.conversion_gain,
        "conversion_gain_error": estimate.conversion_gain_error,
        "frames": estimate.frames,
    }
    assert result.encoded_dtype == estimate.codec().encoded_dtype
    story: Any = opened(tmp_path / "a").attrs["anscombe_transform"]
    assert story["parameters"] == result.parameters
    is_stored(movie, tmp_path / "a")


@pytest.mark.parametrize("number", [float, np.float64, np.float32, np.int64, int], ids=lambda number: number.__name__)
def test_given_parameters_are_taken_whatever_class_their_numbers_have(tmp_path: Path, number: Any) -> None:
    result = compress(MOVIE, tmp_path / "a", zero_level=number(86), conversion_gain=number(97))
    assert dict(result.parameters) == {"source": "given", "zero_level": 86, "conversion_gain": 97}
    json.dumps(result.to_dict())
    described = describe(tmp_path / "a")
    assert (described.zero_level, described.conversion_gain, described.beta) == (86, 97, 0.5)
    is_stored(MOVIE, tmp_path / "a")


@pytest.mark.parametrize("beta", [0.25, 1.5])
def test_beta_is_the_width_of_a_code(tmp_path: Path, beta: float) -> None:
    result = compress(MOVIE, tmp_path / "a", **GIVEN, beta=beta)
    is_stored(MOVIE, tmp_path / "a", beta)
    assert result.comparison is not None
    assert result.comparison.added_noise == pytest.approx(beta**2 / 12, rel=0.4)


def test_the_dtype_of_codes_holds_the_movie(tmp_path: Path) -> None:
    """It is signed if values may be negative."""
    for zero_level, signed in ((100, False), (0, True), (-100, True)):
        movie = (zero_level + 4 * np.random.default_rng(0).poisson(10, (40, 32, 32))).astype("int16")
        place = tmp_path / str(zero_level)
        compress(movie, place, zero_level=zero_level, conversion_gain=4)
        described = describe(place)
        assert described.held_range[0] <= movie.min()
        assert movie.max() <= described.held_range[1]
        assert (described.encoded_dtype[0] == "i") == signed
        is_stored(movie, place)


def test_a_given_dtype_of_codes_is_taken(tmp_path: Path) -> None:
    for encoded_dtype in ("int16", "uint16", "float32", np.dtype("int32")):
        place = tmp_path / str(encoded_dtype)
        assert compress(MOVIE, place, **GIVEN, encoded_dtype=encoded_dtype).encoded_dtype == str(encoded_dtype)
        is_stored_with_float_codes = describe(place).encoded_dtype == "float32"
        if is_stored_with_float_codes:
            np.testing.assert_array_equal(opened(place)[...], MOVIE)
        else:
            is_stored(MOVIE, place)


def test_a_movie_without_an_estimate_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """The way out is to give the parameters."""
    with pytest.raises(ValueError, match=r".") as caught:
        compress(np.full_like(MOVIE, 7), tmp_path / "a")
    assert "zero_level" in " ".join(caught.value.__notes__)
    compress(np.full_like(MOVIE, 7), tmp_path / "a", **GIVEN)


def test_a_movie_whose_noise_was_averaged_is_refused_unless_the_parameters_are_given(tmp_path: Path) -> None:
    raw = simulate_movie((60, 64, 64), Scene(background=(3, 15), cells=(10, 60))).astype("float32")
    movie = (raw[1:] + raw[:-1]) / 2
    np.save(tmp_path / "averaged.npy", movie)
    np.save(tmp_path / "planes.npy", np.stack([movie, movie], axis=1))
    for given, name, axes in (
        (movie, "the movie", None),
        (tmp_path / "averaged.npy", "averaged.npy", None),
        (tmp_path / "planes.npy", "planes.npy", "TZYX"),
    ):
        refusal = f"^the parameters cannot be estimated from {re.escape(name)}: the noise of consecutive frames"
        with pytest.raises(ValueError, match=refusal) as caught:
            compress(given, tmp_path / "a", axes=axes)
        assert "zero_level" in " ".join(caught.value.__notes__)
    assert not (tmp_path / "a").exists()
    compress(movie, tmp_path / "a", zero_level=98, conversion_gain=40)
    is_stored(movie, tmp_path / "a")


def test_the_way_out_is_named_once_whatever_is_wrong_with_a_channel(tmp_path: Path) -> None:
    """To give parameters helps where they cannot be estimated; where one of both is given, the message has it."""
    np.save(tmp_path / "constant.npy", np.full((20, 2, 16, 16), 7, "int16"))
    for given in ({"zero_level": 100}, {"zero_level": [100, None]}, {"conversion_gain": [None, 40]}, {}):
        with pytest.raises(ValueError, match=r"^channel_[01]: .*compress another channel alone") as caught:
            compress(tmp_path / "constant.npy", tmp_path / "a", axes="TCYX", **given)
        assert str(caught.value).count("conversion_gain") == 1
        assert not hasattr(caught.value, "__notes__")


def test_warnings_are_told_and_kept_in_the_attributes(tmp_path: Path) -> None:
    movie = simulate_movie((60, 64, 64), Scene(background=(3, 15), cells=(10, 60)))
    movie[20:30] = 0
    result = compress(movie, tmp_path / "a")
    (warning,) = result.parameters["warnings"]
    assert warning.startswith("10 of the 60 frames that were read are constant")
    story: Any = opened(tmp_path / "a").attrs["anscombe_transform"]
    assert story["parameters"]["warnings"] == [warning]
    assert ("Warning", warning) in result.table()
    assert "warnings" not in compress(MOVIE, tmp_path / "b").parameters


@pytest.fixture(scope="module")
def surprising() -> tuple[Movie, int]:
    """A movie with negative values in one of the frames that parameters are not estimated from, and that frame."""
    movie = simulate_movie((600, 40, 40))
    spy = Spy(movie)
    estimate_parameters(spy, max_frames=256)
    unread = sorted(set(range(600)) - spy.read)
    frame = unread[len(unread) // 2]
    movie[frame, 20, 5:8] = -30_000
    return movie, frame


@pytest.mark.usefixtures("blocks_of_two_frames")
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_values_without_a_code_in_later_frames_are_an_error(
    tmp_path: Path, surprising: tuple[Movie, int], zarr_format: Any
) -> None:
    """The ways out that the error names work."""
    movie, frame = surprising
    output = tmp_path / "a"
    with pytest.raises(ValueError, match="-30000") as caught:
        compress(movie, output, zarr_format=zarr_format, chunks=20)
    message = str(caught.value)
    assert message.startswith(f"frame {frame}: ")
    held = describe(output).held_range
    assert f"{int(np.ceil(held[0]))} to" in message
    assert "overwrite" in " ".join(caught.value.__notes__)
    (wider,) = re.findall(r"encoded_dtype='(\w+)'", message)
    assert "out_of_range='clamp'" in message
    nobody_can_open(output)
    with pytest.raises(ValueError, match="-30000"):
        compress(movie, output, zarr_format=zarr_format, chunks=20, resume=True)
    nobody_can_open(output)

    compress(movie, output, zarr_format=zarr_format, chunks=20, encoded_dtype=wider, overwrite=True)
    is_stored(movie, output)

    clamped = compress(movie, output, zarr_format=zarr_format, chunks=20, out_of_range="clamp", overwrite=True)
    assert clamped.comparison is not None
    assert clamped.comparison.clamped == 3
    assert clamped.to_dict()["clamped"] == 3
    read = np.asarray(opened(output)[...])
    assert set(read[frame, 20, 5:8]) == {lowest_value(output)}
    np.testing.assert_array_equal(np.delete(read, frame, 0), stored_values(np.delete(movie, frame, 0), output))
    assert describe(output).out_of_range == "clamp"


def stored_values(movie: Movie, place: Path) -> Movie:
    described = describe(place)
    parameters: Any = {"zero_level": described.zero_level, "conversion_gain": described.conversion_gain}
    codes = encode(movie, **parameters, encoded_dtype=described.encoded_dtype)
    return decode(codes, **parameters, decoded_dtype=movie.dtype)


def lowest_value(place: Path) -> Any:
    """Return what the smallest code decodes to."""
    described = describe(place)
    code = np.array([np.iinfo(described.encoded_dtype).min], described.encoded_dtype)
    parameters: Any = {"zero_level": described.zero_level, "conversion_gain": described.conversion_gain}
    return decode(code, **parameters, decoded_dtype=described.dtype)[0]


def test_values_without_a_code_are_found_before_anything_is_written(
    tmp_path: Path,
) -> None:
    """If they are in the frames that are looked at to choose the codec."""
    movie = MOVIE.copy()
    movie[0, 0, 0] = -30_000
    with pytest.raises(ValueError, match=r"-30000.*encoded_dtype='int16'.*clamp"):
        compress(movie, tmp_path / "a", **GIVEN, encoded_dtype="uint8")
    assert list(tmp_path.iterdir()) == []
    result = compress(movie, tmp_path / "a", **GIVEN, encoded_dtype="uint8", out_of_range="clamp")
    assert result.comparison is not None
    assert result.comparison.clamped == np.count_nonzero(movie < 0)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("zero_level", [-200.0, -400.0, 100.0])
def test_a_codec_that_cannot_hold_0_still_gets_an_array(tmp_path: Path, zero_level: float, dtype: str) -> None:
    """The fill value is the nearest that is held."""
    movie = (3000 + 40 * np.random.default_rng(0).poisson(30, (5, 16, 16))).astype(dtype)
    result = compress(movie, tmp_path / "a", zero_level=zero_level, conversion_gain=40, encoded_dtype="uint8")
    assert result.encoded_dtype == "uint8"
    is_stored(movie, tmp_path / "a")
