"""The extension module; everything else about the package is in pyproject.toml."""

import sys

from setuptools import Extension, setup

# Fused multiply-adds and reordered sums would change codes from machine to machine: the format forbids them.
if sys.platform == "win32":
    compile_args = ["/O2", "/fp:precise"]
else:
    # -g0 takes back the -g of Python's own flags, with which the module is six times as large.
    compile_args = ["-O3", "-g0", "-fno-fast-math", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]

setup(
    ext_modules=[
        Extension(
            "anscombe_transform._kernels",
            ["anscombe_transform/_kernels.pyx"],
            depends=["anscombe_transform/_instructions.h"],
            extra_compile_args=compile_args,
        )
    ],
    # The generated C file goes to build/, not between the sources.
    options={"build_ext": {"cython_c_in_temp": True}},
)
