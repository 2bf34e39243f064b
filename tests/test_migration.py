"""What the pages on migration say, on files that anscombe-transform 1.0.0 and poisson-numcodecs 0.1.0 wrote.

`golden/make_golden.py` and `migration/make_*.py` made them, with these releases.
"""

from __future__ import annotations

import json
import re
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import reference
import zarr

from anscombe_transform import (
    AnscombeTransformV2,
    AnscombeTransformV3,
    compress,
    decode,
    encode,
    estimate_parameters,
    verify,
)
from anscombe_transform.estimate import compute_conversion_gain
from anscombe_transform.simulate import Detector, Scene, simulate_movie

TESTS = Path(__file__).parent
PAGES = TESTS.parent / "docs/how-to"
OF_1_0_0 = sorted(
    path.stem
    for path in (TESTS / "golden").glob("v*.npz")
    if not path.stem.endswith(("partly_written", "without_code", "as_compressor"))
)
OF_POISSON = sorted(path.stem for path in (TESTS / "migration").glob("poisson_*.npz"))
ESTIMATES = json.loads((TESTS / "migration/estimates_of_1_0_0.json").read_text())
CASES = runpy.run_path(str(TESTS / "migration/make_estimates_of_1_0_0.py"))["CASES"]
ROWS = {
    "still": "still",
    "motion": "the same, with motion of half a pixel",
    "read noise": "the same, with a read noise of 30 ADU",
    "gain spread": "pulses that vary by half their height",
}


@pytest.mark.parametrize("name", OF_1_0_0)
def test_compress_stores_an_array_of_1_0_0_as_it_is_read(name: str, tmp_path: Path) -> None:
    path = shutil.copytree(TESTS / "golden" / name, tmp_path / "old")
    if name == "v2_uint16_array":
        metadata = json.loads((path / ".zarray").read_text())
        metadata["filters"][0]["decoded_dtype"] = "uint16"
        (path / ".zarray").write_text(json.dumps(metadata))
    old = zarr.open_array(path, mode="r")
    result = compress(old, tmp_path / "new.zarr")
    assert result.parameters["source"] == "kept"
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "new.zarr", mode="r")[:], old[:])
    assert verify(tmp_path / "new.zarr", against=old).is_whole


def test_calls_of_1_0_0_work() -> None:
    movie = (100 + 40 * np.random.default_rng(0).poisson(20, (2, 8, 8))).astype("int16")
    codes = encode(movie, conversion_gain=40.0, zero_level=100, encoded_dtype="uint8")
    decoded = decode(
        codes.tobytes(), conversion_gain=40.0, zero_level=100, encoded_dtype="uint8", decoded_dtype="int16"
    )
    assert decoded.shape == (128,)
    for codec in (AnscombeTransformV2(100, 40.0, "uint8", "int16"), AnscombeTransformV3(100, 40.0, "uint8", "int16")):
        assert (codec.zero_level, codec.conversion_gain) == (100, 40)
    assert {"conversion_gain", "zero_level"} < compute_conversion_gain(simulate_movie((50, 64, 64))).keys()


@pytest.mark.parametrize("name", ROWS)
def test_the_page_has_the_estimates_of_both_releases(name: str) -> None:
    of_scene, of_detector = CASES[name]
    detector = Detector(**of_detector)
    movie = simulate_movie((200, 128, 128), Scene(background=(1, 6), cells=(5, 30), **of_scene), detector)
    now = estimate_parameters(movie)
    numbers = [detector.noise_line, ESTIMATES[name], (now.conversion_gain, now.zero_level)]
    columns = [f"{gain:.1f}, {zero_level:.1f}" for gain, zero_level in numbers]
    assert f"| {ROWS[name]} | {' | '.join(columns)} |\n" in (PAGES / "migrate-from-1.0.0.md").read_text()


@pytest.fixture(scope="module", autouse=True)
def _poisson() -> Iterator[None]:
    """Register the class that the page on poisson-numcodecs shows."""
    page = (PAGES / "migrate-from-poisson-numcodecs.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?register_codec\(Poisson\)\n).*?^```", page, re.M | re.S)
    exec(block, {"__name__": "page"})
    yield
    del numcodecs.registry.codec_registry["poisson"]


@pytest.fixture(params=OF_POISSON)
def of_poisson(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    """Return an array of poisson-numcodecs, opened with the class of the page, and what is known about it."""
    path = TESTS / "migration" / request.param
    with np.load(path.with_suffix(".npz")) as arrays:
        return zarr.open_array(path, mode="r"), dict(arrays)


def test_the_class_of_the_page_decodes_within_half_an_interval(of_poisson: tuple[Any, dict[str, Any]]) -> None:
    array, known = of_poisson
    codec = array.filters[0]
    parameters = codec.grid()[1]
    z, g, beta = parameters.values()
    offset = codec.dark_signal - z
    assert abs(offset) <= beta / 2 * np.sqrt(3 / 8) * g
    seen = known["input"] >= codec.dark_signal + 0.1 * g
    error = np.abs(array[:] + offset - known["input"])
    assert np.all(error[seen] <= reference.largest_error(known["input"][seen] - offset, z, g, beta) + 0.5)
    assert np.all(error[~seen] <= 0.5 * g + 6)  # the movies have 2 ADU of read noise


def test_compress_keeps_the_codes_of_poisson_numcodecs(of_poisson: tuple[Any, dict[str, Any]], tmp_path: Path) -> None:
    array, known = of_poisson
    shift, parameters = array.filters[0].grid()
    compress(array, tmp_path / "new.zarr", **parameters)
    new = zarr.open_array(tmp_path / "new.zarr", mode="r")
    np.testing.assert_array_equal(new[:], array[:])
    codes = encode(new[:], **parameters, encoded_dtype="int32")
    np.testing.assert_array_equal(codes - shift, known["codes"])


def test_poisson_numcodecs_itself_decodes_as_the_page_says(of_poisson: tuple[Any, dict[str, Any]]) -> None:
    """Without the table it adds a quarter of a photon; with it, what is dark comes back as 0 ADU."""
    array, known = of_poisson
    codec = array.filters[0]
    if codec.use_lookup:
        assert np.all(known["read_back"][known["codes"] == 0] == 0)
    else:
        root = codec.beta * known["codes"].astype("float64") / 2
        middle = codec.dark_signal + codec.photon_sensitivity * (root**2 - 3 / 8)
        quarter = (known["read_back"] - middle) / codec.photon_sensitivity
        assert np.all(np.abs(quarter - 0.25) <= 0.501 / codec.photon_sensitivity)
