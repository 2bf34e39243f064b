"""Puts one small fault after the other into kernels and codecs, in a copy, and looks which quick test finds it.

Run it in an environment with what CONTRIBUTING.md installs. It ends with status 1 if a fault is not found. Names of
mutants as arguments choose some of them. A build and its tests take one to three minutes.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
TESTS = ("tests/kernels", "tests/transform", "tests/codecs")


class Mutant(NamedTuple):
    """A fault: in a file of the package, each text is replaced by the one after it."""

    file: str
    replacements: dict[str, str]


MUTANTS = {
    "halves are rounded up": Mutant(
        "_kernels/formulas.pxd",
        {"cimport sqrt": "cimport floor, sqrt", "return (x + ROUNDER) - ROUNDER": "return floor(x + 0.5)"},
    ),
    "the zero level has the wrong sign below zero photons": Mutant(
        "_kernels/formulas.pxd", {"return k.offset + (u *": "return (-k.offset if u < 0.0 else k.offset) + (u *"}
    ),
    "the last index in range is refused": Mutant("_kernels/lookup.pyx", {"largest <= span": "largest < span"}),
    "the last element of a lookup is not written": Mutant(
        "_kernels/lookup.pyx", {"for i in range(done, n)": "for i in range(done, n - 1)"}
    ),
    "the interpreter is kept during long lookups": Mutant("_kernels/lookup.pyx", {"if n <= SHORT": "if n >= 0"}),
    "values out of range are computed": Mutant(
        "_kernels/anscombe.pyx", {"nan > 0.0 or (outside > 0.0 and not clamp)": "nan > 0.0"}
    ),
    "the middle of integers is rounded up": Mutant(
        "_kernels/anscombe.pyx", {"if distance & 1 and <uint64_t>middle & 1": "if distance & 1"}
    ),
    "codes of 32 bits have a sign": Mutant("_kernels/anscombe.pyx", {"int64_t>nearest(y)": "int32_t>nearest(y)"}),
    "errors behind the last whole vector are left out": Mutant(
        "_kernels/squared_errors.pyx", {"for i in range(whole, n)": "for i in range(whole + 1, n)"}
    ),
    "the mean of earlier frames has no half to round it": Mutant(
        "_kernels/prediction.pyx", {"- mean[x] + half)": "- mean[x])"}
    ),
    "after a constant frame, the mean is as slow as before": Mutant(
        "_kernels/prediction.pyx", {"    if constant:": "    if False:"}
    ),
    "the edge of the mean is that of the frame before": Mutant(
        "_kernels/prediction.pyx", {"row[n + MARGIN] = row[n + MARGIN + 1] = row[n + MARGIN - 1]": "pass"}
    ),
    "codes with a sign are taken as they are": Mutant(
        "transform/prediction.py",
        {'if codes.dtype.kind == "i" else': 'if codes.dtype.kind == "j" else'},
    ),
    "a table holds one element too few": Mutant("transform/tables.py", {"last - first + 1": "last - first"}),
    "tables have no byte order": Mutant(
        "transform/tables.py", {"values.astype(decoded_dtype)": 'values.astype(decoded_dtype.newbyteorder("="))'}
    ),
    "caches do not tell betas apart": Mutant(
        "transform/parameters.py",
        {
            "from dataclasses import dataclass": "from dataclasses import dataclass, field",
            "beta: float = 0.5": "beta: float = field(default=0.5, compare=False)",
        },
    ),
    "a range ends one float too late": Mutant("transform/ranges.py", {"code(x) > largest) - 1": "code(x) > largest)"}),
    "the fill value of codes is that of the array": Mutant(
        "codecs/anscombe_zarr3.py",
        {
            "fill_value=_fill_code(self._transform, self.encoded_dtype, out_of_range, chunk_spec.fill_value)": (
                "fill_value=chunk_spec.fill_value"
            )
        },
    ),
    "clamping is forgotten when metadata are written": Mutant(
        "codecs/configuration.py", {'"decoded_dtype", "out_of_range")': '"decoded_dtype")'}
    ),
}


def copy_of_the_checkout(folder: Path) -> Path:
    """Copy the working tree, with what is compiled, to a new folder."""
    left_out = shutil.ignore_patterns(".git", ".venv*", ".hypothesis", ".*_cache", "__pycache__", "site", "dist")
    return Path(shutil.copytree(ROOT, folder / "checkout", ignore=left_out))


def run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the package of a copy of the checkout."""
    line, variables = [sys.executable, *command], os.environ | {"PYTHONPATH": str(checkout)}
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    return subprocess.run(line, cwd=checkout, env=variables, **streams)


def compile_kernels(checkout: Path) -> None:
    """Compile what has changed."""
    done = run(checkout, "setup.py", "build_ext", "--inplace", "--parallel", str(os.cpu_count()))
    if done.returncode:
        sys.exit(done.stdout)


def finders(checkout: Path) -> list[str]:
    """Return which tests fail first, in each process of pytest."""
    plugins = ("-p", "no:cacheprovider", "-n", "logical", "--dist", "loadfile", "--no-loadscope-reorder")
    done = run(checkout, "-m", "pytest", "-x", "-q", *plugins, *TESTS)
    if done.returncode not in (0, 1, 2):
        sys.exit(done.stdout)
    found = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if done.returncode and not found:
        sys.exit(done.stdout)
    return found


def find(checkout: Path, mutant: Mutant) -> list[str]:
    """Return which tests find a fault, and leave the sources as they were."""
    path = checkout / "anscombe_transform" / mutant.file
    original = path.read_text()
    text = original
    for old, new in mutant.replacements.items():
        if text.count(old) != 1:
            sys.exit(f"{mutant.file} has {old!r} {text.count(old)} times")
        text = text.replace(old, new)
    path.write_text(text)
    try:
        compile_kernels(checkout)  # also what the one before it has left
        return finders(checkout)
    finally:
        path.write_text(original)


def main() -> None:
    """Try the mutants that the arguments name, or all."""
    chosen = sys.argv[1:] or list(MUTANTS)
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        checkout = copy_of_the_checkout(Path(folder))
        compile_kernels(checkout)
        if failing := finders(checkout):
            sys.exit(f"without any fault, these tests fail: {' '.join(failing)}")
        for name in chosen:
            found = find(checkout, MUTANTS[name])
            if not found:
                survivors.append(name)
            print(f"{name}: {found[0] if found else 'NOT FOUND'}", flush=True)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} faults were found")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
