"""Writes the sample data of the specification, for every implementation to read.

    python tests/spec/make_samples.py

Each sample is an array `NAME.zarr` in the folder `sample_data` of its codec, and beside it, without any codec but
`bytes`, the array `NAME.expected.zarr` of the values to expect. Metadata and chunks are written down here as the
specification has them, without Zarr, so that the files are the same with every release of it. The codes of
`anscombe-v1` are chosen, and need not be those of any input. All are kept for ever, like the arrays in `tests/golden`.
"""

import itertools
import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from numcodecs.checksum32 import CRC32C

from anscombe_transform import Predictor, decode, encode
from anscombe_transform.transform.parameters import DECODED_DTYPES, ENCODED_DTYPES

FOLDER = Path(__file__).parents[2] / "docs" / "spec"

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

DETECTOR: dict[str, Any] = {"zero_level": 100.0, "conversion_gain": 2.5, "beta": 0.5}
OTHER_DETECTOR: dict[str, Any] = {"zero_level": -12.5, "conversion_gain": 0.75, "beta": 0.37}

ANY_PREDICTOR = Predictor(
    weights=(-20773, 13102, 4870, -31, 32767, -8956, 17740, -32768, 2914),
    bias=-12345,
    first_weights=(30211, -1987, 15, -22480, 9306, 27001, -32768, 6654),
    first_bias=29876,
    shift=5,
)


@dataclass(frozen=True)
class Sample:
    """An array: what its chunks hold before `bytes`, what a reader makes of them, and its metadata."""

    codec: str
    name: str
    stored: Array
    values: Array
    chunks: Shape
    filters: list[dict[str, Any]]
    shards: Shape | None = None
    endian: Literal["little", "big"] = "little"
    fill_value: float = 0
    missing: frozenset[Shape] = field(default_factory=frozenset)
    zarr_format: int = 3


def samples() -> Iterator[Sample]:
    """Return all samples, each with values that the package decodes."""
    yield from samples_of_anscombe()
    yield from samples_of_prediction()


def samples_of_anscombe() -> Iterator[Sample]:
    """Return 256 codes in every dtype, and every kind of metadata."""
    pairs = {("uint8", decoded) for decoded in DECODED_DTYPES}
    pairs |= {(encoded, decoded) for encoded in ENCODED_DTYPES for decoded in ("int64", "float32")}
    for encoded, decoded in sorted(pairs):
        detector = OTHER_DETECTOR if encoded.startswith("int") else DETECTOR
        yield anscombe_sample(f"{encoded}-{decoded}", encoded, decoded, detector)
    yield anscombe_sample("big-endian", "int16", "int16", OTHER_DETECTOR, endian="big")
    yield anscombe_sample("clamp", "uint8", "uint16", DETECTOR, extra={"out_of_range": "clamp"})
    yield anscombe_sample(
        "two-fields", "uint8", "int16", DETECTOR, leave_out=("beta", "encoded_dtype", "decoded_dtype")
    )
    yield anscombe_sample("older-name", "uint8", "int16", DETECTOR, name="anscombe-transform", leave_out=("beta",))
    yield anscombe_sample("missing-chunk", "uint8", "int16", DETECTOR, missing=frozenset({(0, 1)}), fill_value=350)
    yield anscombe_sample("zarr-format-2", "int16", "int32", OTHER_DETECTOR, zarr_format=2)


def anscombe_sample(
    sample: str,
    encoded_dtype: str,
    decoded_dtype: str,
    detector: dict[str, Any],
    *,
    name: str = "anscombe-v1",
    extra: Mapping[str, Any] | None = None,
    leave_out: tuple[str, ...] = (),
    **options: Any,
) -> Sample:
    """Return a sample with 16 by 16 codes in four chunks."""
    codes = chosen_codes(encoded_dtype, detector).reshape(16, 16)
    configuration = {**detector, "encoded_dtype": encoded_dtype, "decoded_dtype": decoded_dtype, **(extra or {})}
    configuration = {key: value for key, value in configuration.items() if key not in leave_out}
    values = decode(codes, **detector, decoded_dtype=decoded_dtype)
    filters = [{"name": name, "configuration": configuration}]
    return Sample("anscombe-v1", sample, codes, values, (8, 8), filters, **options)


