"""The app with another model than its own.

Run as `python tests/browser/model_app.py FOLDER` from the repository root; further options are those of `streamlit
run`.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    sys.path.insert(0, ".")
    from streamlit.web import cli

    from core.startup import to_environment
    from core.vlm.loading import ModelSpec

    os.environ.update(to_environment(ModelSpec(sys.argv.pop(1), "float32", "cpu")))
    sys.argv[1:1] = ["run", "Home.py"]
    cli.main(prog_name="streamlit")


if __name__ == "__main__":
    main()
