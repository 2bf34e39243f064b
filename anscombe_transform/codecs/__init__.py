"""The codecs of both Zarr formats."""
