"""Writes what anscombe-transform 1.0.0 estimates for a few simulated movies, for `tests/test_migration.py` to compare.

Run it in the root of the checkout, with a Python that has that release installed:

    python -m venv old
    old/bin/pip install anscombe-transform==1.0.0 "zarr<3.2"
    old/bin/python tests/migration/make_estimates_of_1_0_0.py
"""

import json
import runpy
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "still": ({}, {}),
    "motion": ({"motion": 0.5}, {}),
    "read noise": ({}, {"read_noise": 30}),
    "gain spread": ({}, {"gain_spread": 0.5}),
}
"""Of each movie, what differs from the first: of its scene, and of its detector."""


def main() -> None:
    """Estimate each movie with release 1.0.0."""
    if version("anscombe-transform") != "1.0.0":
        sys.exit(f"This Python has release {version('anscombe-transform')}: see the first lines of {__file__}")
    from anscombe_transform.estimate import compute_conversion_gain

    simulate = runpy.run_path(str(HERE.parents[1] / "anscombe_transform/simulate.py"))
    estimates = {}
    for name, (of_scene, of_detector) in CASES.items():
        scene = simulate["Scene"](background=(1, 6), cells=(5, 30), **of_scene)
        movie = simulate["simulate_movie"]((200, 128, 128), scene, simulate["Detector"](**of_detector))
        found = compute_conversion_gain(movie)
        estimates[name] = [round(float(found[number]), 4) for number in ("conversion_gain", "zero_level")]
    (HERE / "estimates_of_1_0_0.json").write_text(json.dumps(estimates, indent=2) + "\n")


if __name__ == "__main__":
    main()
