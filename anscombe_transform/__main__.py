"""The command `anscombe-transform`; where its extra is not installed, it says how to install it."""

import os
import sys
from typing import Any


def main() -> None:
    """Run the command line."""
    try:
        from anscombe_transform.cli.commands import app
        from anscombe_transform.cli.console import print_unforeseen, use_any_console
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        print("The command line needs more packages: pip install 'anscombe-transform[cli]'", file=sys.stderr)
        sys.exit(2)
    use_any_console()
    status: Any = 0
    try:
        try:
            app()
        except SystemExit as end:
            status = end.code
        _flush()
    except OSError as error:  # of a full disk, for example; all others have been told by the command
        print(f"Error: what the command printed cannot be written: {error}", file=sys.stderr)
        status = 2
    except Exception as error:
        print_unforeseen(error)
        status = 2
    if status:
        # After an error, Zarr leaves tasks behind, and Python would report the end of each in several lines.
        os._exit(status if isinstance(status, int) else 1)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


if __name__ == "__main__":
    main()
