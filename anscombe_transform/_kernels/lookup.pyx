# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: cdivision=True, freethreading_compatible=True
"""Looking up what 8- and 16-bit elements stand for."""

from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy

from anscombe_transform._kernels.dispatch cimport AVX2, LOOKUP_IN_REGISTERS, avx2_void, instructions
from anscombe_transform._kernels.types cimport BLOCK, index_t, item_t

cdef extern from *:
    """
    /* Elements up to which a lookup keeps the GIL: getting it back takes longer when other threads want it. */
    enum { SHORT = 1 << 14 };

    /* How far to shift an item so that it becomes the i-th of those of `size` bytes in 8 bytes of memory. */
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    #define SHIFT_TO(i, size) (8 * (8 - (size) * ((i) + 1)))
    #else
    #define SHIFT_TO(i, size) (8 * (size) * (i))
    #endif
    """
    enum: SHORT
    int SHIFT_TO(Py_ssize_t i, size_t size) noexcept nogil

cdef extern from "instructions.h":
    size_t lookup_8_bits(const uint8_t* indices, const uint8_t* items, uint8_t* out, size_t n) noexcept nogil
    size_t lookup_16_bits(const uint8_t* indices, const uint16_t* items, uint16_t* out, size_t n) noexcept nogil


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
    cdef uint64_t word
    if index_t is uint8_t and instructions >= LOOKUP_IN_REGISTERS:
        if item_t is uint8_t:
            done = lookup_8_bits(indices, table, out, n)
        elif item_t is uint16_t:
            done = lookup_16_bits(indices, table, out, n)
    # Processors load twice as many items in a cycle as they store, and loads may wait for stores.
    while done + 8 // <Py_ssize_t>sizeof(item_t) <= n:
        word = 0
        for i in range(8 // <Py_ssize_t>sizeof(item_t)):
            word |= <uint64_t>table[indices[done + i]] << SHIFT_TO(i, sizeof(item_t))
        memcpy(&out[done], &word, 8)
        done += 8 // <Py_ssize_t>sizeof(item_t)
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


def finds_in_registers(size_t itemsize):
    """Return whether 8-bit indices find items of so many bytes in registers: no other way is as fast."""
    return instructions >= LOOKUP_IN_REGISTERS and itemsize <= 2
