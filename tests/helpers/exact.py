"""The format's formulas in 60 decimal digits, to judge codes and values by that float64 rounds."""

from decimal import Context, Decimal

import numpy as np

_DIGITS = Context(prec=60)
_HALF = Decimal("0.5")


class Exact:
    """The transform with these parameters; `x` is an input in ADU, `y` a code, rounded or not."""

    def __init__(self, zero_level: float, conversion_gain: float, beta: float) -> None:
        self.zero_level, self.gain, self.beta = Decimal(zero_level), Decimal(conversion_gain), Decimal(beta)
        self.root = _DIGITS.sqrt(Decimal("0.375"))
        self.slope = _DIGITS.divide(1, _DIGITS.multiply(self.beta, self.root))
        self.offset = _DIGITS.divide(_DIGITS.multiply(self.zero_level, self.slope), self.gain)

    def code(self, x: float) -> Decimal:
        """Return y(x)."""
        u = _DIGITS.divide(_DIGITS.subtract(Decimal(x), self.zero_level), self.gain)
        if u < 0:
            return _DIGITS.fma(u, self.slope, self.offset)
        roots = _DIGITS.subtract(_DIGITS.sqrt(_DIGITS.add(u, Decimal("0.375"))), self.root)
        return _DIGITS.add(self.offset, _DIGITS.divide(2 * roots, self.beta))

    def inverse(self, y: Decimal) -> Decimal:
        """Return the input whose unrounded code is `y`."""
        d = _DIGITS.subtract(y, self.offset)
        if d < 0:
            return _DIGITS.fma(self.gain, _DIGITS.divide(d, self.slope), self.zero_level)
        t = _DIGITS.multiply(self.beta, d / 2)
        return _DIGITS.fma(self.gain, _DIGITS.multiply(t, _DIGITS.fma(2, self.root, t)), self.zero_level)

    def half_width(self, code: int) -> Decimal:
        """Return half the width of the interval of inputs that have this code."""
        return _DIGITS.subtract(self.inverse(code + _HALF), self.inverse(code - _HALF)) / 2

    def middle(self, code: int) -> Decimal:
        """Return the middle of the interval of inputs that have this code."""
        return _DIGITS.add(self.inverse(code + _HALF), self.inverse(code - _HALF)) / 2

    def middle_of_integers(self, code: int, dtype: str) -> int:
        """Return the mean of the integers of a dtype that have this code, or the nearest one to its inverse."""
        info = np.iinfo(dtype)
        first = max(-int((-self.inverse(code - _HALF)).to_integral_value("ROUND_FLOOR")), int(info.min))
        last = min(int(self.inverse(code + _HALF).to_integral_value("ROUND_FLOOR")), int(info.max))
        if first <= last:
            return int((Decimal(first + last) / 2).to_integral_value("ROUND_HALF_EVEN"))
        return max(int(info.min), min(int(info.max), int(self.inverse(Decimal(code)).to_integral_value())))