def chosen_codes(dtype: str, detector: dict[str, Any]) -> Array:
    """Return 256 codes of a dtype: all, or those around the zero level and some of all others."""
    dark = int(encode(detector["zero_level"], **detector, encoded_dtype="int32"))
    if dtype.startswith("float"):
        special = [np.nan, np.inf, -np.inf, 1e30, -1e30, dark, 0, -0.0]
        return np.array([*special, *np.linspace(dark - 60, dark + 400, 248)], dtype)
    info = np.iinfo(dtype)
    if info.bits == 8:
        return np.arange(info.min, info.max + 1).astype(dtype)
    near = np.arange(dark - 32, dark + 96)
    spread = np.linspace(int(info.min), int(info.max), 128).round().astype("int64")
    return np.concatenate([near, spread]).clip(info.min, info.max).astype(dtype)


def samples_of_prediction() -> Iterator[Sample]:
    """Return codes of every dtype and number of axes, and movies of which they are the codes."""
    for dtype in ("int8", "uint8", "int16", "uint16"):
        codes = any_codes((7, 6, 9), dtype)
        codes[4] = np.iinfo(dtype).max  # a constant frame, after which the mean starts anew
        yield prediction_sample(f"{dtype}-any-weights", codes, (3, 4, 9), ANY_PREDICTOR)
    yield prediction_sample("time-only", any_codes((20,), "uint8"), (16,), Predictor())
    yield prediction_sample("time-and-x", any_codes((9, 10), "int8"), (5, 10), ANY_PREDICTOR)
    yield prediction_sample("planes", any_codes((4, 2, 3, 5, 6), "uint16"), (4, 2, 2, 5, 6), ANY_PREDICTOR)
    movie = simulated_movie((12, 10, 12))
    yield prediction_sample("single-frames", movie[:3], (1, 10, 12), Predictor(), DETECTOR)
    yield prediction_sample("movie", movie, (5, 8, 12), Predictor(), DETECTOR)
    missing = frozenset({(2, 0, 1)})
    yield prediction_sample("sharded", movie, (4, 5, 6), Predictor(), DETECTOR, shards=(12, 10, 12), missing=missing)
    yield prediction_sample("zarr-format-2", movie, (5, 8, 12), Predictor(), DETECTOR, zarr_format=2)


def scattered(shape: Shape) -> Array:
    """Return numbers from 0 to 1 that look random, and do not depend on the release of NumPy."""
    numbers: Array = np.arange(math.prod(shape)) * 2654435761 % 2**32
    return numbers.reshape(shape) / 2**32


def any_codes(shape: Shape, dtype: str) -> Array:
    """Return codes of all magnitudes."""
    info = np.iinfo(dtype)
    codes: Array = info.min + np.floor(scattered(shape) * 2**info.bits)
    return codes.astype(dtype)


def simulated_movie(shape: Shape) -> Array:
    """Return a spot that wanders over a dim background, with as much noise as photons have, in ADU."""
    t, y, x = np.indices(shape)
    photons = 3 + 60 / (1 + ((y - 5) ** 2 + (x - 3 - t / 2) ** 2) / 6)
    noise = np.sqrt(12 * photons) * (scattered(shape) - 0.5)
    movie: Array = np.rint(100 + 2.5 * np.maximum(0, photons + noise))
    return movie.astype("int16")


def prediction_sample(
    name: str,
    values: Array,
    chunks: Shape,
    predictor: Predictor,
    detector: dict[str, Any] | None = None,
    **options: Any,
) -> Sample:
    """Return a sample of codes or, with a detector, of a movie; chunks may reach beyond it."""
    fill_value = 100 if detector else 0
    behind = [(0, -size % chunk) for size, chunk in zip(values.shape, chunks, strict=True)]
    codes = np.pad(values, behind, constant_values=fill_value)
    filters = [{"name": "photon-predict-v1", "configuration": configuration_of(predictor)}]
    if detector:
        codes = encode(codes, **detector)
        values = decode(codes, **detector, decoded_dtype=values.dtype)[tuple(map(slice, values.shape))]
        dtypes = {"encoded_dtype": codes.dtype.name, "decoded_dtype": values.dtype.name}
        filters.insert(0, {"name": "anscombe-v1", "configuration": {**detector, **dtypes}})
    stored = np.empty(codes.shape, f"u{codes.itemsize}")
    for _, region in chunks_of(codes.shape, chunks):
        stored[region] = predictor.residuals(codes[region])
    return Sample("photon-predict-v1", name, stored, values, chunks, filters, fill_value=fill_value, **options)


def configuration_of(predictor: Predictor) -> dict[str, Any]:
    """Return the fields of a predictor, as JSON has them."""
    return {
        "weights": list(predictor.weights),
        "bias": predictor.bias,
        "first_weights": list(predictor.first_weights),
        "first_bias": predictor.first_bias,
        "shift": predictor.shift,
    }


