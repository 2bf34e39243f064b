"""The conversion gain and the zero level of a detector, estimated from a movie."""

from anscombe_transform.estimate.curve import PhotonTransferCurve
from anscombe_transform.estimate.estimation import ParameterEstimate, estimate_parameters
from anscombe_transform.estimate.legacy import ConversionGain, compute_conversion_gain

__all__ = [
    "ConversionGain",
    "ParameterEstimate",
    "PhotonTransferCurve",
    "compute_conversion_gain",
    "estimate_parameters",
]
