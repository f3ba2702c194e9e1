"""Where one is in pages, as a run keeps it: which answer and picture is looked at, and what is chosen on every page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard, get_args

import streamlit as st

from ...answer import Fill
from .choices import of_view, of_widgets, restore_view, set_widgets
from .pins import pins_of, restore_pins
from .reasks import row_name
from .workspace import MOST_FRAMES, Workspace

FORGOTTEN = "This run's page settings do not fit here, so pages begin with their own."


def place_of(workspace: Workspace) -> dict[str, object]:
    """The place of a tab, in plain values."""
    inspected = workspace.inspected
    views = {type(view).__name__: of_view(view) for view in workspace.views if view.kept}
    return {
        "answer": None if inspected is None else inspected.id,
        "picture": workspace.image_number,
        "several": workspace.several,
        "beside": workspace.beside,
        "alike": {video: list(frames) for video, frames in workspace.hidden_alike.items()},
        "regions": [
            {"picture": number, "size": list(size), "fill": draft.fill, "snap": draft.snap}
            for (number, size), draft in workspace.masks.items()
        ],
        "reask": None if workspace.reasked is None else row_name(workspace.reasked),
        "frames": workspace.frames,
        "phrasings": list(workspace.phrasings),
        "pins": pins_of(workspace),
        "views": {**workspace.places, **views},
        "widgets": dict(workspace.widgets),
    }


def choose_on(workspace: Workspace, view: str, choices: Mapping[str, object]) -> None:
    """Choose on another page, by the name of its view and of the view's fields, before it is opened."""
    workspace.places = {**workspace.places, view: dict(choices)}
    for begun in workspace.views:
        if type(begun).__name__ == view:
            restore_view(begun, choices)


def note_widgets(workspace: Workspace) -> None:
    """Remember what the widgets of this tab are set to. Such as are not drawn yet are as they were."""
    workspace.widgets = {**workspace.widgets, **of_widgets()}


def restore_place(workspace: Workspace, place: Mapping[str, Any]) -> None:
    """Go where one was. What a file says that cannot be so is left out."""
    inspected = next((each for each in workspace.exchanges if each.id == place.get("answer")), None)
    if inspected is not None and inspected.answer is not None and inspected.answer.tokens:
        workspace.inspect(inspected)
    picture = place.get("picture")
    if (
        isinstance(picture, int)
        and _whole(picture)
        and workspace.answer is not None
        and picture < len(workspace.answer.question.images)
    ):
        workspace.image_number = picture
    workspace.several, workspace.beside = place.get("several") is True, place.get("beside") is True
    for region in map(_table, _list(place.get("regions"))):
        _how_hidden(workspace, region)
    reask, frames = place.get("reask"), place.get("frames")
    workspace.reask_named = reask if isinstance(reask, str) else ""
    workspace.frames = frames if _whole(frames) and 0 < frames <= MOST_FRAMES else None
    for video, frames in _table(place.get("alike")).items():
        if isinstance(video, str) and all(map(_whole, _list(frames))):
            workspace.hidden_alike[video] = tuple(_list(frames))
    workspace.phrasings = [text[:1000] for text in _list(place.get("phrasings"))[:4] if isinstance(text, str)]
    restore_pins(workspace, place.get("pins"))
    workspace.places = {name: plain for name, plain in _table(place.get("views")).items() if isinstance(name, str)}
    workspace.widgets = {name: value for name, value in _table(place.get("widgets")).items() if isinstance(name, str)}
    restore_widgets(workspace)


def restore_widgets(workspace: Workspace) -> None:
    """Set the widgets of this tab to what is remembered."""
    workspace.restored = set_widgets(workspace.widgets)


def forget_choices(workspace: Workspace) -> None:
    """Let go of what was taken from a run: pages are as they are at first."""
    for key in workspace.restored:
        st.session_state.pop(key, None)
    workspace.restored, workspace.widgets, workspace.places = (), {}, {}
    workspace.forget_views()
    workspace.run_note = FORGOTTEN


def _how_hidden(workspace: Workspace, region: Mapping[Any, Any]) -> None:
    """How one region is hidden, also where nothing is drawn yet on a picture that is looked at."""
    number, size = region.get("picture"), tuple(_list(region.get("size")))
    fill = next((one for one in get_args(Fill) if one == region.get("fill")), None)
    if fill is None or not _whole(number) or not all(map(_whole, size)) or len(size) != 2:
        return
    images = () if workspace.answer is None else workspace.answer.question.images
    draft = workspace.masks.get((number, size))
    if draft is None and number < len(images) and images[number].size == size:
        draft = workspace.mask_for(images[number], number)
    if draft is not None:
        draft.fill, draft.snap = fill, region.get("snap") is True


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _table(value: object) -> dict[Any, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
