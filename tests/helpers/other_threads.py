"""Whether other threads run while a kernel does."""

import sys
import threading
from collections.abc import Callable


def run_during(call: Callable[[], object]) -> bool:
    """Return whether another thread ran during one of many calls.

    No thread is made to give way, so the other one can run only while a call does without the interpreter.
    """
    gate = threading.Lock()
    passed: list[bool] = []

    def pass_the_gate() -> None:
        with gate:
            passed.append(True)

    other = threading.Thread(target=pass_the_gate)
    interval = sys.getswitchinterval()
    gate.acquire()
    other.start()
    sys.setswitchinterval(1000)
    try:
        gate.release()
        calls = 0
        while not passed and calls < 5000:
            call()
            calls += 1
        return bool(passed)
    finally:
        sys.setswitchinterval(interval)
        other.join()
