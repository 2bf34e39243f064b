"""What the command line prints on consoles of any encoding, in files and in pipes, and who may stop to read it."""

import errno
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import command
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from processes import TIMEOUT
from rich.cells import cell_len

from anscombe_transform import compress
from anscombe_transform.cli.commands import app
from anscombe_transform.cli.console import console, print_line, print_rows, use_any_console
from anscombe_transform.recordings.description import describe

Printed = tuple[int, str, str]

ENCODINGS = ("utf-8", "utf-16", "ascii", "latin-1", "cp1252", "cp932", "gbk", "cp949")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a movie and compressed arrays, all with names that few encodings hold."""
    folder = tmp_path_factory.mktemp("mäuse")
    photons = np.random.default_rng(0).poisson(np.linspace(2, 60, 32), (40, 24, 32))
    movie = (100 + 40 * photons).astype("uint16")
    metadata = {"axes": "TYX", "unit": "um", "finterval": 0.033}
    path = folder / "mäus [b]μ.tif"
    tifffile.imwrite(path, movie, imagej=True, metadata=metadata, resolution=(1 / 1.2, 1 / 1.2))
    compress(path, folder / "mäus_μ.zarr", zero_level=100, conversion_gain=40)
    command.leave_unfinished(folder / "unfinished.zarr")
    return folder


@pytest.fixture(autouse=True)
def width_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other tests have the console as it was."""
    monkeypatch.setattr(console, "width", console.width)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Printed]:
    """Return a function that calls another one, or the command, with standard streams of an encoding."""

    def call(*what: Any, encoding: str) -> Printed:
        files = io.BytesIO(), io.BytesIO()
        status = 0
        with monkeypatch.context() as patch:
            for name, file in zip(("stdout", "stderr"), files, strict=True):
                patch.setattr(sys, name, io.TextIOWrapper(file, encoding))
            use_any_console()
            try:
                what[0]() if callable(what[0]) else app([str(word) for word in what])
            except SystemExit as end:
                status = int(end.code or 0)
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            stdout, stderr = (file.getvalue().decode(encoding) for file in files)
        return status, stdout, stderr

    return call


def cells(text: str) -> dict[str, str]:
    """Return the names and values of a table that is drawn in any characters."""
    return dict(re.findall(r"^[|│] (.+?) +[|│] (.+?) *[|│]$", text, re.MULTILINE))


def in_encoding(text: str, encoding: str) -> str:
    """Return a text of this test as an encoding can show it."""
    for sign, substitute in {"±": "+/-", "µ": "u", "μ": r"\u03bc", "ä": r"\xe4"}.items():
        try:
            sign.encode(encoding)
        except UnicodeEncodeError:
            text = text.replace(sign, substitute)
    return text


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tables_have_a_substitute_for_what_the_encoding_lacks(
    folder: Path, printed: Callable[..., Printed], encoding: str, tmp_path: Path
) -> None:
    status, text, _ = printed("info", folder / "mäus_μ.zarr", encoding=encoding)
    values = cells(text)
    assert status == 0
    assert values["Array"] == in_encoding(f"{folder}/mäus_μ.zarr, Zarr format 3", encoding)
    assert values["Pixel"] == in_encoding("1.2 by 1.2 µm", encoding)
    assert values["From"] == in_encoding("mäus [b]μ.tif", encoding)
    status, text, _ = printed("estimate", folder / "mäus [b]μ.tif", encoding=encoding)
    assert status == 0
    assert re.fullmatch(r"\S+ (±|\+/-) \S+ ADU", cells(text)["Zero level"])
    assert ("±" in text) == (in_encoding("±", encoding) == "±")
    status, text, _ = printed("compress", folder / "mäus [b]μ.tif", tmp_path / "ä[b].zarr", encoding=encoding)
    assert status == 0
    assert cells(text)["Written to"] == in_encoding(f"{tmp_path}/ä[b].zarr", encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_is_exact_in_every_encoding(folder: Path, printed: Callable[..., Printed], encoding: str) -> None:
    status, text, _ = printed("info", folder / "mäus_μ.zarr", "--json", encoding=encoding)
    assert status == 0
    assert text.isascii()
    assert json.loads(text) == command.as_json(describe(folder / "mäus_μ.zarr").to_dict())


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["estimate", "ä_μ.tif"], 2, "ä_μ.tif does not exist"),
        (["ä_μ"], 2, "No such command 'ä_μ'."),
        (["info", "--ä"], 2, "--ä"),
        (["--help"], 0, ""),
        (["compress", "--help"], 0, ""),
    ],
)
def test_errors_and_help_are_printed_in_every_encoding(
    printed: Callable[..., Printed], encoding: str, arguments: list[str], status: int, message: str
) -> None:
    returned, stdout, stderr = printed(*arguments, encoding=encoding)
    assert returned == status
    assert in_encoding(message, encoding) in stderr
    assert ("Usage:" in stdout) == ("--help" in arguments)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(), min_size=1, max_size=300),
    title=st.none() | st.text(st.characters(), min_size=1),
    encoding=st.sampled_from(ENCODINGS),
)
@example("\N{EMOJI MODIFIER FITZPATRICK TYPE-1-2}", None, "utf-8")
@example("\N{CENT SIGN}", None, "cp932")
def test_any_text_is_printed_whole_on_one_line(
    printed: Callable[..., Printed], text: str, title: str | None, encoding: str
) -> None:
    """Also control characters, separators of lines and lone surrogates; as it is where the encoding allows.

    Rich leaves out what has no width, such as an accent without a letter.
    """

    def say() -> None:
        print_line(text)
        print_rows([("Name", text)], title)

    _, output, _ = printed(say, encoding=encoding)
    line, *titles, _, row, _ = output.splitlines()
    assert len(titles) == (title is not None)
    assert row[2:].startswith("Name ")
    if cell_len(line):
        assert row[9:-2].strip() == line.strip()
    try:
        written = text.encode(encoding).decode(encoding)
    except UnicodeEncodeError:
        assert "\\" in line or "+/-" in line or re.search("[ux^.]", line)
    else:
        if text.isprintable() and cell_len(text):
            assert line == written


