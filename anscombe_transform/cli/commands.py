"""The command line."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from anscombe_transform._typing import StageProgress
from anscombe_transform.cli.compress_words import words_of
from anscombe_transform.cli.console import (
    console,
    one_line_for_errors,
    print_json,
    print_line,
    print_rows,
    progress_bar,
    show_tracebacks,
)
from anscombe_transform.cli.demo import Demonstration, demonstrate
from anscombe_transform.cli.options import (
    ArrayKey,
    Axes,
    Beta,
    Channel,
    Channels,
    CodecBeta,
    ConversionGain,
    ConversionGains,
    EncodedDType,
    Frames,
    Json,
    Key,
    Overwrite,
    Plane,
    Planes,
    RecordingArgument,
    Salvage,
    Scheduler,
    StorageOptions,
    StoreArgument,
    ZeroLevel,
    ZeroLevels,
    one_or_several,
    parse_frames,
    parse_numbers,
    parse_sizes,
    parse_storage_options,
)
from anscombe_transform.codecs.anscombe_zarr3 import AnscombeTransformV3
from anscombe_transform.estimate.estimation import estimate_parameters
from anscombe_transform.estimate.plot import check_picture, save_picture
from anscombe_transform.movies.movie import in_bytes
from anscombe_transform.movies.opening import open_movie, open_recording, without_damaged_frames
from anscombe_transform.movies.recording import Recording
from anscombe_transform.recordings.channels import array_names
from anscombe_transform.recordings.compression import compress as compress_recording
from anscombe_transform.recordings.decompression import decompress as decompress_array
from anscombe_transform.recordings.description import describe, describe_recording
from anscombe_transform.recordings.verification import verify as verify_recording
from anscombe_transform.report.report import write_report
from anscombe_transform.simulate import Detector, simulate_movie
from anscombe_transform.storage.layout import Compressor
from anscombe_transform.storage.location import Location, options_for
from anscombe_transform.storage.overwriting import check_apart

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"anscombe-transform {version_of('anscombe-transform')}")
        raise typer.Exit()


@app.callback()
def command(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="After an error, print also where it was raised.")] = False,
) -> None:
    """Compress photon-limited movies in units of their noise."""
    show_tracebacks(debug)


@app.command()
def compress(
    recording: RecordingArgument,
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="A new folder, or a URL such as s3://bucket/movie.zarr.", show_default=False
        ),
    ],
    key: Key = None,
    channel: Channel = None,
    plane: Plane = None,
    frames: Frames = None,
    axes: Axes = None,
    channels: Channels = None,
    planes: Planes = None,
    salvage: Salvage = False,
    zero_level: ZeroLevels = None,
    conversion_gain: ConversionGains = None,
    beta: CodecBeta = None,
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
    predict: Annotated[
        bool | None,
        typer.Option(help="Predict codes from earlier frames and rows; by default where that saves 2 % or more."),
    ] = None,
    zarr_format: Annotated[int, typer.Option(help="3 or 2.")] = 3,
    ome: Annotated[bool, typer.Option("--ome", help="Make an OME-NGFF 0.5 image, with the array in 0.")] = False,
    overwrite: Overwrite = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the same command was interrupted.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, but estimate the size.")] = False,
    storage_option: StorageOptions = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Compress a recording into Zarr arrays, read back what was stored, and compare.

    A single channel and plane becomes an array, and a recording with several a group of an array for each channel.
    Nothing can be opened until all of it is there: after an interruption, the same command with --resume goes on.

    Example: anscombe-transform compress recording.tif recording.zarr
    """
    with one_line_for_errors(), progress_bar() as show:
        options = parse_storage_options(storage_option)
        of_recording = options_for(one_or_several(recording), options)
        source = _opened(
            recording,
            options,
            show,
            key=key,
            channel=channel,
            plane=plane,
            frames=frames,
            axes=axes,
            channels=channels,
            planes=planes,
            salvage=salvage,
        )
        if not json:
            print_rows(source.table())
        result = compress_recording(
            source,
            output,
            zero_level=parse_numbers("--zero-level", zero_level),
            conversion_gain=parse_numbers("--conversion-gain", conversion_gain),
            beta=beta,
            encoded_dtype=encoded_dtype,
            out_of_range=cast("Any", out_of_range),
            chunks=parse_sizes("--chunks", chunks),
            shards=parse_sizes("--shards", shards),
            compressor=cast("Compressor", compressor),
            level=level,
            predict=predict,
            zarr_format=cast("Any", zarr_format),
            ome=ome,
            overwrite=overwrite,
            resume=resume,
            dry_run=dry_run,
            storage_options=options if of_recording is None else options_for(output, options),
            scheduler=scheduler,
            progress=show,
        )
    if json:
        print_json(result.to_dict())
    else:
        print_rows(result.table())


