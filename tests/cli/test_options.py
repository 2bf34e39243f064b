"""Messages of the library as the command line shows them."""

import pytest

from anscombe_transform.cli.commands import app
from anscombe_transform.cli.options import with_options

OPTIONS = sorted(
    {
        parameter
        for command in app.registered_commands
        if command.callback is not None
        for parameter in command.callback.__annotations__
    }
    - {"return", "json", "movie", "output", "plot", "recording", "store", "storage_option"}
)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_of_a_command_is_named_as_such(name: str) -> None:
    """What the library calls ``zero_level=5``, the command line calls ``--zero-level 5``."""
    option = "--" + name.replace("_", "-")
    assert with_options(f"use {name}=True, or so") == f"use {option}, or so"
    assert with_options(f"use {name}='a,b': it helps") == f"use {option} a,b: it helps"
    assert with_options(f"({name}=5)") == f"({name}=5)"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("zero_level and conversion_gain belong together", "--zero-level and --conversion-gain belong together"),
        ("/data/zero_level.tif has 5 frames", "/data/zero_level.tif has 5 frames"),
        ("zero_level.tif has 5 frames", "zero_level.tif has 5 frames"),
        ("only a URL takes storage_options", "only a URL takes --storage-option"),
        ("the key to frames is a level head", "the key to frames is a level head"),
    ],
)
def test_words_and_paths_stay_as_they_are(message: str, shown: str) -> None:
    assert with_options(message) == shown
