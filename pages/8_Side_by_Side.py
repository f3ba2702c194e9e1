"""Pinned answers in columns: what was said, maps, heads and lens, on one scale."""

from core.ui.start import imports

with imports():
    from core.ui.beside.page import beside_page
    from core.ui.widgets.frame import frame

with frame("Side by Side") as (workspace, model):
    beside_page(workspace)
