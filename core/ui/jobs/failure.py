"""What a person is told of work that failed."""

from __future__ import annotations

import logging

from ...errors import SightlineError
from ...vlm.memory import out_of_memory

log = logging.getLogger(__name__)


def failure(purpose: str, error: Exception) -> str:
    """A sentence about an error that ended work of this purpose. One that nobody foresaw goes to the terminal, where
    its details are."""
    if isinstance(error, SightlineError):
        return str(error)
    if out_of_memory(error):
        return "There was not enough memory for this. Choose fewer tokens, a smaller picture, or a smaller model."
    log.error("%s failed", purpose, exc_info=error)
    return (
        f"The model could not do this ({type(error).__name__}). Nothing else was lost. Try another question, picture, "
        "method or setting; the terminal has the details."
    )
