"""HDF5 files: links, what is chosen of many datasets, and what they tell, also as NWB, netCDF and ImageJ write it."""

from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest
from movie_formats import MOVIE, OTHER, write_nwb

from anscombe_transform.movies.opening import open_movie, open_recording


def test_links_are_followed_and_what_they_lead_to_counts_once(tmp_path: Path) -> None:
    """Of NeXus, for one: soft links to the data, groups that contain each other, and datasets in other files."""
    with h5py.File(tmp_path / "inner.h5", "w") as file:
        file["deep/movie"] = MOVIE
        file["again"] = h5py.ExternalLink("outer.h5", "/")
    with h5py.File(tmp_path / "outer.h5", "w") as file:
        file["detector/data"] = OTHER
        file["a_first"] = h5py.SoftLink("/detector/data")
        file["detector/parent"] = h5py.SoftLink("/")
        file["hard"] = file["detector"]
        file["lost"] = h5py.ExternalLink("absent.h5", "/movie")
    np.testing.assert_array_equal(open_movie(tmp_path / "outer.h5")[:], OTHER)
    assert open_movie(tmp_path / "outer.h5").key == "detector/data"
    assert open_movie(tmp_path / "outer.h5", "a_first").key == "a_first"
    with h5py.File(tmp_path / "links.h5", "w") as file:
        file["linked"] = h5py.ExternalLink("inner.h5", "/deep/movie")
        file["same"] = h5py.SoftLink("/linked")
        file["folder"] = h5py.ExternalLink("inner.h5", "/deep")
    for key in (None, "linked", "same", "folder/movie", "folder"):
        movie = open_movie(tmp_path / "links.h5", key)
        np.testing.assert_array_equal(movie[:], MOVIE)
        assert str(tmp_path / "inner.h5") in movie.locations
    with pytest.raises(ValueError, match=r"several datasets: .*: detector/data .*, deep/movie|deep/movie .*detector"):
        open_movie(tmp_path / "inner.h5")


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "links.h5", "w") as file:
        file["movie"] = h5py.ExternalLink("absent.h5", "/data/movie")
        file["other"] = h5py.SoftLink("/nowhere")
    message = r"no datasets, but links that lead nowhere: movie to absent.h5:/data/movie, other to /nowhere$"
    with pytest.raises(ValueError, match=message):
        open_movie(tmp_path / "links.h5")
    with pytest.raises(ValueError, match=r"has at 'movie' a link to absent.h5:/data/movie, which is not there$"):
        open_movie(tmp_path / "links.h5", "movie")
    with pytest.raises(ValueError, match=r"has at 'movie/x' a link to absent.h5:/data/movie, which is not there$"):
        open_movie(tmp_path / "links.h5", "movie/x")


