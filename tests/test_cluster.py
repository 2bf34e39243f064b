"""Compression by the workers of a Dask cluster into an object store: real processes that talk over TCP."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import command
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr
from command import refused, rows, succeeded
from processes import TIMEOUT
from servers import printed, running, s3_server

from anscombe_transform import compress

pytestmark = pytest.mark.slow

pytest.importorskip("distributed")
pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

Line = tuple[str | Path, ...]

LAYOUT = ("--zero-level", "100", "--conversion-gain", "40", "--encoded-dtype", "int8", "--chunks", "8")

READ = """
import json
import sys
import numpy
import zarr
url, options, output = sys.argv[1:]
assert "anscombe_transform" not in sys.modules
numpy.save(output, zarr.open_array(url, mode="r", storage_options=json.loads(options))[...])
"""

ASK = """
import json
import sys
from distributed import Client
with Client(sys.argv[1]) as client:
    tasks = [(task["worker"], str(task["key"])) for task in client.get_task_stream()]
with open(sys.argv[2], "w") as file:
    json.dump(tasks, file)
"""


class Bucket(NamedTuple):
    """A bucket of an S3 server that listens on this machine only."""

    options: dict[str, str]

    @property
    def arguments(self) -> list[str]:
        return [word for name, value in self.options.items() for word in ("--storage-option", f"{name}={value}")]

    def read(self, url: str, folder: Path) -> npt.NDArray[Any]:
        """Return what a process reads that has only Zarr imported."""
        reader = [sys.executable, "-P", "-c", READ, url, json.dumps(self.options), str(folder / "read.npy")]
        finished = subprocess.run(reader, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT)
        assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
        values: npt.NDArray[Any] = np.load(folder / "read.npy")
        return values


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a movie of six blocks, as TIFF, and what Zarr reads after threads compressed it."""
    folder = tmp_path_factory.mktemp("cluster")
    photons = np.random.default_rng(0).poisson(np.linspace(1, 30, 256), (16, 128, 256))
    movie = np.tile((100 + 40 * photons).astype("float64"), (24, 1, 1))
    tifffile.imwrite(folder / "movie.tif", movie, photometric="minisblack")
    succeeded(command.run("compress", "movie.tif", "threads.zarr", *LAYOUT, cwd=folder))
    return folder


@pytest.fixture(scope="module")
def expected(folder: Path) -> npt.NDArray[Any]:
    return np.asarray(zarr.open_array(folder / "threads.zarr", mode="r"))


class Cluster(NamedTuple):
    """The address and the process of a scheduler, and the processes of its workers, of one thread each."""

    address: str
    scheduler: command.Running
    workers: list[command.Running]


@contextmanager
def cluster(folder: Path, workers: int, **variables: str) -> Iterator[Cluster]:
    """Start a scheduler and workers, and end them after use."""
    name = uuid4().hex
    with ExitStack() as stack:
        dask = ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        log = folder / f"{name}-scheduler.log"
        scheduler = stack.enter_context(
            running(*dask, "--dashboard-address", "127.0.0.1:0", "--no-show", log=log, **variables)
        )
        address = printed(log, r"Scheduler at: +(tcp://127\.0\.0\.1:[0-9]+)", scheduler)
        started = []
        for number in range(workers):
            worker = ("distributed.cli.dask_worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny")
            log = folder / f"{name}-{number}.log"
            process = stack.enter_context(running(*worker, "--dashboard-address", "127.0.0.1:0", log=log, **variables))
            started.append((process, log))
        for process, log in started:
            printed(log, "(Registered) to", process)
        yield Cluster(address, scheduler, [process for process, _ in started])


@pytest.fixture(scope="module")
def scheduler(folder: Path) -> Iterator[str]:
    with cluster(folder, 2) as running_cluster:
        yield running_cluster.address


@pytest.fixture(scope="module")
def bucket(folder: Path) -> Iterator[Bucket]:
    with s3_server(folder, "bucket") as url:
        yield Bucket({"key": "nobody", "secret": "nothing", "endpoint_url": url})


