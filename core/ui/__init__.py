"""Everything that talks to Streamlit: the frame of a page, its state, the cached model, the widgets.

Importing torch and transformers makes a million objects that live as long as the process. Searching them for garbage
over and over takes a seventh of that time, so the collector rests meanwhile; afterwards they are set aside for good,
or else each later search would look through all of them, in the middle of somebody's click.
"""

import gc

import streamlit as st

from ..errors import unimportable

_collecting = gc.isenabled()
gc.disable()
try:
    from ..vlm.loading import import_backend

    import_backend()
except ImportError as error:  # for one, a torchvision that was built for another torch
    st.error(unimportable(error), icon=":material/error:")
    st.stop()
finally:
    gc.freeze()
    if _collecting:
        gc.enable()
