"""Everything that talks to Streamlit: the frame of a page, its state, the cached model, the widgets.

Importing this alone costs nothing; `start` imports the rest, once.
"""
