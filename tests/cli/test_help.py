"""The help of the command line, and the examples in it, run as a user runs them."""

import re
import shlex
from pathlib import Path

import command
import numpy as np
import pytest
import tifffile
from command import succeeded

from anscombe_transform.simulate import Detector, Scene, simulate_movie

COMMANDS = ("compress", "decompress", "info", "verify", "estimate", "report", "demo")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that examples name."""
    folder = tmp_path_factory.mktemp("recordings")
    scene = Scene(background=(3, 15), cells=(10, 60))
    movie = simulate_movie((60, 64, 64), scene, Detector(zero_level=86, conversion_gain=97, read_noise=30))
    np.savez(folder / "recording.npz", movie=movie)
    tifffile.imwrite(folder / "recording.tif", movie, photometric="minisblack")
    return folder


@pytest.fixture(scope="module")
def helps(folder: Path) -> dict[str, str]:
    """Return what `--help` prints, by command."""
    results = command.run_all([[name, "--help"] for name in COMMANDS], folder)
    return {name: succeeded(result) for name, result in zip(COMMANDS, results, strict=True)}


@pytest.fixture(scope="module")
def examples(folder: Path, helps: dict[str, str]) -> dict[str, command.Result]:
    """Return what comes of the examples, of which compress is the first, since others need its output."""
    arguments = {name: example(name, text) for name, text in helps.items()}
    results = {"compress": command.run_from_a_shell(*arguments.pop("compress"), cwd=folder)}
    return results | {name: command.run(*line, cwd=folder) for name, line in arguments.items()}


def example(name: str, text: str) -> list[str]:
    (line,) = re.findall(rf"^ *Example: anscombe-transform ({name} .+?) *$", text, re.MULTILINE)
    return shlex.split(line)


def test_the_help_of_the_app_names_every_command_with_what_it_does(folder: Path) -> None:
    for arguments in (("--help",), ()):
        result = command.run(*arguments, cwd=folder)
        assert "Traceback" not in result.stdout + result.stderr
        assert arguments == () or (result.returncode, result.stderr) == (0, "")
        described = dict(re.findall(r"^│ (\w+) +(\S.*?) *│$", result.stdout + result.stderr, re.MULTILINE))
        assert tuple(described) == COMMANDS
        assert all(text.endswith(".") for text in described.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_and_option_has_a_help_text(helps: dict[str, str], name: str) -> None:
    lines = re.findall(r"^│[ *]+((?:--[a-z]|\w+ +[<A-Z]).*?) *│$", helps[name], re.MULTILINE)
    described = [re.split(r" {2,}", line, maxsplit=2) for line in lines]
    assert "--help" in [option for option, *_ in described]
    assert len(described) > 2
    for option, *_, text in described:
        assert re.fullmatch(r"--[a-z-]+|\w+", option)
        assert re.search(r" .*[.\]]$", text), option


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_each_command_works(
    folder: Path, examples: dict[str, command.Result], helps: dict[str, str], name: str
) -> None:
    assert succeeded(examples[name])
    for argument in example(name, helps[name])[1:]:
        if "." in argument:
            assert (folder / argument).exists()
