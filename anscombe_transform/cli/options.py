"""The arguments and options that several commands share, and how their values are parsed."""

from __future__ import annotations

import json as json_format
import re
from typing import Annotated, Any

import typer

_PARAMETERS = (
    *("beta", "chunks", "compressor", "conversion_gain", "dry_run", "encoded_dtype", "frames", "key", "level"),
    *("max_frames", "ome", "out_of_range", "overwrite", "resume", "scheduler", "shards", "storage_options"),
    *("zarr_format", "zero_level"),
)
_ASSIGNED = re.compile(rf"(?<![\w./\\(-])({'|'.join(_PARAMETERS)})=('[^']*'|[^\s,;:]+)")
_UNMISTAKABLE = "|".join(name for name in _PARAMETERS if "_" in name)
_NAMED = re.compile(rf"(?<![\w./\\-])({_UNMISTAKABLE}|(?<=as )key)(?![\w/\\=])")

MovieArgument = Annotated[
    str,
    typer.Argument(
        metavar="MOVIE",
        help="A TIFF file, a folder or a quoted pattern of them, an .npy, .npz, HDF5 or NWB file, or a Zarr array, of "
        "axes (time, y, x).",
        show_default=False,
    ),
]
StoreArgument = Annotated[
    str, typer.Argument(metavar="STORE", help="Folder or URL of a compressed Zarr array.", show_default=False)
]
Key = Annotated[
    str | None, typer.Option(help="Which array in the file, such as /data/movie; for a TIFF file, such as C=0.")
]
ArrayKey = Annotated[str | None, typer.Option("--key", help="Which array of a Zarr group.")]
Frames = Annotated[str | None, typer.Option(help="Which frames, START:STOP or START:STOP:STEP; by default all.")]
ZeroLevel = Annotated[float | None, typer.Option(help="ADU at zero photons; by default estimated.")]
ConversionGain = Annotated[float | None, typer.Option(help="ADU per photon; by default estimated.")]
Beta = Annotated[float, typer.Option(help="Noise standard deviations per code.")]
EncodedDType = Annotated[str | None, typer.Option(help="dtype of the codes; by default the narrowest that holds them.")]
StorageOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--storage-option", metavar="KEY=VALUE", help="For fsspec, of URLs, such as anon=true; can be repeated."
    ),
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler whose workers do it, such as tcp://10.0.0.1:8786.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Delete what is at the output.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def parse_frames(text: str | None) -> slice | None:
    """Return the slice that START:STOP or START:STOP:STEP stands for."""
    if text is None:
        return None
    try:
        parts = [int(part) if part.strip() else None for part in text.split(":")]
    except ValueError:
        parts = []
    if len(parts) not in (2, 3):
        raise ValueError(f"--frames must be START:STOP or START:STOP:STEP, such as 0:1000, not {text}")
    return slice(*parts)


def parse_sizes(option: str, text: str | None) -> Any:
    """Return a number of frames, or three sizes."""
    if text is None:
        return None
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(
            f"{option} must be a number of frames or three sizes, such as 10,512,512, not {text}"
        ) from error
    return sizes[0] if len(sizes) == 1 else sizes


def parse_storage_options(texts: list[str] | None) -> dict[str, Any] | None:
    """Return options for fsspec; values that are JSON, such as true or 3, are parsed as JSON."""
    if not texts:
        return None
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--storage-option must be KEY=VALUE, not {text}")
        try:
            options[name] = json_format.loads(value)
        except ValueError:
            options[name] = value
    return options


def with_options(text: str) -> str:
    """Return a message of the library with parameters written as options: ``overwrite=True`` as ``--overwrite``."""

    def assigned(found: re.Match[str]) -> str:
        name, value = found.groups()
        return _option(name) if value == "True" else _option(name) + " " + value.strip("'")

    return _NAMED.sub(lambda found: _option(found[1]), _ASSIGNED.sub(assigned, text))


def _option(parameter: str) -> str:
    return "--storage-option" if parameter == "storage_options" else f"--{parameter.replace('_', '-')}"
