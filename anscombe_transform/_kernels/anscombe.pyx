# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: cdivision=True, freethreading_compatible=True
"""Encoding and decoding by the formulas. The tables are these loops run over every possible element."""

from libc.math cimport NAN, fabs, rint
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from anscombe_transform._kernels.dispatch cimport AVX2, avx2_void, instructions
from anscombe_transform._kernels.formulas cimport (
    RELATIVE_ERROR,
    Coefficients,
    clip,
    coefficients,
    forward,
    inverse,
    nearest,
)
from anscombe_transform._kernels.types cimport BLOCK, code_t, decoded_t, input_t, integer_t, real_t, wide_code_t


def unrounded_code(double x, double zero_level, double conversion_gain, double slope, double offset, double scale):
    """Return the code of one value before rounding."""
    cdef Coefficients k = coefficients(zero_level, conversion_gain, slope, offset, scale)
    return forward(x, &k)


cdef inline code_t rounded(double y, code_t _) noexcept nogil:
    if code_t in real_t:
        return <code_t>y
    elif code_t is uint32_t:
        return <code_t><int64_t>nearest(y)
    else:
        return <code_t><int32_t>nearest(y)


cdef inline void encode_block(
    double* values, code_t* out, Py_ssize_t n, bint clamp, double lowest, double highest, const Coefficients* k,
    bint* refused,
) noexcept nogil:
    cdef double x, inside, outside = 0.0, nan = 0.0  # flags are float64 too: SSE2 has no loop of mixed types
    cdef Py_ssize_t i
    for i in range(n):
        x = values[i]
        inside = clip(x, lowest, highest)
        if code_t in real_t:
            inside = inside if x - x == 0.0 else x
        else:
            nan = nan if x == x else 1.0
        outside = 1.0 if fabs(x - inside) > 0.0 else outside
        values[i] = forward(inside, k)
    refused[0] = nan > 0.0 or (outside > 0.0 and not clamp)
    for i in range(n):
        out[i] = rounded(values[i], <code_t>0)


cdef avx2_void encode_block_avx2(
    double* values, code_t* out, Py_ssize_t n, bint clamp, double lowest, double highest, const Coefficients* k,
    bint* refused,
) noexcept nogil:
    encode_block(values, out, n, clamp, lowest, highest, k, refused)


def encode(
    const input_t[::1] values,
    code_t[::1] out,
    bint clamp,
    double lowest,
    double highest,
    double zero_level,
    double conversion_gain,
    double slope,
    double offset,
    double scale,
):
    """Write the codes of `values` to `out`; return False, part of `out` unwritten, if a value has none.

    Values outside ``[lowest, highest]`` have none, unless `clamp` is true. NaN has no integer code. Infinities and
    NaN are their own floating-point codes.
    """
    cdef Coefficients k = coefficients(zero_level, conversion_gain, slope, offset, scale)
    cdef Py_ssize_t n = values.shape[0], start = 0, size, i
    cdef double block[BLOCK]
    cdef bint refused
    if out.shape[0] != n:
        raise ValueError(f"encoding of {n} values into {out.shape[0]}")
    with nogil:
        while start < n:
            size = min(n - start, <Py_ssize_t>BLOCK)
            for i in range(size):
                block[i] = <double>values[start + i]
            if instructions >= AVX2:
                encode_block_avx2(block, &out[start], size, clamp, lowest, highest, &k, &refused)
            else:
                encode_block(block, &out[start], size, clamp, lowest, highest, &k, &refused)
            if refused:
                with gil:
                    return False
            start += size
    return True


cdef inline integer_t smallest_integer(integer_t _) noexcept nogil:
    return <integer_t>(<uint64_t>1 << (8 * sizeof(integer_t) - 1)) if <integer_t>-1 < 0 else <integer_t>0


cdef inline integer_t largest_integer(integer_t _) noexcept nogil:
    return <integer_t>(<uint64_t>smallest_integer(<integer_t>0) - 1)


cdef inline double clip_to(double x, integer_t _) noexcept nogil:
    return clip(x, <double>smallest_integer(<integer_t>0), <double>largest_integer(<integer_t>0))


cdef inline integer_t to_integer(double x, integer_t _) noexcept nogil:
    """Round half to even and clip to the type; a NaN becomes the smallest integer."""
    x = clip_to(x, <integer_t>0)
    if sizeof(integer_t) == 8:
        # The largest 64-bit integers have no float64: the limit stands for the power of two behind them.
        if x >= <double>largest_integer(<integer_t>0):
            return largest_integer(<integer_t>0)
        return <integer_t>rint(x)
    elif integer_t is uint32_t:
        return <integer_t><int64_t>nearest(x)
    else:
        return <integer_t><int32_t>nearest(x)


