"""How the hub's client transfers is changed for a download alone, however many run beside each other."""

from __future__ import annotations

import pytest
from huggingface_hub import constants

from core.vlm.hf.transfers import PIECE, in_pieces


def setting() -> tuple[bool, int]:
    return constants.HF_HUB_DISABLE_XET, constants.DOWNLOAD_CHUNK_SIZE


def test_the_clients_own_way_comes_back_after_the_last_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    own = setting()
    one, other = in_pieces(), in_pieces()
    one.__enter__()
    other.__enter__()
    assert setting() == (True, PIECE)
    one.__exit__(None, None, None)
    assert setting() == (True, PIECE)
    other.__exit__(None, None, None)
    assert setting() == own == (False, constants.DOWNLOAD_CHUNK_SIZE)


def test_it_comes_back_after_a_download_that_failed() -> None:
    own = setting()
    with pytest.raises(OSError), in_pieces():
        raise OSError
    assert setting() == own


def test_pieces_that_are_smaller_already_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    with in_pieces():
        assert constants.DOWNLOAD_CHUNK_SIZE == 1000
