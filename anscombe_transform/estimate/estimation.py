"""The conversion gain and the zero level of a detector, estimated from a movie."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from anscombe_transform._formatting import with_error
from anscombe_transform._typing import Progress
from anscombe_transform.codecs.anscombe_zarr2 import AnscombeTransformV2
from anscombe_transform.codecs.anscombe_zarr3 import AnscombeTransformV3
from anscombe_transform.estimate.curve import PhotonTransferCurve
from anscombe_transform.estimate.fitting import fit_samples
from anscombe_transform.estimate.gathering import gather_noise_samples
from anscombe_transform.movies.movie import Movie, as_movie
from anscombe_transform.transform.parameters import EncodedDType, Transform
from anscombe_transform.transform.ranges import dtype_with_headroom

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class ParameterEstimate:
    """What a movie says about its detector.

    Attributes
    ----------
    conversion_gain : float
        ADU per photon: the slope of the noise line. Where photons give pulses of different height, as in a
        photomultiplier, the noise that this adds is part of it.
    zero_level : float
        ADU at which the noise line meets zero variance. A read noise of variance r puts it below the detector's output
        in the dark, by r / `conversion_gain`.
    conversion_gain_error, zero_level_error : float
        Standard errors, in the same units.
    photon_transfer_curve : PhotonTransferCurve
        What the line was fitted to.
    lowest, highest : float
        The range of the frames that were read, in ADU: without frames that are constant, and without the largest value
        of an integer dtype where it is a mask, that is where no others come near it.
    dtype : numpy.dtype
        The dtype of the movie.
    frames : int
        How many frames were read.
    warnings : tuple of str
        What to know about the movie and the numbers: sentences without a full stop.
    unusable : str or None
        Why the numbers must not be used, if so: a sentence without a full stop.
    """

    conversion_gain: float
    zero_level: float
    conversion_gain_error: float
    zero_level_error: float
    photon_transfer_curve: PhotonTransferCurve = field(repr=False)
    lowest: float
    highest: float
    dtype: np.dtype[Any]
    frames: int
    warnings: tuple[str, ...] = ()
    unusable: str | None = None

    @overload
    def codec(self, zarr_format: Literal[3] = 3, **options: Any) -> AnscombeTransformV3: ...
    @overload
    def codec(self, zarr_format: Literal[2], **options: Any) -> AnscombeTransformV2: ...
    def codec(self, zarr_format: Literal[2, 3] = 3, **options: Any) -> AnscombeTransformV2 | AnscombeTransformV3:
        """Return a codec for the movie, and for others of the same detector.

        Parameters
        ----------
        zarr_format : int, default 3
            The format of the array that it is for, 3 or 2.
        **options
            Other parameters of the codec, such as `beta`. Without `encoded_dtype`, it is the narrowest that holds the
            range of the movie with headroom: three standard deviations of the noise below the lowest value, and twice
            the signal above the zero level, as far as the dtype of the movie goes. Even a movie of 8 bits may need
            codes of 16; Zarr 3.1 can hold those only in arrays of 16 bits.

        Returns
        -------
        AnscombeTransformV3 or AnscombeTransformV2
            A codec with the estimated numbers.

        Raises
        ------
        ValueError
            If `zarr_format` is neither 2 nor 3, if an option is invalid, or if the estimate is `unusable`.
        """
        if zarr_format not in (2, 3):
            raise ValueError(f"zarr_format must be 2 or 3, not {zarr_format!r}")
        if self.unusable is not None:
            raise ValueError(
                f"the estimate is no good for a codec: {self.unusable}; make one with the parameters of the detector"
            )
        if "encoded_dtype" not in options:
            options["encoded_dtype"] = self._encoded_dtype(options.get("beta", 0.5))
        if zarr_format == 3:
            return AnscombeTransformV3(self.zero_level, self.conversion_gain, **options)
        return AnscombeTransformV2(self.zero_level, self.conversion_gain, **({"decoded_dtype": self.dtype} | options))

    def _encoded_dtype(self, beta: float = 0.5) -> EncodedDType:
        transform = Transform(self.zero_level, self.conversion_gain, beta)
        return dtype_with_headroom(transform, self.lowest, self.highest, self.dtype)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the photon transfer curve with the noise line; needs Matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default in a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            What was drawn to.
        """
        from anscombe_transform.estimate.plot import plot_photon_transfer_curve

        (_, gain), (_, zero), *_ = self.table()
        label = f"gain {gain},\nzero level {zero}"
        return plot_photon_transfer_curve(self.photon_transfer_curve, self.conversion_gain, self.zero_level, label, ax)

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate as JSON values: names, numbers and lists."""
        curve = self.photon_transfer_curve
        return {
            "conversion_gain": self.conversion_gain,
            "conversion_gain_error": self.conversion_gain_error,
            "zero_level": self.zero_level,
            "zero_level_error": self.zero_level_error,
            "encoded_dtype": self._encoded_dtype(),
            "lowest": self.lowest,
            "highest": self.highest,
            "dtype": self.dtype.name,
            "frames": self.frames,
            "warnings": list(self.warnings),
            "unusable": self.unusable,
            "photon_transfer_curve": {
                "intensity": curve.intensity.tolist(),
                "variance": curve.variance.tolist(),
                "count": curve.count.tolist(),
                "used": curve.used.tolist(),
            },
        }

    def table(self) -> list[tuple[str, str]]:
        """Return names and values with units, rounded as their errors suggest."""
        return [
            ("Conversion gain", f"{with_error(self.conversion_gain, self.conversion_gain_error)} ADU per photon"),
            ("Zero level", f"{with_error(self.zero_level, self.zero_level_error)} ADU"),
            ("Range", f"{self.lowest:g} to {self.highest:g} ADU, {self.dtype.name}"),
            ("Frames read", f"{self.frames}"),
            ("Codes", f"{self._encoded_dtype()}"),
            *([] if self.unusable is None else [("Not to be used", self.unusable)]),
            *(("Warning", sentence) for sentence in self.warnings),
        ]

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in self.table())
        return f"<table>{rows}</table>"


def estimate_parameters(
    movie: Movie | npt.ArrayLike,
    *,
    max_frames: int | None = None,
    progress: Progress | None = None,
) -> ParameterEstimate:
    r"""Estimate the conversion gain and the zero level of the detector that recorded a movie.

    The variance of photon noise rises with the intensity along a line (EMVA 1288, section 2.3),

    .. math:: \sigma^2 = g \, (I - z),

    whose slope is the conversion gain :math:`g` and which meets zero variance at the zero level :math:`z`. Variances
    come from the differences of consecutive frames, less what changes smoothly over 5 by 5 pixels: so neither activity,
    motion or bleaching, nor offsets of single pixels count as noise. The bin of intensity of a pixel is chosen by the
    pixels around it, so that its own noise has no part in the choice. The line is fitted with weights that follow from
    it, and robustly (see Foi et al.), to all bins that are not saturated.

    Parameters
    ----------
    movie : array_like
        Movie of shape (time, y, x), in ADU, of integers or floats: a NumPy, Zarr, HDF5 or Dask array, or any other
        that is sliced in time. It is read once, in blocks of about 32 MiB.
    max_frames : int, optional
        Read about this many frames, in short runs evenly spread over the movie; by default all of them.
    progress : callable, optional
        Called with the number of frames read so far and the number to read, after each block.

    Returns
    -------
    ParameterEstimate
        The two numbers with their errors, and what they were estimated from.

    Raises
    ------
    TypeError
        If the movie is not of real numbers.
    ValueError
        If the movie does not have three axes, or has fewer than 2 frames of 5 by 5 pixels; if it has values that are
        not finite; if it is constant; or if its brightness varies too little to determine the slope of the line.

    References
    ----------
    EMVA Standard 1288, "Standard for Characterization of Image Sensors and Cameras", release 4.0 (2021), section 2.3:
    the photon transfer method.

    A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian (2008), "Practical Poissonian-Gaussian noise modeling and fitting
    for single-image raw-data", IEEE Transactions on Image Processing 17, 1737-1754, doi:10.1109/TIP.2008.2001399.

    A. Savitzky, M. J. E. Golay (1964), "Smoothing and differentiation of data by simplified least squares procedures",
    Analytical Chemistry 36, 1627-1639, doi:10.1021/ac60214a047: the surface, in two dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> from anscombe_transform import estimate_parameters
    >>> photons = np.linspace(2, 60, 128) * np.ones((100, 128, 1))
    >>> movie = 100 + 5 * np.random.default_rng(0).poisson(photons)
    >>> estimate = estimate_parameters(movie)
    >>> round(estimate.conversion_gain, 1), round(estimate.zero_level)
    (5.0, 100)
    """
    source = as_movie(movie)
    samples = gather_noise_samples(source, max_frames, progress)
    fit = fit_samples(samples)
    reasons = [sentence for unusable, sentence in fit.findings if unusable]
    lowest, highest = samples.seen.range
    return ParameterEstimate(
        conversion_gain=fit.line.gain,
        zero_level=fit.line.zero,
        conversion_gain_error=fit.line.gain_error,
        zero_level_error=fit.line.zero_error,
        photon_transfer_curve=fit.curve,
        lowest=lowest,
        highest=highest,
        dtype=np.dtype(source.dtype),
        frames=samples.frames,
        warnings=tuple(sentence for _, sentence in fit.findings if sentence not in reasons[:1]),
        unusable=reasons[0] if reasons else None,
    )
