"""What stands beside an image processor: the functions with which it cuts and resizes."""

from __future__ import annotations

import sys
from typing import Any


def beside(images: Any, name: str) -> Any:
    """A function of the module that an image processor is of. Such modules are there only with the packages that the
    processor needs, so they cannot be imported from."""
    return getattr(sys.modules[type(images).__module__], name)
