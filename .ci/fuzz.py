"""Feeds damaged files to what opens them, and random codes to `decode`, led by the code that is reached.

Needs Linux and atheris beside what CONTRIBUTING.md installs: `pip install atheris`. The findings, errors of classes
that are not documented and inputs that take more than 20 seconds, are written to a folder with the inputs that cause
them; it ends with status 1 if there are any.

    python .ci/fuzz.py tiff --runs 20000 --findings FOLDER 2> /dev/null

Besides tiff, there are ome, npy, npz, hdf5, zarr2 and zarr3, for the metadata of arrays, codec, for those of the codecs
alone, and decode. What is written to stderr is the diary of libFuzzer.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import atheris  # type: ignore[import-not-found]

# Following what tifffile does takes it half a minute to begin.
FOLLOWED = ["anscombe_transform", *(["tifffile"] if {"tiff", "ome"}.intersection(sys.argv) else [])]

with atheris.instrument_imports(include=FOLLOWED):
    import h5py
    import numpy as np
    import tifffile
    import zarr

    from anscombe_transform import AnscombeTransformV2, AnscombeTransformV3, decode, open_recording
    from anscombe_transform._faults import SoftwareFault

MOVIE = (100 + 2.5 * np.random.default_rng(0).poisson(8, (4, 8, 8))).astype("int16")
MEMORY = 6 << 30
"""Bytes that a process may have."""
LARGEST = 1 << 24
"""Bytes of frames that are read."""
SECONDS = 20
"""For one input."""


class TooSlow(BaseException):
    """An input takes too long."""


def write_tiff(path: Path) -> None:
    """Write a stack of TIFF."""
    tifffile.imwrite(path, MOVIE, photometric="minisblack")


def write_ome(path: Path) -> None:
    """Write an OME-TIFF of two channels."""
    tifffile.imwrite(path, MOVIE.reshape(2, 2, 8, 8), ome=True, metadata={"axes": "TCYX"}, photometric="minisblack")


def write_hdf5(path: Path) -> None:
    """Write a data set in chunks."""
    with h5py.File(path, "w") as file:
        file.create_dataset("movie", data=MOVIE, chunks=(2, 8, 8), compression="gzip")


SEEDS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "tiff": ("movie.tif", write_tiff),
    "ome": ("movie.ome.tif", write_ome),
    "npy": ("movie.npy", lambda path: np.save(path, MOVIE)),
    "npz": ("movie.npz", lambda path: np.savez_compressed(path, movie=MOVIE)),
    "hdf5": ("movie.h5", write_hdf5),
}
"""The name of a file of each format, and what writes one."""


def open_and_read(path: Path) -> None:
    """Open a recording, and read its first frame."""
    movie = open_recording(path)[0]
    if np.prod(movie.shape[1:], dtype=float) * movie.dtype.itemsize <= LARGEST:
        movie[0]


def opener(name: str, folder: Path) -> Callable[[bytes], None]:
    """Return what takes the bytes of a file, and write a seed."""
    file, write = SEEDS[name]
    write(folder / "seeds" / file)
    path = folder / file

    def try_one(data: bytes) -> None:
        path.write_bytes(data)
        open_and_read(path)

    return try_one


def document_opener(zarr_format: Any, folder: Path) -> Callable[[bytes], None]:
    """Return what takes the bytes of the metadata of an array, and write a seed."""
    kind: Any = AnscombeTransformV2 if zarr_format == 2 else AnscombeTransformV3
    path = folder / "movie.zarr"
    zarr.create_array(path, data=MOVIE, chunks=(2, 8, 8), filters=[kind(100, 2.5)], zarr_format=zarr_format)
    document = path / (".zarray" if zarr_format == 2 else "zarr.json")
    shutil.copy(document, folder / "seeds" / "document")

    def try_one(data: bytes) -> None:
        document.write_bytes(data)
        open_and_read(path)

    return try_one


def codec_maker(folder: Path) -> Callable[[bytes], None]:
    """Return what takes the JSON of codecs of both formats, and write seeds."""
    codec = AnscombeTransformV3(100, 2.5, decoded_dtype="int16")
    for number, seed in enumerate((AnscombeTransformV2(100, 2.5).get_config(), codec.to_dict())):
        (folder / "seeds" / str(number)).write_text(json.dumps(seed))

    def try_one(data: bytes) -> None:
        try:
            metadata = json.loads(data)
        except (ValueError, RecursionError):
            return
        for make in (AnscombeTransformV2.from_config, AnscombeTransformV3.from_dict):
            with contextlib.suppress(ValueError, TypeError):
                make(metadata)

    return try_one


def decoder(folder: Path) -> Callable[[bytes], None]:
    """Return what takes parameters, and codes after them, and write a seed."""
    (folder / "seeds" / "codes").write_bytes(bytes(range(200)))
    encoded = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
    decoded = (
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "float16",
        "float32",
        "float64",
    )

    def try_one(data: bytes) -> None:
        provider = atheris.FuzzedDataProvider(data)
        limits = {"zero_level": (-1e4, 1e4), "conversion_gain": (1e-2, 1e4), "beta": (0.05, 4.0)}
        usual = provider.ConsumeBool()
        parameters = {
            name: provider.ConsumeFloatInRange(*ends) if usual else provider.ConsumeFloat()
            for name, ends in limits.items()
        }
        dtypes = {
            "encoded_dtype": provider.PickValueInList(list(encoded)),
            "decoded_dtype": provider.PickValueInList(list(decoded)),
        }
        codes = provider.ConsumeBytes(400)
        values = decode(codes, **parameters, **dtypes)
        assert values.dtype == dtypes["decoded_dtype"]
        assert dtypes["encoded_dtype"][0] == "f" or np.isfinite(values).all()

    return try_one


TARGETS: dict[str, Callable[[Path], Callable[[bytes], None]]] = {
    **{name: (lambda folder, name=name: opener(name, folder)) for name in SEEDS},  # type: ignore[misc]
    "zarr2": lambda folder: document_opener(2, folder),
    "zarr3": lambda folder: document_opener(3, folder),
    "codec": codec_maker,
    "decode": decoder,
}


class Fuzzing:
    """The runs of one target."""

    def __init__(self, target: str, runs: int, findings: Path, folder: Path) -> None:
        self.target, self.runs, self.findings = target, runs, findings
        self.try_one = TARGETS[target](folder)
        self.done = 0
        self.refused = 0
        self.found: set[str] = set()

    def __call__(self, data: bytes) -> None:
        """Try one input, and tell the figures after the last."""
        signal.alarm(SECONDS)
        try:
            self.try_one(data)
        except (OSError, ValueError, SoftwareFault, ModuleNotFoundError):
            self.refused += 1
        except BaseException as error:  # of any class, and what is raised when an input takes too long
            self.keep(data, error)
        finally:
            signal.alarm(0)
        self.done += 1
        if self.done == self.runs:
            print(f"{self.target}: {self.done} inputs, {self.refused} refused, {len(self.found)} findings", flush=True)
            os._exit(bool(self.found))

    def keep(self, data: bytes, error: BaseException) -> None:
        """Write an input to the folder of findings, unless there was one that failed at the same place."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        name = f"{self.target}-{type(error).__name__}-{Path(last.filename).stem}-{last.lineno}"
        if name not in self.found:
            self.found.add(name)
            (self.findings / name).write_bytes(data)
            (self.findings / f"{name}.txt").write_text("".join(traceback.format_exception(error)))
            print(f"{self.target}: {type(error).__name__}: {str(error)[:200]} ({name})", flush=True)


def stop(*_: object) -> NoReturn:
    """Raise the error of an input that takes too long."""
    raise TooSlow


def fuzz(target: str, runs: int, findings: Path) -> NoReturn:
    """Fuzz one target in this process, which ends with it."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    (folder / "seeds").mkdir()
    os.chdir(folder)
    one = Fuzzing(target, runs, findings, folder)
    options = [
        f"-runs={runs + 10}",
        "-max_len=65536",
        "-rss_limit_mb=0",
        "-timeout=120",
        "-verbosity=0",
        "-print_final_stats=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder / "seeds")], one)
    atheris.Fuzz()
    sys.exit("the fuzzer ended early")


def main() -> None:
    """Fuzz the target that the arguments name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    given = parser.parse_args()
    given.findings.mkdir(parents=True, exist_ok=True)
    fuzz(given.target, given.runs, given.findings.absolute())


if __name__ == "__main__":
    main()
