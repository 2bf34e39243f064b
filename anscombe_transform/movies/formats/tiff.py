"""Movies in TIFF files: one file, a set of OME-TIFF, or many files that follow each other in time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from anscombe_transform._typing import Array
from anscombe_transform.movies.axis_choice import parse_choice
from anscombe_transform.movies.formats.tiff_pages import JPEG, Images, Integers, clear_errors, find_images
from anscombe_transform.movies.movie import shape_problem
from anscombe_transform.movies.raw import DiskFile, RawFrames
from anscombe_transform.movies.source import Source, check_array, few_frames, part


def open_tiffs(paths: Sequence[Path], key: str | None) -> Source:
    """Open TIFF files as one movie; a set of OME-TIFF counts once, however many of its files are given."""
    choice = parse_choice(key)
    series = choice.pop("SERIES", None)
    parts: list[Images] = []
    numbers: dict[Path, int] = {}
    dtypes: list[np.dtype[Any]] = []
    given = {path.resolve(): path for path in paths}
    for real, path in given.items():
        if real in numbers:
            continue
        images = find_images(path, series, choice)
        if parts and (images.shape, images.dtype) != (parts[0].shape, parts[0].dtype):
            raise ValueError(
                f"{path} has images of shape {images.shape} and {images.dtype}, but {paths[0].name}, with which it "
                f"should make one movie, has {parts[0].shape} and {parts[0].dtype}"
            )
        for file, dtype in images.files.items():
            if file not in numbers:
                numbers[file] = len(dtypes)
                dtypes.append(dtype)
        parts.append(images)
    first = parts[0]
    if len(parts) == 1 and not first.in_time:
        raise ValueError(f"{paths[0]} has {shape_problem(first.shape)}")
    shape = (sum(len(images.numbers) for images in parts), *first.shape)
    check_array(paths[0], shape, first.dtype)
    of_file = np.concatenate([np.array([numbers[file] for file in images.files])[images.numbers] for images in parts])
    directories, counts, offsets, sizes = (
        np.concatenate([getattr(images, name) for images in parts])
        for name in ("directories", "counts", "offsets", "sizes")
    )
    files = [DiskFile(path) for path in numbers]
    frames = (
        _TiffFrames(files, dtypes, shape, of_file, directories, counts, offsets, sizes)
        if directories.any()
        else RawFrames(files, dtypes, shape, offsets, of_file)
    )
    return Source(
        shape,
        first.dtype,
        few_frames(shape, first.dtype) if len(files) == 1 and not directories.any() else (1, *first.shape),
        tuple(str(given.get(path, path).absolute()) for path in numbers),
        frames.read,
        key,
        first.frame_rate,
        first.pixel_size,
    )


class _TiffFrames(RawFrames):
    """Frames, some of which are in strips or tiles, compressed or not."""

    def __init__(
        self,
        files: Sequence[DiskFile],
        dtypes: Sequence[np.dtype[Any]],
        shape: tuple[int, ...],
        numbers: Integers,
        directories: Integers,
        counts: Integers,
        offsets: Integers,
        sizes: Integers,
    ) -> None:
        self._first = np.concatenate([[0], np.cumsum(counts)])
        super().__init__(files, dtypes, shape, offsets[self._first[:-1]], numbers)
        self._paths = [file.path for file in files]
        self._directories = directories
        self._segments = offsets, sizes
        self._page = lru_cache(maxsize=8)(self._read_page)

    def fill(self, image: Array, handle: Any, number: int, frame: int, rows: range, columns: range) -> None:
        """Read the rows and columns of one frame, from the strips and tiles that overlap them."""
        directory = int(self._directories[frame])
        if not directory:
            super().fill(image, handle, number, frame, rows, columns)
            return
        page = self._page(number, directory)
        tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader} if page.compression in JPEG else {}
        whole = (
            image if image.shape == (self._height, self._width) else np.empty((self._height, self._width), self.dtype)
        )
        segments = range(self._first[frame], self._first[frame + 1])
        for i, segment in enumerate(segments):
            _, (_, _, top, left, _), (_, height, width, _) = page.decode(None, i)
            if top > rows[-1] or top + height <= rows.start or left > columns[-1] or left + width <= columns.start:
                continue
            offset, size = (int(values[segment]) for values in self._segments)
            handle.seek(offset)
            data = handle.read(size)
            if len(data) < size:
                raise ValueError(f"the file is truncated: {size - len(data)} bytes of frame {frame} are missing")
            target = whole[top : top + height, left : left + width]
            target[...] = page.decode(data, i, **tables)[0][0, : target.shape[0], : target.shape[1], 0]
        if whole is not image:
            image[...] = whole[part(rows), part(columns)]

    def _read_page(self, number: int, directory: int) -> Any:
        import tifffile

        path = self._paths[number]
        with clear_errors(path), tifffile.TiffFile(path, is_scanimage=False) as tif:
            tif.filehandle.seek(directory)
            page = tifffile.TiffPage(tif, 0)
            page.decode  # noqa: B018 - computed here, by one thread, and kept
        return page
