"""What importing the package costs, and that its documentation of itself is true."""

import shutil
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version
from processes import TIMEOUT

import anscombe_transform

SOURCE = Path(anscombe_transform.__file__).parent


def test_importing_the_package_imports_none_of_the_extras() -> None:
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", "import anscombe_transform, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT,
    ).stdout.split()
    heavy = {"typer", "rich", "dask", "matplotlib", "tifffile", "h5py", "scipy", "anscombe_transform.cli.commands"}
    assert not heavy & set(loaded)


def test_the_package_needs_numpy_zarr_and_numcodecs_and_no_more() -> None:
    needed = {line.split(">")[0] for line in requires("anscombe-transform") or [] if "extra ==" not in line}
    assert needed == {"numpy", "zarr", "numcodecs"}


def test_the_oldest_versions_that_are_tried_are_those_that_are_allowed() -> None:
    lines = Path(__file__).with_name("oldest.txt").read_text(encoding="utf-8").splitlines()
    tried = {name: Version(number) for name, equals, number in (line.partition("==") for line in lines) if equals}
    allowed = {}
    for requirement in map(Requirement, requires("anscombe-transform") or []):
        extras = ({"extra": extra} for extra in ("", "cli", "cluster", "s3", "plot"))
        if requirement.marker is None or any(requirement.marker.evaluate(extra) for extra in extras):
            (lower,) = requirement.specifier
            assert lower.operator == ">="
            allowed[requirement.name] = Version(lower.version)
    for name, bound in allowed.items():
        assert tried[name].release[: len(bound.release)] == bound.release, name


def test_the_version_is_that_of_the_installation() -> None:
    assert anscombe_transform.__version__ == version("anscombe-transform")


def test_source_that_is_not_compiled_says_where_to_go_from_there(tmp_path: Path) -> None:
    """Python finds it before the installed package where somebody starts it in a checkout."""
    shutil.copytree(SOURCE, tmp_path / "anscombe_transform", ignore=shutil.ignore_patterns("*.so", "*.pyd"))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "sys.meta_path[:] = [f for f in sys.meta_path if not str(f.__module__).startswith('__editable__')]; "
        "import anscombe_transform"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=TIMEOUT)
    assert finished.returncode == 1
    error = finished.stderr.splitlines()[-1]
    assert "is not compiled for this Python" in error
    assert f"start Python in another folder; to use the source itself, run pip install --editable '{tmp_path}'" in error