@pytest.fixture(scope="module")
def compressed(folder: Path, scheduler: str, bucket: Bucket) -> tuple[command.Result, list[str]]:
    """Return what the command said that compressed the movie into the bucket, and which workers wrote blocks."""
    begun = folder / "begun.json"
    ask = [sys.executable, "-c", ASK, scheduler]
    subprocess.run([*ask, begun], check=True, timeout=TIMEOUT)
    arguments: Line = ("compress", "movie.tif", "s3://bucket/movie.zarr", *LAYOUT, *bucket.arguments)
    result = command.run(*arguments, "--scheduler", scheduler, cwd=folder)
    subprocess.run([*ask, folder / "tasks.json"], check=True, timeout=TIMEOUT)
    tasks = json.loads((folder / "tasks.json").read_text())
    return result, [worker for worker, key in tasks if "writer" in key]


def test_all_workers_write_blocks(folder: Path, compressed: tuple[command.Result, list[str]]) -> None:
    """The command prints what it prints with threads."""
    result, workers = compressed
    said = dict(rows(succeeded(result)))
    assert said["Written to"] == "s3://bucket/movie.zarr"
    assert said["Read back"] == f"{384 * 128 * 256} values, all within the bound of the format"
    assert len(workers) == 6
    assert len(set(workers)) == 2


def test_workers_write_what_threads_write(
    folder: Path, tmp_path: Path, bucket: Bucket, compressed: Any, expected: npt.NDArray[Any]
) -> None:
    """As a process reads it that never imports this package."""
    np.testing.assert_array_equal(bucket.read("s3://bucket/movie.zarr", tmp_path), expected)


def test_what_is_in_the_bucket_can_be_described_and_decompressed(
    folder: Path, tmp_path: Path, bucket: Bucket, scheduler: str, compressed: Any, expected: npt.NDArray[Any]
) -> None:
    options = bucket.arguments
    described, unpacked, plain = command.run_all(
        [
            ("info", "s3://bucket/movie.zarr", *options, "--json"),
            ("decompress", "s3://bucket/movie.zarr", "movie.npy", "--frames", "0:200", *options),
            (
                *("decompress", "s3://bucket/movie.zarr", "s3://bucket/plain.zarr", "--frames", "0:300"),
                *(*options, "--scheduler", scheduler),
            ),
        ],
        tmp_path,
    )
    description = json.loads(succeeded(described))
    assert description["finished"]
    assert (description["shape"], description["stored_chunks"]) == ([384, 128, 256], 48)
    succeeded(unpacked)
    np.testing.assert_array_equal(np.load(tmp_path / "movie.npy"), expected[:200])
    succeeded(plain)
    array = zarr.open_array("s3://bucket/plain.zarr", mode="r", storage_options=bucket.options)
    assert array.filters == ()
    np.testing.assert_array_equal(np.asarray(array), expected[:300])


def test_workers_verify_what_is_in_the_bucket(
    folder: Path, tmp_path: Path, bucket: Bucket, scheduler: str, compressed: Any
) -> None:
    import s3fs  # type: ignore[import-untyped, unused-ignore]

    verify: Line = ("verify", "s3://bucket/damaged.zarr", *bucket.arguments, "--scheduler", scheduler)
    files = s3fs.S3FileSystem(**bucket.options)
    files.copy("bucket/movie.zarr/", "bucket/damaged.zarr/", recursive=True)
    said = succeeded(command.run(*verify, "--against", folder / "movie.tif", cwd=tmp_path))
    assert dict(rows(said))["Chunks"] == "48, all there and whole"
    files.rm("bucket/damaged.zarr/c/7/0/0")
    files.pipe("bucket/damaged.zarr/c/9/0/0", files.cat("bucket/movie.zarr/c/8/0/0"))
    result = command.run(*verify, "--json", cwd=tmp_path)
    assert result.returncode == 1
    damages = json.loads(result.stdout)["channels"][0]["damages"]
    assert [damage["key"] for damage in damages] == ["c/7/0/0", "c/9/0/0"]


