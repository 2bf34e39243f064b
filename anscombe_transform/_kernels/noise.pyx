# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: cdivision=True, freethreading_compatible=True
"""Sums over the noise in the difference of two frames."""

from libc.math cimport NAN
from libc.stdint cimport uint16_t
from libc.string cimport memcpy

from anscombe_transform._kernels.types cimport real_t

cdef extern from *:
    """
    /* A quadratic surface fitted to 5 by 5 pixels has the weights (27 - 5 r^2) / 175 in the middle, at a distance of r
       pixels (Savitzky and Golay). In the difference of two frames of noise of variance 1, the surface has variance
       54/175 and the residual 296/175. These factors make both 1. */
    static const double SURFACE_SCALE = 1.800205749557739;   /* sqrt(175/54) */
    static const double RESIDUAL_SCALE = 0.7689058565365569;  /* sqrt(175/296) */

    /* Columns of an image that are worked on at a time: what they need stays in the first-level cache. */
    enum { STRIP = 512 };

    /* Columns of the table of sums. */
    enum { COLUMNS = 7 };
    """
    enum: STRIP
    enum: COLUMNS
    const double SURFACE_SCALE
    const double RESIDUAL_SCALE


cdef inline void add_pairs(
    const real_t* one, const real_t* other, const real_t* weight, const real_t* other_weight, Py_ssize_t n,
    Py_ssize_t step, double* sums
) noexcept nogil:
    """Add what the residuals of pairs have in common, and their squares, with the weights of the pixels."""
    cdef double product = 0.0, square = 0.0, square_of_one = 0.0, square_of_other = 0.0
    cdef double a, b
    cdef Py_ssize_t i, pair
    for pair in range((n + step - 1) // step):
        i = step * pair
        if one[i] == one[i] and other[i] == other[i]:
            a, b = weight[i] * one[i], weight[i] * other[i]
            product += a * other[i]
            square_of_one += a * one[i]
            square += b * other[i]
            square_of_other += other_weight[i] * other[i] * other[i]
    sums[0] += product
    sums[1] += 0.5 * (square_of_one + square)
    sums[2] += square_of_one
    sums[3] += square_of_other


cdef inline void add_in_time(
    const real_t* residual, const real_t* last, const real_t* last_but_one, const real_t* weight, Py_ssize_t n,
    double* of_last, double* of_last_but_one
) noexcept nogil:
    """Add what residuals have in common with those of the last two differences, with the weights of the pixels."""
    cdef double product = 0.0, square = 0.0, other_product = 0.0, other_square = 0.0
    cdef double a, b, weighted
    cdef Py_ssize_t x
    for x in range(n):
        if residual[x] == residual[x]:
            a, b = residual[x], last[x]
            weighted = weight[x] * a
            if last[x] == last[x]:
                product += weighted * b
                square += weighted * a + weight[x] * b * b
            b = last_but_one[x]
            if last_but_one[x] == last_but_one[x]:
                other_product += weighted * b
                other_square += weighted * a + weight[x] * b * b
    of_last[0] += product
    of_last[1] += 0.5 * square
    of_last_but_one[0] += other_product
    of_last_but_one[1] += 0.5 * other_square


cdef inline void invert(const real_t* limits, Py_ssize_t n, real_t* weights) noexcept nogil:
    """Write the weights of pixels with these limits; pixels without noise have none."""
    cdef Py_ssize_t x
    for x in range(n):
        weights[x] = 1 / limits[x] if limits[x] > 0 else 0


cdef inline void sum_differences(
    const real_t* a, const real_t* b, Py_ssize_t width, Py_ssize_t n, real_t* change, real_t* weighted
) noexcept nogil:
    """Sum the change from one frame to the next over 5 rows, plainly and with the weights of the surface at x = 0."""
    cdef real_t near, far, middle
    cdef Py_ssize_t x
    for x in range(n):
        middle = b[x] - a[x]
        near = (b[x - width] - a[x - width]) + (b[x + width] - a[x + width])
        far = (b[x - 2 * width] - a[x - 2 * width]) + (b[x + 2 * width] - a[x + 2 * width])
        change[x] = middle + near + far
        weighted[x] = <real_t>27 * middle + <real_t>22 * near + <real_t>7 * far


cdef inline void sum_intensities(
    const real_t* a, const real_t* b, Py_ssize_t width, Py_ssize_t n, real_t* total, real_t* constant, real_t* quadratic
) noexcept nogil:
    """Sum both frames over 5 rows, plainly and with the terms of the squared weights of order 0 and 2 in x."""
    cdef real_t near, far, middle
    cdef Py_ssize_t x
    for x in range(n):
        middle = b[x] + a[x]
        near = (b[x - width] + a[x - width]) + (b[x + width] + a[x + width])
        far = (b[x - 2 * width] + a[x - 2 * width]) + (b[x + 2 * width] + a[x + 2 * width])
        total[x] = middle + near + far
        constant[x] = <real_t>729 * middle + <real_t>484 * near + <real_t>49 * far
        quadratic[x] = <real_t>-270 * middle - <real_t>220 * near - <real_t>70 * far


cdef inline void fit_surface(
    const real_t* a, const real_t* b, const real_t* change, const real_t* weighted, Py_ssize_t n, real_t* surface,
    real_t* residual
) noexcept nogil:
    """Write the surface and the residual in the middle of 5 by 5 pixels, the first of which are at 0."""
    cdef real_t fitted
    cdef Py_ssize_t x
    for x in range(n):
        fitted = <real_t>(1.0 / 175) * (
            weighted[x] + weighted[x + 1] + weighted[x + 2] + weighted[x + 3] + weighted[x + 4]
            - <real_t>20 * (change[x] + change[x + 4]) - <real_t>5 * (change[x + 1] + change[x + 3])
        )
        surface[x] = <real_t>SURFACE_SCALE * fitted
        residual[x] = <real_t>RESIDUAL_SCALE * ((b[x + 2] - a[x + 2]) - fitted)


cdef inline void mean_intensity(
    const real_t* a, const real_t* b, const real_t* total, const real_t* constant, const real_t* quadratic,
    Py_ssize_t n, real_t* intensity
) noexcept nogil:
    """Write the mean of both frames over 5 by 5 pixels, with the squares of their weights in the residual."""
    cdef Py_ssize_t x
    for x in range(n):
        intensity[x] = <real_t>(1.0 / 51800) * (
            constant[x] + constant[x + 1] + constant[x + 2] + constant[x + 3] + constant[x + 4]
            + <real_t>4 * (quadratic[x] + quadratic[x + 4]) + (quadratic[x + 1] + quadratic[x + 3])
            + <real_t>400 * (total[x] + total[x + 4]) + <real_t>25 * (total[x + 1] + total[x + 3])
            + <real_t>21175 * (b[x + 2] + a[x + 2])  # the middle has the weight 148, not 27
        )


cdef inline void add_samples(
    const real_t* later, const uint16_t* cells, const real_t* limits, const real_t* surface, const real_t* intensity,
    Py_ssize_t n, real_t* residual, double* table, Py_ssize_t rows, Py_ssize_t* count, double* totals
) noexcept nogil:
    """Add the samples of one row of pixels to the table, and make the residuals of those left out NaN."""
    cdef double* entry
    cdef double square, intensities = 0.0, squares = 0.0
    cdef Py_ssize_t x, used = 0
    for x in range(n):
        if cells[x] >= rows or not surface[x] * surface[x] <= limits[x]:
            residual[x] = NAN
            continue
        entry = table + COLUMNS * cells[x]
        square = <double>residual[x] * residual[x]
        used += 1
        intensities += intensity[x]
        squares += square
        entry[0] += 1
        entry[1] += intensity[x]
        entry[2] += square
        if later[x] >= entry[3]:
            entry[4] = entry[4] + 1 if later[x] == entry[3] else 1
            entry[3] = later[x]
        if later[x] <= entry[5]:
            entry[6] = entry[6] + 1 if later[x] == entry[5] else 1
            entry[5] = later[x]
    count[0] += used
    totals[0] += intensities
    totals[1] += squares


def gather_noise(
    const real_t[:, ::1] earlier,
    const real_t[:, ::1] later,
    const uint16_t[:, ::1] cells,
    const real_t[:, ::1] limits,
    double[:, ::1] table,
    double[:, ::1] pairs,
    real_t[:, :, ::1] previous,
):
    """Add what the difference of two frames tells of the noise to `table`, in the row that `cells` names for a pixel.

    Return the number of residuals, the sum of intensities and the sum of squared residuals.

    A quadratic surface is fitted to the difference over 5 by 5 pixels. The surface is how the scene changed, and the
    residual in the middle is noise. Left out are pixels whose cell is no row of `table`, and those where the square
    of the surface exceeds that of `limits`. Both are scaled to the variance of the noise of one frame.

    The columns of `table` are the number of residuals, the sum of intensities, the sum of squared residuals, the
    largest value of `later` and the number of times that it was met, and the same of the smallest. The intensity is a
    mean over both frames and the 5 by 5 pixels, with the squares of the weights that pixels have in the residual: so
    noise whose variance is linear in the intensity puts the sums on the same line.

    The rows of `pairs` are for pairs of residuals: of an even column and the next one, of an even row and the next one,
    and of a pixel in this difference and in the last one, and in the last but one. `previous` holds these two, and is
    given this one. The columns are the sums of their products and of the means of their squares, both divided by the
    limit of the first; and for pairs of two pixels also of the squares of the first and of the second, each divided by
    its own limit. They are over every second pair of rows, in strips of columns. `previous` has a row for four rows of
    the frames; NaN is what is not known.
    """
    cdef Py_ssize_t height = earlier.shape[0], width = earlier.shape[1], start = 0, n, y
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
    cdef real_t weights[2][STRIP]
    cdef const real_t* a
    cdef const real_t* b
    cdef const real_t* limit
    cdef real_t* residual
    cdef real_t* above
    cdef real_t* last
    cdef real_t* last_but_one
    cdef double totals[2]
    cdef Py_ssize_t count = 0
    totals[0] = totals[1] = 0.0
    if (
        later.shape[0] != height or later.shape[1] != width or cells.shape[0] != height or cells.shape[1] != width
        or limits.shape[0] != height or limits.shape[1] != width or table.shape[1] != COLUMNS
        or pairs.shape[0] != 4 or pairs.shape[1] != 4 or previous.shape[0] != 2
        or previous.shape[1] < height // 4 or previous.shape[2] != width
    ):
        raise ValueError("the shapes of the arguments do not agree")
    with nogil:
        while start < width - 4:
            n = min(<Py_ssize_t>STRIP, width - 4 - start)
            for y in range(2, height - 2):
                a, b = &earlier[y, start], &later[y, start]
                residual, limit = &residuals[y % 2][0], &limits[y, start + 2]
                sum_differences(a, b, width, n + 4, change, weighted)
                sum_intensities(a, b, width, n + 4, total, constant, quadratic)
                fit_surface(a, b, change, weighted, n, surface, residual)
                mean_intensity(a, b, total, constant, quadratic, n, intensity)
                add_samples(
                    b + 2, &cells[y, start + 2], limit, surface, intensity, n, residual, &table[0, 0], table.shape[0],
                    &count, totals,
                )
                if y % 4 == 3:
                    invert(limit - width, n, weights[0])
                    invert(limit, n, weights[1])
                    above = &residuals[0][0]
                    last, last_but_one = &previous[0, y // 4, start], &previous[1, y // 4, start]
                    add_pairs(above, above + 1, weights[0], weights[0] + 1, n - 1, 2, &pairs[0, 0])
                    add_pairs(residual, residual + 1, weights[1], weights[1] + 1, n - 1, 2, &pairs[0, 0])
                    add_pairs(above, residual, weights[0], weights[1], n, 1, &pairs[1, 0])
                    add_in_time(residual, last, last_but_one, weights[1], n, &pairs[2, 0], &pairs[3, 0])
                    memcpy(last_but_one, last, n * sizeof(real_t))
                    memcpy(last, residual, n * sizeof(real_t))
            start += n
    return count, totals[0], totals[1]
