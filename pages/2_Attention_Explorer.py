"""Where each head looks: layer by head, patch and token, both ways."""

from core.ui.start import imports

with imports():
    from core.ui.attention.page import attention_page
    from core.ui.widgets.frame import frame

with frame("Attention Explorer", explains=True) as (workspace, model):
    attention_page(workspace, model)
