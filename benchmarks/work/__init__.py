"""What a worker does: functions that prepare something to run, with this package and with the release 1.0.0 alike.

They import only what the environments of both have, and take arguments such as JSON holds.
"""
