"""What is in a store, byte for byte, and movies whose reading is interrupted."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt


def memory_url() -> str:
    """Return a URL in the memory of this process at which there is nothing yet."""
    return f"memory://{uuid4().hex}/movie.zarr"


def contents(place: str | Path) -> dict[str, bytes]:
    """Return all that is in a folder or below a URL, by key."""
    if "://" not in str(place) or str(place).startswith("file://"):
        folder = Path(str(place).removeprefix("file://"))
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    filesystem, root = fsspec.url_to_fs(str(place))
    found = filesystem.find(root) if filesystem.exists(root) else []
    return {path.removeprefix(f"{root}/"): filesystem.cat_file(path) for path in found}


class FailingMovie:
    """A movie of which a frame cannot be read any more as soon as a file is there."""

    def __init__(self, movie: npt.NDArray[Any], frame: int, when: Path) -> None:
        self.shape = movie.shape
        self.dtype = movie.dtype
        self._movie = movie
        self._frame = frame
        self._when = when

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        frames: slice = index[0] if isinstance(index, tuple) else index
        if self._frame in range(len(self._movie))[frames] and self._when.exists():
            raise OSError(f"frame {self._frame} is damaged")
        return np.asarray(self._movie[index])
