"""A question about several pictures: each can be chosen in the answer bar, and every page is drawn over that one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest

from core.answer import Answer, Decoding, Question, Target, TokenKind
from core.causal.discovery import causal_graph
from core.maps.shares import shares_by_picture
from core.ui.causal.naming import drawn, name_of
from core.ui.state.workspace import Exchange, Workspace
from core.ui.widgets.places import place_of
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from tests.families import save_internvl
from tests.zoo import load

App = Callable[..., AppTest]


@pytest.fixture
def answer(llava: TransformersModel, picture: Image.Image) -> Answer:
    question = Question("Two dogs?", (picture, picture.rotate(90, expand=True)), decoding=Decoding(max_new_tokens=4))
    return ask(llava, question)


def opened(app: App, page: str, answer: Answer) -> AppTest:
    at = app(None)
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    exchange = Exchange(answer.question, (), answer=answer)
    work.exchanges = [exchange]
    work.inspect(exchange)
    work.target = Target((1,))
    at.switch_page(page).run()
    assert not at.exception and not at.error
    return at


def drawn_positions(at: AppTest) -> set[int]:
    """The positions of all patches in any chart of the page."""
    tables = [table for chart in at.get("vega_lite_chart") for table in chart.proto.datasets]
    frames = [convert_arrow_bytes_to_pandas_df(table.data.data) for table in tables]
    return {int(position) for frame in frames if {"row", "position"} <= {*frame} for position in frame["position"]}


def chooser(at: AppTest):  # type: ignore[no-untyped-def]
    return next(box for box in at.selectbox if str(box.key).startswith("picture_number_"))


@pytest.mark.parametrize("page", ["2_Attention_Explorer", "3_Relevancy", "4_Causal_Graph", "5_Mechanisms"])
def test_the_chosen_picture_is_the_one_that_is_drawn(app: App, answer: Answer, page: str) -> None:
    at = opened(app, f"pages/{page}.py", answer)
    first, second = ({*view.positions} for view in answer.layout.views)
    assert chooser(at).value == 1 and drawn_positions(at) and drawn_positions(at) <= second
    chooser(at).select(0).run()
    assert not at.exception and not at.error
    assert drawn_positions(at) and drawn_positions(at) <= first
    at.switch_page("pages/1_Chat.py").run()
    at.switch_page(f"pages/{page}.py").run()
    assert chooser(at).value == 0 and drawn_positions(at) <= first


@pytest.mark.parametrize("page", ["2_Attention_Explorer", "3_Relevancy"])
def test_every_picture_has_a_small_map_whose_click_makes_it_the_large_one(app: App, answer: Answer, page: str) -> None:
    at = opened(app, f"pages/{page}.py", answer)
    small = [button for button in at.button if str(button.key).startswith("every_picture_")]
    told = [button.label.split(": ") for button in small]
    assert [number for number, _ in told] == ["1", "2"]
    assert sum(int(share.rstrip("%")) for _, share in told) in (99, 100, 101)
    small[0].click().run()
    assert not at.exception and chooser(at).value == 0
    assert drawn_positions(at) <= {*answer.layout.views[0].positions}


def test_a_pictures_share_is_of_what_lies_on_pictures(answer: Answer) -> None:
    scores = np.zeros(len(answer.layout))
    first, second = (view.positions for view in answer.layout.views)
    scores[first[0]], scores[second[3]], scores[second[4]], scores[-1] = 1.0, -2.0, 1.0, 9.0
    assert shares_by_picture(scores, answer.layout, (0, 1)).tolist() == [0.25, 0.75]


def test_a_patch_is_named_with_its_picture(answer: Answer) -> None:
    first, second = answer.layout.views
    assert place_of(answer, first.positions[0]) == "row 1 column 1 of picture 1"
    assert place_of(answer, second.positions[5]) == "row 2 column 2 of picture 2"


def test_a_patch_of_a_tile_is_named_with_its_tile(tmp_path: Path, picture: Image.Image) -> None:
    model = load(save_internvl(tmp_path))
    answer = ask(model, Question("Two dogs?", (picture, picture), decoding=Decoding(max_new_tokens=1)))
    second, overview = answer.layout.views[1], answer.layout.views[-1]
    assert place_of(answer, second.positions[1]) == "row 1 column 2 of tile 2 of picture 1"
    assert place_of(answer, overview.positions[2]) == "row 2 column 1 of overview of picture 2"
    names = {node.label for node in drawn(causal_graph(model, answer, 0, 0, 0), answer)}
    assert {"p1 t2 r1 c1", "p1 t3 r1 c1", "p2 o r2 c2"} <= names


def test_an_image_token_without_a_place_is_not_called_a_patch(answer: Answer, llava: TransformersModel) -> None:
    unplaced = replace(answer, layout=replace(answer.layout, views=()))
    graph = causal_graph(llava, unplaced, 0, 0, 0)
    number = next(n for n, node in enumerate(graph.nodes) if node.kind is TokenKind.IMAGE)
    assert name_of(graph, unplaced, number).startswith("image token number ")
