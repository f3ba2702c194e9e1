"""The runs that are kept: found, opened, named, compared, handed over, taken in, deleted and brought back."""

from core.ui.start import imports

with imports():
    from core.ui.history.page import history_page
    from core.ui.widgets.frame import frame_without_model

with frame_without_model("History") as workspace:
    history_page(workspace)
