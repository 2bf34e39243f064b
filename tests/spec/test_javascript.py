"""The codecs for zarrita.js read the sample data of the specification: `npm test`, where there are Node.js and npm."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

needs_npm = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="Node.js and npm are not there"
)


def npm(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run npm in a folder."""
    command = [shutil.which("npm") or "npm", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=240)


@needs_npm
def test_zarrita_reads_all_samples(tmp_path: Path) -> None:
    """In a copy, so that npm leaves nothing in the checkout."""
    folder = tmp_path / "javascript"
    shutil.copytree(ROOT / "javascript", folder, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(ROOT / "docs" / "spec", tmp_path / "docs" / "spec")
    installed = npm(folder, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    if installed.returncode:
        pytest.skip(f"npm cannot install zarrita here: {installed.stderr.strip().splitlines()[-1:]}")
    tested = npm(folder, "test")
    assert tested.returncode == 0, tested.stdout
    passed = re.search(r"pass (\d+)", tested.stdout)
    samples = sum(1 for _ in (ROOT / "docs" / "spec").glob("*/sample_data/*.expected.zarr"))
    assert passed
    assert int(passed[1]) >= samples
