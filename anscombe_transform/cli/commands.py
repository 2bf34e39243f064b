"""The command line."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from anscombe_transform.cli.console import console, one_line_for_errors, print_json, print_rows, progress_bar
from anscombe_transform.cli.demo import Demonstration, demonstrate
from anscombe_transform.cli.options import (
    ArrayKey,
    Beta,
    ConversionGain,
    EncodedDType,
    Frames,
    Json,
    Key,
    MovieArgument,
    Overwrite,
    Scheduler,
    StorageOptions,
    StoreArgument,
    ZeroLevel,
    parse_frames,
    parse_sizes,
    parse_storage_options,
)
from anscombe_transform.codecs.anscombe_zarr3 import AnscombeTransformV3
from anscombe_transform.estimate.estimation import estimate_parameters
from anscombe_transform.estimate.plot import check_picture, save_picture
from anscombe_transform.movies.movie import in_bytes
from anscombe_transform.movies.opening import open_movie
from anscombe_transform.recordings.compression import compress as compress_movie
from anscombe_transform.recordings.decompression import decompress as decompress_array
from anscombe_transform.recordings.description import describe
from anscombe_transform.report.report import make_report
from anscombe_transform.simulate import Detector, simulate_movie
from anscombe_transform.storage.layout import Compressor

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.callback()
def command() -> None:
    """Compress photon-limited movies in units of their noise."""


@app.command()
def compress(
    movie: MovieArgument,
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="A new folder, or a URL such as s3://bucket/movie.zarr.", show_default=False
        ),
    ],
    key: Key = None,
    frames: Frames = None,
    zero_level: ZeroLevel = None,
    conversion_gain: ConversionGain = None,
    beta: Beta = 0.5,
    encoded_dtype: EncodedDType = None,
    out_of_range: Annotated[
        str | None, typer.Option(help="clamp: store values that have no code as the nearest; by default an error.")
    ] = None,
    chunks: Annotated[
        str | None, typer.Option(help="Shape of a chunk, such as 10,512,512, or its frames; by default 4 Mi pixels.")
    ] = None,
    shards: Annotated[str | None, typer.Option(help="Shape of a shard, or its frames; by default none.")] = None,
    compressor: Annotated[str, typer.Option(help="zstd, blosc-zstd, blosc-lz4, gzip or none.")] = "zstd",
    level: Annotated[int | None, typer.Option(help="Level of the compressor; by default a fast one.")] = None,
    zarr_format: Annotated[int, typer.Option(help="3 or 2.")] = 3,
    ome: Annotated[bool, typer.Option("--ome", help="Make an OME-NGFF 0.5 image, with the array in 0.")] = False,
    overwrite: Overwrite = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the same command was interrupted.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, but predict the size.")] = False,
    storage_option: StorageOptions = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Compress a movie into a Zarr array, read back what was stored, and compare.

    The array cannot be opened until all of it is there: after an interruption, the same command with --resume goes on.

    Example: anscombe-transform compress recording.tif recording.zarr
    """
    with one_line_for_errors(), progress_bar() as show:
        result = compress_movie(
            movie,
            output,
            key=key,
            frames=parse_frames(frames),
            zero_level=zero_level,
            conversion_gain=conversion_gain,
            beta=beta,
            encoded_dtype=encoded_dtype,
            out_of_range=cast("Any", out_of_range),
            chunks=parse_sizes("--chunks", chunks),
            shards=parse_sizes("--shards", shards),
            compressor=cast("Compressor", compressor),
            level=level,
            zarr_format=cast("Any", zarr_format),
            ome=ome,
            overwrite=overwrite,
            resume=resume,
            dry_run=dry_run,
            storage_options=parse_storage_options(storage_option),
            scheduler=scheduler,
            progress=show,
        )
    if json:
        print_json(result.to_dict())
    else:
        print_rows(result.table())


