"""The real app with a model that takes its time over each token, so that stopping and waiting can be watched.

Run as `python tests/browser/slow_app.py PORT` from the repository root.
"""

from __future__ import annotations

import sys
import time
from typing import Any

SECONDS_A_TOKEN = 0.25


def main(port: int) -> None:
    sys.path.insert(0, ".")
    from streamlit.web import bootstrap

    from core.vlm.network import TransformersModel

    quick_step = TransformersModel.step

    def slow_step(self: TransformersModel, *arguments: Any, **named: Any) -> Any:
        time.sleep(SECONDS_A_TOKEN)
        return quick_step(self, *arguments, **named)

    TransformersModel.step = slow_step  # type: ignore[method-assign]
    options = {"server.port": port}
    bootstrap.load_config_options(options)
    bootstrap.run("Home.py", False, [], options)


if __name__ == "__main__":
    main(int(sys.argv[1]))
