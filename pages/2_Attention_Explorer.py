"""Where each head looks: layer by head, patch and token, both ways."""

from core.ui.attention import explorer
from core.ui.exploring import explore
from core.ui.frame import frame

with frame("Attention Explorer", explains=True) as (workspace, model):
    explore(workspace, model, workspace.attention.deferred, explorer.show, several=True, contrasts=False)
