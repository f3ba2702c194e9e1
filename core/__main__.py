"""`sightline`, `python -m sightline` and, in the repository, `python -m core`: the dashboard, and the same work without
a browser. See `cli`."""

from __future__ import annotations

import os
import sys

# Loading a model is told in the program's own words.
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

from .cli.app import app


def main() -> None:
    """The command `sightline`."""
    app(prog_name="sightline")


if __name__ == "__main__":
    # In the repository `make run` starts the dashboard, and `python -m core` alone tells what else there is.
    app(sys.argv[1:] or (["--help"] if __package__ == "core" else []), prog_name=f"python -m {__package__}")
