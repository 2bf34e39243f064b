"""Options and movies that compression refuses before anything is written or deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressed_movies import GIVEN, MOVIE
from stored import contents

from anscombe_transform import compress

WRONG: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (MOVIE, {"zero_level": 100}, ValueError, "conversion.gain"),
    (MOVIE, {"conversion_gain": 40}, ValueError, "zero.level"),
    (MOVIE, {"zero_level": 100, "conversion_gain": 0}, ValueError, "conversion_gain.*0"),
    (MOVIE, {"zero_level": np.nan, "conversion_gain": 1}, ValueError, "zero_level.*nan"),
    (MOVIE, GIVEN | {"beta": -1}, ValueError, "beta.*-1"),
    (MOVIE, GIVEN | {"encoded_dtype": "int64"}, ValueError, "int64"),
    (MOVIE, GIVEN | {"encoded_dtype": "uint8", "zero_level": -5000}, ValueError, "uint8.*int"),
    (MOVIE, GIVEN | {"out_of_range": "wrap"}, ValueError, "wrap.*clamp|clamp.*wrap"),
    (MOVIE, GIVEN | {"chunks": 0}, ValueError, "chunks"),
    (MOVIE, GIVEN | {"chunks": 4, "shards": 5}, ValueError, "shard"),
    (MOVIE, GIVEN | {"compressor": "lzma"}, ValueError, "lzma.*|zstd"),
    (MOVIE, GIVEN | {"level": 99}, ValueError, "99"),
    (MOVIE, GIVEN | {"zarr_format": 4}, ValueError, "4"),
    (MOVIE, GIVEN | {"zarr_format": 2, "ome": True}, ValueError, "3"),
    (MOVIE, GIVEN | {"storage_options": {"endpoint_url": "x"}}, ValueError, "endpoint_url"),
    (MOVIE, GIVEN | {"key": "a"}, ValueError, "key"),
    (MOVIE, GIVEN | {"frames": slice(3)}, ValueError, "frames"),
    (MOVIE[0], GIVEN, ValueError, r"\(64, 64\)"),
    (MOVIE[:0], GIVEN, ValueError, r"\(0, 64, 64\)"),
    (MOVIE.astype(bool), GIVEN, TypeError, "bool"),
    (MOVIE.astype("complex64"), GIVEN, TypeError, "complex64"),
    (MOVIE.astype("longdouble"), GIVEN, TypeError, r"float128|longdouble"),
    (np.ma.masked_less(MOVIE, 100), GIVEN, TypeError, "mask"),
    (MOVIE[:1], {}, ValueError, "frames"),
    (np.full_like(MOVIE, 7), {}, ValueError, "."),
    (MOVIE.astype("float32") + np.float32(np.nan), GIVEN, ValueError, "NaN"),
]


@pytest.mark.parametrize(("movie", "options", "error", "named"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_wrong_options_and_movies_are_refused(
    tmp_path: Path, movie: Any, options: dict[str, Any], error: type[Exception], named: str
) -> None:
    """Before anything is deleted."""
    compress(MOVIE[:5], tmp_path / "a", **GIVEN)
    before = contents(tmp_path)
    for output in ("a", "b"):
        with pytest.raises(error, match=named):
            compress(movie, tmp_path / output, **options, overwrite=True)
        assert contents(tmp_path) == before


def test_a_movie_that_is_not_there_is_an_oserror_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.npy"):
        compress(tmp_path / "absent.npy", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