def test_workers_write_each_channel_and_plane_of_a_recording(
    folder: Path, tmp_path: Path, bucket: Bucket, scheduler: str
) -> None:
    photons = np.random.default_rng(1).poisson(9, (40, 2, 3, 32, 48))
    np.save(tmp_path / "two.npy", (100 + 40 * photons).astype("int16"))
    chosen = ("--axes", "TCZYX", *LAYOUT)
    on_cluster: Line = ("compress", "two.npy", "s3://bucket/two.zarr", *chosen, *bucket.arguments)
    succeeded(command.run(*on_cluster, "--scheduler", scheduler, cwd=tmp_path))
    succeeded(command.run("compress", "two.npy", "two.zarr", *chosen, cwd=tmp_path))
    for channel in ("channel_0", "channel_1"):
        written = bucket.read(f"s3://bucket/two.zarr/{channel}", tmp_path)
        np.testing.assert_array_equal(written, zarr.open_array(tmp_path / "two.zarr" / channel, mode="r")[...])


def test_only_overwrite_replaces_an_array_in_the_bucket(
    folder: Path, tmp_path: Path, bucket: Bucket, scheduler: str, expected: npt.NDArray[Any]
) -> None:
    """Without it the array is refused, and resuming leaves it as it is."""
    command_line: Line = ("compress", folder / "movie.tif", "s3://bucket/again.zarr", *LAYOUT, *bucket.arguments)
    few: Line = (*command_line, "--frames", "0:100", "--scheduler", scheduler)
    succeeded(command.run(*few, cwd=tmp_path))
    refused(command.run(*few, cwd=tmp_path), "s3://bucket/again.zarr holds Zarr data: .*--overwrite")
    said = dict(rows(succeeded(command.run(*few, "--resume", cwd=tmp_path))))
    assert said["Read back"] == "no, it was finished before"
    more: Line = (*command_line, "--frames", "300:380", "--scheduler", scheduler)
    succeeded(command.run(*more, "--overwrite", cwd=tmp_path))
    np.testing.assert_array_equal(bucket.read("s3://bucket/again.zarr", tmp_path), expected[300:380])


def test_a_movie_in_the_bucket_is_not_overwritten_by_itself_under_another_name(
    folder: Path, tmp_path: Path, bucket: Bucket, expected: npt.NDArray[Any]
) -> None:
    url = "s3://bucket/own.zarr"
    frames = ("--frames", "0:40")
    succeeded(command.run("compress", folder / "movie.tif", url, *LAYOUT, *frames, *bucket.arguments, cwd=tmp_path))
    for work, same in (("compress", "s3a://bucket//own.zarr/"), ("decompress", "s3a://bucket/own.zarr")):
        options = LAYOUT if work == "compress" else ()
        result = command.run(work, url, same, "--overwrite", *options, *bucket.arguments, cwd=tmp_path)
        refused(result, "is where the movie is, bucket/own.zarr: choose another output")
    np.testing.assert_array_equal(bucket.read(url, tmp_path), expected[:40])


def test_workers_resume_a_killed_compression_into_the_bucket(
    folder: Path, tmp_path: Path, bucket: Bucket, scheduler: str, expected: npt.NDArray[Any]
) -> None:
    """Nobody can open the array before that."""
    import s3fs

    files = s3fs.S3FileSystem(**bucket.options, use_listings_cache=False)
    arguments: Line = ("compress", folder / "movie.tif", "s3://bucket/killed.zarr", *LAYOUT, *bucket.arguments)
    with command.started(*arguments, cwd=tmp_path) as process:
        while process.poll() is None and len(files.find("bucket/killed.zarr")) < 8:
            time.sleep(0.01)
    if process.returncode != 0:
        with pytest.raises(FileNotFoundError):
            zarr.open("s3://bucket/killed.zarr", mode="r", storage_options=bucket.options)
        described = command.run("info", "s3://bucket/killed.zarr", *bucket.arguments, cwd=tmp_path)
        assert (described.returncode, described.stderr) == (1, "")
    succeeded(command.run(*arguments, "--resume", "--scheduler", scheduler, cwd=tmp_path))
    np.testing.assert_array_equal(bucket.read("s3://bucket/killed.zarr", tmp_path), expected)
    stored = {name: files.cat(f"bucket/killed.zarr/{name}") for name in command.files(folder / "threads.zarr")}
    assert stored == command.files(folder / "threads.zarr")
    assert len(files.find("bucket/killed.zarr")) == len(stored)


