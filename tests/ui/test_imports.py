"""What the screen says where a package beside Sightline keeps it from being imported."""

from __future__ import annotations

import sys

import pytest
from streamlit.testing.v1 import AppTest

import core


def test_a_package_that_cannot_be_imported_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "ui", None, raising=False)  # what is imported again below is put back afterwards
    monkeypatch.delitem(sys.modules, "core.ui", raising=False)
    monkeypatch.setitem(sys.modules, "core.vlm.loading", None)  # as if importing it failed
    page = AppTest.from_string("import core.ui\nimport streamlit as st\nst.title('Sightline')", default_timeout=60)
    for _ in range(2):
        page.run()
        [told] = page.error
        assert "cannot be imported here" in told.value and "core.vlm.loading" in told.value
        assert not page.exception and not page.title
