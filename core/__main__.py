"""`python -m core`: the same work without a browser. See `core/cli`."""

from __future__ import annotations

import os

# Loading a model is told in the program's own words.
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

from .cli.app import app

if __name__ == "__main__":
    app()