@app.command()
def decompress(
    store: StoreArgument,
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="A file that ends with .tif, .ome.tif or .npy; or a folder or URL, for Zarr without the codec.",
            show_default=False,
        ),
    ],
    key: ArrayKey = None,
    frames: Frames = None,
    overwrite: Overwrite = False,
    storage_option: StorageOptions = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Write a compressed movie as other software reads it: TIFF, NumPy, or Zarr without the codec.

    Example: anscombe-transform decompress recording.zarr decompressed.tif
    """
    with one_line_for_errors(), progress_bar() as show:
        result = decompress_array(
            store,
            output,
            key=key,
            frames=parse_frames(frames),
            overwrite=overwrite,
            storage_options=parse_storage_options(storage_option),
            scheduler=scheduler,
            progress=lambda done, total: show("Decompressing", done, total),
        )
    if json:
        print_json(result.to_dict())
    else:
        print_rows(result.table())


@app.command()
def info(
    store: StoreArgument,
    key: ArrayKey = None,
    storage_option: StorageOptions = None,
    json: Json = False,
) -> None:
    """Print what a compressed array is: parameters, range, sizes, chunks, and how it was made.

    The exit status is 0, and 1 if the array is not finished.

    Example: anscombe-transform info recording.zarr
    """
    with one_line_for_errors():
        description = describe(store, key=key, storage_options=parse_storage_options(storage_option))
    if json:
        print_json(description.to_dict())
    else:
        print_rows(description.table())
    if not description.finished:
        raise typer.Exit(1)


@app.command()
def estimate(
    movie: MovieArgument,
    key: Key = None,
    frames: Frames = None,
    max_frames: Annotated[
        int | None, typer.Option(min=2, help="Read about so many frames, spread evenly; by default all.")
    ] = None,
    storage_option: StorageOptions = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with the photon transfer curve.")] = False,
    plot: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Draw the photon transfer curve to this file, such as .png.")
    ] = None,
) -> None:
    """Estimate the conversion gain and the zero level of the detector that recorded a movie.

    Example: anscombe-transform estimate recording.npz --plot curve.png
    """
    with one_line_for_errors(), progress_bar() as show:
        if plot is not None:
            check_picture(plot)
        source = open_movie(
            movie, key, frames=parse_frames(frames), storage_options=parse_storage_options(storage_option)
        )
        result = estimate_parameters(source, max_frames=max_frames, progress=partial(in_bytes(show, source), "Reading"))
        if plot is not None:
            save_picture(result.plot, plot)
    if json:
        print_json(result.to_dict())
    else:
        print_rows(result.table())


@app.command()
def report(
    movie: MovieArgument,
    output: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    key: Key = None,
    frames: Frames = None,
    zero_level: ZeroLevel = None,
    conversion_gain: ConversionGain = None,
    encoded_dtype: EncodedDType = None,
    storage_option: StorageOptions = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures of the page as JSON.")] = False,
) -> None:
    """Write a page about what compression saves and what it does to noise and traces, at four settings of beta.

    Example: anscombe-transform report recording.tif --output recording.html
    """
    with one_line_for_errors(), progress_bar() as show:
        source = open_movie(
            movie, key, frames=parse_frames(frames), storage_options=parse_storage_options(storage_option)
        )
        result = make_report(
            source,
            output,
            zero_level=zero_level,
            conversion_gain=conversion_gain,
            encoded_dtype=encoded_dtype,
            progress=in_bytes(show, source),
        )
    if json:
        print_json(result.to_dict())
    else:
        console.print(f"Written to {output}", soft_wrap=True)


@app.command()
def demo(
    movie: Annotated[
        str | None, typer.Option(help="A movie (time, y, x) as for compress, instead of a simulated one.")
    ] = None,
    key: Key = None,
    zero_level: Annotated[float | None, typer.Option(help="ADU at zero photons; needed with --movie.")] = None,
    conversion_gain: Annotated[float | None, typer.Option(help="ADU per photon; needed with --movie.")] = None,
    beta: Beta = 0.5,
    encoded_dtype: Annotated[str, typer.Option(help="dtype of the codes.")] = "uint8",
    output: Annotated[
        Path | None, typer.Option(help="A new folder in which to keep the arrays; by default they are thrown away.")
    ] = None,
) -> None:
    """Compress a movie into a Zarr array, read it back in a fresh process, and say what was saved and what was lost.

    The exit status is 0 if every value came back within the bound of the format, 1 if not, and 2 for wrong input.

    Example: anscombe-transform demo --movie recording.npz --zero-level 86 --conversion-gain 97 --encoded-dtype int8
    """
    with one_line_for_errors():
        if movie is None:
            zero_level = 100.0 if zero_level is None else zero_level
            conversion_gain = 40.0 if conversion_gain is None else conversion_gain
        elif zero_level is None or conversion_gain is None:
            raise ValueError("--movie needs --zero-level and --conversion-gain")
        codec = AnscombeTransformV3(zero_level, conversion_gain, encoded_dtype, beta=beta)
        with _new_folder(output) as folder, progress_bar() as show:
            if movie is None:
                frames = simulate_movie(detector=Detector(zero_level, conversion_gain))
            else:
                frames = open_movie(movie, key)[:]
            result = demonstrate(frames, codec, folder, in_bytes(show, frames))
    _print_demonstration(result, codec)
    if not result.errors.within_bound:
        raise typer.Exit(1)


@contextmanager
def _new_folder(path: Path | None) -> Iterator[Path]:
    if path is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        if path.exists():
            raise ValueError(f"{path} exists already: --output names a new folder")
        path.mkdir(parents=True)
        try:
            yield path
        except BaseException:
            shutil.rmtree(path)
            raise


def _print_demonstration(result: Demonstration, codec: AnscombeTransformV3) -> None:
    raw, errors = result.raw_size, result.errors
    sizes = Table("", "MB", "ratio", title=f"Size (Zstd, level 1; codes of {codec.encoded_dtype})")
    for name, size in (
        ("movie", raw),
        ("Zarr without the codec", result.compressed_size),
        ("Zarr with the codec", result.anscombe_size),
    ):
        sizes.add_row(name, f"{size / 1e6:.2f}", f"{raw / size:.2f}")
    losses = Table("", "largest", "mean", title="Error of what was read back")
    losses.add_row("ADU", f"{errors.largest_adu:.2f}", f"{errors.mean_adu:.3f}")
    losses.add_row("noise standard deviations", f"{errors.largest_noise:.3f}", f"{errors.mean_noise:.4f}")
    losses.add_row("photons", f"{errors.largest_photons:.3f}", f"{errors.mean_photons:.4f}")
    speed = Table("", "MB/s", title="Speed")
    speed.add_row("movie written with the codec", f"{raw / result.write_time / 1e6:.0f}")
    speed.add_row("movie read in a fresh process", f"{raw / result.read_time / 1e6:.0f}")
    for table in (sizes, losses, speed):
        for column in table.columns[1:]:
            column.justify = "right"
        console.print(table)
    if errors.within_bound:
        console.print("Every value came back within the bound of the format.")
    else:
        console.print("[bold red]Some values came back further off than the format allows.[/]")
