"""A hub on this machine: one model's folder, served as the hub serves it, with ranges; what was asked for is written
down."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Hub:
    """`requests` are (method, file, first byte asked for); weights come in pieces of 300 kB with a `pause` (seconds)
    between them."""

    model: str
    folder: Path
    address: str = ""
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    pause: float = 0.0

    def fetched(self, file: str) -> list[int]:
        """From which byte on a file was fetched, each time."""
        return [first for method, name, first in self.requests if method == "GET" and name == file]


@contextlib.contextmanager
def serving(model: str, folder: Path, revisions: tuple[str, ...] = ("main",)) -> Iterator[Hub]:
    """A hub that has one model, at these revisions."""
    hub = Hub(model, folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            if path.startswith(f"/api/models/{model}"):
                return self._describe(path.partition("/revision/")[2] or "main")
            start = f"/{model}/resolve/"
            revision, _, name = path.removeprefix(start).partition("/")
            file = folder / name
            if not path.startswith(start) or revision not in (*revisions, COMMIT) or not file.is_file():
                return self._refuse("EntryNotFound" if path.startswith(start) else "RepoNotFound")
            return self._send(file, name)

        def _describe(self, revision: str) -> None:
            if revision not in revisions:
                return self._refuse("RevisionNotFound")
            files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
            siblings = [{"rfilename": str(p.relative_to(folder)), "size": p.stat().st_size} for p in files]
            content = json.dumps({"id": model, "modelId": model, "sha": COMMIT, "siblings": siblings}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _refuse(self, code: str) -> None:
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, file: Path, name: str) -> None:
            content = file.read_bytes()
            asked = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0]
            first = int(asked or 0)
            hub.requests.append((self.command, name, first))
            self.send_response(206 if first else 200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
            self.send_header("Accept-Ranges", "bytes")
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - first))
            self.end_headers()
            if self.command == "HEAD":
                return
            piece = 300_000 if hub.pause and name.endswith(".safetensors") else len(content)
            with contextlib.suppress(OSError):
                for start in range(first, len(content), max(1, piece)):
                    self.wfile.write(content[start : start + piece])
                    if start + piece < len(content):
                        time.sleep(hub.pause)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
