"""The app as `benchmarks.clicks` serves it: every piece of work on the model writes down when it began and ended, and
what processor time it took, so that a click's time is told apart from the model's.

Run as `python -m benchmarks._timed_app FILE`; further options are those of `streamlit run`.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    from core.ui.jobs import job

    done: Callable[..., Any] = job._done
    log = Path(sys.argv.pop(1))

    def timed(*given: Any) -> Any:
        began, used = time.time(), time.thread_time()
        try:
            return done(*given)
        finally:
            with log.open("a") as lines:
                lines.write(f"{began} {time.time()} {time.thread_time() - used}\n")

    job._done = timed  # type: ignore[assignment]
    sys.argv[1:1] = ["run", "Home.py"]
    runpy.run_module("streamlit", run_name="__main__")


if __name__ == "__main__":
    main()
