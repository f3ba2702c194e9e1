"""Values as JSON files keep them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

DIGITS = 6


def plain(value: Any) -> Any:
    """Numbers to six significant digits and NaN as None, however deep; tuples become lists."""
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value
