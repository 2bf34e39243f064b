"""The command `anscombe-transform`; where its extra is not installed, it says how to install it."""

import os
import sys


def main() -> None:
    """Run the command line."""
    try:
        from anscombe_transform.cli.commands import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        print("The command line needs more packages: pip install 'anscombe-transform[cli]'", file=sys.stderr)
        sys.exit(2)
    try:
        app()
    except SystemExit as end:
        if end.code == 0:
            raise
        # After an error, Zarr leaves tasks behind, and Python would report the end of each in several lines.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)


if __name__ == "__main__":
    main()
