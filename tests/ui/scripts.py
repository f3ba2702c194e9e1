"""The scripts that a page offers, which are written when they are opened."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def scripts_of(at: AppTest) -> list[str]:
    """Opens every *Copy as script* of a page; what they hold."""
    closed = [each for each in at.get("popover") if each.proto.popover.label == "Copy as script"]
    assert closed and not any("import sightline" in code.value for code in at.code), "written before anybody asked"
    for popover in closed:
        at.session_state[popover.proto.id.rsplit("-", 1)[-1]] = True
    at.run()
    assert not at.exception and not at.error
    return [code.value for code in at.code if code.value.startswith("import sightline")]
