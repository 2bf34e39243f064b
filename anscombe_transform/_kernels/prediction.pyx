# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: cdivision=True, freethreading_compatible=True
"""Residuals of codes, which are what earlier frames and rows do not predict, and the way back."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t

from anscombe_transform._kernels.dispatch cimport AVX2, avx2_void, instructions
from anscombe_transform._kernels.types cimport index_t as code_t

cdef extern from *:
    """
    /* Fractional bits of the mean of earlier frames and of a sum of products; columns on each side of the mean. */
    enum { MEAN_BITS = 7, SUM_BITS = 5, MARGIN = 2 };
    """
    enum: MEAN_BITS, SUM_BITS, MARGIN

ctypedef fused mean_t:
    int16_t  # of uint8 codes
    int32_t  # of uint16 codes


cdef inline mean_t plus(mean_t a, mean_t b) noexcept nogil:
    """Add, wrapping around."""
    if mean_t is int16_t:
        return <int16_t>(<uint16_t>a + <uint16_t>b)
    else:
        return <int32_t>(<uint32_t>a + <uint32_t>b)


cdef inline mean_t times(int16_t weight, mean_t mean) noexcept nogil:
    if mean_t is int16_t:
        return <int16_t>((<int32_t>weight * mean) >> 16)
    else:
        return <int32_t>((<int64_t>weight * mean) >> 16)


cdef inline void predict_from_frames(
    const mean_t* above, const mean_t* here, const mean_t* below, const int16_t* weights, mean_t bias, Py_ssize_t n,
    mean_t* predicted,
) noexcept nogil:
    """Write the sums over 3 by 3 pixels of the mean of earlier frames."""
    cdef int16_t w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3], w4 = weights[4]
    cdef int16_t w5 = weights[5], w6 = weights[6], w7 = weights[7], w8 = weights[8]
    cdef mean_t total
    cdef Py_ssize_t x
    for x in range(n):
        total = plus(bias, times(w0, above[x + 1]))
        total = plus(total, times(w1, above[x + 2]))
        total = plus(total, times(w2, above[x + 3]))
        total = plus(total, times(w3, here[x + 1]))
        total = plus(total, times(w4, here[x + 2]))
        total = plus(total, times(w5, here[x + 3]))
        total = plus(total, times(w6, below[x + 1]))
        total = plus(total, times(w7, below[x + 2]))
        total = plus(total, times(w8, below[x + 3]))
        predicted[x] = total


cdef inline void predict_from_rows(
    const mean_t* above, const mean_t* second, const int16_t* weights, mean_t bias, Py_ssize_t n, mean_t* predicted
) noexcept nogil:
    """Write the sums over five pixels of the row above and three of the one above that."""
    cdef mean_t total
    cdef Py_ssize_t x, i
    for x in range(n):
        total = bias
        for i in range(5):
            total = plus(total, times(weights[i], above[x + i]))
        for i in range(3):
            total = plus(total, times(weights[5 + i], second[x + 1 + i]))
        predicted[x] = total


cdef inline void subtract(const code_t* codes, const mean_t* predicted, Py_ssize_t n, code_t* residuals) noexcept nogil:
    """Write differences from the prediction as 0, 1, 2, 3 ... for 0, -1, 1, -2 ..."""
    cdef code_t difference
    cdef Py_ssize_t x
    for x in range(n):
        difference = <code_t>(codes[x] - <code_t>(predicted[x] >> SUM_BITS))
        residuals[x] = <code_t>(<code_t>(difference << 1) ^ <code_t>-<code_t>(difference >> (8 * sizeof(code_t) - 1)))


cdef inline void add(const code_t* residuals, const mean_t* predicted, Py_ssize_t n, code_t* codes) noexcept nogil:
    cdef code_t difference
    cdef Py_ssize_t x
    for x in range(n):
        difference = <code_t>((residuals[x] >> 1) ^ <code_t>-<code_t>(residuals[x] & 1))
        codes[x] = <code_t>(difference + <code_t>(predicted[x] >> SUM_BITS))


cdef inline void work_on_first_row(
    const code_t* source, code_t* target, Py_ssize_t n, bint inverse, mean_t* predicted
) noexcept nogil:
    """Predict each code from the one to its left."""
    cdef Py_ssize_t x
    for x in range(n):
        predicted[0] = 0
        if x > 0:
            predicted[0] = <mean_t>(<mean_t>(target[x - 1] if inverse else source[x - 1]) << SUM_BITS)
        if inverse:
            add(source + x, predicted, 1, target + x)
        else:
            subtract(source + x, predicted, 1, target + x)


cdef inline void follow(const code_t* codes, int shift, Py_ssize_t n, mean_t* mean) noexcept nogil:
    """Bring the mean nearer to the codes by 2 ** -shift of the way; with 0, it is the codes, whatever it was before."""
    cdef mean_t half = <mean_t>((1 << shift) >> 1)
    cdef Py_ssize_t x
    if shift == 0:
        for x in range(n):
            mean[x] = <mean_t>(<mean_t>codes[x] << MEAN_BITS)
        return
    for x in range(n):
        mean[x] = <mean_t>(mean[x] + (<mean_t>(<mean_t>(<mean_t>codes[x] << MEAN_BITS) - mean[x] + half) >> shift))


cdef inline void repeat_edges(mean_t* row, Py_ssize_t n) noexcept nogil:
    row[0] = row[1] = row[MARGIN]
    row[n + MARGIN] = row[n + MARGIN + 1] = row[n + MARGIN - 1]


cdef bint is_constant(const code_t* codes, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(1, n):
        if codes[i] != codes[0]:
            return False
    return True


cdef inline void work_on_frame(
    const code_t* source, code_t* target, mean_t* mean, mean_t* predicted, Py_ssize_t height, Py_ssize_t width,
    const int16_t* weights, mean_t bias, bint first, bint inverse, int shift, bint* constant,
) noexcept nogil:
    cdef Py_ssize_t stride = width + 2 * MARGIN, y, x
    cdef mean_t* row
    cdef const code_t* codes = source
    if inverse:
        codes = target
    for y in range(height):
        row = mean + (y + 1) * stride
        if not first:
            predict_from_frames(row - stride, row, row + stride, weights, bias, width, predicted)
        elif y > 0:
            predict_from_rows(row - stride, row - stride * min(y, 2), weights, bias, width, predicted)
        if first and y == 0:
            work_on_first_row(source, target, width, inverse, predicted)
        elif inverse:
            add(source + y * width, predicted, width, target + y * width)
        else:
            subtract(source + y * width, predicted, width, target + y * width)
        if first:
            follow(codes + y * width, 0, width, row + MARGIN)
            repeat_edges(row, width)
    constant[0] = is_constant(codes, height * width)
    if not first:
        for y in range(height):
            row = mean + (y + 1) * stride
            follow(codes + y * width, 0 if constant[0] else shift, width, row + MARGIN)
            repeat_edges(row, width)
    for x in range(stride):
        mean[x] = mean[stride + x]
        mean[(height + 1) * stride + x] = mean[height * stride + x]


cdef avx2_void work_on_frame_avx2(
    const code_t* source, code_t* target, mean_t* mean, mean_t* predicted, Py_ssize_t height, Py_ssize_t width,
    const int16_t* weights, mean_t bias, bint first, bint inverse, int shift, bint* constant,
) noexcept nogil:
    work_on_frame(source, target, mean, predicted, height, width, weights, bias, first, inverse, shift, constant)


def predict_chunk(
    const code_t[:, :, ::1] source,
    code_t[:, :, ::1] target,
    mean_t[:, ::1] mean,
    mean_t[::1] predicted,
    const int16_t[::1] weights,
    int bias,
    const int16_t[::1] first_weights,
    int first_bias,
    int shift,
    bint inverse,
):
    """Write the residuals of codes to `target`, or with `inverse` the codes of residuals.

    `source` and `target` have the axes time, y and x. `mean` is memory for the mean of earlier frames, with a row more
    on each side and two columns, and `predicted` is memory for a row.
    """
    cdef Py_ssize_t frames = source.shape[0], height = source.shape[1], width = source.shape[2], t
    cdef Py_ssize_t seen = 0
    cdef int step = 0
    cdef bint constant
    if (
        target.shape[0] != frames or target.shape[1] != height or target.shape[2] != width
        or mean.shape[0] != height + 2 or mean.shape[1] != width + 2 * MARGIN or predicted.shape[0] != width
        or weights.shape[0] != 9 or first_weights.shape[0] != 8 or sizeof(mean_t) != 2 * sizeof(code_t)
    ):
        raise ValueError("the shapes of the arguments do not agree")
    if frames == 0 or height == 0 or width == 0:
        return
    with nogil:
        for t in range(frames):
            seen += 1
            while step < shift and <Py_ssize_t>1 << step < seen:
                step += 1
            if instructions >= AVX2:
                work_on_frame_avx2(
                    &source[t, 0, 0], &target[t, 0, 0], &mean[0, 0], &predicted[0], height, width,
                    &weights[0] if t else &first_weights[0], <mean_t>(bias if t else first_bias), t == 0, inverse, step,
                    &constant,
                )
            else:
                work_on_frame(
                    &source[t, 0, 0], &target[t, 0, 0], &mean[0, 0], &predicted[0], height, width,
                    &weights[0] if t else &first_weights[0], <mean_t>(bias if t else first_bias), t == 0, inverse, step,
                    &constant,
                )
            if constant:  # padding, or a closed shutter: the mean begins anew
                seen, step = 1, 0
