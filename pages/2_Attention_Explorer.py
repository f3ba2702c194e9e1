"""Where each head looks: layer by head, patch and token, both ways."""

from core.ui import answer_bar
from core.ui.attention import explorer
from core.ui.frame import frame

with frame("Attention Explorer", explains=True) as (work, model):
    explorer.show(work, model, answer_bar.show(work, model, several=True, contrasts=False))
