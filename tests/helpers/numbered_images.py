"""TIFF files whose images are told by a number in all of their pixels."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from anscombe_transform import open_recording

SHAPE = (4, 6)


def image(number: int, dtype: str = "uint16") -> npt.NDArray[Any]:
    return np.full(SHAPE, number, dtype)


def write_numbered(path: Path, numbers: int | Iterable[int], dtype: str = "uint16", **options: Any) -> None:
    """Write one image, or a stack of several, without metadata unless they are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = image(numbers, dtype) if isinstance(numbers, int) else np.stack([image(n, dtype) for n in numbers])
    tifffile.imwrite(path, images, **({"photometric": "minisblack", "metadata": None, "ome": False} | options))


def write_pages_numbered(path: Path, numbers: Iterable[int], **options: Any) -> None:
    """Write each image with a directory of its own, followed by its pixels, then the next one."""
    with tifffile.TiffWriter(path) as tiff:
        for number in numbers:
            tiff.write(image(number), contiguous=False, photometric="minisblack", metadata=None, **options)


def write_all(folder: Path, files: Mapping[str, int | Iterable[int]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, numbers in files.items():
        write_numbered(folder / name, numbers)
    return folder


def numbers_in(path: Any, **options: Any) -> list[Any]:
    """Return the numbers of the images, for each channel by time and, if there are several planes, by plane."""
    recording = open_recording(path, **options)
    for movie in recording:
        block = movie[:]
        assert (block == block[..., :1, :1]).all()
    return [movie[..., 0, 0].tolist() for movie in recording]
