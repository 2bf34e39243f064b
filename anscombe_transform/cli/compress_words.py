"""How the command `compress` is told what another command was given."""

from __future__ import annotations

import re
from collections.abc import Sequence

from anscombe_transform._formatting import without_secrets
from anscombe_transform.movies.opening import LACKING
from anscombe_transform.movies.recording import Recording
from anscombe_transform.recordings.channels import array_names
from anscombe_transform.report.command import Words

_NO_SECRET = re.compile(r"[^=]*=(true|false)")
"""Options of a protocol that may be seen by all to whom a page is sent."""


def words_of(
    inputs: Sequence[str],
    recording: Recording,
    storage_options: Sequence[str] | None,
    *,
    channel: str | None,
    **choice: str | int | None,
) -> Words:
    """Return the words that name a recording, or a channel of it, with dots in place of what may be secret.

    Parameters
    ----------
    inputs : sequence of str
        As they were typed.
    recording : Recording
        What they name, without the frames that are missing.
    storage_options : sequence of str, optional
        As they were typed.
    channel : str or None
        The channel, if it was chosen or there are several.
    **choice : str, int or None
        Values of the other options by their names.
    """
    options = []
    for option, value in (choice | {"channel": channel}).items():
        if value is not None:
            options += [f"--{option}", str(value)]
    if any(LACKING in note for note in recording.notes):
        options.append("--salvage")
    for text in storage_options or ():
        options += ["--storage-option", text if _NO_SECRET.fullmatch(text) else f"{text.partition('=')[0]}=..."]
    several = len(recording) > 1
    name = array_names(recording.channels)[recording.channels.index(channel)] if several and channel else ""
    return Words([without_secrets(text) for text in inputs], options, name)
