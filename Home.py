"""The front door: a model that is ready, a picture to start with, and one click to the first question.

`streamlit run Home.py` imports this file for the application, before which the gate stands; Streamlit runs it, as
`__main__`, each time the page is drawn.
"""

from streamlit.starlette import App

from core.ui.start import imports

if __name__ == "__main__":
    with imports():
        from core.ui.home.page import home_page
        from core.ui.widgets.frame import frame

    with frame("Sightline") as (workspace, model):
        home_page(workspace, model)
else:
    from core.ui.serving import guarded

    app = App(__file__, **guarded())
