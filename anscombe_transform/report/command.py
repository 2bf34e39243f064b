"""The command that compresses a movie as a report found, to paste into a shell or into Python."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from anscombe_transform.transform.parameters import EncodedDType, Transform

_ENDINGS = re.compile(r"(\.ome)?\.(tiff?|btf|tf8|npy|npz|h5|hdf5|nwb|mat|zarr|zip)$", re.IGNORECASE)
"""Endings of names of files that the name of an array does not have."""


@dataclass(frozen=True)
class Words:
    """What a user types after ``anscombe-transform compress`` to name a movie.

    Attributes
    ----------
    inputs : sequence of str
        Files, folder or URL.
    options : sequence of str
        Options that choose a part of it, or say what it is.
    channel : str
        What to add to the name of the array, if the recording has several channels.
    """

    inputs: Sequence[str]
    options: Sequence[str] = ()
    channel: str = ""


def compress_command(words: Words, name: str, transform: Transform, encoded_dtype: EncodedDType | None) -> str:
    """Return a line for a shell that compresses a movie with these parameters into the folder it runs in.

    Parameters
    ----------
    words : Words
        What names the movie.
    name : str
        Name of the movie, from which the name of the array is made.
    transform : Transform
        The parameters and beta.
    encoded_dtype : str or None
        The dtype of the codes, if it was asked for.
    """
    output = f"{_stem(name)}_{words.channel}.zarr" if words.channel else array_name(name)
    line = ["anscombe-transform", "compress", *map(_as_path, words.inputs), _as_path(output), *words.options]
    for option, value in _parameters(transform, encoded_dtype):
        line += [f"--{option.replace('_', '-')}", value]
    return shlex.join(line)


def compress_call(name: str | None, transform: Transform, encoded_dtype: EncodedDType | None) -> str:
    """Return lines of Python that compress the array `movie` with these parameters."""
    output = array_name(name or "")
    options = [
        f"{option}={value!r}" if option == "encoded_dtype" else f"{option}={value}"
        for option, value in _parameters(transform, encoded_dtype)
    ]
    return f"from anscombe_transform import compress\n\ncompress(movie, {output!r}, {', '.join(options)})"


def array_name(name: str) -> str:
    """Return the name of the array for a movie of this name: another one, made of its last part if it is a path."""
    return f"{_stem(name)}{'_compressed' * name.rstrip('/').endswith('.zarr')}.zarr"


def _stem(name: str) -> str:
    return _ENDINGS.sub("", name.rstrip("/").rpartition("/")[2]) or "movie"


def _parameters(transform: Transform, encoded_dtype: EncodedDType | None) -> list[tuple[str, str]]:
    """Return names and values of parameters; six digits are far below the error of any estimate."""
    rows = [
        ("zero_level", f"{transform.zero_level:.6g}"),
        ("conversion_gain", f"{transform.conversion_gain:.6g}"),
        ("beta", f"{transform.beta:g}"),
    ]
    return rows if encoded_dtype is None else [*rows, ("encoded_dtype", encoded_dtype)]


def _as_path(text: str) -> str:
    """Return a path that no command takes for an option."""
    return f"./{text}" if text.startswith("-") else text
