"""Arrays that anscombe-transform 1.0.0 wrote open unchanged. `golden/make_golden.py` made them, with that release."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import reference
import zarr
from fresh_process import read_in_a_fresh_process
from pipelines import pipeline  # noqa: F401 - each test runs with each pipeline

Array = npt.NDArray[Any]

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.npz"))
WITH_MISSING_FRAMES = [name for name in NAMES if name.endswith(("partly_written", "without_code"))]

INPUTS_OF_1_0_0 = np.arange(2**15)
"""What 1.0.0 has codes for: it takes negative inputs for 0, and larger ones for 32,767."""


class Golden(NamedTuple):
    """An array of 1.0.0: its parameters, the frames that were written, their codes, and all that 1.0.0 reads."""

    path: Path
    zero_level: float
    conversion_gain: float
    encoded_dtype: str
    input: Array
    codes: Array
    read_back: Array

    @property
    def held(self) -> npt.NDArray[np.bool_]:
        """Where the input has a code, by the formula, in `encoded_dtype` and for 1.0.0."""
        codes = reference.code(self.input, self.zero_level, self.conversion_gain)
        limits = np.iinfo(self.encoded_dtype)
        known = (INPUTS_OF_1_0_0[0] <= self.input) & (self.input <= INPUTS_OF_1_0_0[-1])
        held: npt.NDArray[np.bool_] = known & (limits.min <= codes) & (codes <= limits.max)
        return held

    @property
    def decoded_right(self) -> npt.NDArray[np.bool_]:
        """Where 1.0.0 decodes a code above 0 right: it takes the n-th code of its table for n, as `uint8` wraps it."""
        exact = reference.code(INPUTS_OF_1_0_0, self.zero_level, self.conversion_gain).astype(np.int64)
        wrapped = exact.astype(self.encoded_dtype).astype(np.int64)
        nth = np.unique(wrapped)
        right = nth[(nth == np.arange(nth.size)) & (nth > 0)]
        right = np.setdiff1d(right, wrapped[wrapped != exact])
        if np.iinfo(self.input.dtype).max > INPUTS_OF_1_0_0[-1]:
            right = right[right != exact[-1]]  # the inputs above 32,767 that share this code are no inputs to 1.0.0
        return np.isin(self.codes, right)


@pytest.fixture(params=NAMES)
def golden(request: pytest.FixtureRequest) -> Golden:
    return load(request.param)


@pytest.fixture(scope="module")
def read_afresh(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Array]:
    arrays = read_in_a_fresh_process(tmp_path_factory.mktemp("results"), *(GOLDEN / name for name in NAMES))
    return dict(zip(NAMES, arrays, strict=True))


def load(name: str) -> Golden:
    path = GOLDEN / name
    parameters = configuration(path)
    with np.load(path.with_suffix(".npz")) as arrays:
        return Golden(
            path,
            parameters["zero_level"],
            parameters["conversion_gain"],
            parameters.get("encoded_dtype", "uint8"),
            arrays["input"],
            arrays["codes"],
            arrays["read_back"],
        )


def metadata_file(path: Path) -> Path:
    return path / ("zarr.json" if (path / "zarr.json").exists() else ".zarray")


def codecs_of_a_chunk(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the list, in the metadata of a Zarr V3 array, of the codecs of a chunk within its shard, if it has one."""
    codecs: list[dict[str, Any]] = metadata["codecs"]
    return codecs[0]["configuration"]["codecs"] if codecs[0]["name"] == "sharding_indexed" else codecs


def configuration(path: Path) -> dict[str, Any]:
    metadata = json.loads(metadata_file(path).read_text())
    if metadata["zarr_format"] == 3:
        v3: dict[str, Any] = codecs_of_a_chunk(metadata)[0]["configuration"]
        return v3
    v2: dict[str, Any] = metadata["filters"][0] if metadata["filters"] else metadata["compressor"]
    return v2


