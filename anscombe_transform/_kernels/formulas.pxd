# cython: language_level=3, cdivision=True
"""The formulas of the format, forward and inverse: the only place where they are written down."""

from libc.math cimport sqrt

cdef extern from *:
    """
    static const double ROOT = 0.6123724356957945;  /* sqrt(3/8) */

    /* Added to a float64 of magnitude below 2^51, 1.5 * 2^52 pushes the fraction out of the significand: IEEE
       arithmetic then rounds half to even, in a form that compilers vectorize on every machine. */
    static const double ROUNDER = 6755399441055744.0;

    /* 2^-46: `forward` and `inverse` together err by a few units of 2^-53 relative to the terms that they add. */
    static const double RELATIVE_ERROR = 1.4210854715202004e-14;
    """
    const double ROOT
    const double ROUNDER
    const double RELATIVE_ERROR

cdef struct Coefficients:
    double zero_level
    double conversion_gain
    double slope
    double offset
    double scale
    double inverse_slope
    double inverse_scale


cdef inline Coefficients coefficients(
    double zero_level, double conversion_gain, double slope, double offset, double scale
) noexcept nogil:
    return Coefficients(zero_level, conversion_gain, slope, offset, scale, 1.0 / slope, 1.0 / scale)


cdef inline double nearest(double x) noexcept nogil:
    return (x + ROUNDER) - ROUNDER


cdef inline double forward(double x, const Coefficients* k) noexcept nogil:
    cdef double u = (x - k.zero_level) / k.conversion_gain
    cdef double root = k.scale * (sqrt((0.0 if u < 0.0 else u) + 0.375) - ROOT)
    return k.offset + (u * k.slope if u < 0.0 else root)


cdef inline double inverse(double y, const Coefficients* k) noexcept nogil:
    cdef double d = y - k.offset
    cdef double t = d * k.inverse_scale
    cdef double u = d * k.inverse_slope if d < 0.0 else t * (t + 2.0 * ROOT)
    return k.zero_level + k.conversion_gain * u


cdef inline double clip(double x, double lowest, double highest) noexcept nogil:
    x = x if x > lowest else lowest
    return x if x < highest else highest
