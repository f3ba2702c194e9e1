"""Ask the model and keep what comes, piece by piece, whatever stops it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.generation import ask
from ...vlm.keeping import KeepRows
from ...vlm.model import VisionLanguageModel
from ..jobs.failure import failure
from ..jobs.job import Job
from ..state.keeping import keep, keep_turn
from ..state.twins import pin_twin
from ..state.workspace import Exchange, Workspace

PURPOSE = "answering a question"
LEFT = ":material/hourglass_top: The answer was stopped as its page was left. What was said is on its way …"


def ask_and_inspect(
    workspace: Workspace, model: VisionLanguageModel, exchange: Exchange, said: DeltaGenerator, stop_key: str
) -> NoReturn:
    """Answer an exchange of the conversation under a Stop button, its text streaming into `said`; look into what was
    said, also before a stop; and run the page again."""
    status = stop_row(stop_key)
    keep(workspace)
    try:
        rows = workspace.keep.within(model.card.layers)
        _answer(model, workspace, exchange, rows, said, status)
    finally:
        if exchange.answer is not None and exchange.answer.tokens:
            workspace.inspect(exchange)
            pin_twin(workspace, exchange)
    st.rerun()


def _answer(
    model: VisionLanguageModel,
    workspace: Workspace,
    exchange: Exchange,
    rows: KeepRows,
    said: DeltaGenerator,
    status: DeltaGenerator,
) -> None:
    """Answer an exchange in place, its text streaming into `said`. Stopping the page keeps what was said so far."""

    keeper = workspace.run

    def work(cancel: CancelToken, say: Callable[[str], None]) -> None:
        # Set by the working thread itself, so that a stopped answer arrives even when the page is gone.
        exchange.answer = ask(model, exchange.question, cancel=cancel, keep_attention=rows, say=say)
        if keeper is not None:
            keep_turn(keeper, exchange)

    def hear(piece: str) -> None:
        exchange.said += piece
        said.text(exchange.said)

    job = Job(model, PURPOSE, work, whole=True)
    exchange.ending = job.wait
    exchange.trouble = trouble_of(PURPOSE, lambda: job.watch(status, hear))
    exchange.ending = None


def wait_for_parting(workspace: Workspace) -> None:
    """Where the page on which the last question was asked was left before its answer ended, wait until what was said
    by then is handed over, and look into it."""
    exchange = workspace.exchanges[-1] if workspace.exchanges else None
    if exchange is None or exchange.ending is None:
        return
    status = st.empty()
    status.caption(LEFT)
    exchange.trouble = trouble_of(PURPOSE, exchange.ending)
    exchange.ending = None
    status.empty()
    if exchange.answer is not None and exchange.answer.tokens:
        workspace.inspect(exchange)
        pin_twin(workspace, exchange)


def trouble_of(purpose: str, action: Callable[[], object]) -> str | None:
    """Do something with the model; a sentence when it failed, None when it did not."""
    try:
        action()
    except Cancelled:
        return "This was stopped before anything was said. Ask again when you like."
    except Exception as error:
        return failure(purpose, error)
    return None


def stop_row(key: str) -> DeltaGenerator:
    """A Stop button, and beside it a placeholder that tells what is going on, which is returned. Clicking Stop reruns
    the page, and that ends the work."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Stop", icon=":material/stop_circle:", key=key)
        return st.empty()
