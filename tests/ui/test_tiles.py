"""A model that sees a picture in tiles and once more as a whole, on every explorer page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.answer import Answer, Decoding, Question, Target
from core.ui.state.models import store
from core.ui.state.workspace import Exchange, NamedImage, Workspace
from core.vlm.generation import ask
from core.vlm.loading import ModelSpec
from tests.families import save_internvl
from tests.ui.test_attention_page import look_further
from tests.ui.test_several_pictures import drawn_positions
from tests.zoo import load

App = Callable[..., AppTest]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    return ModelSpec(str(save_internvl(tmp_path_factory.mktemp("tiles"))), "float32", "cpu")


@pytest.fixture
def answer(spec: ModelSpec, picture: Image.Image) -> Answer:
    return ask(load(Path(spec.source)), Question("Two dogs?", (picture,), decoding=Decoding(max_new_tokens=3)))


def opened(app: App, spec: ModelSpec, page: str, answer: Answer) -> AppTest:
    at = app(None)
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    store().choose(spec)
    work.spec = spec
    exchange = Exchange(answer.question, (NamedImage(answer.question.images[0], "dogs"),), answer=answer)
    work.exchanges = [exchange]
    work.inspect(exchange)
    work.target = Target((1,))
    at.session_state["evidence_settings_steps"] = at.session_state["evidence_settings_draws"] = 2
    at.switch_page(f"pages/{page}.py").run()
    assert not at.exception and not at.error
    return at


@pytest.mark.parametrize("page", ["2_Attention_Explorer", "3_Relevancy", "4_Causal_Graph", "5_Mechanisms"])
def test_tiles_and_overview_are_drawn(app: App, spec: ModelSpec, answer: Answer, page: str) -> None:
    assert len(answer.layout.views) == 7
    at = opened(app, spec, page, answer)
    assert drawn_positions(at) == {position for view in answer.layout.views for position in view.positions}


def test_the_towers_attention_stays_within_a_tile(app: App, spec: ModelSpec, answer: Answer) -> None:
    at = look_further(opened(app, spec, "2_Attention_Explorer", answer), "Vision tower")
    assert not at.error and drawn_positions(at) == {p for view in answer.layout.views for p in view.positions}
    assert any("each of the squares alone" in caption.value for caption in at.caption)


def test_a_map_is_tested_on_its_tiles(app: App, spec: ModelSpec, answer: Answer) -> None:
    at = opened(app, spec, "3_Relevancy", answer)
    at.number_input(key="evidence_settings_steps").set_value(2).run()
    at.number_input(key="evidence_settings_deciding").set_value(0).run()
    at.button(key="evidence_test").click().run()
    assert not at.exception and not at.error
    assert any("20% of patches" in caption.value.replace("\\", "") for caption in at.caption)
