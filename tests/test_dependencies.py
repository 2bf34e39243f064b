"""The parts of other packages on which this one leans though their documentation does not promise them.

When one of these tests fails on a new release, that release has changed something that `dependencies.py`, or the room
that is named in the test, has to follow.
"""

import ast
import asyncio
import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr.abc.codec
from numcodecs.compat import ensure_contiguous_ndarray, ensure_ndarray
from zarr.abc.codec import ArrayArrayCodec
from zarr.buffer import cpu
from zarr.core.codec_pipeline import BatchedCodecPipeline
from zarr.registry import register_pipeline
from zarr.storage import FsspecStore, MemoryStore

import anscombe_transform
from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, open_movie
from anscombe_transform._dependencies import in_threads, sync

PACKAGE = Path(anscombe_transform.__file__).parent

MOVIE = np.arange(4 * 6 * 5, dtype="uint16").reshape(4, 6, 5)


def imported(path: Path) -> Iterator[str]:
    """Yield the names that a module imports, whole: of `from a import b`, a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_what_others_keep_private_is_imported_in_one_room_only(path: Path) -> None:
    private = {
        name
        for name in imported(path)
        if not name.startswith(("anscombe_transform", "__future__"))
        and (name.startswith("zarr.core") or any(part.startswith("_") for part in name.split(".")))
    }
    here = {"zarr.core.sync.sync", "zarr.core.array_spec.ArraySpec", "zarr.core.codec_pipeline"}
    assert private == (here if path.name == "_dependencies.py" else set())


def test_sync_of_zarr_waits_for_a_coroutine_on_a_thread_of_its_own() -> None:
    async def thread() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    assert sync(thread()) != threading.current_thread().name


def test_zarr_calls_these_methods_of_a_codec() -> None:
    """In `codecs/anscombe_zarr3.py`; from Zarr 3.2 on, the pair ending with sync makes a codec one for its threads."""
    for name in ("_encode_single", "_decode_single", "encode", "decode", "resolve_metadata", "evolve_from_array_spec"):
        assert hasattr(ArrayArrayCodec, name), name
    protocol = getattr(zarr.abc.codec, "SupportsSyncCodec", None)
    assert protocol is None or isinstance(AnscombeTransformV3(100, 2.5), protocol)


def test_arrays_of_zarr_can_be_made_of_metadata_and_a_store() -> None:
    """In `storage/draft.py`, for arrays whose metadata are not yet in the store."""
    created: dict[str, Any] = {}
    like: Any = zarr.create_array(MemoryStore(created), data=MOVIE, chunks=(2, 6, 5), name="a", fill_value=0)
    assert all(isinstance(text, cpu.Buffer) for text in created.values())
    array = zarr.Array(zarr.AsyncArray(like.metadata, like.store_path, config={"write_empty_chunks": True}))
    array[...] = 0
    assert {"a/c/0/0/0", "a/c/1/0/0"} < created.keys()
    assert like.metadata.encode_chunk_key((1, 0, 0)) == "c/1/0/0"


class OwnPipeline(BatchedCodecPipeline):
    """One that a user has written."""


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("options", [{}, {"shards": (4, 6, 5)}, {"zarr_format": 2}])
def test_arrays_work_in_a_pool_of_threads_unless_a_pipeline_is_set(own: bool, options: dict[str, Any]) -> None:
    """Also where they were sent to another process."""
    register_pipeline(OwnPipeline)
    pipelines: Any = zarr.core.codec_pipeline
    pool = pipelines.FusedCodecPipeline if hasattr(pipelines, "_reset_pool_after_fork") else BatchedCodecPipeline
    setting = {"codec_pipeline.path": f"{OwnPipeline.__module__}.{OwnPipeline.__qualname__}"} if own else {}
    kind: Any = AnscombeTransformV2 if options.get("zarr_format") == 2 else AnscombeTransformV3
    with zarr.config.set(setting):
        filters = [kind(0, 2.5, encoded_dtype="uint16", decoded_dtype="uint16")]
        created = zarr.create_array({}, shape=MOVIE.shape, dtype="uint16", chunks=(2, 6, 5), filters=filters, **options)
        array: Any = in_threads(created)
    assert type(array._async_array.codec_pipeline) is (OwnPipeline if own else pool)
    array[...] = MOVIE
    for one in (array, pickle.loads(pickle.dumps(array))):
        np.testing.assert_allclose(one[...], MOVIE, atol=20)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_movie_that_was_read_is_read_in_a_forked_process(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "movie.zarr", data=np.tile(MOVIE, (4, 1, 1)), chunks=(2, 6, 5))
    movie = open_movie(tmp_path / "movie.zarr")
    expected = movie[:]
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if np.array_equal(open_movie(tmp_path / "movie.zarr")[:], expected) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_stores_of_zarr_tell_their_file_system_and_path() -> None:
    """In `places.py`."""
    store = FsspecStore.from_url("memory://bucket/movie.zarr", read_only=True)
    assert store.path.strip("/") == "bucket/movie.zarr"
    assert "memory" in (store.fs.protocol, *store.fs.protocol, *getattr(store.fs, "sync_fs", store.fs).protocol)


def test_numcodecs_makes_arrays_of_buffers_without_copying_them() -> None:
    """In `zarr_v2.py`."""
    buffer = bytearray(b"abcdef")
    for function in (ensure_ndarray, ensure_contiguous_ndarray):
        array = function(buffer)
        array.view("u1")[0] = ord("x")
        assert (array.nbytes, bytes(buffer)) == (6, b"xbcdef")


def test_tifffile_makes_a_page_of_a_directory_and_decodes_its_strips(tmp_path: Path) -> None:
    """In `movies/formats/tiff/pages.py`."""
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "movie.tif"
    tifffile.imwrite(
        path, MOVIE, photometric="minisblack", rowsperstrip=2, byteorder=">", predictor=True, compression=8
    )
    with tifffile.TiffFile(path) as tif:
        offset, offsets, sizes = tif.pages[1].offset, tif.pages[1].dataoffsets, tif.pages[1].databytecounts
    with tifffile.TiffFile(path, is_scanimage=False) as tif:
        tif.filehandle.seek(offset)
        page = tifffile.TiffPage(tif, 0)
        assert (page.axes, page.shape, page.dtype, np.prod(page.chunked)) == ("YX", (6, 5), "uint16", 3)
        assert (page.compression, page.fillorder, page.predictor, page.is_tiled) == (8, 1, 2, False)
        assert (page.bitspersample, page.sampleformat, page.photometric, tif.byteorder) == (16, 1, 1, ">")
    content = path.read_bytes()
    decoded, place, shape = page.decode(content[offsets[2] : offsets[2] + sizes[2]], 2)  # of a file that is closed
    assert (place[2:4], shape[1:3]) == ((4, 0), (2, 5))
    np.testing.assert_array_equal(decoded[0, :, :, 0], MOVIE[1, 4:])


def test_dask_tells_of_each_task_that_is_done() -> None:
    """In `recordings/writing.py`, for the progress."""
    da = pytest.importorskip("dask.array")
    from dask.callbacks import Callback

    done: list[Any] = []
    results = da.ones((4,), chunks=2).map_blocks(lambda block: block + 1, dtype=float)

    def finished(key: Any, result: npt.NDArray[Any], *_: Any) -> None:
        if key[0] == results.name:
            done.append((key[1], result.tolist()))

    with Callback(posttask=finished):
        results.compute(scheduler="threads")
    assert sorted(done) == [(0, [2, 2]), (1, [2, 2])]
