"""The arguments and options that several commands share, and how their values are parsed."""

from __future__ import annotations

import json as json_format
import re
from typing import Annotated, Any

import typer

_PARAMETERS = (
    *(
        "against",
        "against_key",
        "axes",
        "beta",
        "channel",
        "channels",
        "chunks",
        "compressor",
        "conversion_gain",
        "dry_run",
        "encoded_dtype",
    ),
    *("frames", "key", "level", "max_frames", "ome", "out_of_range", "overwrite", "plane", "planes", "predict"),
    *("resume", "salvage", "scheduler", "shards", "storage_options", "zarr_format", "zero_level"),
)
_ASSIGNED = re.compile(rf"(?<![\w./\\(-])({'|'.join(_PARAMETERS)})=('[^']*'|[^\s,;:]+)")
_SLICE = re.compile(r"frames=slice\(([^)]*)\)")
_UNMISTAKABLE = "|".join(name for name in _PARAMETERS if "_" in name)
_NAMED = re.compile(rf"(?<![\w./\\-])({_UNMISTAKABLE}|(?<=as )key)(?![\w/\\=]|\.\w)")

RecordingArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="RECORDING...",
        help="A TIFF file, several of one recording, or their folder; an .npy, .npz, HDF5 or NWB file; or a Zarr array "
        "or group. It may have any number of channels and planes.",
        show_default=False,
    ),
]
StoreArgument = Annotated[
    str, typer.Argument(metavar="STORE", help="Folder or URL of a compressed recording.", show_default=False)
]
Key = Annotated[
    str | None,
    typer.Option(help="A place in the file, such as /data/movie or series=1; of other axes, such as P=0."),
]
Channel = Annotated[
    str | None, typer.Option(help="The name or the number of a single channel, from 0; by default all.")
]
Plane = Annotated[int | None, typer.Option(help="The number of a single plane, from 0; by default all.")]
Axes = Annotated[
    str | None,
    typer.Option(metavar="LETTERS", help="What the axes are, if the file does not say so: such as TCYX, TZYX or YXT."),
]
Channels = Annotated[
    int | None,
    typer.Option(metavar="N", help="How many channels take turns, image by image, in a file that does not say so."),
]
Planes = Annotated[
    int | None,
    typer.Option(metavar="N", help="How many planes take turns, image by image, in a file that does not say so."),
]
Salvage = Annotated[
    bool, typer.Option("--salvage", help="Leave out frames that are missing or damaged; by default an error.")
]
ArrayKey = Annotated[str | None, typer.Option("--key", help="Which array of a Zarr group.")]
Frames = Annotated[str | None, typer.Option(help="Which frames, START:STOP or START:STOP:STEP; by default all.")]
ZeroLevel = Annotated[float | None, typer.Option(help="ADU at zero photons; by default estimated.")]
ConversionGain = Annotated[float | None, typer.Option(help="ADU per photon; by default estimated.")]
ZeroLevels = Annotated[
    str | None,
    typer.Option("--zero-level", help="ADU at zero photons; one for each channel, such as 98,120; default: estimated."),
]
ConversionGains = Annotated[
    str | None,
    typer.Option("--conversion-gain", help="ADU per photon; one for each channel, such as 40,60; default: estimated."),
]
CodecBeta = Annotated[float | None, typer.Option("--beta", help="Noise standard deviations per code; by default 0.5.")]
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


def one_or_several(recording: list[str]) -> str | list[str]:
    """Return what the argument names, as `open_recording` takes it."""
    return recording[0] if len(recording) == 1 else recording


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


def parse_numbers(option: str, text: str | None) -> float | list[float | None] | None:
    """Return a number, or one for each channel, where None stands for what is left empty."""
    if text is None:
        return None
    try:
        numbers = [float(part) if part.strip() else None for part in text.split(",")]
    except ValueError as error:
        raise ValueError(f"{option} must be a number, or one for each channel, such as 40,60, not {text}") from error
    return numbers[0] if len(numbers) == 1 else numbers


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
            raise ValueError("--storage-option must be KEY=VALUE, such as anon=true: one has no =")
        try:
            options[name] = json_format.loads(value)
        except ValueError:
            options[name] = value
    return options


def with_options(text: str) -> str:
    """Return a message of the library with parameters written as options: ``predict=False`` as ``--no-predict``."""

    def assigned(found: re.Match[str]) -> str:
        name, value = found.groups()
        if value in ("True", "False"):
            return _option(name if value == "True" else f"no_{name}")
        return _option(name) + " " + value.strip("'")

    text = _SLICE.sub(lambda found: "--frames " + ":".join(found[1].replace("None", "").split(", ")), text)
    return _NAMED.sub(lambda found: _option(found[1]), _ASSIGNED.sub(assigned, text))


def _option(parameter: str) -> str:
    return "--storage-option" if parameter == "storage_options" else f"--{parameter.replace('_', '-')}"
