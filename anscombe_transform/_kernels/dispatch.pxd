"""Which vector instructions the loops may use."""

cdef extern from "instructions.h":
    # A function that returns this is compiled for AVX2, together with all that it calls.
    ctypedef void avx2_void "AVX2_LOOP void"
    enum: BASELINE, AVX2, AVX512_VBMI

cdef int instructions
