"""`sightline`, `python -m sightline` and, in the repository, `python -m core`: the dashboard, and the same work without
a browser. See `cli`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C during the imports ends the program without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

# Loading a model is told in the program's own words.
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

from .cli.app import app


def _hear_again(unraisable: Any) -> None:
    """Ctrl-C while Python takes an object down is told and lost: it is heard a moment later instead."""
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)
        return
    again = threading.Timer(0.02, signal.raise_signal, (signal.SIGINT,))
    again.daemon = True
    again.start()


def main(words: list[str] | None = None, name: str = "sightline") -> None:
    """The command `sightline`."""
    heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN  # as of what a shell put into the background
    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = _hear_again
    try:
        app(words, prog_name=name)
    except KeyboardInterrupt:  # before a command was begun, which would have caught it
        raise SystemExit(130) from None
    finally:
        if heard:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # also while Python takes itself down


if __name__ == "__main__":
    # In the repository `make run` starts the dashboard, and `python -m core` alone tells what else there is.
    main(sys.argv[1:] or (["--help"] if __package__ == "core" else []), f"python -m {__package__}")