def test_lists_of_many_datasets_are_cut_at_ten(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        for number in range(300):
            file[f"frames/{number:04d}"] = MOVIE[0]
    message = r"no dataset of real numbers with three axes, .* frames/0000 \(20, 24\), .*/0009 \(20, 24\) and 290 more$"
    with pytest.raises(ValueError, match=message):
        open_movie(tmp_path / "frames.h5")
    with h5py.File(tmp_path / "frames.h5", "a") as file:
        file["average"] = MOVIE[:1]
        file["rois"] = MOVIE[:, :, :, None] > 0
        file["movie"] = MOVIE
    assert open_movie(tmp_path / "frames.h5").key == "movie"


def test_a_group_with_one_movie_can_be_the_key(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file.update({"green/movie": MOVIE, "green/time": np.arange(11.0), "red/movie": OTHER})
    np.testing.assert_array_equal(open_movie(tmp_path / "two.h5", "/red/")[:], OTHER)
    assert open_movie(tmp_path / "two.h5", "green").key == "green/movie"
    with pytest.raises(ValueError, match=r"no dataset 'blue': give the name of one as key: green/movie .*, red/movie"):
        open_movie(tmp_path / "two.h5", "blue")


def test_netcdf_tells_steps_by_its_scales_and_what_values_mean(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "movie.nc.h5", "w") as file:
        file["movie"] = MOVIE
        file["movie"].attrs.update({"scale_factor": np.array([0.5]), "add_offset": 3, "units": np.bytes_("photons")})
        for i, (name, values, unit) in enumerate(
            (
                ("time", np.arange(11) * 0.05, "seconds since 2026-01-01"),
                ("y", -np.arange(20) * 0.5, b"micrometer"),
                ("x", np.arange(24) * 250, "nm"),
            )
        ):
            file[name] = values
            file[name].attrs["units"] = unit
            file[name].make_scale(name)
            file["movie"].dims[i].attach_scale(file[name])
    movie = open_movie(tmp_path / "movie.nc.h5")
    assert movie.frame_rate == pytest.approx(20)
    assert movie.pixel_size == (0.5, 0.25)
    assert dict(movie.calibration) == {"scale": 0.5, "offset": 3.0, "unit": "photons"}
    np.testing.assert_array_equal(movie[:], MOVIE)
    with h5py.File(tmp_path / "movie.nc.h5", "a") as file:
        del file["time"]  # which leaves a reference that leads nowhere
    assert open_movie(tmp_path / "movie.nc.h5", axes="TYX").shape == MOVIE.shape


def test_imagej_tells_the_size_of_voxels(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "imagej.h5", "w") as file:
        file["t0/channel0"] = MOVIE
        file["t0/channel0"].attrs["element_size_um"] = np.array([3.0, 0.5, 0.25])
    assert open_movie(tmp_path / "imagej.h5").pixel_size == (0.5, 0.25)


def test_the_stacks_of_imaris_and_of_bigdataviewer_are_no_movies(tmp_path: Path) -> None:
    for key in ("DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data", "t00000/s00/0/cells"):
        with h5py.File(tmp_path / "volumes.h5", "w") as file:
            file[key] = MOVIE
        with pytest.raises(ValueError, match=r"has the axes ZYX .*, and none is the time, .* such as axes='TYX'$"):
            open_movie(tmp_path / "volumes.h5")
        np.testing.assert_array_equal(open_movie(tmp_path / "volumes.h5", axes="TYX")[:], MOVIE)


def test_nwb_has_its_axes_in_the_order_time_x_y_z(tmp_path: Path) -> None:
    """The spacing of its grid is along x, y and z."""
    volumes = np.stack([MOVIE, MOVIE + np.int16(1), MOVIE + np.int16(2)], 1)
    write_nwb(tmp_path / "volumes.nwb", MOVIE)
    with h5py.File(tmp_path / "volumes.nwb", "a") as file:
        series = file["acquisition/TwoPhotonSeries"]
        del series["data"], file["general/optophysiology/plane/grid_spacing"]
        series["data"] = volumes.transpose(0, 3, 2, 1)
        series["data"].attrs.update({"conversion": 0.25, "offset": -8.0, "unit": "photons"})
        file["general/optophysiology/plane/grid_spacing"] = [0.5e-6, 2e-6, 3e-6]
        channel = file.create_group("general/optophysiology/plane/GFP")
        channel.attrs["neurodata_type"] = "OpticalChannel"
    recording = open_recording(tmp_path / "volumes.nwb")
    assert (recording.channels, recording.planes, recording.frame_rate) == (("GFP",), 3, 20)
    assert recording.pixel_size == pytest.approx((2, 0.5))
    assert recording.z_step == pytest.approx(3)
    np.testing.assert_array_equal(recording[0][:], volumes)
    assert dict(recording[0].calibration) == {"scale": 0.25, "offset": -8.0, "unit": "photons"}
    np.testing.assert_array_equal(open_movie(tmp_path / "volumes.nwb", plane=2)[:], MOVIE + np.int16(2))


def test_an_imaging_series_may_be_a_link_to_another_file(tmp_path: Path) -> None:
    write_nwb(tmp_path / "raw.nwb", MOVIE)
    with h5py.File(tmp_path / "analysis.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.7.0"
        file["acquisition/linked"] = h5py.ExternalLink("raw.nwb", "/acquisition/TwoPhotonSeries")
    movie = open_movie(tmp_path / "analysis.nwb")
    np.testing.assert_array_equal(movie[:], MOVIE)
    assert (movie.key, movie.frame_rate) == ("acquisition/linked/data", 20)
    assert movie.pixel_size == pytest.approx((2, 0.5))
    assert str(tmp_path / "raw.nwb") in movie.locations


def test_other_series_of_nwb_are_opened_by_their_paths(tmp_path: Path) -> None:
    """Such as what was corrected for motion; other datasets are what they are."""
    write_nwb(tmp_path / "series.nwb", MOVIE)
    with h5py.File(tmp_path / "series.nwb", "a") as file:
        corrected = file.create_group("processing/ophys/Motion/corrected")
        corrected.attrs["neurodata_type"] = "ImageSeries"
        corrected["data"] = OTHER.swapaxes(1, 2)
        corrected.create_dataset("starting_time", data=0.0).attrs["rate"] = 10.0
    for key in ("processing/ophys/Motion/corrected", "processing/ophys/Motion/corrected/data"):
        movie = open_movie(tmp_path / "series.nwb", key)
        np.testing.assert_array_equal(movie[:], OTHER)
        assert movie.frame_rate == 10
    masks = open_movie(tmp_path / "series.nwb", "processing/ophys/masks")
    np.testing.assert_array_equal(masks[:], np.ones((3, 20, 24)))


@pytest.mark.parametrize("name", ["planned", "none"])
def test_without_times_the_planned_rate_of_imaging_counts(tmp_path: Path, name: str) -> None:
    write_nwb(tmp_path / "series.nwb", MOVIE)
    with h5py.File(tmp_path / "series.nwb", "a") as file:
        del file["acquisition/TwoPhotonSeries/starting_time"]
        if name == "planned":
            file["general/optophysiology/plane/imaging_rate"] = 15.0
    expected: Any = 15 if name == "planned" else None
    assert open_movie(tmp_path / "series.nwb").frame_rate == expected
