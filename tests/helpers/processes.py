"""How long a process that a test starts may take: one that hangs fails its test, and does not hold up the others."""

TIMEOUT = 60
"""Seconds; most take 2, also on a machine with much else to do."""
