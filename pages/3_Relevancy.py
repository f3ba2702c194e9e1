"""What a part of the answer rested on, by one or several methods, with what it cost and how far they agree."""

from core.ui.relevancy.page import relevancy_page
from core.ui.widgets.exploring import explore
from core.ui.widgets.frame import frame

with frame("Relevancy", explains=True) as (workspace, model):
    explore(workspace, model, workspace.relevancy.deferred, relevancy_page)
