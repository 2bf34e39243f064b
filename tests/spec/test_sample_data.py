"""The sample data of the specification: read with a decoder that knows the specification alone, and with the package.

The decoder is `docs/spec/decoder.py`. It gets the chunks from Zarr, which is told that the array has no other codecs
than `bytes` and `sharding_indexed`. `make_samples.py` wrote the samples.
"""

import itertools
import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from own_codecs import CODECS, NAMES, own_codecs
from zarr.buffer import default_buffer_prototype

from anscombe_transform import decode, encode

SPECIFICATION = Path(__file__).parents[2] / "docs" / "spec"
SAMPLES = sorted(path for path in SPECIFICATION.glob("*/sample_data/*.zarr") if ".expected" not in path.name)
DECODER = runpy.run_path(str(SPECIFICATION / "decoder.py"))

Array = npt.NDArray[Any]


@pytest.fixture(params=SAMPLES, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def sample(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def expected(sample: Path) -> Array:
    return np.asarray(zarr.open_array(sample.with_suffix(".expected.zarr"), mode="r")[...])


def test_the_decoder_of_the_specification_reads_a_sample(sample: Path) -> None:
    values = np.empty_like(expected(sample))
    for region, chunk in decoded_chunks(sample):
        inside = tuple(slice(size) for size in values[region].shape)
        values[region] = chunk[inside]
    np.testing.assert_array_equal(values, expected(sample))


def test_the_package_reads_a_sample(sample: Path) -> None:
    read = np.asarray(zarr.open_array(sample, mode="r")[...])
    assert read.dtype == expected(sample).dtype
    np.testing.assert_array_equal(read, expected(sample))


def test_there_are_samples_of_all_dtypes_and_kinds_of_arrays() -> None:
    """Floating-point codes and values, 64-bit integers, sharded ones, missing chunks, and both Zarr formats."""
    names = {codec: {path.stem for path in SAMPLES if path.parents[1].name == codec} for codec in CODECS}
    integers = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    values = integers | {"float16", "float32", "float64"}
    codes = values - {"int64", "uint64", "float16"}
    assert {f"uint8-{dtype}" for dtype in values} <= names["anscombe-v1"]
    assert {f"{dtype}-{other}" for dtype in codes for other in ("int64", "float32")} <= names["anscombe-v1"]
    assert {"missing-chunk", "two-fields", "older-name", "zarr-format-2"} <= names["anscombe-v1"]
    assert {f"{dtype}-any-weights" for dtype in ("int8", "uint8", "int16", "uint16")} <= names["photon-predict-v1"]
    assert {"movie", "sharded", "planes", "time-only", "zarr-format-2"} <= names["photon-predict-v1"]


def test_the_samples_are_those_that_the_script_makes() -> None:
    script = runpy.run_path(str(Path(__file__).with_name("make_samples.py")))
    made: dict[str, bytes] = {}
    for each in script["samples"]():
        made |= script["files_of"](each)
    there = {path.relative_to(SPECIFICATION).as_posix() for path in SPECIFICATION.glob("*/sample_data/**/*")}
    there = {name for name in there if (SPECIFICATION / name).is_file() and not name.endswith(".md")}
    assert there == made.keys()
    assert all((SPECIFICATION / name).read_bytes() == content for name, content in made.items())


def test_the_samples_are_small() -> None:
    files = [path for path in SPECIFICATION.glob("*/sample_data/**/*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 300_000


def test_the_page_shows_the_decoder_as_it_is() -> None:
    code = (SPECIFICATION / "decoder.py").read_text(encoding="utf-8")
    assert f"```python\n{code}```" in (SPECIFICATION / "decoder.md").read_text(encoding="utf-8")


def test_the_table_of_codes_is_right() -> None:
    parameters: dict[str, Any] = {"zero_level": 100, "conversion_gain": 2.5}
    inputs = np.arange(2700)
    codes = encode(inputs, **parameters, encoded_dtype="int16")
    page = (SPECIFICATION / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*) \| (\d+) \| ([\d.]+) \|$", page, re.MULTILINE)
    assert len(rows) > 10
    for code, integers, integer, number in rows:
        ends = dict.fromkeys(str(end) for end in inputs[codes == int(code)][[0, -1]]) if integers != "none" else ()
        assert " to ".join(ends) == (integers if integers != "none" else "")
        assert (int(code) in codes) == (integers != "none")
        array = np.array([int(code)], "uint8")
        assert decode(array, **parameters, decoded_dtype="int16") == int(integer)
        assert decode(array, **parameters, decoded_dtype="float64") == float(number)


def decoded_chunks(sample: Path) -> Iterator[tuple[tuple[slice, ...], Array]]:
    """Return the region of each chunk, which may reach beyond the array, and what the decoder makes of it."""
    metadata, codecs, chunks = read_metadata(sample)
    dtypes = [np.dtype(metadata["data_type"])]  # before each codec, and after the last
    for name, configuration in codecs:
        residuals = f"u{dtypes[-1].itemsize}"
        dtypes.append(np.dtype(residuals if name == CODECS[1] else configuration.get("encoded_dtype", "uint8")))
    stored, again = (stored_array(sample, metadata, chunks, dtypes[-1], fill_value) for fill_value in (0, 1))
    counts = (size // chunk for size, chunk in zip(stored.shape, chunks, strict=True))
    for place in itertools.product(*map(range, counts)):
        region = tuple(slice(i * chunk, (i + 1) * chunk) for i, chunk in zip(place, chunks, strict=True))
        chunk = stored[region]
        if chunk.tobytes() == again[region].tobytes():
            for (name, configuration), dtype in reversed(list(zip(codecs, dtypes[:-1], strict=True))):
                chunk = decoded(name, configuration, chunk, dtype)
        else:  # it is missing
            chunk = np.full(chunks, metadata["fill_value"], dtypes[0])
        yield region, chunk


def decoded(name: str, configuration: dict[str, Any], chunk: Array, dtype: np.dtype[Any]) -> Array:
    """Return what the decoder makes of a chunk of one codec."""
    if name == "photon-predict-v1":
        of_format_2 = ("chunks", "encoded_dtype")
        parameters = {field: value for field, value in configuration.items() if field not in of_format_2}
        return np.asarray(DECODER["restore"](chunk, dtype, **parameters))
    numbers = ("zero_level", "conversion_gain", "beta")
    parameters = {field: configuration[field] for field in numbers if field in configuration}
    return np.asarray(DECODER["decode"](chunk, dtype, **parameters))


def read_metadata(sample: Path) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]], list[int]]:
    """Return the metadata of an array, its codecs of this package, and the shape of its chunks."""
    if (sample / ".zarray").exists():
        metadata = json.loads((sample / ".zarray").read_bytes())
        codecs = [(codec.pop("id"), codec) for codec in metadata["filters"]]
        return metadata | {"data_type": metadata["dtype"]}, codecs, metadata["chunks"]
    metadata = json.loads((sample / "zarr.json").read_bytes())
    grid, (first, *_) = metadata["chunk_grid"], metadata["codecs"]
    sharded = first["name"] == "sharding_indexed"
    codecs = [(codec["name"], codec["configuration"]) for codec in own_codecs(metadata["codecs"])]
    return metadata, codecs, (first if sharded else grid)["configuration"]["chunk_shape"]


def stored_array(
    sample: Path, metadata: dict[str, Any], chunks: list[int], dtype: np.dtype[Any], fill_value: int
) -> Any:
    """Return the array as it is without the codecs of this package, in whole chunks."""
    shape = [-(-size // chunk) * chunk for size, chunk in zip(metadata["shape"], chunks, strict=True)]
    plain = metadata | {"shape": shape, "fill_value": fill_value}
    if metadata["zarr_format"] == 2:
        key = ".zarray"
        plain |= {"dtype": dtype.newbyteorder("<").str, "filters": None}
    else:
        key = "zarr.json"
        plain |= {"data_type": dtype.name, "codecs": without_own(metadata["codecs"])}
    files = {path.relative_to(sample).as_posix(): path.read_bytes() for path in sample.rglob("*") if path.is_file()}
    files[key] = json.dumps(plain).encode()
    buffer = default_buffer_prototype().buffer
    return zarr.open_array({name: buffer.from_bytes(content) for name, content in files.items()}, mode="r")


def without_own(codecs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the codecs without those of this package, also within shards."""
    kept = [dict(codec) for codec in codecs if codec["name"] not in NAMES]
    for codec in kept:
        if codec["name"] == "sharding_indexed":
            inner = codec["configuration"]
            codec["configuration"] = inner | {"codecs": without_own(inner["codecs"])}
    return kept
