"""Where runs are: the user's folder for data, or the one that is named."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

from ..typed_paths import typed_path

FOLDER = "SIGHTLINE_DATA"
"""The environment variable that names another folder than the account's own."""


def data_folder() -> Path:
    """The folder under which runs are kept."""
    named = os.environ.get(FOLDER, "").strip()
    return typed_path(named) if named else user_data_path("sightline", appauthor=False)
