"""The JSON schemas of the specification allow what is in the metadata of arrays, and what the codecs take."""

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numcodecs
import pytest
from own_codecs import CODECS, own_codecs

from anscombe_transform import AnscombeTransformV3, PhotonPredictV3

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
SPECIFICATION = ROOT / "docs" / "spec"
FILES = {2: "schema-zarr-format-2.json", 3: "schema.json"}


def schema(codec: str, zarr_format: int) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SPECIFICATION / codec / FILES[zarr_format]).read_bytes())
    return loaded


def metadata_of_arrays() -> Iterator[tuple[str, bytes]]:
    """Return the name and the text of all metadata among the samples and in `tests/golden`."""
    for folder in (SPECIFICATION, ROOT / "tests" / "golden"):
        for path in folder.rglob("*"):
            if path.name in (".zarray", "zarr.json"):
                yield path.name, path.read_bytes()
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as files:
                    for name in files.namelist():
                        if name.endswith((".zarray", "zarr.json")):
                            yield name, files.read(name)


def codecs_of_arrays() -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Return the schema, the Zarr format and the metadata of each codec of this package in them."""
    for name, text in metadata_of_arrays():
        metadata = json.loads(text)
        if name.endswith(".zarray"):
            codecs = [codec for codec in [*(metadata["filters"] or []), metadata["compressor"]] if codec]
            yield from ((codec["id"], 2, codec) for codec in codecs if codec["id"] in CODECS)
        else:
            for codec in own_codecs(metadata.get("codecs", [])):
                yield codec["name"].replace("anscombe-transform", "anscombe-v1"), 3, codec


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("codec", CODECS)
def test_a_schema_is_one(codec: str, zarr_format: int) -> None:
    found = schema(codec, zarr_format)
    jsonschema.validators.validator_for(found).check_schema(found)


def test_the_codecs_of_all_kept_arrays_follow_the_schemas() -> None:
    counts = {(codec, zarr_format): 0 for codec in CODECS for zarr_format in (2, 3)}
    for codec, zarr_format, metadata in codecs_of_arrays():
        jsonschema.validate(metadata, schema(codec, zarr_format))
        counts[codec, zarr_format] += 1
    assert min(counts.values()) > 1
    assert sum(counts.values()) > 200


MISSING = object()
NO_NUMBERS: tuple[Any, ...] = (MISSING, None, True, "1", [], {})
ANSCOMBE = {"zero_level": 100, "conversion_gain": 2.5}
PREDICTION: dict[str, Any] = PhotonPredictV3().to_dict()["configuration"]
CHANGES: dict[str, list[tuple[str, Any]]] = {
    "anscombe-v1": [
        *(("zero_level", value) for value in (*NO_NUMBERS, 0, -1e9, 0.5)),
        *((name, value) for name in ("conversion_gain", "beta") for value in (*NO_NUMBERS, 0, -1, 1e-9, 3)),
        *(
            ("encoded_dtype", value)
            for value in (MISSING, None, 1, "int32", "float64", "int64", "float16", "<u2", "u1")
        ),
        *(
            ("decoded_dtype", value)
            for value in (MISSING, None, 1, "int64", "float16", ">i2", "<i2", "bool", "complex64")
        ),
        *(("out_of_range", value) for value in (MISSING, None, "clamp", "wrap", True)),
        ("gamma", 1),
    ],
    "photon-predict-v1": [
        *(("weights", value) for value in (*NO_NUMBERS, [0] * 9, [0] * 8, [32768] * 9, [-32768] * 9, [0.5] * 9)),
        *(("first_weights", value) for value in (*NO_NUMBERS, [0] * 8, [0] * 9, [-32769] * 8)),
        *((name, value) for name in ("bias", "first_bias") for value in (*NO_NUMBERS, 32767, 32768, 0.5)),
        *(("shift", value) for value in (*NO_NUMBERS, 0, 7, 8, -1, 0.5)),
        ("gamma", 1),
    ],
}
OF_FORMAT_2: dict[str, dict[str, Any]] = {
    "anscombe-v1": ANSCOMBE,
    "photon-predict-v1": {**PREDICTION, "chunks": [5, 64, 64], "encoded_dtype": "int16"},
}
CHANGES_OF_FORMAT_2 = {
    "anscombe-v1": CHANGES["anscombe-v1"],
    "photon-predict-v1": [
        *CHANGES["photon-predict-v1"],
        *(("chunks", value) for value in (MISSING, None, True, "1", {}, [], [1], [0, 1], [2, -1], [0.5])),
        *(("encoded_dtype", value) for value in (MISSING, "int8", "uint16", "int32", "float32", "<u2", None)),
    ],
}


def changed(fields: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    rest = {field: other for field, other in fields.items() if field != name}
    return rest if value is MISSING else {**rest, name: value}


def is_taken(make: Callable[[Any], object], metadata: dict[str, Any]) -> bool:
    try:
        make(metadata)
    except (TypeError, ValueError):
        return False
    return True


@pytest.mark.parametrize("codec", CODECS)
def test_a_schema_of_format_3_allows_what_the_codec_takes(codec: str) -> None:
    make = {"anscombe-v1": AnscombeTransformV3.from_dict, "photon-predict-v1": PhotonPredictV3.from_dict}[codec]
    right = {"anscombe-v1": ANSCOMBE, "photon-predict-v1": PREDICTION}[codec]
    validator = jsonschema.validators.validator_for(schema(codec, 3))(schema(codec, 3))
    for name, value in CHANGES[codec]:
        metadata = {"name": codec, "configuration": changed(right, name, value)}
        assert validator.is_valid(metadata) == is_taken(make, metadata), metadata


@pytest.mark.parametrize("codec", CODECS)
def test_a_schema_of_format_2_allows_what_the_codec_takes(codec: str) -> None:
    validator = jsonschema.validators.validator_for(schema(codec, 2))(schema(codec, 2))
    for name, value in CHANGES_OF_FORMAT_2[codec]:
        metadata = {"id": codec, **changed(OF_FORMAT_2[codec], name, value)}
        assert validator.is_valid(metadata) == is_taken(numcodecs.get_codec, dict(metadata)), metadata
