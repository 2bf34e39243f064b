"""The package next to its release 1.0.0, plain Zarr and memcpy.

Both releases work in processes of their own, in turn. The tables have ratios of speeds: medians over the rounds, with
quartiles.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from anscombe_transform.estimate.plot import check_picture
from benchmarks import dtypes, kernels, memory, scaling, startup, zarr_arrays
from benchmarks.command import existing_folder, new_file, run
from benchmarks.comparison import Comparison
from benchmarks.figure import draw
from benchmarks.machine import machine
from benchmarks.peer import RELEASE, release_interpreter
from benchmarks.session import Session
from benchmarks.settings import Settings, quick
from benchmarks.targets import judge

SECTIONS: dict[str, tuple[Callable[[Session], list[Comparison]], ...]] = {
    "kernels": (kernels.measure, dtypes.measure),
    "zarr": (zarr_arrays.measure,),
    "startup": (startup.measure,),
    "memory": (memory.measure,),
    "scaling": (scaling.measure,),
}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"{', '.join(SECTIONS)}; by default all")
    parser.add_argument("--rounds", type=int, default=9, help="rounds over all contenders; %(default)s by default")
    parser.add_argument("--quick", action="store_true", help="small data: to see that all works, not how fast")
    parser.add_argument("--environment", type=Path, help=f"folder to keep an environment with {RELEASE} in")
    parser.add_argument("--folder", type=existing_folder, help="an existing folder on the disk to write arrays to")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=new_file, metavar="FILE", help="draw speeds there, as .png or .svg for example")
    arguments = parser.parse_args()
    arguments.sections = arguments.sections or list(SECTIONS)
    for section in arguments.sections:
        if section not in SECTIONS:
            parser.error(f"there is no section {section!r}: choose from {', '.join(SECTIONS)}")
    if arguments.rounds < 2:
        parser.error(f"--rounds is {arguments.rounds}, but quartiles need at least 2")
    if arguments.plot and not {"kernels", "zarr"} <= set(arguments.sections):
        parser.error("--plot needs the sections kernels and zarr")
    try:
        if arguments.plot:
            check_picture(arguments.plot)
    except (ValueError, ModuleNotFoundError) as error:
        parser.error(str(error))
    return arguments


def main() -> None:
    arguments = parse()
    settings = (quick if arguments.quick else Settings)(arguments.rounds)
    comparisons: dict[str, list[Comparison]] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = Path(temporary)
        release = release_interpreter(arguments.environment or folder / "environment")
        session = Session(settings, folder, Path(sys.executable), release)
        found = machine(session)
        for section in arguments.sections:
            comparisons[section] = [comparison for measure in SECTIONS[section] for comparison in measure(session)]
    by_name = {comparison.name: comparison for measured in comparisons.values() for comparison in measured}
    targets = [] if arguments.quick else judge(by_name)
    if arguments.json:
        sections = {
            section: {comparison.name: comparison.to_dict() for comparison in measured}
            for section, measured in comparisons.items()
        }
        run_as = {"machine": found, "rounds": settings.rounds, "quick": arguments.quick}
        whole = {**run_as, "sections": sections, "targets": targets}
        arguments.json.write_text(json.dumps(whole, indent=2) + "\n")
    if arguments.plot:
        draw(by_name, arguments.plot, note="quick run: not a measurement" if arguments.quick else "")


if __name__ == "__main__":
    run(main)
