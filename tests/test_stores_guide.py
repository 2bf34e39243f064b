"""The code of docs/how-to/stores.md for object stores, word for word, against an S3 server on this machine."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr
from processes import TIMEOUT
from servers import s3_server

pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")
pytest.importorskip("obstore")

PAGE = Path(__file__).parents[1] / "docs/how-to/stores.md"
BLOCKS: list[str] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
FIRST = BLOCKS[0]
KEY, SECRET = "somebody", "something"


def block_with(text: str) -> str:
    (block,) = (block for block in BLOCKS if text in block)
    return block


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("server"), "my-bucket") as url:
        yield url


def run(code: str, folder: Path, server: str, **variables: str) -> None:
    """Run code in a process that finds the server in the place of Amazon's."""
    credentials = folder / "credentials"
    credentials.write_text(f"[my-profile]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ENDPOINT_URL": server,
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_CONFIG_FILE": str(folder / "absent"),
        "AWS_EC2_METADATA_DISABLED": "true",
        **variables,
    }
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr


def test_s3_is_written_and_read_with_fsspec(server: str, tmp_path: Path) -> None:
    """As the page shows it, with a profile; and what was written is read from a public bucket over plain HTTP."""
    code = block_with('{"profile": "my-profile"}')
    run(f"{FIRST}\n{code}\nassert (remote[:] == local[:]).all()\nassert (frame == local[42]).all()", tmp_path, server)
    s3fs.S3FileSystem(key=KEY, secret=SECRET, endpoint_url=server).chmod("my-bucket", "public-read", recursive=True)
    local = zarr.open_array(tmp_path / "movie.zarr", mode="r")
    served = zarr.open_array(f"{server}/my-bucket/movie.zarr", mode="r")
    np.testing.assert_array_equal(served[42], local[42])  # a part of a shard
    public = {"anon": True, "endpoint_url": server}
    listed = zarr.open_array("s3://my-bucket/movie.zarr", mode="r", storage_options=public)
    np.testing.assert_array_equal(listed[150], local[150])


def test_s3_is_written_and_read_with_obstore(server: str, tmp_path: Path) -> None:
    code = block_with("S3Store")
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ALLOW_HTTP": "true"}
    run(f"{FIRST}\n{code}\nassert (frame == local[42]).all()", tmp_path, server, **keys)