@pytest.mark.parametrize("failures", [3, 0])
def test_a_dead_worker_is_replaced_or_the_command_can_be_resumed(folder: Path, tmp_path: Path, failures: int) -> None:
    """If no other worker may take over, one line says that the array is not finished."""
    output = tmp_path / "movie.zarr"
    arguments: Line = ("compress", folder / "movie.tif", output, *LAYOUT)
    with cluster(tmp_path, 2, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=str(failures)) as (address, _, workers):
        with command.started(*arguments, "--scheduler", address, cwd=tmp_path) as process:
            while process.poll() is None and not list(output.glob("c/*/*/*")):
                time.sleep(0.01)
            workers[0].kill()
            result = command.result_of(process)
        if failures == 3 or result.returncode == 0:
            succeeded(result)
        else:
            refused(result, "movie.zarr is not finished: --resume goes on with it")
            succeeded(command.run(*arguments, "--resume", "--scheduler", address, cwd=tmp_path))
    assert command.files(output) == command.files(folder / "threads.zarr")


def test_a_scheduler_that_dies_is_named_in_one_line_and_threads_can_go_on(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "movie.zarr"
    arguments: Line = ("compress", folder / "movie.tif", output, *LAYOUT)
    variables = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}
    with ExitStack() as stack:
        dask = ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show")
        log = tmp_path / "scheduler.log"
        scheduler = stack.enter_context(running(*dask, "--dashboard-address", "127.0.0.1:0", log=log))
        address = printed(log, r"Scheduler at: +(tcp://127\.0\.0\.1:[0-9]+)", scheduler)
        # Nobody works for it, so that the command waits.
        process = stack.enter_context(command.started(*arguments, "--scheduler", address, cwd=tmp_path, **variables))
        printed(log, "(Receive client connection: Client-)", scheduler)
        while process.poll() is None and not output.exists():
            time.sleep(0.01)
        time.sleep(1)
        scheduler.kill()
        result = command.result_of(process)
    line = refused(result, "movie.zarr is not finished: --resume goes on with it")
    assert "scheduler" in line
    assert address in line
    succeeded(command.run(*arguments, "--resume", cwd=tmp_path))
    assert command.files(output) == command.files(folder / "threads.zarr")


def test_a_scheduler_that_is_killed_while_workers_write_leaves_what_can_be_resumed(
    folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "movie.zarr"
    arguments: Line = ("compress", folder / "movie.tif", output, *LAYOUT)
    with ExitStack() as stack:
        variables = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}
        address, scheduler, _ = stack.enter_context(cluster(tmp_path, 2, **variables))
        process = stack.enter_context(command.started(*arguments, "--scheduler", address, cwd=tmp_path, **variables))
        while process.poll() is None and not list(output.glob("c/*/*/*")):
            time.sleep(0.01)
        scheduler.kill()
        result = command.result_of(process)
    if result.returncode != 0:  # otherwise it was done before
        refused(result, "movie.zarr is not finished: --resume goes on with it")
    succeeded(command.run(*arguments, "--resume", cwd=tmp_path))
    assert command.files(output) == command.files(folder / "threads.zarr")


