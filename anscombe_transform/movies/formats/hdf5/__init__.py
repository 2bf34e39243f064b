"""Recordings in HDF5 files: plain HDF5, MATLAB 7.3 and NWB."""
