"""The parameters of the transform, checked where they enter, and what follows from them."""

from __future__ import annotations

import math
import numbers
import reprlib
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from anscombe_transform._typing import Floats

EncodedDType = Literal["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
OutOfRange = Literal["clamp"]

ENCODED_DTYPES: tuple[EncodedDType, ...] = get_args(EncodedDType)
"""The dtypes that codes can have, the narrowest first."""

DECODED_DTYPES = (
    *("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64"),
)
"""The dtypes that arrays can have."""

CODE_LIMIT = 2**49
"""The code of the zero level and the slope there, in codes per photon, up to which arrays are encoded.

Rounding errors of encoding and decoding together are below 2^-50 of their sum: up to this limit, half a code.
"""

_ENCODED_DTYPE_NAMES = {np.dtype(name): name for name in ENCODED_DTYPES}

_C_NAMES = "byte ubyte short ushort intc uintc int uint longlong ulonglong half single float double"

_BYTE_ORDERS: tuple[Literal["<", ">", "=", "|"], ...] = ("<", ">", "=", "|")

_SPELLINGS = {
    **{name: np.dtype(name) for name in (*DECODED_DTYPES, *_C_NAMES.split(), *"bBhHiIlLqQefd")},
    **{np.dtype(name).str[1:]: np.dtype(name) for name in DECODED_DTYPES},
    **{
        f"{order}{np.dtype(name).str[1:]}": np.dtype(name).newbyteorder(order)
        for name in DECODED_DTYPES
        for order in _BYTE_ORDERS
    },
}
"""What NumPy calls these dtypes; of other text it makes what nobody meant, or worse."""


@dataclass(frozen=True, slots=True)
class Transform:
    r"""The Anscombe transform of one detector.

    An input of :math:`x` ADU is :math:`u = (x - z) / g` photons. Its unrounded code is

    .. math:: y = z \, s / g + \frac{2}{\beta} \left(\sqrt{u + 3/8} - \sqrt{3/8}\right)

    for :math:`u \ge 0`, and :math:`y = z \, s / g + u \, s` with the slope :math:`s = 1 / (\beta \sqrt{3/8})` below.

    Parameters
    ----------
    zero_level : float
        The input at zero photons, :math:`z`, in ADU.
    conversion_gain : float
        ADU per photon, :math:`g`, above 0.
    beta : float, default 0.5
        Noise standard deviations per code, :math:`\beta`, above 0.

    Raises
    ------
    TypeError
        If a parameter is not a real number.
    ValueError
        If a parameter is not finite or out of its range, or if float64 cannot hold what follows from the three.

    References
    ----------
    F. J. Anscombe (1948), "The transformation of Poisson, binomial and negative-binomial data", Biometrika 35,
    246-254, doi:10.1093/biomet/35.3-4.246, for the square root; the straight line below zero photons is the format's.
    """

    zero_level: float
    conversion_gain: float
    beta: float = 0.5

    def __post_init__(self) -> None:
        for name in ("zero_level", "conversion_gain", "beta"):
            object.__setattr__(self, name, _finite_number(name, getattr(self, name)))
        if self.conversion_gain <= 0:
            raise ValueError(f"conversion_gain must be above 0 ADU per photon, not {self.conversion_gain!r}")
        if self.beta <= 0:
            raise ValueError(f"beta must be above 0 noise standard deviations per code, not {self.beta!r}")
        _, _, slope, offset, scale = self.coefficients
        if not (math.isfinite(offset) and 0 < slope < math.inf and 0 < scale < math.inf):
            raise ValueError(f"{self} leads to numbers that float64 cannot hold: scale the input")

    @property
    def coefficients(self) -> tuple[float, float, float, float, float]:
        """Zero level, conversion gain, slope below zero photons, offset and scale: what the kernels take, in order."""
        slope = 1 / self.beta / math.sqrt(3 / 8)
        offset = self.zero_level * slope / self.conversion_gain
        return self.zero_level, self.conversion_gain, slope, offset, 2 / self.beta

    def check_precision(self) -> None:
        """Raise ValueError if float64 cannot tell codes from each other with these parameters, see `CODE_LIMIT`."""
        _, _, slope, offset, _ = self.coefficients
        if max(abs(offset), slope) <= CODE_LIMIT:
            return
        if slope > CODE_LIMIT:
            problem, way_out = f"at the zero level a photon has {slope:.3g} codes", "use beta=3e-15 or more"
        else:
            problem = f"the zero level has the code {offset:.3g}"
            way_out = "check zero_level, or subtract it from the input and use zero_level=0"
        raise ValueError(
            f"{problem}, with zero_level={self.zero_level:g}, conversion_gain={self.conversion_gain:g}, "
            f"beta={self.beta:g}, and beyond 2**49 codes are not precise: {way_out}"
        )

    def noise(self, intensity: npt.ArrayLike) -> Floats:
        r"""Return the standard deviation of the noise, :math:`g \sqrt{\max(0, u) + 3/8}`, in ADU.

        Parameters
        ----------
        intensity : array_like
            Inputs of any shape, in ADU. Those below zero photons have the noise of none.
        """
        photons = (np.asarray(intensity, np.float64) - self.zero_level) / self.conversion_gain
        noise: Floats = self.conversion_gain * np.sqrt(np.maximum(0, photons) + 3 / 8)
        return noise


def parse_encoded_dtype(value: npt.DTypeLike) -> EncodedDType:
    """Return the name of the dtype of codes, or raise ValueError with the choices."""
    dtype = _dtype("encoded_dtype", value)
    name = None if dtype is None else _ENCODED_DTYPE_NAMES.get(dtype)
    if name is None:
        raise ValueError(
            f"encoded_dtype must be one of {', '.join(ENCODED_DTYPES)}, in native byte order, not {shown(value)}"
        )
    return name


def is_real(dtype: np.dtype[Any]) -> bool:
    """Return whether the transform accepts inputs of `dtype`: real numbers of 8 to 64 bits."""
    return dtype.kind in "iuf" and dtype.itemsize <= 8


def parse_real_dtype(name: str, value: npt.DTypeLike) -> np.dtype[Any]:
    """Return `value` as a dtype of real numbers, of 8 to 64 bits, or raise ValueError that calls it `name`."""
    dtype = _dtype(name, value)
    if dtype is None or not is_real(dtype):
        wrong = shown(value) if dtype is None else cut(str(dtype))
        raise ValueError(f"{name} must be an integer or floating-point dtype of at most 64 bits, not {wrong}")
    return dtype


def parse_out_of_range(value: object) -> OutOfRange | None:
    """Return what to do with an input that has no code, or raise ValueError with the choices."""
    if value is None:
        return None
    if isinstance(value, str) and value == "clamp":
        return "clamp"
    raise ValueError(f"out_of_range must be None, for an error, or 'clamp', for the nearest code, not {shown(value)}")


def shown(value: object) -> str:
    """Return any value as a message shows it: as it is written in Python, in at most 60 characters."""
    try:
        return cut(_SHORT.repr(value))
    except ValueError:  # somewhere in it is an integer of more digits than Python writes
        return f"{type(value).__name__} of too many digits"


def cut(text: str) -> str:
    """Return a text of at most 60 characters, whose middle is left out if it is longer."""
    return text if len(text) <= 60 else f"{text[:28]}...{text[-29:]}"


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 60
_SHORT.maxlevel = 3


def _finite_number(name: str, value: object) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, not {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, not {shown(value)}")
    return number


def _dtype(name: str, value: npt.DTypeLike) -> np.dtype[Any] | None:
    """Return what NumPy calls `value`, a dtype, a type or the name of one, or None."""
    if value is None:
        raise ValueError(f"{name} must be given")
    if isinstance(value, str):
        return _SPELLINGS.get(value)
    if not isinstance(value, np.dtype | type):
        return None
    try:
        return np.dtype(value)
    except TypeError:
        return None
