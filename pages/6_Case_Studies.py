"""The papers' cases to re-run, phrasings, benchmarks from a folder, two models, and how the methods stand."""

from core.ui.cases import page
from core.ui.frame import frame

with frame("Case Studies", explains=True) as (workspace, model):
    page.show(workspace, model)
