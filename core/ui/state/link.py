"""The link that brings somebody back to a run, and somebody else to the same model, picture and question.

The address bar always carries it. Opening one restores what it names and runs nothing; a model that
nobody chose on this server is asked about first. Without one a tab begins with the server's first model.
"""

from __future__ import annotations

import time
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from ...errors import UnreadableRecipe
from ...startup import first_model, needs_no_fetching
from ...street.recipe import from_params
from ...vlm.loading import EMBEDDED, EMBEDDED_MODELS, ModelSpec
from ...vlm.spec import embedded_name
from .models import store
from .opening import open_run
from .scenes import image_of
from .workspace import Workspace

LONGEST_QUESTION = 500
LONGEST_SOURCE = 300
LONGEST_RUN = 60
JUST_NOW = 3.0
"""Seconds."""
STARTED = time.time()
RESTARTED = "The server was started anew since this run was changed last. It is here as it was kept: go on from there."


def restore(current_workspace: Workspace) -> None:
    """Take over what the tab's first address names, and of later ones the run that another one names than was written:
    of a page that was left, say, or of a run chosen from a list."""
    if not current_workspace.linked:
        current_workspace.linked = True
        _restore_model(current_workspace)
        named = _take_run(current_workspace)
        if not named or current_workspace.run is None:
            _restore_question(current_workspace)
        elif current_workspace.run.run.manifest.changed < STARTED:
            current_workspace.run_note = current_workspace.run_note or RESTARTED
    else:
        _take_run(current_workspace)


def _take_run(workspace: Workspace) -> bool:
    """Whether the address names a run, which then was tried to be opened, unless this tab has it."""
    named = st.query_params.get("run", "")[:LONGEST_RUN]
    former, since = workspace.former
    # What is clicked while the address is just changing still comes with the one before.
    stale = named == former and time.monotonic() - since < JUST_NOW
    if named and named != workspace.address and not stale:
        workspace.address = named
        open_run(workspace, named)
    return bool(named)


def _restore_model(workspace: Workspace) -> None:
    first = first_model()
    if first != EMBEDDED:
        if needs_no_fetching(first):
            workspace.spec = first
        else:
            workspace.asked_spec = first
    source = st.query_params.get("model", "")
    if source and len(source) <= LONGEST_SOURCE:
        spec = _named(source)
        if store().was_chosen(spec):
            workspace.spec = spec
        else:
            workspace.asked_spec = spec


def _restore_question(workspace: Workspace) -> None:
    params = st.query_params
    if "scene" in params:
        try:
            workspace.choose_image(image_of(from_params(params["scene"], params.get("changes", ""))))
        except UnreadableRecipe as error:
            workspace.image_trouble = f"{error} Choose a picture below instead."
    question = params.get("q", "").strip()
    if question:
        workspace.offered = question[:LONGEST_QUESTION]


def _named(source: str) -> ModelSpec:
    """The model that a link names. It cannot tell precision and device, which the server was started with."""
    known = {_name(spec): spec for spec in (*EMBEDDED_MODELS.values(), first_model())}
    return known.get(source) or ModelSpec(source)


def _name(spec: ModelSpec) -> str:
    """What a link calls a model: an embedded one by its name, for its folder is another one on every machine."""
    return embedded_name(spec.source) or spec.source


def params_of(current_workspace: Workspace) -> dict[str, str]:
    """The query parameters that name the tab's run, model, drawn picture and last question."""
    params: dict[str, str] = {}
    if current_workspace.run is not None:
        params["run"] = current_workspace.run.id
    spec = current_workspace.asked_spec or current_workspace.spec
    if {spec, first_model()} != {EMBEDDED}:
        params["model"] = _name(spec)
    if len(current_workspace.images) == 1 and current_workspace.images[0].recipe:
        params |= current_workspace.images[0].recipe.to_params()
    question = current_workspace.inspected.question.text if current_workspace.inspected else current_workspace.offered
    if question and len(question) <= LONGEST_QUESTION:
        params["q"] = question
    return params


def write(current_workspace: Workspace) -> None:
    """Bring the address bar up to date."""
    params, address = params_of(current_workspace), current_workspace.address
    run = params.get("run", "")
    if run != address:
        current_workspace.former, current_workspace.address = (address, time.monotonic()), run
    if st.query_params.to_dict() != params:
        st.query_params.from_dict(params)


def share(current_workspace: Workspace) -> None:
    """A popover with the link, and what it cannot carry."""
    with st.popover("Link to this", icon=":material/link:", width="stretch"):
        address = urlsplit(st.context.url or "")
        params = params_of(current_workspace)
        st.code(urlunsplit((*address[:3], urlencode(params), "")), language=None, wrap_lines=True)
        if current_workspace.run is not None:
            st.caption("On this server it opens this run again, where you are.")
        if len(current_workspace.images) > 1:
            st.caption("Several pictures are not part of the link: send them along. The model and question are.")
        elif current_workspace.image and current_workspace.image.recipe is None:
            kind = "picture" if current_workspace.image.video is None else "video"
            st.caption(f"Your own {kind} is not part of the link: send it along. The model and question are.")
        elif current_workspace.run is None:
            st.caption("It carries the model, the scene and the question. Opening it runs nothing by itself.")
        else:
            st.caption("Elsewhere it carries the model, the scene and the question, and runs nothing by itself.")
