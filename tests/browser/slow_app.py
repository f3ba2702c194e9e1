"""The app with a model that takes its time over each token, so that stopping and waiting can be watched.

Run as `python tests/browser/slow_app.py` from the repository root; options are those of `streamlit run`.
"""

from __future__ import annotations

import sys
import time
from typing import Any

SECONDS_A_TOKEN = 0.25


def main() -> None:
    sys.path.insert(0, ".")
    from streamlit.web import cli

    from core.vlm.hf.network import TransformersModel

    quick_step = TransformersModel.step

    def slow_step(self: TransformersModel, *arguments: Any, **named: Any) -> Any:
        time.sleep(SECONDS_A_TOKEN)
        return quick_step(self, *arguments, **named)

    TransformersModel.step = slow_step  # type: ignore[method-assign]
    sys.argv[1:1] = ["run", "Home.py"]
    cli.main(prog_name="streamlit")


if __name__ == "__main__":
    main()
