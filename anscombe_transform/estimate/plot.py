"""The picture of a photon transfer curve; it needs Matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anscombe_transform._optional import require_extra
from anscombe_transform.estimate.curve import PhotonTransferCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes


REASON = "pictures need Matplotlib"


def plot_photon_transfer_curve(
    curve: PhotonTransferCurve, conversion_gain: float, zero_level: float, label: str, ax: Axes | None = None
) -> Axes:
    """Draw the variance of the noise by intensity, with the line that was fitted to it.

    Parameters
    ----------
    curve : PhotonTransferCurve
        What to draw.
    conversion_gain, zero_level : float
        The line, in ADU per photon and in ADU.
    label : str
        What the legend says of it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        With intensity in ADU and variance in ADU squared. Bins that the line was not fitted to are hollow.
    """
    if ax is None:
        with require_extra(REASON, "plot"):
            from matplotlib import pyplot
        _, ax = pyplot.subplots(layout="constrained")
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
            label="saturated, cut off, or few samples",
        )
    ends = np.array([zero_level, max(curve.intensity.max(), zero_level)])
    ax.plot(ends, conversion_gain * (ends - zero_level), "-", color="C1", label=label)
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
    with require_extra(REASON, "plot"):
        from matplotlib.figure import Figure
    formats = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in formats:
        raise ValueError(f"{path} must end with one of {', '.join(f'.{name}' for name in sorted(formats))}")
    if not path.parent.is_dir():
        raise ValueError(f"{path} cannot be written: there is no folder {path.parent}")


def save_picture(draw: Callable[[Axes], object], path: Path) -> None:
    """Draw a picture to a file, in the format that its suffix names."""
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    draw(figure.subplots())
    figure.savefig(path, dpi=150)
