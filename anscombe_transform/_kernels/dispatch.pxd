"""Which vector instructions the loops may use."""

cdef extern from "instructions.h":
    # A function that returns this is compiled for AVX2, together with all that it calls.
    ctypedef void avx2_void "AVX2_LOOP void"
    enum: BASELINE, AVX2
    enum: LOOKUP_IN_REGISTERS  # from here on, `lookup_8_bits` and `lookup_16_bits` are the fastest

cdef int instructions
