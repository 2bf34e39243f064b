"""The command `anscombe-transform`, run as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).with_name("anscombe-transform")


def run(
    *arguments: str | Path, cwd: Path, encoding: str = "utf-8", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Return what comes of the command in the folder `cwd`, with these environment variables."""
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONIOENCODING": encoding} | variables
    return subprocess.run([COMMAND, *arguments], cwd=cwd, env=environment, capture_output=True, encoding=encoding)
