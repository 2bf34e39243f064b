"""The largest resident memory of this process."""

import contextlib
import mmap
import os
import re
import resource
import sys
from pathlib import Path


def reset_peak_memory() -> None:
    """Have the peak begin anew, where there is such a thing."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """Return the largest resident memory so far, in bytes; since the last reset, where there is such a thing."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        if found:
            return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def resolution() -> int:
    """Return by how many bytes the peak can be too small: Linux counts pages in batches, for each processor."""
    processors = os.cpu_count() or 1
    return max(32, 2 * processors) * processors * mmap.PAGESIZE
