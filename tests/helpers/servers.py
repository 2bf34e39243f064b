"""Programs that run on this machine as long as a test uses them, and answer over TCP."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import command
import prepared
from processes import TIMEOUT


@contextmanager
def running(*line: str | Path, log: Path, **variables: str) -> Iterator[command.Running]:
    """Start a program whose output goes to a file, and end it after use."""
    environment = os.environ | variables
    process: command.Running
    if prepared.IS_POSSIBLE:
        log.touch()
        process = prepared.Process(line, log.parent, environment, log, log)
    else:
        with log.open("w") as file:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file, "encoding": "utf-8"}
            process = subprocess.Popen([sys.executable, "-m", *line], cwd=log.parent, env=environment, **streams)
    try:
        yield process
    finally:
        process.kill()
        process.wait(TIMEOUT)


def printed(log: Path, pattern: str, process: command.Running) -> str:
    """Return what a program says sooner or later."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        found = re.search(pattern, log.read_text(encoding="utf-8", errors="replace"))
        if found is not None:
            return found[1]
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        time.sleep(0.05)
    raise TimeoutError(f"{pattern} was not printed: {log.read_text(encoding='utf-8', errors='replace')}")


@contextmanager
def s3_server(folder: Path, bucket: str) -> Iterator[str]:
    """Start an S3 server with an empty bucket that any key opens, and yield its URL."""
    import s3fs  # type: ignore[import-untyped, unused-ignore]

    log = folder / "s3.log"
    with running("moto.server", "-H", "127.0.0.1", "-p", "0", log=log) as process:
        url = printed(log, r"Running on (http://127\.0\.0\.1:[0-9]+)", process)
        s3fs.S3FileSystem(key="nobody", secret="nothing", endpoint_url=url).mkdir(bucket)
        yield url


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class _ListsNothing(_Quiet):
    def list_directory(self, path: Any) -> None:
        self.send_error(403, "nobody may list this")


@contextmanager
def web_server(folder: Path, *, lists: bool) -> Iterator[str]:
    """Start a web server for a folder, with pages of links to what is in it or without, and yield its host and port."""
    handler = partial(_Quiet if lists else _ListsNothing, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
