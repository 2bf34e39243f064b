"""Files that name their axes: the names are obeyed, whatever their order, in every format that has them."""

import json
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anscombe_transform.movies.formats.dimension_names import letters_of
from anscombe_transform.movies.opening import open_movie, open_recording

LENGTHS = {"T": 5, "C": 2, "Z": 3, "Y": 6, "X": 4, "P": 2}
NAMES = {
    "T": ["t", "time", "Frames", "timepoint", "frame_number"],
    "C": ["c", "Channel", "ch", "wavelength"],
    "Z": ["z", "plane", "Slice", "depth"],
    "Y": ["y", "rows", "Height"],
    "X": ["x", "column", "WIDTH"],
    "P": ["p", "fov", "Positions", "scene"],
}


def write_zarr_3(path: Path, values: Any, names: list[Any]) -> None:
    array = zarr.create_array(path, shape=values.shape, dtype=values.dtype, dimension_names=names)
    array[:] = values


def write_zarr_2(path: Path, values: Any, names: list[Any]) -> None:
    zarr.create_array(path, data=values, zarr_format=2, attributes={"_ARRAY_DIMENSIONS": names})


def write_ngff(path: Path, values: Any, axes: list[Any], zarr_format: Any = 2) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    group.create_array("0", data=values)
    multiscales: Any = [{"axes": axes, "datasets": [{"path": "0"}]}]
    group.attrs.update({"multiscales": multiscales} if zarr_format == 2 else {"ome": {"multiscales": multiscales}})


def write_ngff_5(path: Path, values: Any, names: list[Any]) -> None:
    write_ngff(path, values, [{"name": name} for name in names], 3)


def write_labels(path: Path, values: Any, names: list[Any]) -> None:
    with h5py.File(path, "w") as file:
        file["movie"] = values
        for dimension, name in zip(file["movie"].dims, names, strict=True):
            dimension.label = name


def write_labels_of_fixed_length(path: Path, values: Any, names: list[Any]) -> None:
    with h5py.File(path, "w") as file:
        file["movie"] = values
        file["movie"].attrs["DIMENSION_LABELS"] = np.array([name.encode() for name in names])


def write_scales(path: Path, values: Any, names: list[Any]) -> None:
    """Write dimension scales, as netCDF 4 and xarray do."""
    with h5py.File(path, "w") as file:
        file["movie"] = values
        for dimension, name, length in zip(file["movie"].dims, names, values.shape, strict=True):
            file[name] = np.zeros(length)
            file[name].make_scale(name)
            dimension.attach_scale(file[name])


def write_ilastik(path: Path, values: Any, names: list[Any]) -> None:
    with h5py.File(path, "w") as file:
        file["movie"] = values
        file["movie"].attrs["axistags"] = json.dumps({"axes": [{"key": name, "typeFlags": 2} for name in names]})


WRITERS: dict[str, Any] = {
    "zarr 3": write_zarr_3,
    "zarr 2": write_zarr_2,
    "ngff 0.3": write_ngff,
    "ngff 0.5": write_ngff_5,
    "labels": write_labels,
    "labels of fixed length": write_labels_of_fixed_length,
    "scales": write_scales,
    "axistags": write_ilastik,
}


