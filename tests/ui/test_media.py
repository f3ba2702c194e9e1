"""A picture is there when a browser fetches it, whatever other sessions end meanwhile."""

from __future__ import annotations

import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from core.ui.media import LINGER, linger

Served = tuple[MediaFileManager, MemoryMediaFileStorage, list[float]]


@pytest.fixture
def served() -> Served:
    """What Streamlit has of pictures, and a clock."""
    storage, now = MemoryMediaFileStorage("/media"), [0.0]
    linger(storage, lambda: now[0])
    return MediaFileManager(storage), storage, now


def shown(manager: MediaFileManager, session: str, content: bytes, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("streamlit.runtime.media_file_manager._get_session_id", lambda: session)
    return manager.add(content, "image/png", "a place").removeprefix("/media/")


def test_what_another_session_ends_between_two_drawings_of_a_page_is_still_there(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, storage, now = served
    address = shown(manager, "one", b"a picture", monkeypatch)
    manager.clear_session_refs("one")  # its page begins to be drawn anew,
    manager.remove_orphaned_files()  # and meanwhile another session ends
    assert storage.get_file(address).content == b"a picture"
    assert shown(manager, "one", b"a picture", monkeypatch) == address
    now[0] = 2 * LINGER
    manager.remove_orphaned_files()
    shown(manager, "other", b"another picture", monkeypatch)
    manager.clear_session_refs("other")
    manager.remove_orphaned_files()
    assert storage.get_file(address).content == b"a picture"


def test_what_no_page_has_goes_after_a_while(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    manager, storage, now = served
    address = shown(manager, "one", b"a picture", monkeypatch)
    manager.clear_session_refs("one")
    manager.remove_orphaned_files()
    now[0] = LINGER
    shown(manager, "other", b"another picture", monkeypatch)
    manager.clear_session_refs("other")
    manager.remove_orphaned_files()
    with pytest.raises(MediaFileStorageError):
        storage.get_file(address)
