"""What importing the package costs, and that its documentation of itself is true."""

import subprocess
import sys
from importlib.metadata import requires, version

from processes import TIMEOUT

import anscombe_transform


def test_importing_the_package_imports_none_of_the_extras() -> None:
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", "import anscombe_transform, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT,
    ).stdout.split()
    heavy = {"typer", "rich", "dask", "matplotlib", "tifffile", "h5py", "scipy", "anscombe_transform.cli"}
    assert not heavy & set(loaded)


def test_the_package_needs_numpy_zarr_and_numcodecs_and_no_more() -> None:
    needed = {line.split(">")[0] for line in requires("anscombe-transform") or [] if "extra ==" not in line}
    assert needed == {"numpy", "zarr", "numcodecs"}


def test_the_version_is_that_of_the_installation() -> None:
    assert anscombe_transform.__version__ == version("anscombe-transform")
