"""The types for which the loops are compiled, and the sizes in which they work."""

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

cdef extern from *:
    """
    #include <float.h>
    #if defined(__FAST_MATH__) || (FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16)  /* 16: only of half precision */
    #error "the format needs plain IEEE float64 arithmetic: build without -ffast-math, and with SSE2 on x86"
    #endif

    /* Elements per block: what one block reads and writes stays in the first-level cache between two passes. */
    enum { BLOCK = 2048 };
    """
    enum: BLOCK
