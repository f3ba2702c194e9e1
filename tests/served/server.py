"""The app's own server in a process of its own, with a home of its own, and what the system says of that process.

Run as a program it is that process: the app, which on SIGUSR1 writes into a file which threads it has.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 240.0


@dataclass(frozen=True)
class Served:
    """The app: its address, its process, and its home, in which its log and its runs are."""

    address: str
    process: int
    home: Path

    @property
    def log(self) -> str:
        """What it wrote on the terminal."""
        return (self.home / "server.log").read_text(encoding="utf-8", errors="replace")

    @property
    def data(self) -> Path:
        """Where its runs are."""
        return self.home / "data"

    def memory(self) -> int:
        """Bytes that are resident."""
        lines = Path(f"/proc/{self.process}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024

    def threads(self) -> list[str]:
        """The names of its Python threads now."""
        told = self.home / "threads.json"
        told.unlink(missing_ok=True)
        os.kill(self.process, signal.SIGUSR1)
        until = time.monotonic() + 30
        while not told.exists():
            if time.monotonic() > until:
                raise TimeoutError("the server does not say which threads it has")
            time.sleep(0.05)
        names: list[str] = json.loads(told.read_text(encoding="utf-8"))
        return names


@contextmanager
def served(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """The app with the embedded model, as `streamlit run Home.py` serves it, for the time of a block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"HOME": str(home), "HF_HOME": str(home / "hub"), "HF_HUB_OFFLINE": "1", "SIGHTLINE_DATA": str(home / "data")}
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.served.server", str(home / "threads.json"), "--server.port", str(port)],
            cwd=ROOT,
            env={**os.environ, **own, **(environment or {})},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        began = time.monotonic()
        while not _answers(address):
            if process.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise SystemExit(f"the app did not start:\n{(home / 'server.log').read_text()[-4000:]}")
            time.sleep(0.1)
        yield Served(address, process.pid, home)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
            return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def main() -> None:
    told = Path(sys.argv.pop(1))

    def tell(*_: object) -> None:
        half = told.with_suffix(".half")
        half.write_text(json.dumps(sorted(thread.name for thread in threading.enumerate())), encoding="utf-8")
        half.rename(told)

    signal.signal(signal.SIGUSR1, tell)
    sys.argv[1:1] = ["run", "Home.py"]
    runpy.run_module("streamlit", run_name="__main__")


if __name__ == "__main__":
    main()
