"""The server around the pages: what stands before it, and the last net under it.

`streamlit run Home.py`, and so `sightline` and `make run`, find in Home.py an application made with this.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from streamlit import config
from streamlit.runtime import get_instance

from ..errors import WrongOption
from ..gate.gate import Gate
from ..gate.hosts import is_local
from ..gate.opening import the_opening
from .media import keep_for_a_moment
from .start import import_ahead

log = logging.getLogger(__name__)

WENT_WRONG = (
    "Something went wrong on this page. Your picture and conversation are kept: go on with another question "
    "or picture. If it happens again, the terminal has the details."
)
OPEN_TO_OTHERS = (
    "server.address is {address}: others could come in, and Streamlit asks nobody who they are. Start it with "
    "`sightline --host {address}`, which gives a token to everyone who may, or leave the address out."
)
ALL_THE_SAME = (
    "{option} is {value}. Sightline keeps its own rule all the same: pages of other origins are not answered. Leave "
    "the option out."
)


def guarded() -> dict[str, Any]:
    """What Streamlit's `App` is given beside the script. Ends the process where an option lets others in unasked."""
    try:
        opening = the_opening()
        _look_at_options(opening.to_others)
    except WrongOption as error:
        # The server's own log would show where in the program, and not only why.
        raise SystemExit(str(error)) from None
    return {
        "middleware": [Middleware(Gate, opening=opening)],
        "lifespan": _lifespan,
        "on_script_error": tell_unforeseen,
    }


def tell_unforeseen(error: Exception) -> bool:
    """The last net: what no other one held is told in a sentence, too."""
    log.error("a page failed", exc_info=error)
    st.error(WENT_WRONG, icon=":material/error:")
    return True


@asynccontextmanager
async def _lifespan(_: Any) -> AsyncIterator[None]:
    keep_for_a_moment(get_instance())
    await asyncio.to_thread(import_ahead)  # nobody is answered before
    yield


def _look_at_options(to_others: bool) -> None:
    """Say which of Streamlit's options do not fit. Raises WrongOption for an address that lets others in unasked."""
    address = config.get_option("server.address") or "0.0.0.0"
    if not to_others and not is_local(address):
        raise WrongOption(OPEN_TO_OTHERS.format(address=address))
    for option in ("server.enableCORS", "server.enableXsrfProtection"):
        if not config.get_option(option):
            log.warning(ALL_THE_SAME.format(option=option, value="false"))
    if allowed := config.get_option("server.corsAllowedOrigins"):
        log.warning(ALL_THE_SAME.format(option="server.corsAllowedOrigins", value=", ".join(allowed)))