def chunks_of(shape: Shape, chunks: Shape) -> Iterator[tuple[Shape, tuple[slice, ...]]]:
    """Return the place and the region of each chunk."""
    counts = (-(-size // chunk) for size, chunk in zip(shape, chunks, strict=True))
    for place in itertools.product(*map(range, counts)):
        yield place, tuple(slice(i * chunk, (i + 1) * chunk) for i, chunk in zip(place, chunks, strict=True))


def files_of(sample: Sample) -> dict[str, bytes]:
    """Return the files of a sample and of its expected values, by their paths in the folder of the specification."""
    folder = f"{sample.codec}/sample_data/{sample.name}"
    values = sample.values.copy()
    for place, region in chunks_of(values.shape, sample.chunks):
        if place in sample.missing:
            values[region] = sample.fill_value
    files = {f"{folder}.zarr/{key}": content for key, content in store_of(sample).items()}
    plain = Sample(sample.codec, sample.name, values, values, values.shape, [], fill_value=sample.fill_value)
    return files | {f"{folder}.expected.zarr/{key}": content for key, content in store_of(plain).items()}


def store_of(sample: Sample) -> dict[str, bytes]:
    """Return the metadata and the chunks of an array, by their keys."""
    chunks = {
        place: sample.stored[region].astype(sample.stored.dtype.newbyteorder(sample.endian)).tobytes()
        for place, region in chunks_of(sample.stored.shape, sample.chunks)
        if place not in sample.missing
    }
    if sample.zarr_format == 2:
        files = {".".join(map(str, place)): chunk for place, chunk in chunks.items()}
        return {".zarray": as_json(metadata_of_format_2(sample)), **files}
    if sample.shards:
        files = {"/".join(["c", *["0"] * len(sample.shards)]): shard_of(sample, chunks)}
    else:
        files = {"/".join(["c", *map(str, place)]): chunk for place, chunk in chunks.items()}
    return {"zarr.json": as_json(metadata_of_format_3(sample)), **files}


def shard_of(sample: Sample, chunks: dict[Shape, bytes]) -> bytes:
    """Return the only shard of an array: its chunks, and their offsets and lengths, with a checksum."""
    content, index = b"", []
    for place, _ in chunks_of(sample.stored.shape, sample.chunks):
        chunk = chunks.get(place)
        index += [2**64 - 1, 2**64 - 1] if chunk is None else [len(content), len(chunk)]
        content += chunk or b""
    end = np.array(index, "<u8").tobytes()
    return content + bytes(CRC32C(location="end").encode(end))


def metadata_of_format_3(sample: Sample) -> dict[str, Any]:
    """Return what `zarr.json` says."""
    little_endian = {"name": "bytes", "configuration": {"endian": "little"}}
    codecs = [*sample.filters, {"name": "bytes", "configuration": {"endian": sample.endian}}]
    if sample.shards:
        sharding = {
            "chunk_shape": sample.chunks,
            "codecs": codecs,
            "index_codecs": [little_endian, {"name": "crc32c"}],
            "index_location": "end",
        }
        codecs = [{"name": "sharding_indexed", "configuration": sharding}]
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": sample.values.shape,
        "data_type": sample.values.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": sample.shards or sample.chunks}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": sample.fill_value,
        "codecs": codecs,
        "attributes": {},
    }


def metadata_of_format_2(sample: Sample) -> dict[str, Any]:
    """Return what `.zarray` says; the predicting codec also names what metadata of format 3 say elsewhere."""
    filters = [{"id": filter["name"], **filter["configuration"]} for filter in sample.filters]
    if filters[-1]["id"] == "photon-predict-v1":
        filters[-1] |= {"chunks": sample.chunks, "encoded_dtype": filters[0]["encoded_dtype"]}
    return {
        "zarr_format": 2,
        "shape": sample.values.shape,
        "chunks": sample.chunks,
        "dtype": sample.values.dtype.newbyteorder("<").str,
        "fill_value": sample.fill_value,
        "order": "C",
        "filters": filters,
        "compressor": None,
    }


def as_json(metadata: dict[str, Any]) -> bytes:
    """Return metadata as text."""
    return (json.dumps(metadata) + "\n").encode()


def main() -> None:
    """Write all files that are not there, and refuse to change one that is."""
    for sample in samples():
        for name, content in files_of(sample).items():
            path = FOLDER / name
            if path.exists() and path.read_bytes() != content:
                sys.exit(f"{path} has other content: samples are kept as they are, give a new one another name")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


if __name__ == "__main__":
    main()
