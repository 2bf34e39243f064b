"""What the commands of the benchmarks share."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def run(main: Callable[[], None]) -> None:
    """Run a command, and end it with one line where it is interrupted or something is missing."""
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Interrupted.")
    except (RuntimeError, OSError) as error:
        sys.exit(f"Error: {error}")


def existing_folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return path


def new_file(text: str) -> Path:
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent}")
    return path