VISIBLE = st.characters(codec="utf-8", categories=["L", "N", "P"]).filter(cell_len)
"""Characters that take room by themselves, as parts of Korean syllables do not."""


@given(path=st.text(VISIBLE, min_size=1, max_size=200))
@example(path="max_frames")
@example(path="zero_level.tif")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_narrow_terminal_breaks_long_values_and_cuts_none(printed: Callable[..., Printed], path: str) -> None:
    def say() -> None:
        console.width = 40
        print_rows([("Name", path)])

    _, output, _ = printed(say, encoding="utf-8")
    lines = re.findall(r"^│ (?:Name|    ) │ (.*?) *│$", output, re.MULTILINE)
    assert "".join(lines) == path


@pytest.mark.parametrize("fault", [errno.EPIPE, errno.EIO])
def test_work_goes_on_when_nobody_reads_any_more(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    """Neither the progress bar nor the table can be written to a terminal that was closed meanwhile."""

    class Closed(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def isatty(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            raise OSError(fault, os.strerror(fault))

    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(Closed()), "utf-8"))
    use_any_console()
    with pytest.raises(SystemExit) as end:
        app(["compress", str(folder / "mäus [b]μ.tif"), str(tmp_path / "movie.zarr")])
    assert end.value.code == 0
    assert describe(tmp_path / "movie.zarr").finished


def test_a_reader_that_is_slow_gets_everything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a pipe does not wait for its reader, it takes nothing, and a few bytes when it is asked again."""
    received = bytearray()
    calls = 0

    class Slow(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int | None:
            nonlocal calls
            calls += 1
            if calls % 2:
                return None
            received.extend(data[:1000])
            return len(data[:1000])

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(Slow()), "utf-8"))
    use_any_console()
    with pytest.raises(SystemExit):
        app(["info", str(folder / "mäus_μ.zarr"), "--json"])
    sys.stdout.flush()
    assert json.loads(received) == command.as_json(describe(folder / "mäus_μ.zarr").to_dict())


def run_in_shell(folder: Path, lines: Iterable[str], **streams: Any) -> list[subprocess.CompletedProcess[str]]:
    """Return what comes of lines of a shell in which `$C` is the command; two run at a time."""

    def run_line(line: str) -> subprocess.CompletedProcess[str]:
        variables = command.variables_of({"C": str(command.COMMAND)})
        options: dict[str, Any] = {"stderr": subprocess.PIPE, "encoding": "utf-8", "timeout": TIMEOUT}
        return subprocess.run(["sh", "-c", line], cwd=folder, env=variables, **options, **streams)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run_line, lines))


@pytest.mark.skipif(os.name != "posix", reason="needs a shell of Unix")
def test_the_status_is_that_of_the_work_if_a_reader_leaves_or_a_stream_is_closed(folder: Path) -> None:
    statuses = {
        '"$C" --help': 0,
        '"$C" info mäus_μ.zarr --json 2>&1': 0,
        '"$C" info unfinished.zarr': 1,
        '"$C" info absent.zarr 2>&1': 2,
        '"$C" info mäus_μ.zarr >&-': 0,
        '"$C" info absent.zarr >&- 2>&-': 2,
    }
    reading, writing = os.pipe()
    os.close(reading)
    try:
        results = run_in_shell(folder, statuses, stdout=writing)
    finally:
        os.close(writing)
    assert {line: result.returncode for line, result in zip(statuses, results, strict=True)} == statuses
    assert {result.stderr for result in results} == {""}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_gets_one_line_and_status_2(folder: Path) -> None:
    for result in run_in_shell(folder, ['"$C" --help >/dev/full', '"$C" info mäus_μ.zarr --json >/dev/full']):
        (line,) = result.stderr.splitlines()
        assert re.match("Error: .*No space left", line)
        assert result.returncode == 2


def test_the_encoding_of_the_environment_is_used(folder: Path) -> None:
    movie = ["--movie", "mäus [b]μ.tif", "--zero-level", "100", "--conversion-gain", "40"]
    commands = {"cp932": ["info", "mäus_μ.zarr"], "utf-16": ["demo", *movie], "ascii": ["--version"]}

    def run(encoding: str) -> str:
        return command.succeeded(command.run_from_a_shell(*commands[encoding], cwd=folder, encoding=encoding))

    with ThreadPoolExecutor(2) as pool:
        info, demo, shown = pool.map(run, commands)
    assert cells(info)["Pixel"] == "1.2 by 1.2 um"
    assert cells(info)["From"] == r"m\xe4us [b]μ.tif"
    assert "within the bound" in demo
    assert shown == f"anscombe-transform {version('anscombe-transform')}\n"
