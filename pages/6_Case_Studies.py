"""The papers' cases to re-run, phrasings, benchmarks from a folder, two models, and how the methods stand."""

from core.ui.start import imports

with imports():
    from core.ui.cases.page import case_studies_page
    from core.ui.widgets.frame import frame

with frame("Case Studies", explains=True) as (workspace, model):
    case_studies_page(workspace, model)
