"""The versions of what the work is done with."""

import importlib
import platform
from collections.abc import Callable
from importlib.metadata import version


def versions() -> Callable[[], dict[str, str]]:
    """Prepare to tell the versions of Python and of packages, after an import of this one."""
    importlib.import_module("anscombe_transform")
    packages = ("anscombe-transform", "numpy", "zarr", "numcodecs")
    return lambda: {"python": platform.python_version()} | {package: version(package) for package in packages}
