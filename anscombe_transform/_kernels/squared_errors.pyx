# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: cdivision=True, freethreading_compatible=True
"""How far decoded values are from the originals."""

from anscombe_transform._kernels.dispatch cimport AVX2, avx2_void, instructions
from anscombe_transform._kernels.types cimport BLOCK, decoded_t, real_t

cdef extern from *:
    """
    /* Sums that are added up side by side: a compiler makes vectors of them, but never reorders a single sum. */
    enum { LANES = 16 };
    """
    enum: LANES


cdef inline real_t squared_error(
    decoded_t original, decoded_t decoded, real_t zero_level, real_t conversion_gain
) noexcept nogil:
    """Return the square of an error, divided by the variance of the noise."""
    cdef real_t error = <real_t>original - <real_t>decoded
    cdef real_t signal = <real_t>original - zero_level
    signal = signal if signal > 0 else <real_t>0
    if decoded_t in real_t:
        error = <real_t>0 if original == decoded else error  # also between infinities
    return error * error / (conversion_gain * (signal + <real_t>0.375 * conversion_gain))


cdef inline void add_squared_errors(
    const decoded_t* original, const decoded_t* decoded, Py_ssize_t n, real_t zero_level, real_t conversion_gain,
    double* largest_and_sum,
) noexcept nogil:
    cdef real_t largest[LANES]
    cdef real_t sums[LANES]
    cdef real_t square
    cdef double total = 0.0
    cdef Py_ssize_t whole = n - n % LANES, i = 0, stop, lane
    for lane in range(LANES):
        largest[lane] = 0
    while i < whole:
        stop = min(i + <Py_ssize_t>BLOCK, whole)
        for lane in range(LANES):
            sums[lane] = 0
        while i < stop:
            for lane in range(LANES):
                square = squared_error(original[i + lane], decoded[i + lane], zero_level, conversion_gain)
                sums[lane] += square
                largest[lane] = square if square > largest[lane] else largest[lane]
            i += LANES
        for lane in range(LANES):
            total += sums[lane]
    for i in range(whole, n):
        square = squared_error(original[i], decoded[i], zero_level, conversion_gain)
        total += square
        largest[0] = square if square > largest[0] else largest[0]
    for lane in range(1, LANES):
        largest[0] = largest[lane] if largest[lane] > largest[0] else largest[0]
    largest_and_sum[0] = largest[0]
    largest_and_sum[1] = total


cdef avx2_void add_squared_errors_avx2(
    const decoded_t* original, const decoded_t* decoded, Py_ssize_t n, real_t zero_level, real_t conversion_gain,
    double* largest_and_sum,
) noexcept nogil:
    add_squared_errors(original, decoded, n, zero_level, conversion_gain, largest_and_sum)


cdef inline void sum_squared_errors(
    const decoded_t* original, const decoded_t* decoded, Py_ssize_t n, real_t zero_level, real_t conversion_gain,
    double* largest_and_sum,
) noexcept nogil:
    if instructions >= AVX2:
        add_squared_errors_avx2(original, decoded, n, zero_level, conversion_gain, largest_and_sum)
    else:
        add_squared_errors(original, decoded, n, zero_level, conversion_gain, largest_and_sum)


def squared_errors(
    const decoded_t[::1] original, const decoded_t[::1] decoded, double zero_level, double conversion_gain
):
    """Return the largest and the sum of the squared errors, each divided by the variance of its pixel's noise.

    The noise of an original of u photons has the variance ``conversion_gain ** 2 * (u + 3/8)``, below zero photons that
    of none. If any error is NaN, so is the sum. Elements of 8 and 16 bits are worked out in float32.
    """
    cdef Py_ssize_t n = original.shape[0]
    cdef double result[2]
    if decoded.shape[0] != n:
        raise ValueError(f"{decoded.shape[0]} decoded values for {n}")
    with nogil:
        if sizeof(decoded_t) <= 2:
            sum_squared_errors(&original[0], &decoded[0], n, <float>zero_level, <float>conversion_gain, result)
        else:
            sum_squared_errors(&original[0], &decoded[0], n, zero_level, conversion_gain, result)
    return result[0], result[1]
