"""Causal discovery over one head's attention: what explains a token, and whether masking that changes it."""

from core.ui.start import imports

with imports():
    from core.ui.causal.page import causal_page
    from core.ui.widgets.frame import frame

with frame("Causal Graph", explains=True) as (workspace, model):
    causal_page(workspace, model)
