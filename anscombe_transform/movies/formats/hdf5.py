"""Movies in HDF5 files, read with h5py: plain HDF5, MATLAB 7.3 and NWB."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from anscombe_transform._formatting import one_line
from anscombe_transform._optional import require_extra
from anscombe_transform._typing import Array
from anscombe_transform.movies.raw import DiskFile, RawFrames
from anscombe_transform.movies.source import Source, check_array, few_frames, part
from anscombe_transform.movies.units import pixel_size, positive

SIGNATURE = b"\x89HDF\r\n\x1a\n"

_SERIES = ("TwoPhotonSeries", "OnePhotonSeries")


def open_hdf5(path: Path, key: str | None) -> Source:
    """Open a dataset of a HDF5 file, or the data of an imaging series of an NWB file."""
    with _file(path) as file:
        rate: float | None = None
        size: tuple[float, float] | None = None
        if path.suffix.lower() == ".nwb" or "nwb_version" in file.attrs:
            dataset, group = _nwb_data(path, file, key)
            if group is not None:
                rate, size = _rate(group), _pixel_size(group)
        else:
            dataset = _choose_dataset(path, file, key)
        return _source(path, dataset, rate, size)


@contextmanager
def _file(path: Path) -> Iterator[Any]:
    """Open a file, and turn what goes wrong into an error that names it."""
    with require_extra(f"{path} needs h5py"):
        import h5py  # type: ignore[import-untyped, unused-ignore]
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        if error.errno is not None:
            raise OSError(error.errno, f"{path} cannot be read now: {one_line(error)}") from error
        advice = "; of MATLAB, save with -v7.3" if path.suffix.lower() == ".mat" else ""
        raise ValueError(f"{path} is not a whole HDF5 file ({one_line(error)}){advice}") from error
    with file:
        try:
            yield file
        except (OSError, RuntimeError, KeyError) as error:
            raise ValueError(f"{path} is not a whole HDF5 file ({one_line(error)})") from error


def _choose_dataset(path: Path, file: Any, key: str | None) -> Any:
    """Return the dataset of the key, or the only one that may be a movie."""
    found = _get(file, key)
    if found is not None and hasattr(found, "shape"):
        return found
    movies: list[Any] = []
    others: list[Any] = []
    file.visititems(lambda _, node: _collect(node, movies, others))
    if key is None and len(movies) == 1:
        return movies[0]
    listed = ", ".join(f"{dataset.name.strip('/')} {dataset.shape}" for dataset in (movies or others)[:20])
    if not movies:
        found = f"; it has {listed}" if listed else ""
        raise ValueError(f"{path} has no dataset of real numbers with three axes, (time, y, x){found}")
    wanted = "several datasets" if key is None else f"no dataset {key!r}"
    raise ValueError(f"{path} has {wanted}: give the name of one as key: {listed}")


def _collect(node: Any, movies: list[Any], others: list[Any]) -> None:
    if hasattr(node, "shape"):
        is_movie = len(node.shape or ()) == 3 and node.dtype.kind in "iuf"
        (movies if is_movie else others).append(node)


def _get(file: Any, key: str | None) -> Any:
    """Return what is at a path, or None, even if a link there leads nowhere."""
    try:
        return None if key is None else file.get(key)
    except (KeyError, OSError):
        return None


def _nwb_data(path: Path, file: Any, key: str | None) -> tuple[Any, Any]:
    """Return the data of an imaging series, and the series; or a dataset, if that is what the key leads to."""
    series: dict[str, Any] = {}

    def collect(_: str, node: Any) -> None:
        if _text(node.attrs.get("neurodata_type")) in _SERIES:
            series[node.name.strip("/")] = node

    for name in ("acquisition", "processing"):
        if name in file:
            file[name].visititems(collect)
    wanted = None if key is None else key.strip("/")
    named = [name for name in series if wanted is None or wanted in (name, f"{name}/data", name.rpartition("/")[2])]
    if len(named) == 1:
        group = series[named[0]]
    else:
        node = _get(file, wanted)
        if hasattr(node, "shape"):
            return node, None
        if node is None or "data" not in node:
            listed = ", ".join(f"{name} {_shape(node)}" for name, node in series.items())
            if not series:
                raise ValueError(f"{path} has no TwoPhotonSeries or OnePhotonSeries: give the path of a dataset as key")
            found = "several imaging series" if len(named) > 1 or key is None else f"no imaging series {key!r}"
            raise ValueError(f"{path} has {found}: give the name of one as key: {listed}")
        group = node
    if "external_file" in group:
        names = ", ".join(_text(name) for name in group["external_file"][()].ravel())
        raise ValueError(f"{path} has the frames of {group.name.strip('/')} in other files, open those: {names}")
    return group["data"], group


def _shape(group: Any) -> Any:
    return group["data"].shape if "data" in group else "without data"


def _rate(group: Any) -> float | None:
    """Return the frame rate of an imaging series, in Hz."""
    if "starting_time" in group:
        return positive(group["starting_time"].attrs.get("rate"))
    if "timestamps" in group and len(group["timestamps"]) > 1:
        interval = positive(np.median(np.diff(group["timestamps"][()])))
        return None if interval is None else 1 / interval
    return None


def _pixel_size(group: Any) -> tuple[float, float] | None:
    """Return the spacing of the imaging plane, which is along x and y."""
    spacing = group["imaging_plane"].get("grid_spacing") if "imaging_plane" in group else None
    if spacing is None or spacing.size < 2:
        return None
    x, y = spacing[()].ravel()[:2]
    unit = _text(spacing.attrs.get("unit", "meters"))
    return pixel_size(y, x, unit, unit)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _source(path: Path, dataset: Any, rate: float | None, size: tuple[float, float] | None) -> Source:
    key = dataset.name.strip("/")
    name = f"{path}: {key}"
    check_array(name, dataset.shape or (), dataset.dtype)
    _check_filters(name, dataset)
    # MATLAB writes an array of (y, x, time) with its axes the other way round.
    transposed = "MATLAB_class" in dataset.attrs
    order = (0, 2, 1) if transposed else (0, 1, 2)
    shape = tuple(dataset.shape[i] for i in order)
    dtype = dataset.dtype.newbyteorder("=")
    inside = Path(dataset.file.filename).absolute()
    offset = None if dataset.chunks or dataset.external or dataset.is_virtual else dataset.id.get_offset()
    if offset is not None and not transposed and dtype.kind + str(dtype.itemsize) in _PLAIN:
        frame = dtype.itemsize * shape[1] * shape[2]
        offsets = range(offset, offset + shape[0] * frame, frame)
        read = RawFrames([DiskFile(inside)], [dataset.dtype], shape, offsets).read
    else:
        read = _HDF5Frames(inside, dataset.name, dtype, transposed).read
    others = [source.file_name for source in dataset.virtual_sources()] if dataset.is_virtual else []
    others += [file for file, _, _ in dataset.external or ()]
    return Source(
        shape,
        dtype,
        tuple(dataset.chunks[i] for i in order) if dataset.chunks else few_frames(shape, dtype),
        tuple(dict.fromkeys(str(inside.parent / file) for file in (path.absolute(), inside, *others))),
        read,
        key,
        rate,
        size,
    )


_PLAIN = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
"""Numbers that are stored as NumPy stores them."""


def _check_filters(name: str, dataset: Any) -> None:
    """Raise a ModuleNotFoundError if a dataset is compressed with a filter that is not installed."""
    import h5py

    properties = dataset.id.get_create_plist()
    codes = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    if not all(map(h5py.h5z.filter_avail, codes)):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module("hdf5plugin")
    missing = [code for code in codes if not h5py.h5z.filter_avail(code)]
    if missing:
        raise ModuleNotFoundError(
            f"{name} is compressed by the HDF5 filter {missing[0]}, which is not there: pip install hdf5plugin"
        )


class _HDF5Frames:
    """The frames of a dataset, read by the HDF5 library, which admits one thread at a time."""

    def __init__(self, path: Path, name: str, dtype: np.dtype[Any], transposed: bool) -> None:
        self._path = path
        self._name = name
        self._dtype = dtype
        self._transposed = transposed
        self._lock = threading.Lock()
        self._dataset: Any = None

    def read(self, frames: range, rows: range, columns: range) -> Array:
        """Return the pixels of these frames, rows and columns."""
        import h5py

        if self._transposed:
            rows, columns = columns, rows
        with self._lock:
            if self._dataset is None:
                self._dataset = h5py.File(self._path, "r")[self._name]
        block = np.empty((len(frames), len(rows), len(columns)), self._dtype)
        self._dataset.read_direct(block, (part(frames), part(rows), part(columns)))
        return block.swapaxes(1, 2) if self._transposed else block
