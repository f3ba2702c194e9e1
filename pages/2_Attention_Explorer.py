"""Where each head looks: layer by head, patch and token, both ways."""

from core.ui.attention.explorer import attention_page
from core.ui.widgets.exploring import explore
from core.ui.widgets.frame import frame

with frame("Attention Explorer", explains=True) as (workspace, model):
    explore(workspace, model, workspace.attention.deferred, attention_page, several=True, contrasts=False)
