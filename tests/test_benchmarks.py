"""The benchmarks work on small data; how fast anything is, they do not tell then."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from processes import TIMEOUT

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
# It makes `benchmarks` alone importable: next to it lies the package's source, in which nothing may be compiled.
MEASURE = """
import sys, types
from pathlib import Path
benchmarks = types.ModuleType("benchmarks")
benchmarks.__path__ = [sys.argv[1]]
sys.modules["benchmarks"] = benchmarks
from benchmarks.compressors import measure, write_guide
from benchmarks.measuring import QUICK
from benchmarks.releases import Session
folder, python = Path(sys.argv[2]), Path(sys.executable)
session = Session(QUICK, folder, python, python)
write_guide(folder, {comparison.name: comparison for comparison in measure(session)}, {})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks measure memory as Unix tells it")
def test_compressors_are_measured_on_codes_and_on_predicted_codes(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", MEASURE, str(BENCHMARKS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "compressors.json").read_text())["rows"]
    ratios = {(row["compressor"], row["holds"]): row["ratio"] for row in rows}
    assert ratios["Zstd 1", "predicted"] > ratios["Zstd 1", "codes"] > 2 * ratios["Zstd 1", "int16"] > 2
    assert {"Zstd 9", "Blosc-lz4 bitshuffle", "Blosc-zlib shuffle"} <= {compressor for compressor, _ in ratios}
    assert (tmp_path / "compressors.png").stat().st_size > 0
