"""The extension module; everything else about the package is in pyproject.toml."""

import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

# Fused multiply-adds would change codes from machine to machine: the format forbids them.
if sys.platform == "win32":
    compile_args = ["/O2", "/fp:precise"]
else:
    compile_args = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]

setup(
    ext_modules=cythonize(
        [Extension("anscombe_transform._kernels", ["anscombe_transform/_kernels.pyx"], extra_compile_args=compile_args)]
    )
)
