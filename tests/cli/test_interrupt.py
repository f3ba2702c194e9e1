"""Ctrl-C is heard wherever it comes."""

from __future__ import annotations

import signal
import time
from types import SimpleNamespace

import pytest

from core.__main__ import _hear_again


def test_ctrl_c_while_an_object_is_taken_down_is_heard_a_moment_later(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            _hear_again(SimpleNamespace(exc_type=KeyboardInterrupt))
            time.sleep(5)
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == ""
