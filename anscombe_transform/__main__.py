"""The command `anscombe-transform`, where the extra that it needs is installed; otherwise a word on how to get it."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from anscombe_transform.cli import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        print("The command line needs more packages: pip install 'anscombe-transform[cli]'", file=sys.stderr)
        sys.exit(2)
    app()


if __name__ == "__main__":
    main()