def _opened(
    texts: list[str],
    options: dict[str, Any] | None,
    show: StageProgress,
    *,
    frames: str | None,
    salvage: bool,
    **choice: Any,
) -> Recording:
    """Return a recording; with `salvage`, without the frames that are damaged."""
    given = one_or_several(texts)
    opened = open_recording(
        given, frames=parse_frames(frames), salvage=salvage, storage_options=options_for(given, options), **choice
    )
    return without_damaged_frames(opened, partial(show, "Checking")) if salvage else opened


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
    channel: Channel = None,
    plane: Plane = None,
    frames: Frames = None,
    overwrite: Overwrite = False,
    storage_option: StorageOptions = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Write a compressed recording as other software reads it: TIFF, NumPy, or Zarr without the codec.

    Example: anscombe-transform decompress recording.zarr decompressed.tif
    """
    with one_line_for_errors(), progress_bar() as show:
        result = decompress_array(
            store,
            output,
            key=key,
            channel=channel,
            plane=plane,
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
    """Print what a compressed recording is: parameters, range, sizes, chunks, and how it was made.

    The exit status is 0, and 1 if it is not finished, or lacks chunks.

    Example: anscombe-transform info recording.zarr
    """
    with one_line_for_errors():
        options = parse_storage_options(storage_option)
        if key is None:
            descriptions = describe_recording(store, storage_options=options)
        else:
            descriptions = (describe(store, key=key, storage_options=options),)
    if json:
        print_json(_each([description.to_dict() for description in descriptions]))
    else:
        for description in descriptions:
            print_rows(description.table(), title=description.channel if len(descriptions) > 1 else None)
    if not all(description.is_whole for description in descriptions):
        raise typer.Exit(1)


@app.command()
def verify(
    store: StoreArgument,
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="RECORDING", help="What was compressed: each value has to be within the bound."),
    ] = None,
    key: ArrayKey = None,
    against_key: Annotated[str | None, typer.Option(help="A place in RECORDING, as --key of compress.")] = None,
    channel: Channel = None,
    plane: Plane = None,
    frames: Frames = None,
    axes: Axes = None,
    channels: Channels = None,
    planes: Planes = None,
    salvage: Salvage = False,
    storage_option: StorageOptions = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Read all of a compressed recording, and tell which chunks are missing, damaged, or not as they were written.

    With --against, also compare it with the recording: select the channel, plane and frames as for compress. The exit
    status is 0 if all is whole, and 1 if something is damaged.

    Example: anscombe-transform verify recording.zarr --against recording.tif
    """
    with one_line_for_errors(), progress_bar() as show:
        options = parse_storage_options(storage_option)
        movie = None
        if against:
            movie = _opened(
                against,
                options,
                show,
                key=against_key,
                channel=channel,
                plane=plane,
                frames=frames,
                axes=axes,
                channels=channels,
                planes=planes,
                salvage=salvage,
            )
        elif any(value is not None for value in (against_key, channel, plane, frames, axes, channels, planes)):
            raise ValueError("what is chosen of a recording needs the recording: give --against, too")
        result = verify_recording(
            store,
            key=key,
            against=movie,
            storage_options=options_for(store, options) if against else options,
            scheduler=scheduler,
            progress=show,
        )
    if json:
        print_json(result.to_dict())
    else:
        print_rows(result.table())
        if not result.is_whole:
            print_rows(result.damage_table(), title="Damaged")
    if not result.is_whole:
        raise typer.Exit(1)


