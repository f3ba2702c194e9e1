"""The link that brings somebody else to the same model, picture and question.

The address bar always carries it. Opening one restores what it names and runs nothing; a model that
nobody chose on this server is asked about first. Without one a tab begins with the server's first model.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from ...errors import UnreadableRecipe
from ...startup import first_model, needs_no_fetching
from ...street.recipe import from_params
from ...vlm.loading import EMBEDDED, ModelSpec
from .models import store
from .scenes import image_of
from .workspace import Workspace

LONGEST_QUESTION = 500
LONGEST_SOURCE = 300
EMBEDDED_NAME = "embedded"
"""What a link calls the embedded model, whose folder is another one on every machine."""


def restore(current_workspace: Workspace) -> None:
    """Take over what the tab's first address names; later addresses are written by `write`."""
    if current_workspace.linked:
        return
    current_workspace.linked = True
    first = first_model()
    if first != EMBEDDED:
        if needs_no_fetching(first):
            current_workspace.spec = first
        else:
            current_workspace.asked_spec = first
    params = st.query_params
    source = params.get("model", "")
    if source and len(source) <= LONGEST_SOURCE:
        spec = _named(source)
        if store().was_chosen(spec):
            current_workspace.spec = spec
        else:
            current_workspace.asked_spec = spec
    if "scene" in params:
        try:
            current_workspace.choose_image(image_of(from_params(params["scene"], params.get("changes", ""))))
        except UnreadableRecipe as error:
            current_workspace.image_trouble = f"{error} Choose a picture below instead."
    question = params.get("q", "").strip()
    if question:
        current_workspace.offered = question[:LONGEST_QUESTION]


def _named(source: str) -> ModelSpec:
    """The model that a link names. It cannot tell precision and device, which the server was started with."""
    known = {_name(spec): spec for spec in (EMBEDDED, first_model())}
    return known.get(source) or ModelSpec(source)


def _name(spec: ModelSpec) -> str:
    return EMBEDDED_NAME if spec.source == EMBEDDED.source else spec.source


def params_of(current_workspace: Workspace) -> dict[str, str]:
    """The query parameters that name the tab's model, drawn picture and last question."""
    params: dict[str, str] = {}
    if {current_workspace.spec, first_model()} != {EMBEDDED}:
        params["model"] = _name(current_workspace.spec)
    if len(current_workspace.images) == 1 and current_workspace.images[0].recipe:
        params |= current_workspace.images[0].recipe.to_params()
    question = current_workspace.inspected.question.text if current_workspace.inspected else current_workspace.offered
    if question and len(question) <= LONGEST_QUESTION:
        params["q"] = question
    return params


def write(current_workspace: Workspace) -> None:
    """Bring the address bar up to date."""
    params = params_of(current_workspace)
    if current_workspace.asked_spec is None and st.query_params.to_dict() != params:
        st.query_params.from_dict(params)


def share(current_workspace: Workspace) -> None:
    """A popover with the link, and what it cannot carry."""
    with st.popover("Link to this", icon=":material/link:", width="stretch"):
        address = urlsplit(st.context.url or "")
        params = params_of(current_workspace)
        st.code(urlunsplit((*address[:3], urlencode(params), "")), language=None, wrap_lines=True)
        if len(current_workspace.images) > 1:
            st.caption("Several pictures are not part of the link: send them along. The model and question are.")
        elif current_workspace.image and current_workspace.image.recipe is None:
            kind = "picture" if current_workspace.image.video is None else "video"
            st.caption(f"Your own {kind} is not part of the link: send it along. The model and question are.")
        else:
            st.caption("It carries the model, the scene and the question. Opening it runs nothing by itself.")
