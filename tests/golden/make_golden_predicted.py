"""Writes arrays of predicted codes of every dtype, for `tests/test_golden_predicted.py` to open.

What is in `predicted/` is kept for ever, byte for byte: it stands for the arrays that people have. This shows how it
was made, and refuses to make it again. A release that writes something new gets a folder of its own.

    python tests/golden/make_golden_predicted.py

For each Zarr format there is one zip file with all arrays, a store that Zarr reads, and an npz file beside it that has,
for each array, the input and, after it, what was read at once. The arrays `<dtype>-codes` are codes of all magnitudes,
predicted with any weights; the arrays `<dtype>-movie` are movies, encoded and predicted with weights of a movie.
"""

import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import zarr
from zarr.storage import ZipStore

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, PhotonPredictV2, PhotonPredictV3, Predictor
from anscombe_transform.transform.parameters import EncodedDType

FOLDER = Path(__file__).parent / "predicted"
SHAPE = (7, 6, 9)
CHUNKS = (3, 4, 9)
CONSTANT_FRAME = 4
DTYPES: tuple[EncodedDType, ...] = ("int8", "uint8", "int16", "uint16")
PARAMETERS: dict[str, Any] = {"zero_level": 20, "conversion_gain": 2.5}

ANY = Predictor(
    weights=(-20773, 13102, 4870, -31, 32767, -8956, 17740, -32768, 2914),
    bias=-12345,
    first_weights=(30211, -1987, 15, -22480, 9306, 27001, -32768, 6654),
    first_bias=29876,
    shift=5,
)
OF_A_MOVIE = Predictor(
    weights=(310, 1120, 285, 1390, 9871, 1405, 298, 1087, 342),
    bias=24,
    first_weights=(1490, 2610, 3777, 2655, 1502, 1210, 1845, 1188),
    first_bias=19,
    shift=2,
)


def main() -> None:
    """Write the files, if they are not there."""
    FOLDER.mkdir()
    write(2)
    write(3)


def write(zarr_format: Literal[2, 3]) -> None:
    """Write the arrays of one Zarr format, and what they hold."""
    random = np.random.default_rng(zarr_format)
    expected: dict[str, npt.NDArray[Any]] = {}
    archive = FOLDER / f"zarr{zarr_format}.zip"
    with ZipStore(archive, mode="w", compression=zipfile.ZIP_DEFLATED) as store:
        group = zarr.create_group(store, zarr_format=zarr_format)
        for dtype in DTYPES:
            info = np.iinfo(dtype)
            codes = random.integers(info.min, info.max, SHAPE, dtype, endpoint=True)
            movie = (20 + 2.5 * random.poisson(20, SHAPE)).astype("int16")
            codes[0, 0, :2] = info.min, info.max
            codes[CONSTANT_FRAME], movie[CONSTANT_FRAME] = info.max, 60
            for kind, values in (("codes", codes), ("movie", movie)):
                key = f"{dtype}-{kind}"
                create(group, key, values.dtype, filters_of(zarr_format, dtype, kind))[...] = expected[key] = values
    with ZipStore(archive, mode="r") as store:
        for key, array in zarr.open_group(store, mode="r").arrays():
            expected[key] = np.stack([expected[key], array[...]])
    np.savez_compressed(archive.with_suffix(".npz"), **expected)  # type: ignore[arg-type]


def filters_of(zarr_format: Literal[2, 3], dtype: EncodedDType, kind: str) -> list[Any]:
    """Return the codecs that make residuals of the values of an array."""
    predictor = ANY if kind == "codes" else OF_A_MOVIE
    filters: list[Any] = [PhotonPredictV2(CHUNKS, dtype, predictor) if zarr_format == 2 else PhotonPredictV3(predictor)]
    if kind == "movie":
        transform = AnscombeTransformV2 if zarr_format == 2 else AnscombeTransformV3
        filters.insert(0, transform(**PARAMETERS, encoded_dtype=dtype))
    return filters


def create(group: zarr.Group, key: str, dtype: np.dtype[Any], filters: list[Any]) -> "zarr.Array[Any]":
    """Create an array whose chunks at the edges reach beyond it, and which the zip file compresses."""
    return group.create_array(
        key, shape=SHAPE, chunks=CHUNKS, dtype=dtype, fill_value=1, filters=filters, compressors=None
    )


if __name__ == "__main__":
    main()
