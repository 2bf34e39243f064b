"""The codec pipelines that Zarr has: its own, and from Zarr 3.3 on one that calls codecs in threads without a loop."""

from collections.abc import Iterator

import pytest
import zarr
import zarr.core.codec_pipeline

PIPELINES = [
    f"zarr.core.codec_pipeline.{name}"
    for name in ("BatchedCodecPipeline", "FusedCodecPipeline")
    if hasattr(zarr.core.codec_pipeline, name)
]


@pytest.fixture(params=PIPELINES, ids=lambda path: path.rpartition(".")[2], scope="module", autouse=True)
def pipeline(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run every test of a module that imports this with each of the pipelines."""
    with zarr.config.set({"codec_pipeline.path": request.param}):
        yield request.param
