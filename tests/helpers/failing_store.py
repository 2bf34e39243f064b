"""Folders of Zarr in which one operation fails."""

import errno
import inspect
import threading
from typing import Any

import pytest
from zarr.storage import LocalStore

OPERATIONS = (
    *("get", "get_sync", "set", "set_sync", "set_if_not_exists", "delete", "delete_sync", "delete_dir"),
    *("exists", "list", "list_prefix", "list_dir"),
)


class Failure:
    """Lets the n-th operation of any `LocalStore` raise OSError, counted from 1."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.done = 0
        self._lock = threading.Lock()

    @property
    def has_come(self) -> bool:
        return self.done >= self.n

    def count(self) -> None:
        with self._lock:
            self.done += 1
            fails = self.done == self.n
        if fails:
            raise OSError(errno.EIO, "Input/output error")

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in OPERATIONS:
            original = getattr(LocalStore, name, None)  # those that end with "_sync" are new in Zarr 3.4
            if original is not None:
                monkeypatch.setattr(LocalStore, name, self._counted(original))

    def _counted(self, original: Any) -> Any:
        async def awaited(*arguments: Any, **named: Any) -> Any:
            self.count()
            return await original(*arguments, **named)

        async def listed(*arguments: Any, **named: Any) -> Any:
            self.count()
            async for key in original(*arguments, **named):
                yield key

        def called(*arguments: Any, **named: Any) -> Any:
            self.count()
            return original(*arguments, **named)

        if inspect.isasyncgenfunction(original):
            return listed
        return awaited if inspect.iscoroutinefunction(original) else called