def stored_codes(path: Path, scratch: Path) -> Array:
    """Return what an array holds without our codec in its metadata."""
    encoded_dtype = np.dtype(configuration(path).get("encoded_dtype", "uint8"))
    shutil.copytree(path, scratch)
    metadata = json.loads(metadata_file(scratch).read_text())
    if metadata["zarr_format"] == 3:
        metadata |= {"data_type": encoded_dtype.name, "fill_value": 0}
        del codecs_of_a_chunk(metadata)[0]
    else:
        compressor = metadata["compressor"] if metadata["filters"] else None
        metadata |= {"dtype": encoded_dtype.str, "fill_value": 0, "filters": None, "compressor": compressor}
    metadata_file(scratch).write_text(json.dumps(metadata))
    return np.asarray(zarr.open_array(scratch, mode="r")[...])


def copy(golden: Golden, tmp_path: Path) -> Path:
    """Copy an array to write to, with its dtype told to the codec where 1.0.0 did not store that it is not int16."""
    path = shutil.copytree(golden.path, tmp_path / "copy")
    metadata = json.loads(metadata_file(path).read_text())
    if metadata["zarr_format"] == 2 and metadata["dtype"] != "<i2":
        metadata["filters"][0]["decoded_dtype"] = np.dtype(metadata["dtype"]).name
        metadata_file(path).write_text(json.dumps(metadata))
    return path


def assert_within_the_bound(read: Array, golden: Golden, written: Array) -> None:
    error = np.abs(read - written.astype(np.float64))
    assert np.all(error <= reference.largest_error(written, golden.zero_level, golden.conversion_gain))


def test_the_stores_hold_the_codes_that_the_tests_compare_with(golden: Golden, tmp_path: Path) -> None:
    stored = stored_codes(golden.path, tmp_path / "raw")
    assert stored.dtype == golden.codes.dtype
    np.testing.assert_array_equal(stored[: len(golden.codes)], golden.codes)


def test_a_fresh_process_opens_them_without_warnings(golden: Golden, read_afresh: Mapping[str, Array]) -> None:
    """The process does not import the package."""
    read = read_afresh[golden.path.name]
    assert read.dtype == golden.read_back.dtype
    np.testing.assert_array_equal(read, zarr.open_array(golden.path, mode="r")[...])


def test_they_decode_to_what_1_0_0_gives_within_1_adu_where_that_is_right(golden: Golden) -> None:
    read = np.asarray(zarr.open_array(golden.path, mode="r")[...])[: len(golden.input)]
    difference = np.abs(read.astype(np.int64) - golden.read_back[: len(golden.input)].astype(np.int64))
    assert np.all(difference[golden.decoded_right] <= 1)


def test_golden_arrays_have_codes_that_1_0_0_decodes_right_and_wrong() -> None:
    wrong = {"v3_of_the_guide", "v3_int16_codes_below_0"}
    share = {name: load(name).decoded_right.mean() for name in NAMES}
    assert all(share[name] > 0.5 for name in share.keys() - wrong)
    assert all(share[name] < 0.2 for name in wrong)


def test_they_decode_within_the_bound_wherever_the_input_has_a_code(golden: Golden) -> None:
    read = np.asarray(zarr.open_array(golden.path, mode="r")[...])[: len(golden.input)]
    assert_within_the_bound(read[golden.held], golden, golden.input[golden.held])


@pytest.mark.parametrize("name", WITH_MISSING_FRAMES)
def test_missing_chunks_hold_the_fill_value(name: str) -> None:
    golden = load(name)
    array = zarr.open_array(golden.path, mode="r")
    missing = np.asarray(array[len(golden.input) :])
    assert missing.size
    assert np.all(missing == array.metadata.fill_value)
    np.testing.assert_array_equal(missing, golden.read_back[len(golden.input) :])


def test_writing_the_input_again_stores_the_same_codes(golden: Golden, tmp_path: Path) -> None:
    path, frames, held = copy(golden, tmp_path), len(golden.input), golden.held
    assert held.mean() > 0.5
    zarr.open_array(path, mode="r+")[:frames] = np.where(held, golden.input, golden.input[held][0])
    codes = stored_codes(path, tmp_path / "raw")
    np.testing.assert_array_equal(codes[:frames][held], golden.codes[held])


