"""The highest value of an excerpt: whether it was cut off there, and whether the codes hold it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anscombe_transform.estimate.pixels import saturated_values
from anscombe_transform.report.excerpt import Excerpt


@dataclass(frozen=True)
class Saturation:
    """The highest value of an excerpt, and how often it occurs.

    Attributes
    ----------
    highest : float
        In ADU.
    values, pixels : int
        How many values are as high, and in how many pixels.
    is_cut_off : bool
        Whether it occurs so often that brighter light gave the same value.
    """

    highest: float
    values: int
    pixels: int
    is_cut_off: bool


def measure_saturation(excerpt: Excerpt) -> Saturation:
    """Count the values of an excerpt that are its highest."""
    reached = saturated_values(excerpt.values, excerpt.highest)
    is_cut_off = reached is not None
    if reached is None:
        reached = excerpt.values == excerpt.highest
    return Saturation(
        highest=excerpt.highest,
        values=int(np.count_nonzero(reached)),
        pixels=int(np.count_nonzero(reached.any(axis=0))),
        is_cut_off=is_cut_off,
    )
