# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: cdivision=True, freethreading_compatible=True
"""The choice of vector instructions, for the loops of all modules."""

cdef extern from "instructions.h":
    const char* const* INSTRUCTION_NAMES
    int best_instructions() noexcept nogil

INSTRUCTION_SETS = tuple([INSTRUCTION_NAMES[number].decode() for number in range(best_instructions() + 1)])
"""The instruction sets that the loops can use on this processor; they use the last."""

instructions = best_instructions()


def use_instructions(name):
    """Let the loops use no more than one of `INSTRUCTION_SETS`; the results are the same with each."""
    global instructions
    if name not in INSTRUCTION_SETS:
        raise ValueError(f"this processor has {', '.join(INSTRUCTION_SETS)}, not {name!r}")
    instructions = INSTRUCTION_SETS.index(name)