cdef bint first_reaching(
    double code, double estimate, double margin, const Coefficients* k, integer_t* found
) noexcept nogil:
    """Find the smallest integer whose unrounded code rounds to `code` or more; return False if there is none.

    The search is by bisection over the whole type, or over `estimate` +- `margin` where that encloses the integer.
    """
    cdef integer_t smallest = smallest_integer(<integer_t>0), largest = largest_integer(<integer_t>0), middle
    cdef integer_t low = smallest, high = largest
    if not rint(forward(<double>largest, k)) >= code:
        return False
    low = to_integer(estimate - margin, <integer_t>0)
    high = to_integer(estimate + margin, <integer_t>0)
    if rint(forward(<double>low, k)) >= code:
        low = smallest
    if not rint(forward(<double>high, k)) >= code:
        high = largest
    while low < high:
        middle = <integer_t>(<uint64_t>low + (<uint64_t>high - <uint64_t>low) // 2)
        if rint(forward(<double>middle, k)) >= code:
            high = middle
        else:
            low = <integer_t>(<uint64_t>middle + 1)
    found[0] = high
    return True


cdef inline double search_margin(double code, double left, double right, const Coefficients* k) noexcept nogil:
    """Bound the distance between `left` or `right` and the input at which the computed code really changes."""
    return RELATIVE_ERROR * (
        fabs(left) + fabs(right) + fabs(k.zero_level) + k.conversion_gain
        + (right - left) * (fabs(code) + fabs(k.offset) + k.scale)
    )


cdef integer_t exact_middle_of_integers(double code, const Coefficients* k, integer_t _) noexcept nogil:
    """Return the mean of the smallest and the largest integer that have this code, found by encoding candidates."""
    cdef integer_t first = 0, last = 0, middle
    cdef uint64_t distance
    cdef double left = inverse(code - 0.5, k), right = inverse(code + 0.5, k)
    cdef double margin = 1.0 + search_margin(code, left, right, k)
    cdef bint exists = first_reaching(code, left, margin, k, &first)
    if not first_reaching(code + 1.0, right, margin, k, &last):
        last = largest_integer(<integer_t>0)
    elif last == smallest_integer(<integer_t>0):
        exists = False
    else:
        last = <integer_t>(<uint64_t>last - 1)
    if not exists or last < first:
        return to_integer(inverse(code, k), <integer_t>0)
    distance = <uint64_t>last - <uint64_t>first
    middle = <integer_t>(<uint64_t>first + distance // 2)
    if distance & 1 and <uint64_t>middle & 1:
        middle = <integer_t>(<uint64_t>middle + 1)
    return middle


cdef inline double middle_of_integers(
    double code, double smallest, double largest, const Coefficients* k
) noexcept nogil:
    """Return the mean of the integers that have this code, or NaN where rounding errors leave it open."""
    cdef double left = inverse(code - 0.5, k), right = inverse(code + 0.5, k)
    cdef double margin = search_margin(code, left, right, k)
    cdef double first = clip(nearest(left + 0.5), smallest, largest)
    cdef double last = clip(nearest(right - 0.5), smallest, largest)
    cdef double middle = 0.5 * (first + last) if first <= last else inverse(code, k)
    middle = middle if fabs(left - nearest(left)) > margin else NAN
    return middle if fabs(right - nearest(right)) > margin else NAN


cdef inline void invert_block(
    const wide_code_t* codes, double* values, Py_ssize_t n, bint whole, double lowest, double highest,
    const Coefficients* k,
) noexcept nogil:
    """Write what codes stand for, as integers if `whole` is true; NaN where rounding errors leave that open."""
    cdef double code, x
    cdef Py_ssize_t i
    if wide_code_t in real_t:
        for i in range(n):
            code = <double>codes[i]
            x = inverse(code, k)
            values[i] = clip(x, lowest, highest) if code - code == 0.0 else x
    elif whole:
        for i in range(n):
            values[i] = middle_of_integers(<double>codes[i], lowest, highest, k)
    else:
        for i in range(n):
            x = 0.5 * inverse(<double>codes[i] - 0.5, k) + 0.5 * inverse(<double>codes[i] + 0.5, k)
            values[i] = clip(x, lowest, highest)


cdef avx2_void invert_block_avx2(
    const wide_code_t* codes, double* values, Py_ssize_t n, bint whole, double lowest, double highest,
    const Coefficients* k,
) noexcept nogil:
    invert_block(codes, values, n, whole, lowest, highest, k)


def decode(
    const wide_code_t[::1] codes,
    decoded_t[::1] out,
    double largest,
    double zero_level,
    double conversion_gain,
    double slope,
    double offset,
    double scale,
):
    """Write the values that `codes` stand for to `out` and return True.

    Finite floating-point results are clipped to +-`largest`, integer results to their type.
    """
    cdef Coefficients k = coefficients(zero_level, conversion_gain, slope, offset, scale)
    cdef Py_ssize_t n = codes.shape[0], start = 0, size, i
    cdef bint whole = decoded_t in integer_t
    cdef double values[BLOCK]
    cdef double lowest = -largest, highest = largest
    if out.shape[0] != n:
        raise ValueError(f"decoding of {n} codes into {out.shape[0]}")
    if decoded_t in integer_t:
        lowest, highest = <double>smallest_integer(<decoded_t>0), <double>largest_integer(<decoded_t>0)
    with nogil:
        while start < n:
            size = min(n - start, <Py_ssize_t>BLOCK)
            if instructions >= AVX2:
                invert_block_avx2(&codes[start], values, size, whole, lowest, highest, &k)
            else:
                invert_block(&codes[start], values, size, whole, lowest, highest, &k)
            for i in range(size):
                if decoded_t in real_t:
                    out[start + i] = <decoded_t>values[i]
                elif values[i] == values[i]:
                    out[start + i] = to_integer(values[i], <decoded_t>0)
                elif wide_code_t in real_t:
                    out[start + i] = to_integer(zero_level, <decoded_t>0)
                else:
                    out[start + i] = exact_middle_of_integers(<double>codes[start + i], &k, <decoded_t>0)
            start += size
    return True
