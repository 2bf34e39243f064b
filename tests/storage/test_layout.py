"""How arrays lie in their stores: chunks, shards, compressors and metadata."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from drafts import draft_of_one, only
from hypothesis import given
from hypothesis import strategies as st
from ome_zarr_models.v05 import Image
from strategies import logarithmic

from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, compress, decode, encode
from anscombe_transform.storage.chunks import checksums_of
from anscombe_transform.storage.draft import Draft
from anscombe_transform.storage.layout import Layout, default_chunks
from anscombe_transform.storage.ome import ome_image
from anscombe_transform.transform.parameters import ENCODED_DTYPES

Z, G = 100, 40

COMPRESSORS = {"zstd": (1, 22), "blosc-zstd": (0, 9), "blosc-lz4": (0, 9), "gzip": (0, 9), "none": None}
MI = 1 << 20


def movie(shape: tuple[int, ...] = (7, 30, 20)) -> npt.NDArray[np.int16]:
    return (Z + G * np.random.default_rng(0).poisson(6, shape)).astype("int16")


def codec_of(zarr_format: int, encoded_dtype: str, dtype: npt.DTypeLike) -> Any:
    codec_class: Any = {2: AnscombeTransformV2, 3: AnscombeTransformV3}[zarr_format]
    return codec_class(Z, G, encoded_dtype=encoded_dtype, decoded_dtype=dtype)


def draft(
    path: Path | str = "memory://unused",
    shape: tuple[int, ...] = (7, 30, 20),
    encoded_dtype: str | None = "uint8",
    dtype: npt.DTypeLike = "int16",
    **options: Any,
) -> Draft:
    layout = Layout(**options)
    codec = None if encoded_dtype is None else codec_of(layout.zarr_format, encoded_dtype, dtype)
    return draft_of_one(path, layout, shape, dtype, codec)


def levels() -> list[tuple[str, int | None]]:
    """Return each compressor with its first and its last level, and with none given."""
    return [(name, level) for name, limits in COMPRESSORS.items() for level in (None, *(limits or ()))]


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(("compressor", "level"), levels())
@pytest.mark.parametrize("encoded_dtype", [None, "uint8", "uint16"])
def test_every_compressor_gives_back_what_was_stored(
    tmp_path: Path, zarr_format: Any, compressor: Any, level: int | None, encoded_dtype: str | None
) -> None:
    made = draft(
        tmp_path / "a", encoded_dtype=encoded_dtype, compressor=compressor, level=level, zarr_format=zarr_format
    )
    made.begin()
    only(made).array[...] = movie()
    made.finish()
    array = zarr.open_array(tmp_path / "a", mode="r")
    expected = movie()
    if encoded_dtype is not None:
        codes = encode(expected, zero_level=Z, conversion_gain=G, encoded_dtype=encoded_dtype)
        expected = decode(codes, zero_level=Z, conversion_gain=G, decoded_dtype="int16")
    np.testing.assert_array_equal(array[...], expected)
    assert array.metadata.zarr_format == zarr_format
    assert len(array.compressors) == (compressor != "none") + (zarr_format == 3)
    assert checksums_of(array) == (
        "crc32c" if zarr_format == 3 else compressor if compressor in ("zstd", "gzip") else None
    )
    assert len(array.filters) == (encoded_dtype is not None)
    if level is not None and compressor != "none":
        assert f"level={level}" in str(array.compressors[0])


@pytest.mark.parametrize("compressor", [name for name in COMPRESSORS if name != "none"])
def test_compressors_make_movies_smaller(compressor: Any) -> None:
    array = only(draft(compressor=compressor, chunks=-1)).template
    metadata = array.nbytes_stored()
    array[...] = movie()
    assert array.nbytes_stored() - metadata < 0.8 * movie().size


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("compressor", [name for name in COMPRESSORS if name != "none"])
def test_a_level_out_of_range_is_refused(zarr_format: Any, compressor: Any) -> None:
    """The error gives the levels that there are."""
    limits = COMPRESSORS[compressor]
    assert limits is not None
    for level in (limits[0] - 1, limits[1] + 1, 1000):
        with pytest.raises(ValueError, match=rf"{compressor}.*\b{limits[0]}\b.*\b{limits[1]}\b.*{level}"):
            Layout(compressor=compressor, level=level, zarr_format=zarr_format)


def test_a_level_without_a_compressor_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\b3\b"):
        Layout(compressor="none", level=3)


def test_an_unknown_compressor_is_refused() -> None:
    """The error names those that there are."""
    with pytest.raises(ValueError, match=r"lzma") as caught:
        Layout(compressor="lzma")  # type: ignore[arg-type]
    for name in COMPRESSORS:
        assert name in str(caught.value)


@pytest.mark.parametrize("zarr_format", [1, 4, "3", None])
def test_an_unknown_format_is_refused(zarr_format: Any) -> None:
    with pytest.raises(ValueError, match=r"\b2\b.*\b3\b"):
        Layout(zarr_format=zarr_format)


def test_shards_are_refused_in_format_2() -> None:
    with pytest.raises(ValueError, match=r"shards.*\b3\b"):
        Layout(shards=4, zarr_format=2)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("encoded_dtype", ENCODED_DTYPES)
def test_blosc_is_told_the_size_of_the_codes_rather_than_that_of_the_elements(
    zarr_format: Any, encoded_dtype: str
) -> None:
    made = draft(encoded_dtype=encoded_dtype, dtype="int64", compressor="blosc-zstd", zarr_format=zarr_format)
    only(made).template[...] = movie()
    itemsize = np.dtype(encoded_dtype).itemsize
    compressor, *_ = only(made).template.compressors
    if zarr_format == 3:
        assert compressor.to_dict()["configuration"]["typesize"] == itemsize  # type: ignore[union-attr,index,call-overload]
    store: Any = only(made).template.store
    (chunk,) = (value.to_bytes() for key, value in store._store_dict.items() if key in ("c/0/0/0", "0.0.0"))
    assert chunk[3] == itemsize  # where the header of Blosc has it


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1, (1, 30, 20)),
        (3, (3, 30, 20)),
        (7, (7, 30, 20)),
        (-1, (7, 30, 20)),
        ((2, 10, 5), (2, 10, 5)),
        ((-1, 10, -1), (7, 10, 20)),
        ([2, -1, -1], (2, 30, 20)),
        ((-1, -1, -1), (7, 30, 20)),
        (None, (7, 30, 20)),
    ],
)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_chunks_are_a_number_of_frames_or_three_sizes(given: Any, expected: tuple[int, ...], zarr_format: Any) -> None:
    """A size of -1 is the whole axis."""
    made = draft(chunks=given, zarr_format=zarr_format)
    assert only(made).template.chunks == expected
    assert only(made).template.shards is None


@pytest.mark.parametrize(
    ("chunks", "shards", "expected"),
    [(2, 4, (4, 30, 20)), ((2, 10, 5), (4, 30, 10), (4, 30, 10)), (7, -1, (7, 30, 20)), ((1, 5, 5), -1, (7, 30, 20))],
)
def test_shards_are_given_like_chunks(chunks: Any, shards: Any, expected: tuple[int, ...]) -> None:
    template = only(draft(chunks=chunks, shards=shards)).template
    assert template.shards == expected
    assert template.chunks == (chunks if isinstance(chunks, tuple) else (chunks, 30, 20))


@pytest.mark.parametrize("name", ["chunks", "shards"])
@pytest.mark.parametrize("wrong", [0, -2, (1, 2), (1, 2, 3, 4), (1, 0, 5), (1, -2, 5), ()])
def test_wrong_sizes_of_chunks_and_shards_are_refused_and_named(name: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=name) as caught:
        draft(**{name: wrong})
    assert str(wrong) in str(caught.value)


@pytest.mark.parametrize(("chunks", "shards"), [(2, 3), (4, 2), ((2, 30, 20), (2, 30, 10)), (2, -1)])
def test_shards_that_are_not_whole_chunks_are_refused(chunks: Any, shards: Any) -> None:
    with pytest.raises(ValueError, match=r"shard"):
        draft(chunks=chunks, shards=shards)


sizes = logarithmic(1, 60_000).map(round)


@given(st.tuples(sizes, sizes, sizes))
def test_default_chunks_have_whole_frames_and_at_most_4_mi_pixels(
    shape: tuple[int, int, int],
) -> None:
    """Frames larger than that are divided."""
    frames, height, width = default_chunks(shape)
    assert all(1 <= chunk <= size for chunk, size in zip((frames, height, width), shape, strict=True))
    assert frames * height * width <= 4 * MI
    if shape[1] * shape[2] <= 4 * MI:
        assert (height, width) == shape[1:]
        assert frames == shape[0] or (frames + 1) * height * width > 4 * MI
    else:
        assert frames * height * width > MI or frames == shape[0]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((10_000, 512, 512), (16, 512, 512)),
        ((100, 64, 64), (100, 64, 64)),
        ((100, 2048, 2048), (1, 2048, 2048)),
        ((100, 5000, 4000), (1, 2048, 2048)),
        ((5, 1, 1), (5, 1, 1)),
    ],
)
def test_default_chunks_of_common_movies(shape: tuple[int, int, int], expected: tuple[int, ...]) -> None:
    assert default_chunks(shape) == expected
    assert only(draft(shape=shape)).template.chunks == expected


@given(st.one_of(st.none(), logarithmic(1e-3, 1e5)), st.one_of(st.none(), st.tuples(*[logarithmic(1e-3, 1e3)] * 2)))
def test_the_attributes_of_an_image_have_the_known_steps_and_units(
    frame_rate: float | None, pixel_size: tuple[float, float] | None
) -> None:
    attributes = ome_image("a name", 3, frame_rate, pixel_size, None)
    assert json.loads(json.dumps(attributes)) == attributes
    (multiscale,) = attributes["ome"]["multiscales"]
    assert attributes["ome"]["version"] == "0.5"
    assert multiscale["name"] == "a name"
    assert [axis["name"] for axis in multiscale["axes"]] == ["t", "y", "x"]
    assert [axis["type"] for axis in multiscale["axes"]] == ["time", "space", "space"]
    assert [axis.get("unit") for axis in multiscale["axes"]] == [
        None if frame_rate is None else "second",
        *[None if pixel_size is None else "micrometer"] * 2,
    ]
    (dataset,) = multiscale["datasets"]
    assert dataset["path"] == "0"
    ((transformation),) = dataset["coordinateTransformations"]
    assert transformation["type"] == "scale"
    np.testing.assert_allclose(
        transformation["scale"], [1.0 if frame_rate is None else 1 / frame_rate, *(pixel_size or (1, 1))]
    )


class Recording:
    """A movie that knows how it was recorded."""

    def __init__(self, frame_rate: float | None, pixel_size: tuple[float, float] | None) -> None:
        self._movie = movie()
        self.shape = self._movie.shape
        self.dtype = self._movie.dtype
        self.frame_rate = frame_rate
        self.pixel_size = pixel_size

    def __getitem__(self, index: Any) -> Any:
        return self._movie[index]


@pytest.mark.parametrize("frame_rate", [None, 30.0])
@pytest.mark.parametrize("pixel_size", [None, (0.5, 0.25)])
def test_a_compressed_movie_is_a_valid_ome_image(
    tmp_path: Path, frame_rate: float | None, pixel_size: tuple[float, float] | None
) -> None:
    recording = Recording(frame_rate, pixel_size)
    compress(recording, tmp_path / "a.zarr", zero_level=Z, conversion_gain=G, ome=True)
    image = Image.from_zarr(zarr.open_group(tmp_path / "a.zarr", mode="r"))
    (multiscale,) = image.ome_attributes.multiscales
    dataset: Any = multiscale.datasets[0]
    assert multiscale.name == "a.zarr"
    assert [axis.unit for axis in multiscale.axes] == [
        None if frame_rate is None else "second",
        *[None if pixel_size is None else "micrometer"] * 2,
    ]
    np.testing.assert_allclose(
        dataset.coordinateTransformations[0].scale, [1 if frame_rate is None else 1 / 30, *(pixel_size or (1, 1))]
    )
    array = zarr.open_array(tmp_path / "a.zarr", path="0", mode="r")
    assert array.metadata.dimension_names == ("t", "y", "x")  # type: ignore[union-attr]


def test_an_image_is_refused_in_format_2(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\b3\b"):
        compress(movie(), tmp_path / "a", zero_level=Z, conversion_gain=G, ome=True, zarr_format=2)
    assert list(tmp_path.iterdir()) == []


def test_format_2_has_the_names_of_the_axes_where_xarray_looks_for_them() -> None:
    assert only(draft(zarr_format=2)).template.attrs["_ARRAY_DIMENSIONS"] == ["t", "y", "x"]
