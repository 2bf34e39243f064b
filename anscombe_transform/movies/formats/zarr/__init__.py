"""Recordings in Zarr arrays and groups: plain, of xarray, of OME-Zarr, and of this package."""
