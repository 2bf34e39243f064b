"""The numbers: the transform with its parameters, what codes hold, and encoding and decoding of NumPy arrays."""
