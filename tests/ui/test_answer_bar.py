"""The answer bar: the target it shows is the target everywhere; where there is nothing to show it says what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.answer import Answer, Decoding, Question, Target
from core.street.recipe import SceneRecipe
from core.ui.state import target as targets
from core.ui.state.scenes import image_of
from core.ui.state.workspace import Exchange, Workspace
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec
from core.vlm.targets import rival_ids
from tests.zoo import save_llava

App = Callable[..., AppTest]
PAGE = "pages/2_Attention_Explorer.py"


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


def exchange_of(model: TransformersModel, text: str = "What is the door?", most: int = 6) -> Exchange:
    picture = image_of(SceneRecipe(27))
    question = Question(text, (picture.image,), decoding=Decoding(max_new_tokens=most))
    return Exchange(question, (picture,), answer=ask(model, question))


def opened(app: App, *exchanges: Exchange, target: Target | None = None, page: str = PAGE) -> AppTest:
    """A page about the last of some answered questions."""
    at = app(None)
    work = work_of(at)
    work.exchanges = list(exchanges)
    work.inspect(exchanges[-1] if exchanges else None)
    work.target = target
    at.switch_page(page).run()
    assert not at.exception
    return at


def chips(at: AppTest):  # type: ignore[no-untyped-def]
    return next(group for group in at.pills if group.key and "chips_" in group.key)


def answer_of(at: AppTest) -> Answer:
    answer = work_of(at).answer
    assert answer is not None
    return answer


def test_the_key_word_is_proposed_and_a_second_click_on_a_chip_does_not_let_go(
    app: App, llava: TransformersModel
) -> None:
    at = opened(app, exchange_of(llava))
    assert work_of(at).target is not None
    at.segmented_control[0].set_value("token").run()
    target = work_of(at).target
    chips(at).set_value(None).run()
    assert work_of(at).target == target
    at.run()
    assert work_of(at).target == target


def test_each_answer_keeps_its_target(app: App, llava: TransformersModel) -> None:
    first, second = exchange_of(llava), exchange_of(llava, "Where?")
    at = opened(app, first, second, target=Target((4,)))
    work_of(at).inspect(first)
    at.run()
    assert work_of(at).target not in (None, Target((4,)))
    work_of(at).target = Target((2,))
    work_of(at).inspect(second)
    at.run()
    assert work_of(at).target == Target((4,))
    work_of(at).inspect(first)
    assert work_of(at).target == Target((2,))


@pytest.mark.parametrize("target", [Target((2,)), Target((1, 2, 4)), Target(tuple(range(6))), Target((3,), (70,))])
def test_a_target_chosen_elsewhere_survives_every_page(
    app: App, llava: TransformersModel, target: Target | None
) -> None:
    exchange = exchange_of(llava)
    at = opened(app, exchange, target=target)
    work_of(at).target = target
    for page in ("pages/1_Chat.py", PAGE):
        at.switch_page(page).run()
        assert not at.exception
        assert work_of(at).target == target
    at.run()
    assert work_of(at).target == target


def test_several_chips_make_one_target_in_reading_order(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), target=Target((0,)))
    at.toggle[0].set_value(True).run()
    chips(at).set_value([4, 1]).run()
    assert work_of(at).target == Target((1, 4))
    unit = next(control for control in at.segmented_control if control.label == "Target")
    unit.set_value("answer").run()
    assert work_of(at).target == Target(tuple(range(6)))
    chips(at).set_value([1]).run()
    assert work_of(at).target == Target((1,))


def test_a_whole_word_is_its_tokens(llava: TransformersModel) -> None:
    answer = exchange_of(llava).answer
    assert answer is not None
    for word in answer.words():
        assert targets.widened(word[:1], "word", answer) == word
        if len(word) > 1:
            assert targets.granularity_of(Target(word), answer) in ("word", "answer")


def test_an_alternative_and_a_typed_word_become_rivals(app: App, llava: TransformersModel) -> None:
    at = opened(app, exchange_of(llava), target=Target((2,)), page="pages/1_Chat.py")
    answer = answer_of(at)
    rival = at.selectbox[next(i for i, box in enumerate(at.selectbox) if box.label == "rather than")]
    rival.select_index(1).run()
    target = work_of(at).target
    assert target is not None and target.rivals is not None
    assert target.rivals[0] in [other.id for other in answer.tokens[2].alternatives]
    assert targets.describe_target(answer, target, llava).count("rather than") == 1


def test_what_a_typed_rival_becomes_is_said(llava: TransformersModel) -> None:
    answer = exchange_of(llava).answer
    assert answer is not None
    ids = rival_ids(llava, answer, 2, "zebra")
    rival, note = targets.typed_rival(llava, answer, 2, " zebra ")
    assert rival == ids[0] and note is not None and f"“zebra” takes {len(ids)} tokens here" in note
    own = rival_ids(llava, answer, 0, "zebra")[0]
    said = replace(answer, tokens=(replace(answer.tokens[0], id=own), *answer.tokens[1:]))
    rival, note = targets.typed_rival(llava, said, 0, "zebra")

    assert rival is None and note is not None and "the very token that was said" in note
    assert targets.typed_rival(llava, answer, 2, "   ") == (None, "That has no token: type a word.")


@pytest.mark.parametrize("index", [0, 2, 5])
def test_a_typed_rival_is_read_where_it_would_stand(model: TransformersModel, index: int) -> None:
    """As the model would write it there: with a blank before it where the token said has one."""
    answer = exchange_of(model, most=8).answer
    assert answer is not None
    for word in ("the", "door", "zebra"):
        ids = rival_ids(model, answer, index, word)
        assert "".join(model.reader.piece(token) for token in ids).strip() == word
        if index:  # the first token's blank is the template's business
            blank = answer.tokens[index].text[:1].isspace()
            assert model.reader.piece(ids[0]).startswith(" ") == blank
    assert rival_ids(model, answer, index, "") == ()


def test_another_answer_of_the_conversation_is_chosen(app: App, llava: TransformersModel) -> None:
    first, second = exchange_of(llava), exchange_of(llava, "Is the door a door?")
    at = opened(app, first, second)
    box = next(box for box in at.selectbox if box.label == "Answer")
    box.select_index(0).run()
    assert not at.exception
    assert work_of(at).inspected is first


def test_without_an_answer_a_question_is_asked_right_here(app: App) -> None:
    at = opened(app)
    assert any("No answer to look into yet" in info.value for info in at.info)
    at.button(key="ask_here_0").click().run()
    assert not at.exception
    assert answer_of(at).question.text == "Is the truck's door open?"
    assert chips(at) is not None


def test_an_answer_of_a_model_since_unloaded_is_kept_and_asked_again(
    app: App, llava: TransformersModel, tiny: ModelSpec, tmp_path: Path
) -> None:
    exchange, other = exchange_of(llava), ModelSpec(str(save_llava(tmp_path, seed=3)), "float32", "cpu")
    at = opened(app, exchange, target=Target((1,)))
    work_of(at).spec = other
    at.run()
    assert not at.exception
    assert any("It can only be explained by " in text.value for text in at.text)
    assert any("  (by " in text.value for text in at.text), "whose answer it is"
    assert chips(at) is not None and work_of(at).target == Target((1,))
    at.button(key="ask_present").click().run()
    assert not at.exception
    assert len(work_of(at).exchanges) == 2 and work_of(at).inspected is work_of(at).exchanges[1]
    assert answer_of(at).model != exchange.answer.model  # type: ignore[union-attr]
    assert [pin.answer for pin in work_of(at).pins] == [exchange.answer, answer_of(at)], "seen side by side"
    box = next(box for box in at.selectbox if box.label == "Answer")
    assert "  (by " in box.options[0]
    work_of(at).spec, former = tiny, box.key
    at.run()
    box = next(box for box in at.selectbox if box.label == "Answer")
    assert "  (by " in box.options[1] and box.key != former, "what the browser has chosen is none of the new entries"
    work_of(at).spec = other
    at.run()
    at.switch_page("pages/1_Chat.py").run()
    assert not at.exception
    assert sum(": by " in caption.value for caption in at.caption) == 1, "only the other model's answer"


def test_an_answer_of_one_token_and_a_long_one(app: App, llava: TransformersModel) -> None:
    for most in (1, 90):
        at = opened(app, exchange_of(llava, most=most))
        assert len(chips(at).options) == most
        assert work_of(at).target is not None


def unplaced(model: TransformersModel, why: str = "") -> Exchange:
    """An exchange whose image tokens have no place."""
    exchange = exchange_of(model)
    assert exchange.answer is not None
    layout = replace(exchange.answer.layout, views=(), unplaced=why, measurable=not why)
    exchange.answer = replace(exchange.answer, layout=layout)
    return exchange


def test_a_grid_that_nobody_declared_is_measured_at_a_click_and_said_to_be(app: App, llava: TransformersModel) -> None:
    at = opened(app, unplaced(llava), target=Target((1,)))
    assert answer_of(at).layout.views == ()
    at.button(key="measure_grid").click().run()
    assert not at.exception
    [view] = answer_of(at).layout.views
    assert (view.rows, view.columns) == (4, 4)
    assert any("This grid was measured, not declared: correlation" in one.value for one in at.caption)
    assert "measure_grid" not in {button.key for button in at.button}


def test_where_a_picture_is_resampled_no_grid_is_offered(app: App, llava: TransformersModel) -> None:
    at = opened(app, unplaced(llava, "It is resampled"), target=Target((1,)), page="pages/3_Relevancy.py")
    assert "measure_grid" not in {button.key for button in at.button}
    assert any(info.value.startswith("It is resampled, so methods that score") for info in at.info)


def test_without_a_grid_pixels_are_hidden_first(app: App, llava: TransformersModel) -> None:
    at = opened(app, unplaced(llava, "It is resampled"), target=Target((1,)), page="pages/3_Relevancy.py")
    assert at.multiselect(key="relevancy_methods").value == ["occlusion_pixels"]
    assert not at.exception
    assert len(at.get("vega_lite_chart")) >= 1
    at.multiselect(key="relevancy_methods").set_value(["raw_attention"]).run()
    at.button(key="hide_pixels").click().run()
    assert at.multiselect(key="relevancy_methods").value == ["raw_attention", "occlusion_pixels"]
    at.button(key="evidence_test").click().run()
    assert not at.exception