def test_writing_back_what_was_read_leaves_the_codes(golden: Golden, tmp_path: Path) -> None:
    path, frames, held = copy(golden, tmp_path), len(golden.input), golden.held
    array = zarr.open_array(path, mode="r+")
    array[:frames] = array[:frames]
    codes = stored_codes(path, tmp_path / "raw")
    np.testing.assert_array_equal(codes[:frames][held], golden.codes[held])


def test_a_v2_array_of_another_dtype_cannot_be_written_to(tmp_path: Path) -> None:
    """The error says how to add the dtype to the codec."""
    path = shutil.copytree(GOLDEN / "v2_uint16_array", tmp_path / "copy")
    with pytest.raises(ValueError, match=r"decoded_dtype is int16: make it 'uint16', .* adding it to .* \.zarray"):
        zarr.open_array(path, mode="r+")[0, 5, 7] = 1000


def test_one_pixel_can_be_changed_and_the_others_stay(golden: Golden, tmp_path: Path) -> None:
    path = copy(golden, tmp_path)
    array = zarr.open_array(path, mode="r+")
    before = np.asarray(array[...])
    array[0, 5, 7] = 1000
    after = np.asarray(zarr.open_array(path, mode="r")[...])
    assert_within_the_bound(after[0, 5, 7], golden, np.array(1000))
    changed = np.zeros(before.shape, bool)
    changed[0, 5, 7] = True
    unchanged = ~changed
    unchanged[: len(golden.held)] &= golden.held
    np.testing.assert_array_equal(after[unchanged], before[unchanged])


def test_attributes_can_be_added(golden: Golden, tmp_path: Path) -> None:
    path = copy(golden, tmp_path)
    array = zarr.open_array(path, mode="r+")
    before = np.asarray(array[...])
    array.attrs["rig"] = "left"
    again = zarr.open_array(path, mode="r")
    assert again.attrs.asdict() == {"rig": "left"}
    np.testing.assert_array_equal(again[...], before)


def test_appended_frames_read_back_and_the_old_ones_stay(golden: Golden, tmp_path: Path) -> None:
    path = copy(golden, tmp_path)
    array = zarr.open_array(path, mode="r+")
    before = np.asarray(array[...])
    new = np.where(golden.held, golden.input, golden.input[golden.held][0])
    array.append(new)
    after = np.asarray(zarr.open_array(path, mode="r")[...])
    np.testing.assert_array_equal(after[: len(before)], before)
    assert_within_the_bound(after[len(before) :], golden, new)


@pytest.mark.parametrize("name", ["v3_fill_value_without_code", "v3_sharded_partly_written"])
def test_a_missing_chunk_whose_fill_value_has_no_code_can_be_written_whole(name: str, tmp_path: Path) -> None:
    golden = load(name)
    path, frames = copy(golden, tmp_path), len(golden.input)
    new = np.where(golden.held, golden.input, 1000)
    zarr.open_array(path, mode="r+")[frames:] = new
    assert_within_the_bound(np.asarray(zarr.open_array(path, mode="r")[frames:]), golden, new)


@pytest.mark.parametrize("name", ["v3_fill_value_without_code", "v3_sharded_partly_written"])
def test_part_of_a_missing_chunk_without_a_fill_code_is_refused(name: str, tmp_path: Path) -> None:
    """The code of the fill value would have to be stored for the rest."""
    golden = load(name)
    path, frames = copy(golden, tmp_path), len(golden.input)
    with pytest.raises(ValueError, match=r"values are out of range: 0 to 0 ADU.*encoded_dtype='int8'"):
        zarr.open_array(path, mode="r+")[frames, 0, 0] = 1000
    np.testing.assert_array_equal(zarr.open_array(path, mode="r")[frames:], 0)
