"""Which heads write a word, what positions say in the vocabulary, and what happens when they are cut."""

from core.ui.start import imports

with imports():
    from core.ui.mechanisms.page import mechanisms_page
    from core.ui.widgets.frame import frame

with frame("Mechanisms", explains=True) as (workspace, model):
    mechanisms_page(workspace, model)
