"""The command line."""

from __future__ import annotations

import json as json_format
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from anscombe_transform.demo import Demonstration, demonstrate
from anscombe_transform.estimate import estimate_parameters
from anscombe_transform.movies import open_movie
from anscombe_transform.plots import check_picture, save_photon_transfer_curve
from anscombe_transform.simulate import Detector, simulate_movie
from anscombe_transform.zarr_v3 import AnscombeTransformV3

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.callback()
def command() -> None:
    """Compress photon-limited movies in units of their noise."""


@app.command()
def demo(
    movie: Annotated[
        Path | None,
        typer.Option(exists=True, help="A movie (time, y, x), .npz, .npy or Zarr array, instead of a simulated one."),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Which array of an .npz file or a Zarr group.")] = None,
    zero_level: Annotated[float | None, typer.Option(help="ADU at zero photons; needed with --movie.")] = None,
    conversion_gain: Annotated[float | None, typer.Option(help="ADU per photon; needed with --movie.")] = None,
    beta: Annotated[float, typer.Option(help="Noise standard deviations per code.")] = 0.5,
    encoded_dtype: Annotated[str, typer.Option(help="dtype of the codes.")] = "uint8",
    output: Annotated[
        Path | None, typer.Option(help="A new folder in which to keep the arrays; by default they are thrown away.")
    ] = None,
) -> None:
    """Compress a movie into a Zarr array, read it back in a fresh process, and say what was saved and what was lost.

    The exit status is 0 if every value came back within the bound of the format, 1 if not, and 2 for wrong input.

    Example: anscombe-transform demo --movie recording.npz --zero-level 86 --conversion-gain 97 --encoded-dtype int8
    """
    with _one_line_for_errors():
        if movie is None:
            zero_level = 100.0 if zero_level is None else zero_level
            conversion_gain = 40.0 if conversion_gain is None else conversion_gain
        elif zero_level is None or conversion_gain is None:
            raise ValueError("--movie needs --zero-level and --conversion-gain")
        codec = AnscombeTransformV3(zero_level, conversion_gain, encoded_dtype, beta=beta)
        with _new_folder(output) as folder, _progress() as progress:
            if movie is None:
                task = progress.add_task("Simulating", total=None)
                frames = simulate_movie(detector=Detector(zero_level, conversion_gain))
                progress.remove_task(task)
            else:
                frames = np.asarray(open_movie(movie, key)[:])
            tasks: dict[str, TaskID] = {}

            def show(stage: str, done: int, total: int) -> None:
                if stage not in tasks:
                    tasks[stage] = progress.add_task(stage, total=total)
                progress.update(tasks[stage], completed=done)

            result = demonstrate(frames, codec, folder, show)
    _print(result, codec)
    if not result.errors.within_bound:
        raise typer.Exit(1)


@app.command()
def estimate(
    movie: Annotated[Path, typer.Argument(exists=True, help="A movie (time, y, x): .npz, .npy or Zarr array.")],
    key: Annotated[str | None, typer.Option(help="Which array of an .npz file or a Zarr group.")] = None,
    max_frames: Annotated[
        int | None, typer.Option(min=2, help="Read about so many frames, spread evenly; by default all.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with the photon transfer curve.")] = False,
    plot: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Draw the photon transfer curve to this file, such as .png.")
    ] = None,
) -> None:
    """Estimate the conversion gain and the zero level of the detector that recorded a movie.

    Example: anscombe-transform estimate recording.npz --plot curve.png
    """
    with _one_line_for_errors():
        if plot is not None:
            check_picture(plot)
        with _progress() as progress:
            task = progress.add_task("Reading", total=None)
            result = estimate_parameters(
                open_movie(movie, key),
                max_frames=max_frames,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        if plot is not None:
            save_photon_transfer_curve(result, plot)
    if json:
        print(json_format.dumps(result.to_dict(), indent=2))
    else:
        table = Table(show_header=False)
        for row in result.table():
            table.add_row(*row)
        console.print(table)


@contextmanager
def _one_line_for_errors() -> Iterator[None]:
    # When one chunk fails, Zarr abandons the tasks of the others, and asyncio would report each as the process ends.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        yield
    except (ValueError, TypeError, OSError, RuntimeError, ModuleNotFoundError) as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


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


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _print(result: Demonstration, codec: AnscombeTransformV3) -> None:
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