def _each(values: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what is printed as JSON of one channel, or of several."""
    return values[0] if len(values) == 1 else {"channels": values}


@app.command()
def estimate(
    recording: RecordingArgument,
    key: Key = None,
    channel: Channel = None,
    plane: Plane = None,
    frames: Frames = None,
    axes: Axes = None,
    channels: Channels = None,
    planes: Planes = None,
    max_frames: Annotated[
        int | None, typer.Option(min=2, help="Read about so many frames, spread evenly; by default all.")
    ] = None,
    storage_option: StorageOptions = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with the photon transfer curve.")] = False,
    plot: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Draw the photon transfer curve to this file, such as .png.")
    ] = None,
) -> None:
    """Estimate the conversion gain and the zero level of the detector that recorded a movie; of each channel.

    Frames of which something is missing are left out.

    Example: anscombe-transform estimate recording.npz --plot curve.png
    """
    with one_line_for_errors(), progress_bar() as show:
        if plot is not None:
            check_picture(plot)
        source = open_recording(
            one_or_several(recording),
            key,
            channel=channel,
            plane=plane,
            frames=parse_frames(frames),
            axes=axes,
            channels=channels,
            planes=planes,
            salvage=True,
            storage_options=parse_storage_options(storage_option),
        )
        if plot is not None:
            for name in source.channels:
                check_apart(Location.parse(_for_channel(plot, name, source)), source[0])
        results = {}
        for name, movie in zip(source.channels, source, strict=True):
            with _naming(name, source):
                results[name] = estimate_parameters(
                    movie, max_frames=max_frames, progress=partial(in_bytes(show, movie), f"Reading{_of(name, source)}")
                )
                if plot is not None:
                    save_picture(results[name].plot, _for_channel(plot, name, source))
    if json:
        print_json(_each([_named(result.to_dict(), name, source) for name, result in results.items()]))
        return
    if len(source) > 1 or source.planes > 1 or source.notes:
        print_rows(source.table())
    for name, result in results.items():
        print_rows(result.table(), title=name if len(source) > 1 else None)


def _named(values: dict[str, Any], name: str, recording: Recording) -> dict[str, Any]:
    """Return what is known of a channel, with its name if there are several."""
    return {"name": name} | values if len(recording) > 1 else values


def _of(name: str, recording: Recording) -> str:
    """Return " NAME" if a recording has several channels."""
    return f" {name}" if len(recording) > 1 else ""


@contextmanager
def _naming(name: str, recording: Recording) -> Iterator[None]:
    """Let errors name the channel that they are about, if there are several."""
    try:
        yield
    except ValueError as error:
        if len(recording) == 1:
            raise
        others = f"choose another channel, such as channel={next(c for c in recording.channels if c != name)!r}"
        raise type(error)(f"{name}: {error}; or {others}") from error


def _for_channel(path: Path, name: str, recording: Recording) -> Path:
    """Return the path of a file that there is for each channel."""
    if len(recording) == 1:
        return path
    return path.with_stem(f"{path.stem}_{array_names(recording.channels)[recording.channels.index(name)]}")


@app.command()
def report(
    recording: RecordingArgument,
    output: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    key: Key = None,
    channel: Channel = None,
    plane: Plane = None,
    frames: Frames = None,
    axes: Axes = None,
    channels: Channels = None,
    planes: Planes = None,
    zero_level: ZeroLevel = None,
    conversion_gain: ConversionGain = None,
    encoded_dtype: EncodedDType = None,
    overwrite: Overwrite = False,
    storage_option: StorageOptions = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures of the page as JSON.")] = False,
) -> None:
    """Write a page about what compression saves and what it does to noise and traces, at four settings of beta.

    It says whether the recording is fit for compression, and has the command that compresses it. Of several channels,
    each has its own page, and planes are shown below each other. Frames of which something is missing are left out.

    Example: anscombe-transform report recording.tif --output recording.html
    """
    with one_line_for_errors(), progress_bar() as show:
        source = open_recording(
            one_or_several(recording),
            key,
            channel=channel,
            plane=plane,
            frames=parse_frames(frames),
            axes=axes,
            channels=channels,
            planes=planes,
            salvage=True,
            storage_options=parse_storage_options(storage_option),
        )
        if not json:
            print_rows(source.table())
        pages = {}
        for name, movie in zip(source.channels, source, strict=True):
            with _naming(name, source):
                pages[_for_channel(output, name, source)] = write_report(
                    movie,
                    _for_channel(output, name, source),
                    words_of(
                        recording,
                        source,
                        storage_option,
                        key=key,
                        channel=name if len(source) > 1 else channel,
                        plane=plane,
                        frames=frames,
                        axes=axes,
                        channels=channels,
                        planes=planes,
                    ),
                    zero_level=zero_level,
                    conversion_gain=conversion_gain,
                    encoded_dtype=encoded_dtype,
                    overwrite=overwrite,
                    progress=in_bytes(show, movie),
                )
    if json:
        print_json(_each([page.to_dict() for page in pages.values()]))
    else:
        for path in pages:
            print_line(f"Written to {path}")


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
        ("the same, and prediction", result.predicted_size),
    ):
        if size is None:
            continue
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
