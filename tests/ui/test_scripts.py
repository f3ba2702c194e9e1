"""What a page shows can be copied as a script, and the script makes it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import core
from core.answer import Answer, Explanation, Question, Target
from core.ui.relevancy.view import MAPS
from core.vlm.hf.network import TransformersModel
from tests.reports.test_scripts import here
from tests.ui import mechanisms, test_answer_bar, test_relevancy_page
from tests.ui.charts import click, told
from tests.ui.scripts import scripts_of
from tests.ui.test_attention_page import look_further

App = Callable[..., AppTest]


@pytest.fixture
def executed(llava: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Answer], dict[str, Any]]:
    """Runs a script: it gets the model, and the answer if it asks the very question."""

    def run(text: str, answer: Answer) -> dict[str, Any]:
        def asked(model: object, question: Question) -> Answer:
            assert question.fingerprint() == answer.question.fingerprint()
            return answer

        monkeypatch.setitem(vars(core), "load_model", lambda *_, **named: llava)
        monkeypatch.setitem(vars(core), "ask", asked)
        monkeypatch.setattr("core.reports.figure.Figure.save", lambda figure, file: None)
        names: dict[str, Any] = {}
        exec(compile(here(text), "script.py", "exec"), names)
        return names

    return run


def test_a_map_on_the_page_is_made_again(
    app: App, llava: TransformersModel, executed: Callable[[str, Answer], dict[str, Any]]
) -> None:
    exchange = test_relevancy_page.exchange_of(llava)
    at = test_relevancy_page.opened(app, exchange, target=Target((2,)), methods=("relevancy", "input_gradient"))
    answer = test_relevancy_page.answer_of(at)
    kept = {made.method: made for made in test_relevancy_page.work_of(at).results.of(MAPS).values()}
    made = [executed(text, answer)["result"] for text in scripts_of(at)]
    maps = [one for one in made if isinstance(one, Explanation)]
    assert {one.method for one in maps} == {"relevancy", "input_gradient"} and len(made) == 2
    for one in maps:
        assert np.allclose(one.scores, kept[one.method].scores, atol=1e-6)


@pytest.mark.parametrize(
    ("lens", "kinds"),
    [
        ("head_contributions", ["source_increases", "head_increases", "head_reading"]),
        ("logit_lens", ["reading", "reading"]),
        ("attention_knockout", ["knockout"]),
    ],
)
def test_what_mechanisms_find_is_found_again(
    lens: str, kinds: list[str], app: App, llava: TransformersModel, executed: Callable[[str, Answer], dict[str, Any]]
) -> None:
    exchange = mechanisms.exchange_of(llava, tokens=4)
    at = mechanisms.opened(app, exchange, lens)
    found = scripts_of(at)
    assert exchange.answer is not None
    assert [text.split('sightline.figures("')[1].split('"')[0] for text in found] == kinds
    for text in found:
        assert executed(text, exchange.answer)["figures"]


def test_each_view_of_heads_and_words_is_made_again(
    app: App, llava: TransformersModel, executed: Callable[[str, Answer], dict[str, Any]]
) -> None:
    exchange = test_answer_bar.exchange_of(llava)
    assert exchange.answer is not None
    at = test_answer_bar.opened(app, exchange, target=Target((2,)))

    def script(key: str, view: str) -> str:
        at.session_state[f"script_{key}"] = True
        at.run()
        return next(code.value for code in at.code if view in code.value)

    [drawn] = executed(script("attention_gallery", '"gallery"'), exchange.answer)["figures"]
    assert drawn.title.startswith("Where each head of layer") and len(drawn.rows) == llava.card.heads
    click(at, "attention_picture", "patch", {"position": exchange.answer.layout.views[0].positions[3]})
    look_further(at, "Who looks at these patches")
    [table] = executed(script("to_patches", '"to patches"'), exchange.answer)["figures"]
    shown = sorted(row["value"] for row in told(at, "attention") if "said" in row)
    assert table.title == "Attention to 1 patch: every layer (the mean of its heads)"
    assert shown == pytest.approx(sorted(table.numbers["looks"].ravel()), rel=1e-2, abs=1e-5)
