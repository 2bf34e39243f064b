# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: cdivision=True, freethreading_compatible=True
"""Loops over one chunk or over two frames, without the GIL but where they are short.

Every function takes contiguous buffers in native byte order and knows nothing of how they came about. `forward` and
`inverse` are the only place where the formulas are written down; the tables are these loops run over every possible
input.
"""

from libc.math cimport NAN, fabs, rint, sqrt
from libc.stdint cimport (
    int8_t,
    int16_t,
    int32_t,
    int64_t,
    uint8_t,
    uint16_t,
    uint32_t,
    uint64_t,
)

ctypedef fused index_t:
    uint8_t
    uint16_t

ctypedef fused item_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused real_t:
    float
    double

ctypedef fused integer_t:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t

ctypedef fused decoded_t:
    integer_t
    real_t

ctypedef fused input_t:
    int32_t
    uint32_t
    int64_t
    uint64_t
    real_t

ctypedef fused code_t:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    real_t

ctypedef fused wide_code_t:
    int32_t
    uint32_t
    real_t

cdef struct Coefficients:
    double zero_level
    double conversion_gain
    double slope
    double offset
    double scale
    double inverse_slope
    double inverse_scale

cdef extern from *:
    """
    #include <float.h>
    #if defined(__FAST_MATH__) || (FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16)  /* 16: only of half precision */
    #error "the format needs plain IEEE float64 arithmetic: build without -ffast-math, and with SSE2 on x86"
    #endif

    /* Elements per block: what one block reads and writes stays in the first-level cache between two passes. */
    enum { BLOCK = 2048 };

    /* Elements up to which a lookup keeps the GIL: to get it back takes longer, when other threads want it. */
    enum { SHORT = 1 << 14 };

    static const double ROOT = 0.6123724356957945;  /* sqrt(3/8) */

    /* Added to a float64 of magnitude below 2^51, 1.5 * 2^52 pushes the fraction out of the significand: IEEE
       arithmetic then rounds half to even, in a form that compilers vectorize on every machine. */
    static const double ROUNDER = 6755399441055744.0;

    /* 2^-46: `forward` and `inverse` together err by a few units of 2^-53 relative to the terms that they add. */
    static const double RELATIVE_ERROR = 1.4210854715202004e-14;
    """
    enum: BLOCK
    enum: SHORT
    const double ROOT
    const double ROUNDER
    const double RELATIVE_ERROR


cdef extern from "_instructions.h":
    ctypedef void avx2_void "AVX2_LOOP void"
    enum: BASELINE, AVX2, AVX512_VBMI
    int best_instructions() noexcept nogil
    size_t lookup_8_bits(const uint8_t* indices, const uint8_t* items, uint8_t* out, size_t n) noexcept nogil
    size_t lookup_16_bits(const uint8_t* indices, const uint16_t* items, uint16_t* out, size_t n) noexcept nogil


INSTRUCTION_SETS = ("baseline", "AVX2", "AVX-512 VBMI")[: best_instructions() + 1]
"""The instruction sets that the loops can use on this processor; they use the last."""

cdef int instructions = best_instructions()


def use_instructions(name):
    """Let the loops use no more than one of `INSTRUCTION_SETS`; the results are the same with each."""
    global instructions
    if name not in INSTRUCTION_SETS:
        raise ValueError(f"this processor has {', '.join(INSTRUCTION_SETS)}, not {name!r}")
    instructions = INSTRUCTION_SETS.index(name)


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


def unrounded_code(double x, double zero_level, double conversion_gain, double slope, double offset, double scale):
    """Return the code of one value before rounding."""
    cdef Coefficients k = coefficients(zero_level, conversion_gain, slope, offset, scale)
    return forward(x, &k)


cdef inline void largest_distance(
    const index_t* indices, Py_ssize_t n, index_t first, index_t* largest
) noexcept nogil:
    cdef index_t distance, found = 0
    cdef Py_ssize_t i
    for i in range(n):
        distance = <index_t>(indices[i] - first)
        found = distance if distance > found else found
    largest[0] = found


cdef avx2_void largest_distance_avx2(
    const index_t* indices, Py_ssize_t n, index_t first, index_t* largest
) noexcept nogil:
    largest_distance(indices, n, first, largest)


cdef inline bint all_within(const index_t* indices, Py_ssize_t n, index_t first, index_t span) noexcept nogil:
    cdef index_t largest
    if instructions >= AVX2:
        largest_distance_avx2(indices, n, first, &largest)
    else:
        largest_distance(indices, n, first, &largest)
    return largest <= span


