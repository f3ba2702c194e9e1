"""The app with a hub on this machine, so that downloading can be watched.

Run as `python tests/browser/hub_app.py ADDRESS` from the repository root; further options are those of `streamlit run`.
"""

from __future__ import annotations

import sys


def main() -> None:
    sys.path.insert(0, ".")
    address = sys.argv.pop(1)
    from huggingface_hub import constants
    from streamlit.web import cli

    constants.HF_HUB_OFFLINE = False
    constants.ENDPOINT = address
    constants.HUGGINGFACE_CO_URL_TEMPLATE = address + "/{repo_id}/resolve/{revision}/{filename}"
    sys.argv[1:1] = ["run", "Home.py"]
    cli.main(prog_name="streamlit")


if __name__ == "__main__":
    main()
