"""Where arrays lie, whether they are finished, and their chunks, shards and compressors."""
