"""A file system of fsspec that may be read from, but not listed, or only with credentials that nobody has."""

from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest


class Limited(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """The files of a local folder."""

    protocol = "limited"
    root = Path()
    refusal: Exception | None = None
    """What is raised when something is read."""

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        if self.refusal is not None:
            raise self.refusal
        return (self.root / str(self._strip_protocol(path)).strip("/")).read_bytes()[start:end]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        file = self.root / str(self._strip_protocol(path)).strip("/")
        return {"name": path, "size": file.stat().st_size, "type": "file"}

    def ls(self, path: str, detail: bool = True, **_: Any) -> Any:
        raise PermissionError("nobody may list this")


def serve(folder: Path, monkeypatch: pytest.MonkeyPatch, refusal: Exception | None = None) -> str:
    """Return the URL of a folder in which everything may be read, unless there is a refusal, but nothing listed."""
    monkeypatch.setattr(Limited, "root", folder)
    monkeypatch.setattr(Limited, "refusal", refusal)
    fsspec.register_implementation("limited", Limited, clobber=True)
    return "limited://movie.zarr"
