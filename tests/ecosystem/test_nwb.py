"""Imaging series of NWB files in Zarr, written by hdmf-zarr with the codec, and read by pynwb and this package."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from compressed_movies import GIVEN, MOVIE, G, Z
from processes import TIMEOUT

from anscombe_transform import (
    AnscombeTransformV3,
    PhotonPredictV3,
    compress,
    decode,
    decompress,
    encode,
    open_recording,
    verify,
)

pynwb = pytest.importorskip("pynwb")
hdmf_zarr = pytest.importorskip("hdmf_zarr")

pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")

SERIES = MOVIE[:, :, :48].transpose(0, 2, 1)
"""A movie with axes in the order of NWB: time, width, height."""

EXPECTED = decode(encode(SERIES, **GIVEN), **GIVEN, decoded_dtype="int16")
DATA = "acquisition/TwoPhotonSeries/data"

READ = """
import sys
import numpy
import pynwb
data = pynwb.read_nwb(sys.argv[1]).acquisition["TwoPhotonSeries"].data
print(int(numpy.sum(data[3])))
"""


def nwb_file(data: Any) -> Any:
    """Return an NWB file with a series of one plane."""
    start = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
    file = pynwb.NWBFile(session_description="two-photon imaging", identifier="M1", session_start_time=start)
    plane = file.create_imaging_plane(
        name="ImagingPlane",
        optical_channel=pynwb.ophys.OpticalChannel(name="green", description="GaAsP PMT", emission_lambda=510.0),
        description="layer 2/3",
        device=file.create_device(name="Microscope"),
        excitation_lambda=920.0,
        indicator="GCaMP8m",
        location="V1",
    )
    file.add_acquisition(
        pynwb.ophys.TwoPhotonSeries(name="TwoPhotonSeries", data=data, imaging_plane=plane, rate=30.0, unit="n.a.")
    )
    return file


def write(data: Any, path: Path, **options: Any) -> None:
    with hdmf_zarr.NWBZarrIO(path, "w") as io:
        io.write(nwb_file(data), **options)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nwb") / "session.nwb.zarr"
    filters = [AnscombeTransformV3(Z, G), PhotonPredictV3()]
    write(hdmf_zarr.ZarrDataIO(SERIES, chunks=(10, 48, 64), filters=filters), path)
    return path


def test_the_series_is_stored_with_the_codec_and_read_by_pynwb(file: Path) -> None:
    array: Any = zarr.open_array(file / DATA, mode="r")
    assert [type(codec) for codec in array.filters] == [AnscombeTransformV3, PhotonPredictV3]
    series = pynwb.read_nwb(file).acquisition["TwoPhotonSeries"]
    assert (series.rate, series.imaging_plane.indicator) == (30.0, "GCaMP8m")
    np.testing.assert_array_equal(series.data[:], EXPECTED)


def test_a_process_reads_it_that_never_imports_this_package(file: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-W", "error::RuntimeWarning", "-c", READ, str(file)]
    printed = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, timeout=TIMEOUT)
    assert (printed.stdout, printed.returncode) == (f"{EXPECTED[3].sum(dtype='int64')}\n", 0), printed.stderr


def test_this_package_reads_it_as_a_recording(file: Path) -> None:
    """With the axes in its own order: time, y, x."""
    recording = open_recording(file)
    assert (recording.shape, recording.frame_rate) == ((40, 64, 48), 30.0)
    np.testing.assert_array_equal(recording[0][...], EXPECTED.transpose(0, 2, 1))
    assert verify(file / DATA).is_whole


@pytest.mark.parametrize("kind", ["Zarr", "HDF5"])
def test_a_file_without_the_codec_is_compressed(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ("raw.nwb.zarr" if kind == "Zarr" else "raw.nwb")
    if kind == "Zarr":
        write(SERIES, path)
    else:
        with pynwb.NWBHDF5IO(path, "w") as io:
            io.write(nwb_file(SERIES))
    compress(path, tmp_path / "a.zarr", **GIVEN)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "a.zarr", mode="r")[...], EXPECTED.transpose(0, 2, 1))


@pytest.mark.filterwarnings("ignore:Inferred dtype from zarr type")
def test_an_array_that_compress_wrote_is_copied_with_its_codec_and_digest(tmp_path: Path) -> None:
    """So `verify` says of the NWB file, too, that nothing has changed since."""
    compress(SERIES, tmp_path / "a.zarr", **GIVEN, chunks=10)
    write(zarr.open_array(tmp_path / "a.zarr", mode="r"), tmp_path / "b.nwb.zarr", link_data=False)
    read: Any = zarr.open_array(tmp_path / "a.zarr", mode="r")
    copied: Any = zarr.open_array(tmp_path / "b.nwb.zarr" / DATA, mode="r")
    assert copied.metadata.codecs == read.metadata.codecs
    series = pynwb.read_nwb(tmp_path / "b.nwb.zarr").acquisition["TwoPhotonSeries"]
    np.testing.assert_array_equal(series.data[:], EXPECTED)
    (channel,) = verify(tmp_path / "b.nwb.zarr" / DATA).channels
    assert channel.sha256 == channel.recorded_sha256
    assert not channel.damages


def test_a_link_to_an_array_that_is_no_part_of_a_group_cannot_be_read(tmp_path: Path) -> None:
    """That is what hdmf-zarr writes unless it is told `link_data=False`."""
    compress(SERIES, tmp_path / "a.zarr", **GIVEN)
    write(zarr.open_array(tmp_path / "a.zarr", mode="r"), tmp_path / "b.nwb.zarr")
    with hdmf_zarr.NWBZarrIO(tmp_path / "b.nwb.zarr", "r") as io, pytest.raises(ValueError, match="bad link"):
        io.read()


def test_it_is_exported_to_hdf5_without_the_codec(file: Path, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with hdmf_zarr.NWBZarrIO(file, "r") as read, pynwb.NWBHDF5IO(tmp_path / "plain.nwb", "w") as io:
        io.export(src_io=read, write_args={"link_data": False})
    with h5py.File(tmp_path / "plain.nwb") as plain:
        np.testing.assert_array_equal(plain[DATA], EXPECTED)


def test_roiextractors_reads_it_and_what_decompress_writes(file: Path, tmp_path: Path) -> None:
    roiextractors = pytest.importorskip("roiextractors")
    series = roiextractors.NwbImagingExtractor(str(file))
    expected = EXPECTED.transpose(0, 2, 1)
    np.testing.assert_array_equal(series.get_series(3, 9), expected[3:9])
    compress(MOVIE[:, :, :48], tmp_path / "a.zarr", **GIVEN)
    decompress(tmp_path / "a.zarr", tmp_path / "a.tif")
    tiff = roiextractors.TiffImagingExtractor(tmp_path / "a.tif", sampling_frequency=30.0)
    np.testing.assert_array_equal(tiff.get_series(), expected)
