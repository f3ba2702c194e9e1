"""Downloads that can be stopped in the middle of a file, and gone on with.

The client of the hub keeps how it transfers in constants of its module, for the whole process. They are other ones
while something is downloaded here, and no longer: whatever else a process fetches goes as it would without Sightline.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants

PIECE = 2**18
"""Bytes after which a stop is heard: one of the client's own pieces (10 MB) takes many seconds over a slow line."""

_lock = threading.Lock()
_running = 0
_former = (False, 0)


@contextmanager
def in_pieces() -> Iterator[None]:
    """Transfers of this block, and of any other beside it, come in small pieces, and not by hf_xet, whose own run
    outside Python: they are neither stopped nor gone on with."""
    global _running, _former
    with _lock:
        if not _running:
            _former = constants.HF_HUB_DISABLE_XET, constants.DOWNLOAD_CHUNK_SIZE
            constants.HF_HUB_DISABLE_XET = True
            constants.DOWNLOAD_CHUNK_SIZE = min(PIECE, _former[1])
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if not _running:
                constants.HF_HUB_DISABLE_XET, constants.DOWNLOAD_CHUNK_SIZE = _former
