"""What a part of the answer rested on, by one or several methods, with what it cost and how far they agree."""

from core.ui.start import imports

with imports():
    from core.ui.relevancy.page import relevancy_page
    from core.ui.widgets.frame import frame

with frame("Relevancy", explains=True) as (workspace, model):
    relevancy_page(workspace, model)
