"""Whole recordings: compressing them into Zarr arrays, reading them back, and saying what an array holds."""
