"""Loops over one chunk or over two frames, compiled, without the GIL unless they are short.

Every function takes contiguous buffers in native byte order and knows nothing of where they came from.
"""
