"""The picture of a photon transfer curve; it needs Matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anscombe_transform._optional import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from anscombe_transform.estimate.estimation import ParameterEstimate


_REASON = "pictures need Matplotlib"


def plot_photon_transfer_curve(estimate: ParameterEstimate, ax: Axes | None = None) -> Axes:
    """Draw the variance of the noise by intensity, with the line that was fitted to it.

    Parameters
    ----------
    estimate : ParameterEstimate
        What to draw.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        With intensity in ADU and variance in ADU squared. Bins that the line was not fitted to are hollow.
    """
    if ax is None:
        with require_extra(_REASON, "plot"):
            from matplotlib import pyplot
        _, ax = pyplot.subplots(layout="constrained")
    curve = estimate.photon_transfer_curve
    gain, zero = estimate.conversion_gain, estimate.zero_level
    used = curve.used
    ax.plot(curve.intensity[used], curve.variance[used], "o", markersize=4, label="bins of intensity")
    if not used.all():
        ax.plot(
            curve.intensity[~used],
            curve.variance[~used],
            "o",
            markersize=4,
            color="C0",
            fillstyle="none",
            label="saturated, or few samples",
        )
    ends = np.array([zero, max(curve.intensity.max(), zero)])
    (_, gain_text), (_, zero_text), *_ = estimate.table()
    ax.plot(ends, gain * (ends - zero), "-", color="C1", label=f"gain {gain_text},\nzero level {zero_text}")
    ax.set(xlabel="Mean intensity (ADU)", ylabel="Variance of the noise (ADU²)", title="Photon transfer curve")
    ax.margins(0.03)
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax


def check_picture(path: Path) -> None:
    """Check that a picture can be drawn to `path`, before there is anything to draw.

    Raises
    ------
    ModuleNotFoundError
        If Matplotlib is missing.
    ValueError
        If Matplotlib does not know the format that the name ends with, or if there is no such folder.
    """
    with require_extra(_REASON, "plot"):
        from matplotlib.figure import Figure
    formats = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in formats:
        raise ValueError(f"{path} must end with one of {', '.join(f'.{name}' for name in sorted(formats))}")
    if not path.parent.is_dir():
        raise ValueError(f"{path} cannot be written: there is no folder {path.parent}")


def save_photon_transfer_curve(estimate: ParameterEstimate, path: Path) -> None:
    """Draw the photon transfer curve to a file, in the format that its suffix names."""
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    plot_photon_transfer_curve(estimate, figure.subplots())
    figure.savefig(path, dpi=150)
