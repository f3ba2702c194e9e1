"""The front door: a model that is ready, a picture to start with, and one click to the first question."""

from core.ui.home.page import home_page
from core.ui.widgets.frame import frame

with frame("Sightline") as (workspace, model):
    home_page(workspace, model)
