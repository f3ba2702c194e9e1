"""Causal discovery over one head's attention: what explains a token, and whether masking that changes it."""

from core.ui import answer_bar
from core.ui.causal import page
from core.ui.frame import frame

with frame("Causal Graph", explains=True) as (work, model):
    page.show(work, model, answer_bar.show(work, model, contrasts=False))
