"""Recordings in TIFF files: of one file or of many, of each maker."""
