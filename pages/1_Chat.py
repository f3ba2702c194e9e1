"""Ask about a picture, hide a part of it and ask again, or ask the same in other words."""

from core.ui.start import imports

with imports():
    from core.ui.chat.page import chat_page
    from core.ui.widgets.frame import frame

with frame("Chat") as (workspace, model):
    chat_page(workspace, model)
