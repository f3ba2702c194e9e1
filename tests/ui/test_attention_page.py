"""The Attention Explorer's logic: what a click chooses, what survives, what is said where there is little to show."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core.answer import AttentionRows, Decoding, Question, Target
from core.attention.sinks import sinks_among
from core.attention.words import question_words
from core.ui.attention import subject
from core.ui.attention.view import MOST_BYTES, ROWS, AttentionView
from core.ui.state.results import ResultCache
from core.ui.state.workspace import Exchange
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.keeping import KeepRows
from tests.ui.charts import chart_keys, click, spec
from tests.ui.kept import heads_kept
from tests.ui.test_answer_bar import PAGE, exchange_of, opened, work_of

App = Callable[..., AppTest]
LENSES = ("All heads of a layer", "Who looks at these patches", "Question and answer words", "Vision tower")


@pytest.fixture
def page(app: App, llava: TransformersModel) -> AppTest:
    """The explorer about an answer of six tokens, the third of them the target."""
    return opened(app, exchange_of(llava), target=Target((2,)))


def view_of(at: AppTest) -> AttentionView:
    return work_of(at).view(AttentionView)


def look_further(at: AppTest, lens: str) -> AppTest:
    next(control for control in at.segmented_control if control.label == "Look further").set_value(lens).run()
    assert not at.exception
    return at


def captions(at: AppTest) -> str:
    return " | ".join(caption.value for caption in at.caption)


def test_a_click_on_a_cell_a_bar_or_a_small_picture_chooses_the_head(page: AppTest) -> None:
    click(page, "attention_heads", "cell", {"layer": 1, "head": 3})
    assert view_of(page).head == (1, 3) and view_of(page).layer == 1
    assert "layer 1, head 3" in captions(page)
    click(page, "attention_ranked", "bar", {"layer": 2, "head": 0})
    assert view_of(page).head == (2, 0)
    click(page, "attention_gallery", "small", {"layer": 2, "head": 1})
    assert view_of(page).head == (2, 1)


def test_without_a_sink_patch_that_is_said(page: AppTest) -> None:
    assert "No patch is a sink here" in captions(page)


def test_sink_patches_say_where_they_come_from(
    app: App, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "sinks_among", lambda held, kinds: sinks_among(held, kinds, 0.5))
    at = opened(app, exchange_of(llava))
    at.button(key="sink_origins").click().run()
    assert not at.exception
    told = [text.value for text in at.text if text.value.startswith("Patch in row")]
    assert told and all("the decoder" in one or "the vision tower" in one for one in told)


def test_a_click_beside_all_patches_chooses_none(page: AppTest) -> None:
    """The veil over what the model never sees takes clicks, too, and is no patch."""
    click(page, "attention_picture", "patch", {})
    assert view_of(page).patches == ()


def test_the_same_cell_again_lets_the_head_go_however_the_chart_remembers_it(page: AppTest) -> None:
    one, other = {"layer": 1, "head": 3}, {"layer": 0, "head": 0}
    click(page, "attention_heads", "cell", one)
    click(page, "attention_heads", "cell", one, other)
    assert view_of(page).head == (0, 0)
    click(page, "attention_heads", "cell", one)
    assert view_of(page).head is None, "a click on the chosen head takes it out of the selection"
    click(page, "attention_heads", "cell")
    assert view_of(page).head == (1, 3), "a click on a head that the chart still holds chooses it"


def test_heads_and_patches_are_chosen_by_keyboard_too(page: AppTest) -> None:
    views = work_of(page).answer.layout.views  # type: ignore[union-attr]
    next(box for box in page.selectbox if box.label == "Head").select((1, 3)).run()
    assert view_of(page).head == (1, 3)
    next(box for box in page.number_input if box.label == "Row").set_value(2).run()
    next(box for box in page.number_input if box.label == "Column").set_value(1).run()
    next(button for button in page.button if button.label.startswith("Select this patch")).click().run()
    assert view_of(page).patches == (views[0].positions[views[0].columns],)


def test_clicked_patches_can_colour_heads_and_are_outlined(page: AppTest) -> None:
    places = work_of(page).answer.layout.views[0].positions  # type: ignore[union-attr]
    first, second = {"position": places[1]}, {"position": places[6]}
    click(page, "attention_picture", "patch", first)
    click(page, "attention_picture", "patch", first, second)
    assert view_of(page).patches == (places[1], places[6])
    box = next(box for box in page.selectbox if box.label == "Colour heads by")
    box.set_value("patches").run()
    assert "Selected patches of each head" in captions(page)
    assert "2.5" in str([layer["mark"].get("strokeWidth") for layer in spec(page, "attention_picture")["layer"]])
    click(page, "attention_picture", "patch", second)
    assert view_of(page).patches == (places[6],)
    next(button for button in page.button if button.label.startswith("Clear selection")).click().run()
    assert view_of(page).patches == () and view_of(page).measure == "image"


def test_who_looks_at_patches_asks_for_them_and_then_names_every_word(page: AppTest) -> None:
    look_further(page, "Who looks at these patches")
    assert any("Click one or several patches" in info.value for info in page.info)
    places = work_of(page).answer.layout.views[0].positions  # type: ignore[union-attr]
    click(page, "attention_picture", "patch", {"position": places[0]})
    assert "Attention to the 1 selected patch" in captions(page)
    assert any("▸" in str(json.loads(chart.proto.spec)) for chart in page.get("vega_lite_chart"))


def test_a_question_words_row_shows_where_it_looked_and_back(page: AppTest, llava: TransformersModel) -> None:
    look_further(page, "Question and answer words")
    click(page, "attention_words", "word", {"word": 1})
    answer = work_of(page).answer
    assert answer is not None and view_of(page).word == 1
    assert "while it was read" in captions(page)
    word = question_words(answer)[1]
    literal = llava.attention_rows(answer, word.positions).mean(0).mean(0).mean(0)
    on_image = float(literal[list(answer.layout.views[0].positions)].sum())
    assert f"{on_image:.1%} lies on the picture" in captions(page)
    next(button for button in page.button if button.label == "Back to the target").click().run()
    assert view_of(page).word is None and "token 3 of 6" in captions(page)


def test_the_rows_of_the_question_are_computed_once(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = TransformersModel.attention_rows

    def counted(self: TransformersModel, *given: object) -> torch.Tensor:
        calls.append(1)
        return real(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(TransformersModel, "attention_rows", counted)
    look_further(page, "Question and answer words")
    click(page, "attention_heads", "cell", {"layer": 1, "head": 1})
    look_further(page, "Vision tower")
    look_further(page, "Question and answer words")
    assert len(calls) == 1


def test_the_tower_is_seen_both_ways(page: AppTest) -> None:
    look_further(page, "Vision tower")
    click(page, "tower_heads", "cell", {"layer": 1, "head": 1})
    assert view_of(page).tower_head == (1, 1) and view_of(page).head is None
    places = work_of(page).answer.layout.views[0].positions  # type: ignore[union-attr]
    click(page, "tower_picture", "patch", {"position": places[5]})
    assert view_of(page).patches == (places[5],)
    direction = next(control for control in page.segmented_control if control.label == "Of the selected patch")
    direction.set_value("who looks at it").run()
    assert "who looks at it" in captions(page)


def test_leaving_out_the_first_token_says_so_and_changes_the_shares(page: AppTest) -> None:
    before = captions(page)
    assert "left out" not in before
    pills = next(group for group in page.pills if group.label == "Leave out attention sinks")
    assert pills.options[0].startswith("the first token")
    pills.set_value(["first"]).run()
    assert "1 sink left out, the rest made to sum to one" in captions(page)
    assert view_of(page).left_out == ("first",)


def test_selections_survive_a_page_switch_and_follow_the_target(page: AppTest) -> None:
    places = work_of(page).answer.layout.views[0].positions  # type: ignore[union-attr]
    click(page, "attention_heads", "cell", {"layer": 2, "head": 3})
    click(page, "attention_picture", "patch", {"position": places[3]})
    look_further(page, "Who looks at these patches")
    page.switch_page("pages/1_Chat.py").run()
    work_of(page).target = Target((4,))
    page.switch_page(PAGE).run()
    assert not page.exception
    view = view_of(page)
    assert view.head == (2, 3) and view.patches == (places[3],) and view.lens == "Who looks at these patches"
    assert "token 5 of 6" in captions(page)
    click(page, "attention_heads", "cell", {"layer": 2, "head": 3})
    assert view.head is None, "the first click after the switch is a click like any other"


def test_several_tokens_are_averaged(page: AppTest) -> None:
    work = work_of(page)
    work.target = Target((0, 2, 5))
    page.run()
    answer = work.answer
    assert answer is not None and answer.attention is not None
    on_image = float(
        answer.attention.weights[:, :, [0, 2, 5]].mean((0, 1, 2))[list(answer.layout.views[0].positions)].sum()
    )
    assert f"mean over 3 tokens · {on_image:.1%} lies on the picture" in captions(page)


def test_a_text_only_question_keeps_what_holds(app: App, llava: TransformersModel) -> None:
    question = Question("is the door a door", decoding=Decoding(max_new_tokens=4))
    at = opened(app, Exchange(question, (), answer=ask(llava, question)))
    assert any("given without a picture" in info.value for info in at.info)
    assert at.selectbox[0].value == "question", "no head looks at a picture"
    assert {"attention_heads", "attention_ranked"} <= set(chart_keys(at))
    assert "attention_words" in chart_keys(at) and "attention_picture" not in chart_keys(at)


def test_heads_that_cannot_see_the_picture_are_said_not_to(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    answer = exchange.answer
    assert answer is not None and answer.attention is not None
    weights = answer.attention.weights.clone()
    # As after a sliding window that the picture has left.
    weights[..., list(answer.layout.views[0].positions)] = 0
    exchange.answer = replace(answer, attention=AttentionRows(weights))
    at = opened(app, exchange, target=Target((2,)))
    at.selectbox[0].set_value("focus").run()
    assert not at.exception and "attention_heads" not in chart_keys(at)
    assert any("No head looks at what its" in info.value for info in at.info)


def test_an_answer_without_recorded_rows_gets_a_sentence(app: App, llava: TransformersModel) -> None:
    question = exchange_of(llava).question
    at = opened(app, Exchange(question, (), answer=ask(llava, question, keep_attention=False)))
    assert any("No attention was kept" in info.value for info in at.info)


def test_rows_that_were_dropped_are_computed_again_when_they_are_looked_at(app: App, llava: TransformersModel) -> None:
    exchange = exchange_of(llava)
    assert exchange.answer is not None and exchange.answer.attention is not None
    exchange.answer.attention.drop()
    at = opened(app, exchange)
    assert not at.exception and "attention_heads" in chart_keys(at)
    assert exchange.answer.attention.has(range(6))


@pytest.mark.parametrize("keep", [KeepRows(last=2), KeepRows(layers=(0,))])
def test_which_rows_are_kept_is_said_and_the_others_computed(
    keep: KeepRows, app: App, llava: TransformersModel
) -> None:
    question = exchange_of(llava).question
    exchange = Exchange(question, (), answer=ask(llava, question, keep_attention=keep))
    at = opened(app, exchange, target=Target((5,)))
    assert ("of layer 0" if keep.layers else "of tokens") in captions(at) and "attention_heads" in chart_keys(at)
    for lens in LENSES[:3]:
        look_further(at, lens)
    at.button(key="compute_rows").click().run()
    assert not at.exception and "rows are kept" not in captions(at)
    assert exchange.answer is not None and exchange.answer.attention is not None
    assert exchange.answer.attention.has(range(6))


@pytest.mark.parametrize("most", [1, 80])
def test_answers_of_one_token_and_of_many(app: App, llava: TransformersModel, most: int) -> None:
    at = opened(app, exchange_of(llava, most=most), target=Target((most - 1,)))
    for lens in LENSES:
        look_further(at, lens)


def test_a_failing_pass_is_said_and_tried_again_only_when_asked(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def broken(self: TransformersModel, *given: object) -> torch.Tensor:
        calls.append(1)
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(TransformersModel, "attention_rows", broken)
        look_further(page, "Question and answer words")
        page.run()
        assert len(calls) == 2, "and once more in smaller batches"
        assert any("Memory ran out during this" in text.value for text in page.text)
    next(button for button in page.button if button.label == "Compute it").click().run()
    assert "attention_words" in chart_keys(page)


def test_kept_rows_are_bounded_and_the_newest_stays() -> None:
    results = ResultCache()
    large = torch.zeros(MOST_BYTES // 4 // 2 + 1)
    for name in "abc":
        results.keep(ROWS, name, large)
    assert list(results.of(ROWS)) == ["c"]
    results.keep(ROWS, "none", torch.zeros(0))
    assert list(results.of(ROWS)) == ["c", "none"]


def test_another_picture_lets_patches_and_word_go(llava: TransformersModel, qwen: TransformersModel) -> None:
    view = AttentionView(head=(2, 3), patches=(5, 6), word=0)
    one, same, other = exchange_of(llava).answer, exchange_of(llava).answer, exchange_of(qwen).answer
    assert one is not None and same is not None and other is not None
    view.about(one, llava.card)
    view.word = 0
    view.about(same, llava.card)
    assert view.patches == (5, 6) and view.word == 0 and view.head == (2, 3)
    view.about(other, replace(qwen.card, layers=2))
    assert view.patches == () and view.word is None and view.head is None and view.layer <= 1


def test_the_last_layer_is_looked_at_until_another_is_chosen(llava: TransformersModel) -> None:
    view, answer = AttentionView(), exchange_of(llava).answer
    assert answer is not None
    view.about(answer, llava.card)
    assert view.layer == 2
    view.layer = 1
    view.about(answer, llava.card)
    assert view.layer == 1


def test_heads_that_ground_are_listed_and_a_click_looks_at_one(
    app: Callable[..., AppTest], llava: TransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path))
    at = opened(app, exchange_of(llava), target=Target((2,)))
    assert "Heads that ground: not found for this model yet. `sightline heads" in captions(at)
    heads_kept(tmp_path, llava.card.fingerprint)
    at.run()
    pills = at.button_group(key="attention_grounding")
    assert pills.options == ["★ 1.2 · 60% (-1.50)", "0.1 · 30% (-0.50)"]
    pills.set_value("1.2").run()
    assert not at.exception and view_of(at).head == (1, 2)
