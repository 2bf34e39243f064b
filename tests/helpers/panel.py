"""Simulated movies of which the truth is known, one condition that real movies bring with each, and their estimates."""

from typing import NamedTuple

from anscombe_transform import estimate_parameters
from anscombe_transform.simulate import Detector, Scene, simulate_movie


class Condition(NamedTuple):
    scene: Scene = Scene()
    detector: Detector = Detector()
    shape: tuple[int, int, int] = (60, 192, 192)


class Result(NamedTuple):
    """Errors of conversion gain and zero level, in units of the gain, and what the estimate says."""

    gain: float
    zero: float
    gain_error: float
    zero_error: float
    warnings: tuple[str, ...]
    unusable: str | None


BRIGHT = Scene(background=(5, 20), cells=(5, 100), activity=0)

CONDITIONS = {
    "two-photon": Condition(),
    "static": Condition(Scene(activity=0)),
    "dim": Condition(Scene(background=(0.02, 0.1), cells=(0.1, 1), activity=0.5), Detector(read_noise=8)),
    "bright": Condition(Scene(background=(5, 20), cells=(20, 400), activity=0), Detector(100, 3, 2, dtype="uint16")),
    "read noise": Condition(Scene(cells=(5, 20)), Detector(read_noise=60)),
    "photomultiplier": Condition(detector=Detector(gain_spread=0.5)),
    "strong activity": Condition(Scene(activity=40)),
    "motion": Condition(Scene(background=(1, 4), cells=(5, 60), activity=0, motion=0.7)),
    "motion of small cells": Condition(Scene((1, 4), (5, 40), radius=(1.5, 2.5), motion=0.5)),
    "bleaching": Condition(Scene(bleaching=0.7)),
    "saturation": Condition(Scene(cells=(1, 15)), Detector(saturation=800)),
    "hot pixels": Condition(detector=Detector(hot_pixels=0.005)),
    "offsets of pixels": Condition(BRIGHT, Detector(100, 0.46, 0.8, offset_spread=2, dtype="uint16")),
    "gain below 1": Condition(BRIGHT, Detector(100, 0.3, 0.5)),
    "comb of multiples of the gain": Condition(detector=Detector(0, 40, 0)),
    "negative values": Condition(detector=Detector(-200, 40, 30)),
    "12 frames": Condition(shape=(12, 192, 192)),
    "floats": Condition(detector=Detector(0, 1, 0.2, dtype="float32")),
    "all at once": Condition(
        Scene(motion=0.3, bleaching=0.3), Detector(100, 40, 10, 0.3, hot_pixels=0.002, saturation=4095, dtype="uint16")
    ),
}


def estimated(name: str, seed: int) -> Result:
    scene, detector, shape = CONDITIONS[name]
    movie = simulate_movie(shape, scene, detector, 100 * list(CONDITIONS).index(name) + seed)
    estimate = estimate_parameters(movie)
    gain, zero = detector.noise_line
    return Result(
        estimate.conversion_gain / gain - 1,
        (estimate.zero_level - zero) / gain,
        estimate.conversion_gain_error / gain,
        estimate.zero_level_error / gain,
        estimate.warnings,
        estimate.unusable,
    )