cdef inline void look_up(const index_t* indices, const item_t* table, item_t* out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t done = 0, i
    if index_t is uint8_t and instructions >= AVX512_VBMI:
        if item_t is uint8_t:
            done = lookup_8_bits(indices, table, out, n)
        elif item_t is uint16_t:
            done = lookup_16_bits(indices, table, out, n)
    for i in range(done, n):
        out[i] = table[indices[i]]


cdef bint look_up_blocks(
    const index_t* indices, const item_t* table, item_t* out, Py_ssize_t n, index_t first, index_t span
) noexcept nogil:
    cdef bint unchecked = span == <index_t>~<index_t>0
    cdef Py_ssize_t start = 0, size
    while start < n:
        size = n if unchecked else min(n - start, <Py_ssize_t>BLOCK)
        if not (unchecked or all_within(&indices[start], size, first, span)):
            return False
        look_up(&indices[start], table, &out[start], size)
        start += size
    return True


def lookup(const index_t[::1] indices, const item_t[::1] table, item_t[::1] out, index_t first, index_t span):
    """Write ``table[indices]`` to `out`; return False, part of `out` unwritten, if an index is out of range.

    In range are the `span` + 1 indices from `first` on, counted modulo the number of indices, so that signed
    integers, seen as unsigned, form one range too.
    """
    cdef Py_ssize_t n = indices.shape[0]
    cdef bint held
    if out.shape[0] != n or table.shape[0] != <Py_ssize_t>1 << (8 * sizeof(index_t)):
        raise ValueError(f"lookup of {n} indices in {table.shape[0]} items into {out.shape[0]}")
    if n <= SHORT:
        return look_up_blocks(&indices[0], &table[0], &out[0], n, first, span) if n > 0 else True
    with nogil:
        held = look_up_blocks(&indices[0], &table[0], &out[0], n, first, span)
    return held


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


cdef extern from *:
    """
    /* A quadratic surface fitted to 5 by 5 pixels has the weights (27 - 5 r^2) / 175 in the middle, at a distance of r
       pixels (Savitzky and Golay). In the difference of two frames of noise of variance 1, the surface has variance
       54/175 and the residual 296/175. These factors make both 1. */
    static const double SURFACE_SCALE = 1.800205749557739;   /* sqrt(175/54) */
    static const double RESIDUAL_SCALE = 0.7689058565365569;  /* sqrt(175/296) */

    /* Columns of an image that are worked on at a time: what they need stays in the first-level cache. */
    enum { STRIP = 512 };
    """
    enum: STRIP
    const double SURFACE_SCALE
    const double RESIDUAL_SCALE


cdef inline void add_neighbors(
    const real_t* one, const real_t* other, const real_t* scale, Py_ssize_t n, double* sums
) noexcept nogil:
    cdef Py_ssize_t i
    cdef double product
    for i in range(n):
        product = <double>one[i] * other[i]
        if product == product and scale[i] > 0:
            sums[0] += product / scale[i]
            sums[1] += 0.5 * (<double>one[i] * one[i] + <double>other[i] * other[i]) / scale[i]


def gather_noise(
    const real_t[:, ::1] earlier,
    const real_t[:, ::1] later,
    const uint16_t[:, ::1] cells,
    const real_t[:, ::1] limits,
    double[:, ::1] table,
    double[:, ::1] neighbors,
):
    """Add what the difference of two frames tells of the noise to `table`, in the row that `cells` names for a pixel.

    Return the number of residuals and the sum of their squares.

    A quadratic surface is fitted to the difference over 5 by 5 pixels. The surface is how the scene changed, and the
    residual in the middle is noise. Left out are pixels whose cell is no row of `table`, and those where the square
    of the surface exceeds that of `limits`. Both are scaled to the variance of the noise of one frame.

    The columns of `table` are the number of residuals, the sum of intensities, the sum of squared residuals, the
    largest value of `later`, and the number of times that it was met. The intensity is a mean over both frames and the
    5 by 5 pixels, with the squares of the weights that pixels have in the residual: so noise whose variance is linear
    in the intensity puts the sums on the same line. The rows of `neighbors` are for pixels and the next ones in x, and
    the ones above: the sum of the products of their residuals, and that of the means of their squares, both divided
    by the limit of the pixel, over every fourth row, in strips of columns.
    """
    cdef Py_ssize_t height = earlier.shape[0], width = earlier.shape[1], start = 0, n, y, x
    # The weights of the surface are 27 - 5 (x^2 + y^2): sums over y, and sums over x of those with factors in x^2. The
    # squares of the weights are 27^2, 22^2 and 7^2 in the middle column, and of fourth order in x.
    cdef real_t change[STRIP + 4]
    cdef real_t weighted[STRIP + 4]
    cdef real_t total[STRIP + 4]
    cdef real_t constant[STRIP + 4]
    cdef real_t quadratic[STRIP + 4]
    cdef real_t surface[STRIP]
    cdef real_t intensity[STRIP]
    cdef real_t residuals[2][STRIP]
    cdef real_t near, far, middle, fitted
    cdef const real_t* a
    cdef const real_t* b
    cdef real_t* residual
    cdef double* entry
    cdef double square, squares = 0.0
    cdef Py_ssize_t count = 0
    cdef uint16_t cell
    if (
        later.shape[0] != height or later.shape[1] != width or cells.shape[0] != height or cells.shape[1] != width
        or limits.shape[0] != height or limits.shape[1] != width or table.shape[1] != 5 or neighbors.shape[0] != 2
        or neighbors.shape[1] != 2
    ):
        raise ValueError("the shapes of the arguments do not agree")
    with nogil:
        while start < width - 4:
            n = min(<Py_ssize_t>STRIP, width - 4 - start)
            for y in range(2, height - 2):
                a, b = &earlier[y, start], &later[y, start]
                residual = &residuals[y % 2][0]
                for x in range(n + 4):
                    middle = b[x] - a[x]
                    near = (b[x - width] - a[x - width]) + (b[x + width] - a[x + width])
                    far = (b[x - 2 * width] - a[x - 2 * width]) + (b[x + 2 * width] - a[x + 2 * width])
                    change[x] = middle + near + far
                    weighted[x] = <real_t>27 * middle + <real_t>22 * near + <real_t>7 * far
                for x in range(n + 4):
                    middle = b[x] + a[x]
                    near = (b[x - width] + a[x - width]) + (b[x + width] + a[x + width])
                    far = (b[x - 2 * width] + a[x - 2 * width]) + (b[x + 2 * width] + a[x + 2 * width])
                    total[x] = middle + near + far
                    constant[x] = <real_t>729 * middle + <real_t>484 * near + <real_t>49 * far
                    quadratic[x] = <real_t>-270 * middle - <real_t>220 * near - <real_t>70 * far
                for x in range(n):
                    fitted = <real_t>(1.0 / 175) * (
                        weighted[x] + weighted[x + 1] + weighted[x + 2] + weighted[x + 3] + weighted[x + 4]
                        - <real_t>20 * (change[x] + change[x + 4]) - <real_t>5 * (change[x + 1] + change[x + 3])
                    )
                    surface[x] = <real_t>SURFACE_SCALE * fitted
                    residual[x] = <real_t>RESIDUAL_SCALE * ((b[x + 2] - a[x + 2]) - fitted)
                for x in range(n):
                    intensity[x] = <real_t>(1.0 / 51800) * (
                        constant[x] + constant[x + 1] + constant[x + 2] + constant[x + 3] + constant[x + 4]
                        + <real_t>4 * (quadratic[x] + quadratic[x + 4]) + (quadratic[x + 1] + quadratic[x + 3])
                        + <real_t>400 * (total[x] + total[x + 4]) + <real_t>25 * (total[x + 1] + total[x + 3])
                        + <real_t>21175 * (b[x + 2] + a[x + 2])  # the middle has the weight 148, not 27
                    )
                for x in range(n):
                    cell = cells[y, start + 2 + x]
                    if cell >= table.shape[0] or not surface[x] * surface[x] <= limits[y, start + 2 + x]:
                        residual[x] = NAN
                        continue
                    entry = &table[cell, 0]
                    square = <double>residual[x] * residual[x]
                    count += 1
                    squares += square
                    entry[0] += 1
                    entry[1] += intensity[x]
                    entry[2] += square
                    if b[x + 2] >= entry[3]:
                        entry[4] = entry[4] + 1 if b[x + 2] == entry[3] else 1
                        entry[3] = b[x + 2]
                if y % 4 == 3:
                    add_neighbors(residual, residual + 1, &limits[y, start + 2], n - 1, &neighbors[0, 0])
                    add_neighbors(residual, &residuals[1 - y % 2][0], &limits[y, start + 2], n, &neighbors[1, 0])
            start += n
    return count, squares
