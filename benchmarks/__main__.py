"""The package next to its release 1.0.0, plain Zarr and memcpy.

Both releases work in processes of their own, in turn. The tables have ratios of speeds: medians over the rounds, with
quartiles.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from anscombe_transform._kernels.dispatch import INSTRUCTION_SETS
from anscombe_transform.estimate.plot import check_picture
from benchmarks import compress, compressors, cores, estimate, kernels, overhead, prediction, zarr_arrays
from benchmarks.measuring import QUICK, RELEASE, Comparison, Settings
from benchmarks.releases import Session, release_interpreter
from benchmarks.results import begin_column, draw, figures, judge

SECTIONS = {
    "kernels": kernels.measure,
    "zarr": zarr_arrays.measure,
    "cores": cores.measure,
    "startup": overhead.measure_startup,
    "memory": overhead.measure_memory,
    "scaling": overhead.measure_scaling,
    "estimate": estimate.measure,
    "compress": compress.measure,
    "compressors": compressors.measure,
    "prediction": prediction.measure,
}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"{', '.join(SECTIONS)}; by default all")
    parser.add_argument("--quick", action="store_true", help="small data: to see that all works, not how fast")
    parser.add_argument("--environment", type=Path, help=f"folder to keep an environment with {RELEASE} in")
    parser.add_argument("--folder", type=Path, help="an existing folder on the disk to write to")
    parser.add_argument(
        "--recording", type=Path, metavar="FILE", help="a movie of (time, y, x), for compressors and prediction"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--column", type=Path, metavar="FILE", help="add the column of this machine to docs/speeds")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw speeds there, as .png or .svg for example")
    parser.add_argument("--guide", type=Path, metavar="FOLDER", help="write figures and picture of compressors there")
    arguments = parser.parse_args()
    arguments.sections = arguments.sections or list(SECTIONS)
    for section in arguments.sections:
        if section not in SECTIONS:
            parser.error(f"there is no section {section!r}: choose from {', '.join(SECTIONS)}")
    folders = (arguments.folder, arguments.guide)
    for folder in (*folders, *(file and file.parent for file in (arguments.json, arguments.column))):
        if folder and not folder.is_dir():
            parser.error(f"there is no folder {folder}")
    if (arguments.column or arguments.guide) and arguments.quick:
        parser.error("--column and --guide are for measurements, and --quick makes none")
    if arguments.guide and "compressors" not in arguments.sections:
        parser.error("--guide needs the section compressors")
    if arguments.plot:
        if not {"kernels", "zarr"} <= set(arguments.sections):
            parser.error("--plot needs the sections kernels and zarr")
        try:
            check_picture(arguments.plot)
        except (ValueError, ModuleNotFoundError) as error:
            parser.error(str(error))
    return arguments


def main() -> None:
    arguments = parse()
    settings = QUICK if arguments.quick else Settings()
    note = "quick run: not a measurement" if arguments.quick else ""
    measured: dict[str, list[Comparison]] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        release = release_interpreter(arguments.environment or Path(temporary, "environment"))
        session = Session(settings, Path(temporary), Path(sys.executable), release, arguments.recording)
        machine = session.machine()
        column = arguments.column and begin_column(arguments.column, machine, INSTRUCTION_SETS[-1])
        for section in arguments.sections:
            with tempfile.TemporaryDirectory(dir=temporary) as folder:
                measured[section] = SECTIONS[section](replace(session, folder=Path(folder)))
    by_name = {comparison.name: comparison for comparisons in measured.values() for comparison in comparisons}
    targets = judge(by_name, note)
    if arguments.json:
        sections = {
            section: {comparison.name: comparison.to_dict() for comparison in comparisons}
            for section, comparisons in measured.items()
        }
        run = {"machine": machine, "quick": arguments.quick, "sections": sections, "targets": targets}
        arguments.json.write_text(json.dumps(run, indent=2) + "\n")
    if arguments.column:
        column["figures"] |= figures(by_name, machine["processors"])
        arguments.column.write_text(json.dumps(column, indent=2) + "\n")
    if arguments.guide:
        compressors.write_guide(arguments.guide, by_name, machine)
    if arguments.plot:
        words = "{processor}, {processors} cores, {instructions}".format(**machine, instructions=INSTRUCTION_SETS[-1])
        draw(by_name, arguments.plot, f"{words}: {note}" if note else words)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Interrupted.")
    except (RuntimeError, OSError) as error:
        sys.exit(f"Error: {error}")