@pytest.mark.parametrize("kind", WRITERS)
@given(data=st.data())
@settings(max_examples=12, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_axes_are_what_their_names_say(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    letters = data.draw(st.permutations(data.draw(st.sampled_from(["TCZYX", "TYX", "TCYX", "TPYX", "TZYX"]))))
    names = [data.draw(st.sampled_from(NAMES[letter])) for letter in letters]
    shape = tuple(LENGTHS[letter] for letter in letters)
    values = np.arange(1, np.prod(shape) + 1, dtype="uint16").reshape(shape)
    path = tmp_path_factory.mktemp("named") / ("movie.zarr" if kind.startswith(("zarr", "ngff")) else "movie.h5")
    WRITERS[kind](path, values, names)
    recording = open_recording(path, "P=1" if "P" in letters else None)
    order = [letters.index(letter) for letter in "PTCZYX" if letter in letters]
    expected = values.transpose(order)
    expected = expected[1] if "P" in letters else expected
    for number, channel in enumerate(recording):
        np.testing.assert_array_equal(channel[:], expected[:, number] if "C" in letters else expected)
    assert len(recording) == (LENGTHS["C"] if "C" in letters else 1)


@pytest.mark.parametrize(
    ("names", "letters"),
    [
        (["time", "channel", "z", "y", "x"], "TCZYX"),
        (["Time_Point", "nChannels", "Z-Slices", "Height", "Width"], "TCZYX"),
        (["trial", "frame", "row", "column"], "RTYX"),
        (["cycle", "stimulus", "t", "y", "x"], "LSTYX"),
        ([None, None, None], "QYX"),
        ([None, None], "YX"),
        ([None], "Q"),
        (["dim_0", "dim_1", "dim_2"], "QYX"),
        (["phony_dim_0", "y", "x"], "QYX"),
        (["t", None, ""], "TYX"),
        (["y", "x", None], "YXQ"),
        (["time", "lat", "lon"], "TYX"),
        (["\u65f6\u95f4", "y", "x"], "AYX"),
    ],
)
def test_names_become_letters(names: list[Any], letters: str) -> None:
    assert letters_of(names) == letters


def test_an_axis_of_another_name_is_never_the_time(tmp_path: Path) -> None:
    write_zarr_3(tmp_path / "movie.zarr", np.ones((3, 6, 4), "uint8"), ["stimulus", "y", "x"])
    with pytest.raises(ValueError, match=r"movie.zarr has the axes SYX .*: name them, such as axes='TYX'$"):
        open_movie(tmp_path / "movie.zarr")
    assert open_movie(tmp_path / "movie.zarr", axes="TYX").shape == (3, 6, 4)
    write_labels(tmp_path / "movie.h5", np.ones((3, 5, 6, 4), "uint8"), ["stimulus", "t", "y", "x"])
    with pytest.raises(ValueError, match=r"axes STYX .*: name them, such as axes='CTYX', or choose .* key='S=0'$"):
        open_movie(tmp_path / "movie.h5")
    assert open_movie(tmp_path / "movie.h5", "movie,S=2").shape == (5, 6, 4)


@pytest.mark.parametrize("kind", ["zarr 3", "ngff 0.5", "labels"])
def test_a_stack_of_planes_is_no_movie_unless_somebody_says_so(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("movie.h5" if kind == "labels" else "movie.zarr")
    WRITERS[kind](path, np.ones((1, 9, 6, 4), "uint8"), ["t", "z", "y", "x"])
    recording = open_recording(path)
    assert (recording.planes, recording.shape) == (9, (1, 9, 6, 4))
    assert open_movie(path, axes="TYX").shape == (9, 6, 4)
    other = path.with_stem("other")
    WRITERS[kind](other, np.ones((9, 6, 4), "uint8"), ["z", "y", "x"])
    with pytest.raises(ValueError, match=r"has the axes ZYX .*, and none is the time, .* such as axes='TYX'$"):
        open_movie(other)
    assert open_movie(other, axes="TYX").shape == (9, 6, 4)


@pytest.mark.parametrize(
    "shape",
    [(9, 1, 1, 6, 4), (1, 9, 6, 4), (1, 1, 9, 6, 4), (9, 1, 6, 4), (1, 1, 1, 6, 4), (9, 6, 4, 1), (9, 1, 6, 4, 1)],
)
def test_axes_of_length_1_are_no_obstacle(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Also without names, as acquire-zarr, iohub and suite2p may write them."""
    values = np.arange(1, np.prod(shape) + 1, dtype="uint16").reshape(shape)
    zarr.create_array(tmp_path / "movie.zarr", data=values)
    np.save(tmp_path / "movie.npy", values)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(values))
    np.savez(tmp_path / "movie.npz", movie=values)
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file["movie"] = values
    for name in ("movie.zarr", "movie.npy", "fortran.npy", "movie.npz", "movie.h5"):
        np.testing.assert_array_equal(open_movie(tmp_path / name)[:], values.reshape(-1, 6, 4))


def test_matlab_has_its_axes_the_other_way_round(tmp_path: Path) -> None:
    """What is (y, x, channel, time) there."""
    values = np.arange(6 * 4 * 2 * 5, dtype="uint16").reshape((6, 4, 2, 5))
    with h5py.File(tmp_path / "movie.mat", "w") as file:
        file["movie"] = values.transpose()
        file["movie"].attrs["MATLAB_class"] = np.bytes_("uint16")
        file["nothing"] = np.zeros(2, "uint64")
        file["nothing"].attrs.update({"MATLAB_class": np.bytes_("double"), "MATLAB_empty": np.uint8(1)})
        file["#refs#/a"] = np.zeros((3, 4, 5))
    with pytest.raises(ValueError, match=r"axes QQXY .* such as axes='TCXY'"):
        open_movie(tmp_path / "movie.mat")
    recording = open_recording(tmp_path / "movie.mat", axes="TCXY")
    np.testing.assert_array_equal(recording[1][:], values[:, :, 1].transpose(2, 0, 1))
