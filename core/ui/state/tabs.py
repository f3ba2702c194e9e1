"""Which browser tab this is, and which are still there."""

from __future__ import annotations

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx


def this_tab() -> str | None:
    """The tab that a page is drawn for; None outside any."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else None


def is_there(tab: str | None) -> bool:
    """Whether a tab is connected. A page that was reloaded is another tab than before, and one that was closed is gone
    at once, though the server remembers it a while."""
    if tab is None or not runtime.exists():
        return tab is not None
    return runtime.get_instance().is_active_session(tab)
