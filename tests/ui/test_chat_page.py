"""The logic of Home and Chat, without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.answer import Target
from core.street.recipe import SceneRecipe
from core.ui.chat.reasks import csv_text
from core.ui.chat.view import ChatView
from core.ui.state.scenes import image_of
from core.ui.state.workspace import NamedImage, Workspace
from core.vlm.loading import ModelSpec

App = Callable[..., AppTest]


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


def said(at: AppTest) -> list[str]:
    return [text.value for text in at.text]


def ask(at: AppTest, text: str) -> AppTest:
    at.chat_input(key="chat_question").set_value(text).run()
    assert not at.exception
    return at


def open_images(at: AppTest) -> AppTest:
    """Open "Another picture", as a click on it does."""
    at.session_state["another_picture"] = True
    return at.run()


def test_a_question_is_answered_and_looked_into(app: App) -> None:
    at = ask(app(), "What color is the house?")
    work = work_of(at)
    assert work.answer is not None and work.answer.question.text == "What color is the house?"
    assert len(work.answer.tokens) == 6
    assert work.answer.text in said(at)


def test_what_an_answer_keeps_is_said_where_that_is_much_and_less_can_be_kept(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = app()
    assert not any("of attention" in caption.value for caption in at.caption)
    monkeypatch.setattr("core.vlm.foretold.WORTH_SAYING", 1)
    monkeypatch.setattr("core.ui.chat.keeping.WORTH_SAYING", 1)
    at.run()
    assert any("positions keep up to" in caption.value for caption in at.caption)
    next(control for control in at.segmented_control if control.key == "keep_rows").set_value("the last tokens").run()
    next(number for number in at.number_input if "last tokens" in number.label).set_value(2).run()
    ask(at, "What color is the house?")
    answer = work_of(at).answer
    assert answer is not None and answer.attention is not None
    assert answer.attention.has((5,)) and not answer.attention.has((0,))


def test_a_second_question_carries_the_first(app: App) -> None:
    at = ask(ask(app(), "What color is the house?"), "And the car?")
    first, second = (exchange.answer for exchange in work_of(at).exchanges)
    assert first is not None and second is not None
    assert [(turn.question, turn.answer) for turn in second.question.history] == [
        ("What color is the house?", first.text)
    ]


def test_clicking_a_chip_makes_it_the_target_and_letting_go_clears_it(app: App) -> None:
    at = ask(app(), "What color is the house?")
    chips = next(group for group in at.pills if group.key and group.key.startswith("chips_"))
    chips.select(2).run()
    assert not at.exception
    target = work_of(at).target
    assert target is not None and target.tokens == (2,)
    assert any(caption.value.startswith("Token 3 of 6") for caption in at.caption)


def test_a_contrast_names_the_rival(app: App) -> None:
    at = ask(app(), "What color is the house?")
    next(group for group in at.pills if group.key and group.key.startswith("chips_")).select(1).run()
    at.selectbox[next(i for i, box in enumerate(at.selectbox) if box.label == "rather than")].select_index(1).run()
    work = work_of(at)
    assert work.answer is not None and work.target is not None and work.target.rivals is not None
    token = work.answer.tokens[1]
    assert work.target.rivals[0] != token.id
    assert work.target.rivals[0] in [alternative.id for alternative in token.alternatives]


def test_editing_an_earlier_question_drops_what_came_after(app: App) -> None:
    at = ask(ask(app(), "What color is the house?"), "And the car?")
    at.button(key="edit_0").click().run()
    at.text_area(key="edited_0").set_value("What color is the bird?").run()
    at.button(key="send_again").click().run()
    assert not at.exception
    assert [exchange.question.text for exchange in work_of(at).exchanges] == ["What color is the bird?"]
    answer = work_of(at).answer
    assert answer is not None and answer.question.history == ()


def test_clearing_keeps_the_picture(app: App) -> None:
    at = ask(app(), "What color is the house?")
    next(button for button in at.button if button.label == "Clear the conversation").click().run()
    work = work_of(at)
    assert work.exchanges == [] and work.answer is None and work.image is not None


def test_decoding_is_greedy_until_told_otherwise(app: App) -> None:
    at = ask(app(), "What color is the house?")
    assert work_of(at).exchanges[0].question.decoding.temperature == 0
    at.slider(key="temperature").set_value(0.8).run()
    at.number_input(key="decoding_seed").set_value(5).run()
    ask(at, "What color is the house?")
    decoding = work_of(at).exchanges[1].question.decoding
    assert (decoding.temperature, decoding.seed) == (0.8, 5)


@pytest.mark.parametrize("text", ["x" * 100_000, "why " * 25_000])
def test_a_far_too_long_question_is_refused_in_a_sentence(app: App, text: str) -> None:
    at = ask(app(), "What color is the house?")
    ask(at, text)
    work = work_of(at)
    assert work.exchanges[1].answer is None and work.exchanges[1].trouble
    assert work.answer is work.exchanges[0].answer
    ask(at, "And the car?")
    assert work_of(at).exchanges[2].answer is not None


@pytest.mark.parametrize("text", ["שלום, מה צבע הבית?", "🐕‍🦺 👩🏽‍🚀 ?", "<b>bold</b> **stars** $x$", "\u202egnp.exe"])
def test_unusual_text_is_asked_and_shown_as_it_is(app: App, text: str) -> None:
    at = ask(app(), text)
    assert work_of(at).answer is not None
    assert text in said(at)


def test_a_refused_picture_keeps_picture_and_conversation(app: App) -> None:
    at = ask(app(), "What color is the house?")
    before = work_of(at).image
    open_images(at)
    at.file_uploader[0].upload("notes.png", b"no picture at all", "image/png").run()
    assert not at.exception
    work = work_of(at)
    assert work.image is before and len(work.exchanges) == 1
    assert work.image_trouble in said(at)


def test_the_masked_answer_is_scored_token_by_token(app: App) -> None:
    at = ask(app(), "What color is the house?")
    work = work_of(at)
    work.view(ChatView).lens = "Mask and re-ask"
    assert work.answer is not None
    work.mask_for(work.answer.question.images[0]).become(np.ones((168, 168), bool))
    at.segmented_control(key="lens").select("Mask and re-ask").run()
    at.button(key="ask_again").click().run()
    assert not at.exception
    reasked = work_of(at).reasked
    assert reasked is not None and reasked.original is work_of(at).answer
    assert reasked.outcome.changes.shape == (6,)
    (mask,) = reasked.answer.question.masks
    assert mask.hidden.all()
    assert any("The whole picture is hidden" in caption.value for caption in at.caption)


def test_hiding_nothing_cannot_be_asked(app: App) -> None:
    at = ask(app(), "What color is the house?")
    at.segmented_control(key="lens").select("Mask and re-ask").run()
    assert at.button(key="ask_again").disabled


def test_phrasings_are_answered_apart_and_cross_scored(app: App) -> None:
    at = app()
    at.segmented_control(key="lens").select("Compare phrasings").run()
    at.button(key="compare").click().run()
    assert not at.exception
    compared = work_of(at).compared
    assert compared is not None and len(compared.answers) == 2
    work_of(at).compared = None  # as when the run is opened another day
    assert work_of(at.run()).compared is compared
    at.button(key="pin_phrasing_1").click().run()
    assert [pin.answer for pin in work_of(at).pins] == [compared.answers[1]]
    assert compared.probability.shape == (2, 2)
    assert all(answer.question.history == () for answer in compared.answers)
    for index, answer in enumerate(compared.answers):
        # The diagonal is what was said: the product of the key word's own probabilities.
        best = min(
            abs(compared.probability[index, index] - np.exp(sum(t.logprob for t in answer.tokens[a:b])))
            for a in range(6)
            for b in range(a + 1, 7)
        )
        assert best < 1e-4


def test_remedies_are_tried_in_one_go_and_set_beside_the_answer(app: App) -> None:
    at = app()
    at.chat_input[0].set_value("Is the door of the house open?").run()
    at.segmented_control(key="lens").select("Try remedies").run()
    at.multiselect(key="remedies_chosen").set_value(["image_attention", "open_choice", "crop"]).run()
    assert not at.exception and any("Try them" in info.value for info in at.info)
    at.number_input(key="remedy_image_attention_strength").set_value(5.0).run()
    at.button(key="try_remedies").click().run()
    assert not at.exception
    [table] = [one.value for one in at.dataframe if "remedy" in one.value.columns]
    assert list(table["remedy"])[:2] == ["as it was asked", "More attention to the picture"] and len(table) == 4
    assert table["log-probability (nats)"].notna().all() and (table["passes"] > 0).all()
    # Those that are there are not tried again, and come back with the page.
    at.multiselect(key="remedies_chosen").set_value(["open_choice"]).run()
    assert len(next(one.value for one in at.dataframe if "remedy" in one.value.columns)) == 2


def test_two_to_four_different_phrasings(app: App) -> None:
    at = app()
    at.segmented_control(key="lens").select("Compare phrasings").run()
    for _ in range(2):
        at.button(key="add_phrasing").click().run()
    assert len(work_of(at).phrasings) == 4
    at.button(key="compare").click().run()
    assert work_of(at).compared is None and any("Fill in every" in caption.value for caption in at.caption)
    assert "add_phrasing" not in [button.key for button in at.button]


def test_a_link_restores_scene_and_question_and_runs_nothing(app: App) -> None:
    at = app(params={"scene": "27", "changes": "man.shirt:yellow", "q": "What color is the man's shirt?"})
    work = work_of(at)
    assert work.image is not None and work.image.name == "scene 27, man's shirt is yellow"
    assert work.exchanges == [] and work.offered == "What color is the man's shirt?"
    at.button(key="ask_offered").click().run()
    assert work_of(at).answer is not None


def test_a_broken_link_gets_a_sentence(app: App) -> None:
    at = app(params={"scene": "27", "changes": "man.hat:red"})
    assert not at.exception
    assert work_of(at).image is None
    assert any("changes the scene in a way" in text for text in said(at))


def test_a_linked_model_is_asked_about_and_a_failure_keeps_the_present_one(
    app: App, tiny: ModelSpec, tmp_path: Path
) -> None:
    at = app(params={"scene": "27", "model": str(tmp_path)})
    assert work_of(at).spec == tiny
    assert work_of(at).asked_spec == ModelSpec(str(tmp_path))
    at.button(key="linked_load").click().run()
    assert not at.exception
    work = work_of(at)
    assert work.spec == tiny and work.asked_spec is None and work.model_trouble
    ask(at, "What color is the house?")


def test_home_goes_to_chat_and_asks(app: App) -> None:
    at = app("Home.py")
    at.button(key="first_0").click().run()
    assert not at.exception
    at.switch_page("pages/1_Chat.py").run()
    answer = work_of(at).answer
    assert answer is not None and answer.question.text == "Is the truck's door open?"


def test_words_alone_are_asked_without_a_picture(app: App) -> None:
    at = open_images(app())
    next(button for button in at.button if button.label == "Ask without a picture").click().run()
    ask(at, "The dog is orange. What color is the dog?")
    answer = work_of(at).answer
    assert answer is not None and answer.question.images == ()
    at.segmented_control(key="lens").select("Mask and re-ask").run()
    assert any("nothing to hide" in info.value for info in at.info)


def test_another_picture_keeps_the_conversation_but_begins_a_new_history(app: App) -> None:
    at = ask(app(), "What color is the house?")
    assert "sample_8" not in [button.key for button in at.button]
    open_images(at).button(key="sample_8").click().run()
    ask(at, "What color is the truck?")
    work = work_of(at)
    assert [exchange.image.name for exchange in work.exchanges if exchange.image] == ["scene 27", "scene 8"]
    assert work.answer is not None and work.answer.question.history == ()


def test_a_drawn_scene_is_changed_in_one_thing_and_back(app: App) -> None:
    at = open_images(app())
    box = next(box for box in at.selectbox if box.label == "Change")
    box.select("truck's door").run()
    next(button for button in at.button if button.label == "Apply").click().run()
    assert not at.exception
    picture = work_of(at).image
    assert picture is not None and picture.name == "scene 27, truck's door is closed"
    next(button for button in at.button if button.label == "Undo the last change").click().run()
    picture = work_of(at).image
    assert picture is not None and picture.name == "scene 27"


def test_what_goes_wrong_on_a_page_is_a_sentence(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.ui.chat import page

    at = ask(app(), "What color is the house?")

    def broken(*_: object) -> None:
        raise RuntimeError("layer 7 of 9 is missing")

    monkeypatch.setattr(page, "answer_tokens_panel", broken)
    at.run()
    assert not at.exception
    (error,) = at.error
    assert "Something went wrong" in error.value and "layer 7" not in error.value
    assert len(work_of(at).exchanges) == 1


def test_a_model_that_fails_is_a_sentence_and_the_next_question_works(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.ui.widgets import asking

    at = app()

    def failing(*_: object, **__: object) -> object:
        raise RuntimeError("CUDA error: a detail for the terminal only")

    with monkeypatch.context() as patch:
        patch.setattr(asking, "ask", failing)
        ask(at, "What color is the house?")
    trouble = work_of(at).exchanges[0].trouble
    assert trouble is not None and "CUDA" not in trouble and trouble in said(at)
    ask(at, "What color is the house?")
    assert work_of(at).answer is not None


def test_a_question_about_several_pictures_hides_a_region_of_each(app: App) -> None:
    at = app()
    work = work_of(at)
    work.beside = True
    work.take_images(image_of(SceneRecipe(12)))
    ask(at.run(), "Which house is red?")
    assert work.answer is not None and len(work.answer.question.images) == 2
    for number, image in enumerate(work.answer.question.images):
        work.mask_for(image, number).become(np.indices(image.size)[1] < 40)
    at.segmented_control(key="lens").select("Mask and re-ask").run()
    assert any("A region is hidden in picture 1, too." in caption.value for caption in at.caption)
    at.button(key="ask_again").click().run()
    assert not at.exception and work.reasked is not None
    assert [mask.image for mask in work.reasked.answer.question.masks] == [0, 1]
    chooser = next(box for box in at.selectbox if str(box.key).startswith("picture_number_"))
    chooser.select(0).run()
    assert not at.exception and work.shown_image == 0
    assert any("A region is hidden in picture 2, too." in caption.value for caption in at.caption)


def test_pictures_are_rearranged_and_stand_among_the_words(app: App) -> None:
    at = app()
    work = work_of(at)
    work.beside = True
    work.take_images(image_of(SceneRecipe(12)))
    first, second = work.images
    at.run().button(key="later_0").click().run()
    assert work.images == (second, first)
    for number, words in enumerate(("Compare", "with", "now.")):
        at.text_input(key=f"composed_2_{number}").set_value(words)
    next(button for button in at.button if button.label == "Ask this").click().run()
    assert not at.exception and work.answer is not None
    assert (work.answer.question.text, work.answer.question.images_at) == ("Compare with now.", (8, 13))
    assert "Compare ⟨picture 1⟩ with ⟨picture 2⟩ now." in said(at)
    at.button(key="remove_0").click().run()
    assert work.images == (first,) and not at.exception


def test_the_embedded_model_says_of_a_photograph_that_it_knows_none(
    app: App, tiny: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(at: AppTest) -> bool:
        return any("drawn street scenes only" in warning.value for warning in at.warning)

    assert not told(app("Home.py")) and not told(app())
    photograph = NamedImage(Image.new("RGB", (40, 30)), "astronaut.jpg")
    for page in ("Home.py", "pages/1_Chat.py", "pages/2_Attention_Explorer.py"):
        at = app(None)
        work_of(at).choose_image(photograph)
        monkeypatch.setattr("core.ui.widgets.unfamiliar.EMBEDDED_MODELS", {"embedded": tiny})
        if page.startswith("pages"):
            at.switch_page("pages/1_Chat.py").run()
            ask(at, "Is there a person?").switch_page(page)
        assert told(at.run()), page
        monkeypatch.undo()
        assert not told(at.run()), page


def ask_again(at: AppTest, part: float) -> AppTest:
    """Hide so much of the picture, from its left, and ask again."""
    work = work_of(at)
    assert work.answer is not None
    hidden = np.zeros((168, 168), bool)
    hidden[:, : int(168 * part)] = True
    work.mask_for(work.answer.question.images[0]).become(hidden)
    at.button(key="ask_again").click().run()
    assert not at.exception
    return at


def test_every_reask_is_a_row_to_be_opened_again_compared_removed_and_saved(app: App) -> None:
    at = ask(app(), "What color is the house?")
    work = work_of(at)
    assert work.answer is not None and work.inspected is not None
    work.mask_for(work.answer.question.images[0]).become(np.ones((168, 168), bool))
    at.segmented_control(key="lens").select("Mask and re-ask").run()
    for part in (0.25, 0.5, 0.25):  # the same again is one row
        ask_again(at, part)
    table = at.dataframe[0].value
    assert table["picture"].tolist() == [0.5, 0.25]
    assert "change: target" not in table and len(table["change: answer"]) == 2
    key = f"reasks_{work.inspected.serial}_0"

    def mark(*rows: int) -> None:
        at.session_state[key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
        at.run()

    work.target = Target((1,))
    mark(0)
    expected = [row.reasked.outcome.changes[1] for row in work.reasks]
    np.testing.assert_allclose(at.dataframe[0].value["change: target"], expected, atol=0.0006)
    said_there = work.answer.tokens[1].id
    rival = next(one.id for one in work.answer.tokens[1].alternatives if one.id != said_there)
    contrast = Target((1,), (rival,))
    work.target = contrast
    at.run()
    assert [row.change(contrast) for row in work.reasks] == [None, None]
    at.button(key="reasks_contrast").click().run()
    assert not at.exception and "reasks_contrast" not in [button.key for button in at.button]
    odds = [row.change(contrast) for row in work.reasks]
    np.testing.assert_allclose(at.dataframe[0].value["change: target"], odds, atol=0.0006)
    assert "log-odds" in csv_text(work.reasks, work.answer, contrast)
    ask_again(at, 0.25)  # the contrast is measured at once
    assert work.reasks[-1].change(contrast) == pytest.approx(odds[1], abs=1e-5)
    work.target = Target((1,))
    mark(0)
    at.button(key="reask_open").click().run()
    assert work.mask_for(work.answer.question.images[0]).hidden.mean() == 0.5 and work.reasked is work.reasks[0].reasked
    mark(0, 1)
    at.button(key="reask_compare").click().run()
    assert not at.exception and any("between them" in text for text in said(at))
    mark(1)
    at.button(key="reask_remove").click().run()
    assert at.dataframe[0].value["picture"].tolist() == [0.5]
    text = csv_text(work.reasks, work.answer, work.target)
    assert len(text.splitlines()) >= 3 and "change of the target's log-probability (nats)" in text

    assert work.run is not None and work.run.flush(30)
    again = app(params={"run": work.run.id})
    again.segmented_control(key="lens").select("Mask and re-ask").run()
    assert not again.exception and again.dataframe[0].value["picture"].tolist() == [0.5]
