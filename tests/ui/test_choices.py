"""Whatever is chosen on a page is there again when its run is opened: no widget and no field of a view is forgotten."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import core.ui
from core.causal.settings import GraphSettings
from core.ui.causal.view import CausalView
from core.ui.state.choices import APART, of_view, restore_view
from core.ui.state.graphs import GraphKey
from core.ui.state.results import AnswerKey
from core.ui.state.view import View

ROOT = Path(__file__).resolve().parents[2]
CHOICES = {
    *("selectbox", "segmented_control", "toggle", "checkbox", "slider", "select_slider", "radio", "pills"),
    *("number_input", "multiselect", "pagination", "feedback", "date_input", "time_input", "color_picker"),
}
ELSEWHERE = {
    "attention/gallery.py: Layer": "AttentionView.layer",
    "attention/grounding.py: Heads that ground": "AttentionView.head",
    "attention/page.py: Colour heads by": "AttentionView.measure",
    "beside/columns.py: Target": "the pins",
    "causal/masked.py: Fill": "CausalView.masking",
    "causal/masked.py: Masking": "CausalView.masking",
    "causal/node.py: Token": "CausalView.node",
    "causal/page.py: Search distance": "CausalView.radius",
    "causal/settings.py: Head, ranked by what masking did": "CausalView.head",
    "causal/settings.py: Layer": "CausalView.layer",
    "chat/doubt.py: Mark words in doubt": "ChatView.lights",
    "chat/mask.py: Fill the region with": "regions",
    "chat/mask.py: Snap to patches": "regions",
    "mechanisms/findings.py: In full": "ClaimsView.chosen",
    "mechanisms/effects.py: Effects on the": "MechanismsView.traced_in",
    "widgets/answer_bar.py: Answer": "answer",
    "widgets/claims/running.py: Scenes": "ClaimsView.scenes",
    "widgets/evidence/section.py: Hidden patches are": "EvidenceView.fill",
    "widgets/evidence/truth.py: The right place": "EvidenceView.truth",
    "widgets/image_source.py: Frames of a video": "frames",
    "widgets/picture_choice.py: Picture": "picture",
    "widgets/target.py: Several tokens": "several",
    "widgets/target.py: Target": "the targets",
    "widgets/target.py: The answer's tokens": "the targets",
    "widgets/target.py: rather than": "the targets",
}
"""Choices that are kept under another name than that of their widget."""
NO_CHOICES = {
    "widgets/by_keyboard.py: Column": "a place to click at",
    "widgets/by_keyboard.py: name": "the same as a click",
    "widgets/by_keyboard.py: Part of the picture": "a place to click at",
    "widgets/by_keyboard.py: Row": "a place to click at",
    "widgets/image_source.py: Change": "what a button beside it does",
    "widgets/image_source.py: Seed": "what a button beside it does",
    "widgets/image_source.py: to": "what a button beside it does",
    "widgets/model_bar.py: With its adapter": "the model, which the address names",
}
ABOUT_NO_RUN = ("cases/", "history/", "widgets/model_chooser.py")
"""Where no choice is about a conversation."""
NOT_CHOSEN = {
    *("View.results", "PageView.jobs", "AttentionView.answer", "BesideView.asked", "CasesView.benchmark"),
    *("CasesView.opening", "CausalView.about", "ChatView.tables", "ClaimsView.journals", "HandingOver.ready"),
    *("HandingOver.trouble", "RelevancyView.asked", "RelevancyView.seconds"),
    "AttentionView.drawing",  # the tab's
}
"""Fields of views that hold what was made, what goes on, or what another field says."""


def widgets() -> Iterator[tuple[str, ast.Call]]:
    """Every widget of the user interface with which something is chosen, as "file: label"."""
    folder = ROOT / "core" / "ui"
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("st.") in CHOICES:
                yield f"{path.relative_to(folder).as_posix()}: {label(node)}", node


def label(call: ast.Call) -> str:
    texts = [node.value for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)] if call.args else []
    return next((text for text in texts if isinstance(text, str) and text), "name")


def is_kept(call: ast.Call) -> bool:
    """Whether a run keeps what the widget is set to."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    key = given.get("key")
    apart = isinstance(key, ast.Constant) and str(key.value).startswith(APART)
    return "persist_state" in given and not apart


def test_every_choice_is_kept_in_the_run() -> None:
    forgotten = [
        name
        for name, call in widgets()
        if not is_kept(call) and name not in {*ELSEWHERE, *NO_CHOICES} and not name.startswith(ABOUT_NO_RUN)
    ]
    assert forgotten == [], 'say persist_state="session", or where else it is kept'
    there = {name for name, call in widgets() if not is_kept(call)}
    assert {*ELSEWHERE, *NO_CHOICES} <= there, "names nothing that is there"


def views() -> list[type[View]]:
    for module in pkgutil.walk_packages(core.ui.__path__, "core.ui."):
        if module.name.endswith("view"):
            importlib.import_module(module.name)
    importlib.import_module("core.ui.widgets.handing_over")

    def below(kind: type[View]) -> Iterator[type[View]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    return [
        kind for kind in below(View) if kind.__module__.startswith("core.ui.") and ".history." not in kind.__module__
    ]


def test_every_field_of_a_view_is_kept_or_is_no_choice() -> None:
    own = {
        f"{kind.__name__}.{field.name}": field.name in kind.kept
        for kind in views()
        for field in fields(kind)
        if field.name in kind.__annotations__
    }
    assert sorted(name for name, kept in own.items() if not kept and name not in NOT_CHOSEN) == []
    assert sorted(NOT_CHOSEN - {"View.results"} - own.keys()) == [], "names nothing that is there"


def test_what_a_view_keeps_comes_back() -> None:
    for kind in views():
        view, again = kind(), kind()
        restore_view(again, of_view(view))
        assert {name: getattr(view, name) for name in kind.kept} == {name: getattr(again, name) for name in kind.kept}


def test_a_node_is_there_again_in_the_graph_that_it_was_chosen_in() -> None:
    key = GraphKey(AnswerKey("model", "question", (1, 2)), 0, 3, 1, GraphSettings())
    view = CausalView()
    view.look_at(key, 5)
    view.pick(3)
    for graph, nodes, node in ((key, 5, 3), (key, 3, None), (replace(key, head=0), 5, None)):
        again = CausalView()
        restore_view(again, of_view(view))
        again.look_at(graph, nodes)
        assert again.node == node
