"""Whether codes are predicted: as it was asked, or where it makes the array smaller; and that it loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import h5py  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import pytest
import zarr
from compressed_movies import GIVEN, G, Z, is_stored, make_unfinished, opened
from stored import contents

from anscombe_transform import PhotonPredictV2, PhotonPredictV3, Predictor, compress, describe
from anscombe_transform.simulate import simulate_movie

Movie = npt.NDArray[Any]

MOVIE: Movie = simulate_movie((60, 64, 64))


def predictors(place: Path) -> list[Predictor]:
    return [codec.predictor for codec in opened(place).filters if isinstance(codec, PhotonPredictV2 | PhotonPredictV3)]


def scenes() -> dict[str, Movie]:
    """Return simulated movies of 30 frames: still and moving, dim and bright, fine and smooth."""
    random = np.random.default_rng(0)
    noise = random.standard_normal((112, 112))
    smooth = np.sum([np.roll(noise, (y, x), (0, 1)) for y in range(-4, 5) for x in range(-4, 5)], axis=0) / 9
    fine = np.exp(0.5 * noise)
    photons = {
        "dim": [0.1 * fine[:80, :80]] * 30,
        "bright, fine and still": [300 * fine[:80, :80]] * 30,
        "smooth and moving": [20 * np.exp(0.5 * smooth[:80, t : t + 80]) for t in range(30)],
        "fine and moving": [20 * fine[:80, t : t + 80] for t in range(30)],
        "new scene in each frame": [20 * np.exp(0.5 * random.standard_normal((80, 80))) for _ in range(30)],
        "flickering": [20 * fine[:80, :80] * (1 + 0.3 * random.standard_normal()) for _ in range(30)],
        "dark": [np.zeros((80, 80))] * 30,
    }
    movies = {}
    for name, images in photons.items():
        counts = random.poisson(np.maximum(0, np.stack(images))) + 0.5 * random.standard_normal((30, 80, 80))
        movies[name] = np.rint(Z + G * counts).astype("int16")
    movies["of photon counts alone, with gaps between codes"] = (
        Z + G * random.poisson(np.broadcast_to(3 * fine[:80, :80], (30, 80, 80)))
    ).astype("int16")
    movies["of repeated frames"] = np.repeat(movies["smooth and moving"][:10], 3, axis=0)
    return movies


@pytest.mark.parametrize("chunks", [1, 4, 30])
@pytest.mark.parametrize("name", scenes())
def test_by_default_no_movie_becomes_larger(tmp_path: Path, name: str, chunks: int) -> None:
    movie = scenes()[name]
    options: dict[str, Any] = GIVEN | {"chunks": chunks, "zero_level": Z - 10}
    plain, chosen = (compress(movie, tmp_path / str(predict), **options, predict=predict) for predict in (False, None))
    assert chosen.stored_size <= 1.005 * plain.stored_size
    is_stored(movie, tmp_path / "None")


def test_by_default_a_movie_is_predicted_where_that_makes_it_smaller(tmp_path: Path) -> None:
    for name, chunks, predicted in (
        ("bright, fine and still", 30, True),
        ("smooth and moving", 30, True),
        ("dark", 30, False),
        ("of photon counts alone, with gaps between codes", 30, False),
        ("new scene in each frame", 1, False),
    ):
        result = compress(scenes()[name], tmp_path / name, **GIVEN | {"zero_level": Z - 10}, chunks=chunks)
        assert result.predicted is predicted, name


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("encoded_dtype", ["int8", "uint8", "int16", "uint16"])
def test_codes_are_predicted_if_it_is_asked(tmp_path: Path, zarr_format: Literal[2, 3], encoded_dtype: str) -> None:
    """Even where it does not pay, as in chunks of single pixels."""
    options: dict[str, Any] = GIVEN | {"encoded_dtype": encoded_dtype, "zarr_format": zarr_format}
    for number, chunks in enumerate([(30, -1, -1), (7, 20, 33), (1, 1, 64)]):
        place = tmp_path / str(number)
        result = compress(MOVIE[:, :20], place, **options, predict=True, chunks=chunks)
        assert result.predicted
        assert describe(place).predicted
        assert len(predictors(place)) == 1
        is_stored(MOVIE[:, :20], place)


def test_it_is_told_whether_codes_are_predicted(tmp_path: Path) -> None:
    for predict, text in ((True, "from earlier frames and rows"), (False, "none")):
        place = tmp_path / str(predict)
        result = compress(MOVIE, place, **GIVEN, predict=predict)
        assert dict(result.table())["Prediction"] == text
        assert result.to_dict()["predicted"] is predict
        described = describe(place)
        assert dict(described.table())["Prediction"] == text
        assert described.to_dict()["predicted"] is predict


def test_codes_that_cannot_be_predicted_are_not_and_asking_for_it_is_an_error(tmp_path: Path) -> None:
    for encoded_dtype in ("int32", "float32"):
        assert not compress(MOVIE, tmp_path / encoded_dtype, **GIVEN, encoded_dtype=encoded_dtype).predicted
        with pytest.raises(ValueError, match=f"'{encoded_dtype}' cannot be predicted, only those of int8"):
            compress(MOVIE, tmp_path / "new", **GIVEN, encoded_dtype=encoded_dtype, predict=True)
        assert not (tmp_path / "new").exists()


def test_what_was_begun_keeps_its_predictor(tmp_path: Path) -> None:
    for predict in (True, False):
        place = tmp_path / str(predict)
        compress(MOVIE, place, **GIVEN, predict=predict)
        expected = contents(place)
        make_unfinished(place)
        with pytest.raises(ValueError, match=r"begun with other settings \(predict\)"):
            compress(MOVIE, place, **GIVEN, predict=not predict, resume=True)
        assert compress(MOVIE, place, **GIVEN, resume=True).predicted is predict
        assert contents(place) == expected


def test_a_movie_that_was_compressed_before_is_stored_as_it_is_with_its_codes_predicted(tmp_path: Path) -> None:
    compress(MOVIE, tmp_path / "before", **GIVEN, predict=False)
    again = compress(tmp_path / "before", tmp_path / "again", predict=True)
    assert again.predicted
    np.testing.assert_array_equal(opened(tmp_path / "again")[...], opened(tmp_path / "before")[...])


def test_channels_and_planes_are_predicted_each_by_itself(tmp_path: Path) -> None:
    planes = np.stack([MOVIE, MOVIE[:, ::-1]], axis=1)
    np.save(tmp_path / "planes.npy", planes)
    result = compress(tmp_path / "planes.npy", tmp_path / "planes.zarr", axes="TZYX", **GIVEN, chunks=20)
    assert result.predicted
    (name,) = zarr.open_group(tmp_path / "planes.zarr", mode="r").array_keys()
    array = zarr.open_array(tmp_path / "planes.zarr" / name, mode="r")
    alone = compress(MOVIE, tmp_path / "alone", **GIVEN, chunks=20)
    assert result.stored_size < 2.05 * alone.stored_size
    np.testing.assert_array_equal(array[:, 0], opened(tmp_path / "alone")[...])


def test_of_a_file_with_large_frames_a_window_is_looked_at(tmp_path: Path) -> None:
    """Whatever the chunks of the file, and where frames are larger than chunks."""
    large = np.tile(MOVIE[:8], (1, 10, 8))
    with h5py.File(tmp_path / "large.h5", "w") as file:
        file.create_dataset("movie", data=large, chunks=(8, 64, 64))
    result = compress(tmp_path / "large.h5", tmp_path / "large.zarr", **GIVEN, chunks=(4, 100, 100), predict=True)
    assert result.predicted
    is_stored(large, tmp_path / "large.zarr")


def test_values_that_have_no_code_are_named_as_without_prediction(tmp_path: Path) -> None:
    movie = MOVIE.astype("float32")
    movie[:] = np.nan
    with pytest.raises(ValueError, match="NaN") as plain:
        compress(movie, tmp_path / "a", **GIVEN, encoded_dtype="int8", predict=False)
    with pytest.raises(ValueError, match="NaN") as predicted:
        compress(movie, tmp_path / "a", **GIVEN, encoded_dtype="int8", predict=True)
    assert str(predicted.value) == str(plain.value)
    late = MOVIE.copy()
    late[31, 5, 6] = -30000
    with pytest.raises(ValueError, match="frame") as plain:
        compress(late, tmp_path / "b", **GIVEN, encoded_dtype="int8", predict=False)
    with pytest.raises(ValueError, match="frame") as predicted:
        compress(late, tmp_path / "b", **GIVEN, encoded_dtype="int8", predict=True)
    assert str(predicted.value) == str(plain.value)