def test_a_worker_that_is_killed_while_a_movie_is_decompressed_is_replaced(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "plain.zarr"
    with cluster(tmp_path, 2) as (address, _, workers):
        arguments: Line = ("decompress", folder / "threads.zarr", output, "--scheduler", address)
        with command.started(*arguments, cwd=tmp_path) as process:
            while process.poll() is None and not list(output.glob("c/*/*/*")):
                time.sleep(0.01)
            workers[0].kill()
            succeeded(command.result_of(process))
    np.testing.assert_array_equal(
        zarr.open_array(output, mode="r")[...], zarr.open_array(folder / "threads.zarr", mode="r")[...]
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a process of Windows gets no signals")
def test_ctrl_c_gets_one_line_and_the_workers_stop(folder: Path, tmp_path: Path, scheduler: str) -> None:
    output = tmp_path / "movie.zarr"
    arguments: Line = ("compress", folder / "movie.tif", output, *LAYOUT, "--scheduler", scheduler)
    with command.started(*arguments, cwd=tmp_path) as process:
        while process.poll() is None and not list(output.glob("c/*/*/*")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        result = command.result_of(process)
    if result.returncode != 0:  # otherwise it was done before the signal came
        refused(result, "Interrupted.*movie.zarr is not finished: --resume goes on with it", status=130)
    succeeded(command.run(*arguments, "--resume", cwd=tmp_path))
    assert command.files(output) == command.files(folder / "threads.zarr")


REFUSED = {
    "compress movie.tif memory://movie.zarr --scheduler SCHEDULER": "memory://movie.zarr is in the memory of",
    "compress movie.tif nobody.zarr --scheduler tcp://127.0.0.1:9": r"tcp://127\.0\.0\.1:9",
    "compress movie.tif nonsense.zarr --scheduler nonsense": "nonsense",
    "compress movie.tif s3://no-bucket/a.zarr S3": "no-bucket|bucket does not exist",
    "info s3://bucket/nothing.zarr S3": "s3://bucket/nothing.zarr is not there",
    "decompress s3://bucket/nothing.zarr nothing.npy S3": "s3://bucket/nothing.zarr",
    "info s3://bucket/movie.zarr --storage-option endpoint_url=http://127.0.0.1:9 KEYS": "s3://bucket/movie.zarr",
    "info s3://bucket/movie.zarr ENDPOINT": "s3://bucket/movie.zarr .*credentials",
    "info s3://bucket/movie.zarr S3 --storage-option nonsense=1": "s3://bucket/movie.zarr .*nonsense",
}


@pytest.fixture(scope="module")
def refusals(folder: Path, scheduler: str, bucket: Bucket, tmp_path_factory: Any) -> dict[str, command.Result]:
    replaced = {
        "SCHEDULER": [scheduler],
        "S3": bucket.arguments,
        "KEYS": bucket.arguments[:4],
        "ENDPOINT": bucket.arguments[4:],
    }
    lines = [
        [argument for word in text.split() for argument in replaced.get(word, [word])] + list(LAYOUT) * ("tif" in text)
        for text in REFUSED
    ]
    nowhere = str(tmp_path_factory.mktemp("nothing") / "absent")
    variables = {
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_SHARED_CREDENTIALS_FILE": nowhere,
        "AWS_CONFIG_FILE": nowhere,
    }
    return dict(zip(REFUSED, command.run_all(lines, folder, **variables), strict=True))


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_cannot_be_reached_gets_one_clear_line_and_status_2(
    refusals: dict[str, command.Result], arguments: str
) -> None:
    refused(refusals[arguments], REFUSED[arguments])


def test_nothing_is_deleted_if_no_scheduler_listens(folder: Path, tmp_path: Path) -> None:
    compress(np.full((4, 8, 8), 9, "int16"), tmp_path / "old.zarr", zero_level=0, conversion_gain=1)
    before = command.files(tmp_path)
    arguments: Line = ("compress", folder / "movie.tif", "old.zarr", *LAYOUT, "--overwrite")
    variables = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}
    result = command.run(*arguments, "--scheduler", "tcp://127.0.0.1:9", cwd=tmp_path, **variables)
    refused(result, r"tcp://127\.0\.0\.1:9")
    assert command.files(tmp_path) == before
