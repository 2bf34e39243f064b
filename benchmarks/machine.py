"""What figures depend on: the processor, and the versions of software."""

import os
import platform
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.comparison import OURS, PEER
from benchmarks.session import Session
from benchmarks.tables import console
from benchmarks.work.versions import versions
from benchmarks.worker import WorkError


def machine(session: Session) -> dict[str, Any]:
    """Print and return the processor, and the versions that each package works with.

    Raises
    ------
    RuntimeError
        If one of the packages cannot be imported.
    """
    software = {}
    with session.packages() as packages:
        for name, prepare in packages.both(versions).items():
            try:
                software[name] = prepare()()
            except WorkError as error:
                raise RuntimeError(f"{name} does not work: {error}") from error
    found = {"processor": processor(), "processors": os.cpu_count(), "system": platform.system(), "software": software}
    console.print(f"{found['processor']}, {found['processors']} processors, {found['system']}")
    for name in (OURS, PEER):
        console.print(f"{name}: " + ", ".join(f"{package} {version}" for package, version in software[name].items()))
    console.print()
    return found


def processor() -> str:
    """Return the model."""
    with suppress(OSError):
        model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        if model:
            return model[1]
    return platform.processor() or platform.machine()
