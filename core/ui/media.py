"""Pictures stay a moment after nothing on a page is known to need them.

Streamlit forgets a page's pictures when it begins to draw the page anew, and whichever session ends meanwhile has those
removed that no page has: such as a browser has been told of and not fetched yet. It would find nothing at their
address, and, as the page drawn anew names the same one, not ask again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from streamlit.runtime import Runtime
from streamlit.runtime.media_file_storage import MediaFileStorage

LINGER = 30.0
"""Seconds: a browser on a loaded machine has fetched by then what it was told of."""


def keep_for_a_moment(runtime: Runtime) -> None:
    """Have a server's pictures stay so."""
    linger(runtime.media_file_mgr._storage)


def linger(storage: MediaFileStorage, clock: Callable[[], float] = time.monotonic) -> None:
    """Have what is deleted of a storage stay for `LINGER`, and stay on where it comes again. Whoever calls the storage
    holds a lock."""
    delete, load = storage.delete_file, storage.load_and_get_id
    leaving: dict[str, float] = {}

    def delete_file(file_id: str) -> None:
        leaving[file_id] = clock() + LINGER
        for one, until in list(leaving.items()):
            if until <= clock():
                del leaving[one]
                delete(one)

    def load_and_get_id(*given: Any, **named: Any) -> str:
        file_id = load(*given, **named)
        leaving.pop(file_id, None)
        return file_id

    storage.delete_file = delete_file  # type: ignore[method-assign]
    storage.load_and_get_id = load_and_get_id  # type: ignore[method-assign]
