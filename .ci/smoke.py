"""Checks a package that was installed without extras, from its wheel or sdist. Run it in an empty directory."""

import subprocess
import sys
import sysconfig
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

WRITE = """
import numpy as np
import zarr
from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3

movie = (100 + 2.5 * np.random.default_rng(0).poisson(50, (20, 64, 64))).astype("int16")
np.save("movie.npy", movie)
for zarr_format, codec in ((3, AnscombeTransformV3), (2, AnscombeTransformV2)):
    zarr.create_array(
        f"v{zarr_format}.zarr",
        data=movie,
        chunks=(10, 64, 64),
        filters=[codec(zero_level=100, conversion_gain=2.5)],
        zarr_format=zarr_format,
    )
"""

READ = """
import sys
import numpy as np
import zarr

movie = np.load("movie.npy").astype(float)
noise = 2.5 * np.sqrt((movie - 100) / 2.5 + 3 / 8)
for zarr_format in (3, 2):
    error = abs(zarr.open_array(f"v{zarr_format}.zarr", mode="r")[:] - movie)
    assert 0 < error.max() and (error <= 0.3 * noise + 0.5).all(), (zarr_format, error.max())
    print(f"V{zarr_format} array: read back to within {error.max():.0f} ADU")
assert "anscombe_transform" in sys.modules, "nobody imported the codec"
"""


COMPRESS = """
import numpy as np
from anscombe_transform import compress, open_movie

movie = open_movie("movie.npy")
assert np.array_equal(movie[3:5], np.load("movie.npy")[3:5])
try:
    compress(movie, "movie.zarr")
except ModuleNotFoundError as error:
    print(f"compress(), without the cli extra: {error}")
    assert "anscombe-transform[cli]" in str(error), error
"""


def main() -> None:
    """Run all checks; raise AssertionError or CalledProcessError at the first that fails."""
    installed = distribution("anscombe-transform")
    files = {str(path) for path in installed.files or ()}
    unexpected = {
        f for f in files if f.endswith((".c", ".h", ".pyx", ".pxd", ".html")) or f.startswith(("tests", "docs"))
    }
    assert not unexpected, unexpected
    needed = {"py.typed", "_kernels/anscombe.pyi", "report/page.html.jinja"}
    assert {f"anscombe_transform/{name}" for name in needed} <= files, files
    assert any(f.endswith("licenses/LICENSE") for f in files), files
    print(f"{installed.name} {installed.version}: {len(files)} files, nothing among them that does not belong there")

    python("-c", "import anscombe_transform; print(anscombe_transform.__file__)")
    python("-c", WRITE)
    python("-W", "error", "-c", READ)
    python("-W", "error", "-c", COMPRESS)

    assert find_spec("typer") is None, "the cli extra is installed: this check is about its absence"
    command = Path(sysconfig.get_path("scripts"), "anscombe-transform")
    result = subprocess.run([command, "demo"], capture_output=True, text=True)
    assert result.returncode == 2, result
    assert "anscombe-transform[cli]" in result.stderr, result
    print(f"anscombe-transform demo, without the cli extra: {result.stderr.strip()}")


def python(*arguments: str) -> None:
    """Run Python on `arguments`, in a process of its own."""
    subprocess.run([sys.executable, *arguments], check=True)


if __name__ == "__main__":
    main()
