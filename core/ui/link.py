"""The link that brings somebody else to the same model, picture and question.

The address bar always carries it. Opening one restores what it names and runs nothing; a model that
nobody chose on this server is asked about first.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from ..street.recipe import UnreadableRecipe, from_params
from ..vlm.loading import EMBEDDED, ModelSpec
from .models import store
from .scenes import picture_of
from .state import Workspace

LONGEST_QUESTION = 500
LONGEST_SOURCE = 300


def restore(workspace: Workspace) -> None:
    """Take over what the tab's first address names; later addresses are written by `write`."""
    if workspace.linked:
        return
    workspace.linked = True
    params = st.query_params
    source = params.get("model", "")
    if source and len(source) <= LONGEST_SOURCE:
        spec = ModelSpec(source)
        if store().was_chosen(spec):
            workspace.spec = spec
        elif source != EMBEDDED.source:
            workspace.asked_spec = spec
    if "scene" in params:
        try:
            workspace.show(picture_of(from_params(params["scene"], params.get("changes", ""))))
        except UnreadableRecipe as error:
            workspace.picture_trouble = f"{error} Choose a picture below instead."
    question = params.get("q", "").strip()
    if question:
        workspace.offered = question[:LONGEST_QUESTION]


def params_of(workspace: Workspace) -> dict[str, str]:
    """The query parameters that name the tab's model, drawn picture and last question."""
    params: dict[str, str] = {}
    if workspace.spec != EMBEDDED:
        params["model"] = workspace.spec.source
    if workspace.picture and workspace.picture.recipe:
        params |= workspace.picture.recipe.to_params()
    question = workspace.inspected.question.text if workspace.inspected else workspace.offered
    if question and len(question) <= LONGEST_QUESTION:
        params["q"] = question
    return params


def write(workspace: Workspace) -> None:
    """Bring the address bar up to date."""
    params = params_of(workspace)
    if workspace.asked_spec is None and st.query_params.to_dict() != params:
        st.query_params.from_dict(params)


def share(workspace: Workspace) -> None:
    """A popover with the link, and what it cannot carry."""
    with st.popover("Link to this", icon=":material/link:", width="stretch"):
        address = urlsplit(st.context.url or "")
        params = params_of(workspace)
        st.code(urlunsplit((*address[:3], urlencode(params), "")), language=None, wrap_lines=True)
        if workspace.picture and workspace.picture.recipe is None:
            st.caption("Your own picture is not part of the link: send it along. The model and question are.")
        else:
            st.caption("It carries the model, the scene and the question. Opening it runs nothing by itself.")
