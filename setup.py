"""The extension modules; everything else about the package is in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import Extension, setup

# Fused multiply-adds and reordered sums would change codes from machine to machine: the format forbids them.
if sys.platform == "win32":
    compile_args = ["/O2", "/fp:precise"]
else:
    # -g0 takes back the -g of Python's own flags, with which the modules are six times as large.
    compile_args = ["-O3", "-g0", "-fno-fast-math", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]

kernels = Path("anscombe_transform/_kernels")
shared = [path.as_posix() for pattern in ("*.pxd", "*.h") for path in sorted(kernels.glob(pattern))]

setup(
    ext_modules=[
        Extension(
            f"anscombe_transform._kernels.{source.stem}",
            [source.as_posix()],
            depends=shared,
            include_dirs=[kernels.as_posix()],
            extra_compile_args=compile_args,
        )
        for source in sorted(kernels.glob("*.pyx"))
    ],
    # The generated C files go to build/, not between the sources.
    options={"build_ext": {"cython_c_in_temp": True}},
)
