"""Writes arrays with poisson-numcodecs 0.1.0 next to this file, for `tests/test_migration.py` to read.

Run it with a Python that has that package, and nothing of this one, installed. pip does not find it; it is at
https://github.com/AllenNeuralDynamics/poisson-numcodecs, and works with Zarr 2:

    python -m venv old
    old/bin/pip install "zarr<3" "numcodecs<0.16" git+https://github.com/AllenNeuralDynamics/poisson-numcodecs
    old/bin/python tests/migration/make_poisson_arrays.py

Next to each array, `<name>`, it writes `<name>.npz`: the `input`, its `codes`, and the array as poisson-numcodecs reads
it, `read_back`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from poisson_numcodecs import Poisson  # type: ignore[import-not-found]

HERE = Path(__file__).parent

FRAMES, HEIGHT, WIDTH = SHAPE = (4, 12, 16)
CHUNK = (2, HEIGHT, WIDTH)


@dataclass(frozen=True)
class Case:
    """One array: the parameters of the codec."""

    name: str
    dark_signal: float
    photon_sensitivity: float
    beta: float = 0.5
    use_lookup: bool = True
    encoded_dtype: str = "uint8"
    dtype: str = "int16"


CASES = [
    Case("poisson_lookup", 100, 40.0),
    Case("poisson_lookup_estimated", 98.37, 41.3),
    Case("poisson_lookup_uint16", 31.7, 9.25, beta=0.25, encoded_dtype="uint16", dtype="uint16"),
    Case("poisson_formula", 100, 40.0, use_lookup=False),
    Case("poisson_formula_estimated", 98.37, 41.3, use_lookup=False),
    Case("poisson_formula_below_0", -200, 80.0, use_lookup=False),
    Case("poisson_formula_uint16", 31.7, 9.25, beta=0.25, use_lookup=False, encoded_dtype="uint16", dtype="uint16"),
]


def main() -> None:
    """Write every case anew."""
    for seed, case in enumerate(CASES):
        written = movie(case, np.random.default_rng(seed))
        path = HERE / case.name
        codec = Poisson(
            case.dark_signal,
            case.photon_sensitivity,
            encoded_dtype=case.encoded_dtype,
            decoded_dtype=case.dtype,
            beta=case.beta,
            use_lookup=case.use_lookup,
        )
        array: Any = zarr.open(str(path), mode="w", shape=SHAPE, chunks=CHUNK, dtype=case.dtype, filters=[codec])
        array[...] = written
        np.savez_compressed(path.with_suffix(".npz"), input=written, codes=codec.encode(written), read_back=array[...])


def movie(case: Case, random: np.random.Generator) -> npt.NDArray[Any]:
    """Return frames of photon counts, in random order, from the dark to as many as codes and dtype hold."""
    dark = max(0.1, -2 * case.dark_signal / case.photon_sensitivity)
    bright = min(700.0, 28_000 / case.photon_sensitivity)
    photons = random.permutation(np.geomspace(dark, bright, FRAMES * HEIGHT * WIDTH))
    adu = case.dark_signal + case.photon_sensitivity * random.poisson(photons)
    adu = adu + random.normal(0, 2, adu.size)
    return np.asarray(np.rint(adu).reshape(SHAPE), case.dtype)


if __name__ == "__main__":
    main()
