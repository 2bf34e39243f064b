"""URLs with a user, a password or a signature, which are shown and stored nowhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from servers import web_server

from anscombe_transform import compress, describe
from anscombe_transform._formatting import without_secrets
from anscombe_transform.movies.opening import open_movie, open_recording

MOVIE = np.random.default_rng(0).poisson(50.0, (6, 16, 16)).astype("uint16")
SECRET = "s3cr3t"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a folder on a web server that lists nothing, with a user and a password."""
    with web_server(tmp_path / "served", lists=False) as address:
        yield f"http://anna:{SECRET}@{address}"


def test_a_movie_at_a_url_with_a_password_keeps_it_to_itself(tmp_path: Path, url: str) -> None:
    zarr.create_array(tmp_path / "served" / "movie.zarr", data=MOVIE)
    recording = open_recording(f"{url}/movie.zarr")
    movie = recording[0]
    np.testing.assert_array_equal(movie[:], MOVIE)
    result = compress(recording, tmp_path / "compressed.zarr", zero_level=0, conversion_gain=2)
    document = (tmp_path / "compressed.zarr" / "zarr.json").read_text()
    shown = [repr(recording), repr(movie), str(recording.table()), str(result), document]
    assert not any(SECRET in text for text in shown)
    assert json.loads(document)["attributes"]["anscombe_transform"]["input"]["name"] == "movie.zarr"


def test_an_array_at_a_url_with_a_password_is_described_without_it(tmp_path: Path, url: str) -> None:
    compress(MOVIE, tmp_path / "served" / "movie.zarr", zero_level=0, conversion_gain=2, shards=6)
    found = describe(f"{url}/movie.zarr")
    assert SECRET not in json.dumps(found.to_dict()) + str(found.table()) + repr(found)
    assert found.store.startswith("http://...@127.0.0.1:")


@pytest.mark.parametrize("path", ["absent.zarr", "group.zarr", "movie.tif", "damaged.zarr", "movie.zarr?sig=s3cr3t"])
@pytest.mark.parametrize("function", [open_movie, describe])
def test_errors_of_urls_have_no_secrets(tmp_path: Path, url: str, path: str, function: Any) -> None:
    """Also where a server lists nothing."""
    zarr.create_group(tmp_path / "served" / "group.zarr").create_array("a", data=MOVIE)
    (tmp_path / "served" / "movie.tif").write_bytes(b"II*")
    (tmp_path / "served" / "damaged.zarr").mkdir()
    (tmp_path / "served" / "damaged.zarr" / "zarr.json").write_text("{")
    with pytest.raises((ValueError, OSError)) as raised:
        function(f"{url}/{path}")
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "127.0.0.1" in str(raised.value)


@pytest.mark.parametrize("url", ["s3://KEY:s3cr3t@bucket/movie.zarr", "gs://KEY:s3/s3cr3t@bucket/movie.zarr"])
def test_keys_of_object_stores_belong_into_options(url: str) -> None:
    with pytest.raises(ValueError, match=r"//\.\.\.@bucket/movie\.zarr has a user .*give storage_options") as raised:
        open_movie(url)
    assert SECRET not in str(raised.value)


WORD = st.text("abcXYZ019-_.%+", min_size=1, max_size=8)


@given(user=WORD, password=st.text("abcXYZ019-_.%+/:@", min_size=1, max_size=8), host=WORD, path=WORD, token=WORD)
def test_no_url_keeps_its_password_or_its_query(user: str, password: str, host: str, path: str, token: str) -> None:
    url = f"https://{user}:k{password}k@{host}/{path}?X-Amz-Signature={token}&Expires=9"
    assert without_secrets(f"{url} is not there") == f"https://...@{host}/{path}?... is not there"


@given(WORD, st.integers(1, 65535))
def test_other_texts_stay_as_they_are(path: str, port: int) -> None:
    for text in (f"http://host:{port}/{path}@v1", f"s3://bucket/{path}_?.zarr", f"/data/{path}@home?a=b", "a@b?c=d"):
        assert without_secrets(text) == text
