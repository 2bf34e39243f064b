"""Processes that do work with the package of an environment: this one, or the release 1.0.0, which has its name.

As a script, it takes requests as lines of JSON and answers each with one: to prepare a function of ``benchmarks.work``,
and to run what that returned. It imports only what the release's environment has.
"""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class WorkError(RuntimeError):
    """A piece of work failed in its process."""


class Worker:
    """A process of an interpreter, which prepares pieces of work and runs them when it is told to."""

    def __init__(self, python: Path) -> None:
        # In a session of its own, Ctrl-C does not reach it: it is ended here.
        command = [str(python), "-I", __file__]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def prepare(self, work: Callable[P, Callable[[], T]], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
        """Return a function that has the process call what `work` returned there, and returns the answer.

        Arguments and answers must be such as JSON holds.

        Raises
        ------
        WorkError
            If `work` fails, and, from the function, if what it returned does.
        """
        number = self._ask(prepare=[work.__module__, work.__qualname__], args=args, kwargs=kwargs)
        return lambda: self._ask(run=number)

    def later(
        self, work: Callable[P, Callable[[], T]], *args: P.args, **kwargs: P.kwargs
    ) -> Callable[[], Callable[[], T]]:
        """Return a function that does what `prepare` does."""
        return lambda: self.prepare(work, *args, **kwargs)

    def forget(self) -> None:
        """Have the process drop all that it prepared."""
        self._ask(forget=True)

    def _ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkError(f"the process ended, with status {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkError(answer["error"])
        return answer["answer"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()


def answer(request: dict[str, Any], prepared: list[Callable[[], Any]]) -> Any:
    if "run" in request:
        return prepared[request["run"]]()
    if "forget" in request:
        prepared.clear()
        return None
    module, name = request["prepare"]
    work = getattr(importlib.import_module(module), name)
    prepared.append(work(*request["args"], **request["kwargs"]))
    return len(prepared) - 1


def main() -> None:
    # `benchmarks` alone is made importable: next to it lies this package, which must not be found by the release.
    package = ModuleType("benchmarks")
    package.__path__ = [str(Path(__file__).parent)]
    sys.modules["benchmarks"] = package
    answers, sys.stdout = sys.stdout, sys.stderr
    prepared: list[Callable[[], Any]] = []
    for line in sys.stdin:
        try:
            reply = {"answer": answer(json.loads(line), prepared)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
