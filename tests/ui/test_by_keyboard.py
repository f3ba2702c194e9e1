"""Of very many heads one is found by rank, layer and name; of few nothing is asked."""

from __future__ import annotations

import ast
from pathlib import Path

from streamlit.testing.v1 import AppTest

import core.ui

MENUS = {"one_by_keyboard", "head_by_keyboard", "patch_by_keyboard", "head_finder"}
WITH_ANOTHER = {
    "attention/attention_map.py": "patches, in heads.py",
    "attention/gallery.py": "heads, in heads.py",
    "causal/heads.py": "heads, in page.py",
    "causal/views.py": "the menu of nodes in node.py",
}
"""Figures whose menu stands elsewhere on their page."""


def page(layers: int) -> None:
    import streamlit as st

    from core.ui.widgets.by_keyboard import head_finder, window

    ranking = [((layer, head), layer + head / 100) for layer in range(layers)[::-1] for head in range(20)[::-1]]

    def choose(head: tuple[int, int]) -> None:
        st.session_state["chosen"] = head

    chosen = st.session_state.get("chosen")
    left = head_finder(ranking, chosen, choose, key="x", figure="{:.2f}".format)
    st.session_state["left"], st.session_state["shown"] = left, window(left, chosen, 14)


def opened(layers: int) -> AppTest:
    return AppTest.from_function(page, default_timeout=60, args=(layers,)).run()


def test_few_heads_are_left_to_their_map() -> None:
    at = opened(5)
    assert not at.selectbox and not at.button
    assert len(at.session_state["left"]) == 100 and at.session_state["shown"][0][0] == (4, 19)


def test_a_layer_leaves_its_own_and_keys_step_through_them() -> None:
    at = opened(6)
    menu = next(box for box in at.selectbox if box.label == "Find a head")
    menu.select("L2 H15 · 2.15").run()
    assert at.session_state["chosen"] == (2, 15)
    assert (2, 15) in [head for head, _ in at.session_state["shown"]], "the bars are those about the chosen head"
    at.button(key="x_N").click().run()
    assert at.session_state["chosen"] == (2, 14)
    next(box for box in at.selectbox if box.label == "Of layer").select(2).run()
    assert [head for head, _ in at.session_state["left"]] == [(2, head) for head in range(20)[::-1]]
    for _ in range(5):
        at.button(key="x_P").click().run()
    assert at.session_state["chosen"] == (2, 19) and at.button(key="x_P").disabled


def test_what_a_click_on_a_figure_chooses_has_a_menu_beside_it() -> None:
    clicked, menus = set(), set()
    folder = Path(core.ui.__file__).parent
    for path in folder.rglob("*.py"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Name)}
        file = path.relative_to(folder).as_posix()
        clicked |= {file} if "clickable" in names else set()
        menus |= {file} if names & MENUS else set()
    assert {*WITH_ANOTHER} <= clicked
    assert sorted(clicked - menus - {*WITH_ANOTHER}) == []
