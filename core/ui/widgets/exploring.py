"""An explorer page: the answer bar, and below it everything about the target that is chosen there.

Bar and page are one fragment, so that a new target draws only them again, and not what stands around them.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ...answer import Answer
from ...runs.absent import AbsentModel
from ...vlm.model import VisionLanguageModel
from ..jobs.page import PageJobs
from ..state.opening import kept_model
from ..state.workspace import Exchange, Workspace
from .answer_bar import another_model, answer_bar, explained
from .asking import wait_for_parting
from .grid import grid_line
from .part import part

Body = Callable[[Workspace, VisionLanguageModel, Answer | None], None]


def explore(
    workspace: Workspace,
    model: VisionLanguageModel,
    jobs: PageJobs,
    body: Body,
    *,
    contrasts: bool = True,
) -> None:
    """The bar, and `body(workspace, model, answer)` below it; the answer is None where the bar found nothing to look
    into with this model. What takes long the body leaves to the page's `jobs`. The rest is told to the bar."""
    wait_for_parting(workspace)
    page, below = st.container(), st.container()
    with below:
        jobs.finish()
    with page:
        exchange, absent = explained(workspace, model), None
        if exchange is None and (absent := kept_model(workspace)) is not None:
            assert workspace.inspected is not None
            _explored(workspace, model, workspace.inspected, jobs, body, False, absent)
        elif exchange is None:
            body(workspace, model, answer_bar(workspace, model, contrasts=contrasts))
        else:
            jobs.forget_absence()
            _explored(workspace, model, exchange, jobs, body, contrasts, None)


@part
def _explored(
    workspace: Workspace,
    model: VisionLanguageModel,
    exchange: Exchange,
    jobs: PageJobs,
    body: Body,
    contrasts: bool,
    absent: AbsentModel | None,
) -> None:
    """With `absent`, the answer is one of a model that is not in use, whose place it takes: what was kept is shown."""
    if workspace.inspected is not exchange:
        # Another answer: perhaps of another model, and the page's link is another.
        st.rerun()
    answer = answer_bar(workspace, absent or model, contrasts=contrasts)
    if absent is not None and answer is not None:
        another_model(workspace, model, exchange, answer)
    elif answer is not None:
        grid_line(model, exchange, answer, jobs)
    body(workspace, absent or model, answer)
