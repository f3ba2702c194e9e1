"""Values as JSON files keep them, and such files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import JournalError, NotWritten
from ..writing import write_whole

DIGITS = 6


def plain(value: Any) -> Any:
    """Numbers to six significant digits and NaN as None, however deep; tuples become lists."""
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def write_plain(record: Mapping[str, Any], file: Path) -> None:
    """Write a record as JSON in plain values, whole or not at all. Raises JournalError where that cannot be."""
    text = json.dumps(plain(record), indent=1, ensure_ascii=False) + "\n"
    try:
        write_whole(file, text.encode("utf-8"))
    except NotWritten as error:
        raise JournalError(
            f"{file} cannot be written ({error.why}). What was there before is as it was, and what a journal holds is "
            "kept: choose another file, and start the same command again."
        ) from error
