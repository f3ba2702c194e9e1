"""What a tab does is in a run, and the address brings it back."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.answer import Question, Target
from core.runs.codec.form import Out
from core.runs.kinds import REASKED
from core.runs.pictures import picture_name
from core.runs.store import RunStore
from core.runs.turns import Exchange as TurnKept
from core.street.recipe import SceneRecipe
from core.ui.attention.view import AttentionView
from core.ui.chat.view import ChatView
from core.ui.jobs.page import PageJobs
from core.ui.relevancy.methods import CHOSEN
from core.ui.state import opening
from core.ui.state.models import ModelStore
from core.ui.state.results import Kind, ResultCache
from core.ui.state.scenes import image_of
from core.ui.state.workspace import NamedImage, Workspace
from core.ui.widgets.handing_over import HandingOver
from core.vlm.loading import ModelSpec

App = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def _own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path / "data"))


@pytest.fixture
def runs(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "data")


def work_of(at: AppTest) -> Workspace:
    work = at.session_state["workspace"]
    assert isinstance(work, Workspace)
    return work


def said(at: AppTest) -> str:
    return " ".join(each.value for each in (*at.text, *at.caption, *at.markdown, *at.info))


def ask(at: AppTest, text: str) -> AppTest:
    at.chat_input(key="chat_question").set_value(text).run()
    assert not at.exception
    return at


def kept(at: AppTest) -> str:
    """The id of the run, once everything is on the disk."""
    keeper = work_of(at).run
    assert keeper is not None and keeper.flush(30) and keeper.trouble is None
    return keeper.id


def left(at: AppTest) -> str:
    """The same, and the tab's server is gone: nothing of it lets go in order, but the lock goes with it."""
    id_ = kept(at)
    keeper = work_of(at).run
    assert keeper is not None
    keeper.close()
    opening.wait_until_free(id_)
    return id_


def test_nothing_is_kept_before_the_first_question(app: App, runs: RunStore) -> None:
    at = app()
    assert not runs.list() and "It begins with your first question" in said(at)
    ask(at, "What color is the house?")
    kept(at)
    (run,) = runs.list()
    assert run.title == "What color is the house?" and at.query_params["run"] == run.id


def test_a_conversation_is_taken_up_again_by_its_address(app: App) -> None:
    at = ask(ask(app(), "What color is the house?"), "And the door?")
    work = work_of(at)
    work.target = Target((1, 2))
    work.mask_for(work.images[0].image).become(np.eye(*work.images[0].image.size[::-1], dtype=bool))
    at.run()
    id_, before = left(at), work.exchanges

    at = app(params={"run": id_})
    work = work_of(at)
    assert [each.question.text for each in work.exchanges] == ["What color is the house?", "And the door?"]
    for was, now in zip(before, work.exchanges, strict=True):
        assert was.answer is not None and now.answer is not None
        assert (now.answer.token_ids, now.id, now.made) == (was.answer.token_ids, was.id, was.made)
        assert now.question.fingerprint() == was.question.fingerprint()
    assert work.inspected is work.exchanges[1] and work.target == Target((1, 2))
    assert work.images == (image_of(SceneRecipe(27)),) == work.exchanges[0].images
    assert np.array_equal(
        work.mask_for(work.images[0].image).hidden, np.eye(*work.images[0].image.size[::-1], dtype=bool)
    )
    assert work.answer is not None and work.answer.attention is not None
    assert work.answer.attention.held is not None and work.answer.inputs["input_ids"].numel()
    ask(at, "And the car?")
    assert len(work_of(at).exchanges[2].question.history) == 2
    assert kept(at) == id_ and len(RunStore().open(id_, only_look=True).conversation) == 3


def test_a_page_that_was_reloaded_goes_on_with_all_that_it_held(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask(app(), "What color is the house?")
    id_, work = kept(first), work_of(first)
    exchange, results = work.exchanges[0], work.results
    monkeypatch.setattr(opening, "is_there", lambda tab: False)
    at = app(params={"run": id_})
    assert work_of(at).exchanges[0] is exchange and work_of(at).results is results
    assert work_of(at).run is not None and not work_of(at).run.looking and work.run is None


def test_a_run_whose_tab_is_gone_is_free_for_others_and_goes_on_where_nobody_took_it(
    app: App, runs: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = ask(app(), "What color is the house?")
    id_ = kept(at)
    with monkeypatch.context() as closed:
        closed.setattr(opening, "is_there", lambda tab: False)
        gone = opening.rest_without_tabs({}, 0.0)
        assert id_ in gone and id_ in opening.rest_without_tabs(gone, opening.RELOADING)
        kept(at)
    assert work_of(at).run is not None and work_of(at).run.run.resting
    ask(at, "And the door?")  # the tab came back, as after a broken connection
    kept(at)
    assert not work_of(at).run.run.resting

    work_of(at).run.rest()
    kept(at)
    with runs.open(id_) as other:  # another process
        other.rename("theirs")
        ask(at, "And the car?")
        assert "gone on with this run" in said(at) and "is not kept" in said(at)
        assert len(other.conversation) == 2
    assert runs.info(id_).title == "theirs"


def test_a_second_tab_only_looks_and_goes_on_with_a_copy(app: App, runs: RunStore) -> None:
    first = ask(app(), "What color is the house?")
    id_ = kept(first)
    second = app(params={"run": id_})
    assert "open in another tab" in said(second) and "Read only" in said(second)
    ask(second, "And the car?")
    ask(first, "And the door?")
    kept(first)
    assert [turn.question for turn in runs.open(id_, only_look=True).conversation] == [
        "What color is the house?",
        "And the door?",
    ]
    second.button(key="run_copy").click().run()
    assert not second.exception and kept(second) != id_
    copied = runs.open(kept(second), only_look=True).conversation
    assert [turn.question for turn in copied] == ["What color is the house?", "And the door?", "And the car?"]
    assert len(runs.open(id_, only_look=True).conversation) == 2


def test_what_is_edited_and_cleared_stays_as_a_branch(app: App, runs: RunStore) -> None:
    at = ask(ask(app(), "What color is the house?"), "And the door?")
    work_of(at).cut(1)
    ask(at, "And the car?")
    run = runs.open(kept(at), only_look=True)
    assert [turn.question for turn in run.conversation] == ["What color is the house?", "And the car?"]
    assert [branch.why for branch in run.manifest.branches] == ["edited"]
    next(button for button in at.button if button.label == "Clear the conversation").click().run()
    run = runs.open(kept(at), only_look=True)
    assert not run.conversation and [branch.why for branch in run.manifest.branches] == ["edited", "cleared"]


def test_a_new_conversation_is_another_run_and_the_address_leads_back(app: App, runs: RunStore) -> None:
    at = ask(app(), "What color is the house?")
    one = kept(at)
    at.button(key="new_conversation").click().run()
    assert work_of(at).run is None and "run" not in at.query_params and not work_of(at).exchanges
    ask(at, "Is there a dog?")
    two = kept(at)
    assert two != one and len(runs.list()) == 2
    work_of(at).former = ("", 0.0)
    at.query_params["run"] = one
    at.run()
    assert [each.question.text for each in work_of(at).exchanges] == ["What color is the house?"]
    assert work_of(at).run is not None and work_of(at).run.id == one
    with runs.open(two) as run:
        assert len(run.conversation) == 1


def test_an_address_never_leads_to_the_run_that_its_tab_went_on_to(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tab opens a run by its address, then another one, and is closed."""
    at = ask(app(), "What color is the house?")
    first = left(at)
    second = left(ask(app(), "And the door?"))
    at = app(params={"run": first})
    at.query_params["run"] = second
    at.run()
    assert kept(at) == second
    monkeypatch.setattr(opening, "is_there", lambda tab: False)
    again = app(params={"run": first})
    assert kept(again) == first
    assert [each.question.text for each in work_of(again).exchanges] == ["What color is the house?"]


@pytest.mark.parametrize("id_", ["20260131-235959-0a1b2c", "../../etc/passwd", "**bold** <script>", "x" * 5000])
def test_an_address_that_names_no_run_is_told_in_a_sentence(app: App, id_: str) -> None:
    at = app(params={"run": id_, "scene": "27", "q": "Is it open?"})
    assert not at.exception and not at.error
    assert "A new conversation begins here." in said(at)
    assert work_of(at).run is None and work_of(at).offered == "Is it open?" and work_of(at).images
    assert "run" not in at.query_params


def test_what_is_damaged_is_told_and_the_rest_is_there(app: App, runs: RunStore) -> None:
    at = ask(ask(app(), "What color is the house?"), "And the door?")
    id_ = left(at)
    turns = sorted((runs.info(id_).folder / "turns").glob("*[0-9a-f].json"))
    next(file for file in turns if "rows" not in file.name).write_text("{", encoding="utf-8")
    at = app(params={"run": id_})
    assert not at.exception and "damaged" in said(at)
    assert [each.question.text for each in work_of(at).exchanges] == ["And the door?"]
    assert len(runs.open(kept(at), only_look=True).manifest.path) == 2


def test_a_question_whose_answer_was_cut_off_by_a_crash_is_asked_again_by_a_click(app: App, runs: RunStore) -> None:
    with runs.create() as run:
        run.add(TurnKept(Question("What color is the house?")))
    at = app(params={"run": run.id})
    assert "no answer was kept" in said(at)
    at.button(key="ask_again").click().run()
    (exchange,) = work_of(at).exchanges
    assert exchange.answer is not None and exchange.question.text == "What color is the house?"
    assert "ask_again" not in {button.key for button in at.button} and not work_of(at).branches


def test_a_full_disk_is_a_sentence_and_everything_is_kept_once_there_is_room(
    app: App, runs: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = ask(app(), "What color is the house?")
    id_ = kept(at)
    replace = os.replace

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    ask(at, "And the door?")
    keeper = work_of(at).run
    assert keeper is not None and keeper.flush(30)
    at.run()
    assert "No space left on device" in said(at) and len(work_of(at).exchanges) == 2
    monkeypatch.setattr(os, "replace", replace)
    at.run()
    kept(at)
    at.run()
    assert "No space left" not in said(at)
    assert [turn.question for turn in runs.open(id_, only_look=True).conversation][1:] == ["And the door?"]


def test_a_folder_that_cannot_be_written_to_is_told_and_the_conversation_goes_on(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path / "file"))
    at = ask(app(), "What color is the house?")
    at.run()
    assert work_of(at).answer is not None and "Nothing is kept" in said(at)


def test_a_run_is_renamed(app: App, runs: RunStore) -> None:
    at = ask(app(), "What color is the house?")
    id_ = kept(at)
    at.text_input(key=f"run_title_{id_}").set_value("The house").run()
    kept(at)
    assert runs.info(id_).title == "The house" and "The house" in said(at)


@pytest.mark.parametrize("page", ["2_Attention_Explorer", "3_Relevancy", "4_Causal_Graph"])
def test_what_a_page_found_out_is_there_again_without_being_computed(
    app: App, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = ask(app(), "What color is the house?")
    at.switch_page(f"pages/{page}.py").run()
    results = work_of(at).results
    found = {(kind, key): value for kind in kinds_kept(results) for key, value in results.of(kind).items()}
    assert found and work_of(at).run is not None and work_of(at).run.lost() is None
    id_ = left(at)

    monkeypatch.setattr(PageJobs, "run", lambda *args: pytest.fail("something was computed"))
    at = app(f"pages/{page}.py", {"run": id_})
    assert not at.exception and not at.error
    again = work_of(at).results
    assert again is not results
    for (kind, key), value in found.items():
        there = again.get(kind, key)
        assert there is not None
        assert encoded(kind, there) == encoded(kind, value)


def kinds_kept(results: ResultCache) -> list[Kind[Any]]:
    return [kind for kind in results._kept if kind.run is not None]


def encoded(kind: Kind[Any], value: object) -> tuple[object, list[bytes]]:
    """What would be written of a result."""
    assert kind.run is not None
    out = Out(picture=picture_name)
    plain = kind.run.kind.form.encode(kind.run.pack(value)[0], out)
    return plain, [tensor.contiguous().numpy().tobytes() for tensor in out.tensors.values()]


def test_a_reask_is_kept_and_shown_again(app: App, runs: RunStore) -> None:
    at = ask(app(), "What color is the house?")
    work = work_of(at)
    work.mask_for(work.images[0].image).become(np.eye(*work.images[0].image.size[::-1], dtype=bool))
    work.view(ChatView).lens = "Mask and re-ask"
    at.session_state["lens"] = "Mask and re-ask"
    at.run()
    at.button(key="ask_again").click().run()
    assert not at.exception and work.reasked is not None
    assert work.answer is not None and work.answer.text in said(at)
    # The next question is about a picture of another size.
    work.choose_image(NamedImage(Image.new("RGB", (50, 40)), "another"))
    at.run()
    id_ = left(at)
    (kept_row,) = runs.open(id_, only_look=True).results(REASKED)
    assert kept_row.what.about["taken_away"] == work.reasked.outcome.perturbation.words

    at = app(params={"run": id_})
    at.session_state["lens"] = "Mask and re-ask"
    at.run()
    assert not at.exception
    asked, drawn = work_of(at).exchanges[0].question.images[0], np.eye(168, dtype=bool)
    assert np.array_equal(work_of(at).mask_for(asked).hidden, drawn) and work_of(at).images[0].image.size == (50, 40)
    again = work_of(at).reasked
    assert again is not None and again.answer.token_ids == work.reasked.answer.token_ids
    assert "With 0% of" in said(at) or "hidden" in said(at)


def control(at: AppTest, kind: str, key: str) -> Any:
    return next(each for each in getattr(at, kind) if each.key == key)


def test_remedied_answers_are_there_again(app: App) -> None:
    at = ask(app(), "Is the door of the house open?")
    at.segmented_control(key="lens").select("Try remedies").run()
    at.multiselect(key="remedies_chosen").set_value(["image_attention", "open_choice"]).run()
    at.button(key="try_remedies").click().run()
    [before] = [one.value for one in at.dataframe if "remedy" in one.value.columns]
    id_ = left(at)
    at = app(params={"run": id_})
    assert not at.exception and at.segmented_control(key="lens").value == "Try remedies"
    [after] = [one.value for one in at.dataframe if "remedy" in one.value.columns]
    assert len(after) == 3 and after.round(3).equals(before.round(3))


def test_pages_are_as_they_were_left(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    at = ask(app(), "What color is the house?")
    at.switch_page("pages/3_Relevancy.py").run()
    control(at, "multiselect", CHOSEN).set_value(["relevancy", "rollout"]).run()
    control(at, "slider", "relevancy_opacity").set_value(0.25).run()
    at.switch_page("pages/2_Attention_Explorer.py").run()
    view = work_of(at).view(AttentionView)
    view.choose((0, 1))
    control(at, "segmented_control", "attention_lens_4").select("Question and answer words").run()
    view.word = 1
    at.run()
    assert "while it was read · mean" in said(at)
    id_ = kept(at)

    def holds(at: AppTest) -> None:
        assert work_of(at).view(AttentionView).head == (0, 1) and work_of(at).view(AttentionView).layer == 0
        assert work_of(at).view(AttentionView).word == 1 and "while it was read · mean" in said(at)
        at.switch_page("pages/3_Relevancy.py").run()
        assert not at.exception and not at.error
        assert control(at, "multiselect", CHOSEN).value == ["relevancy", "rollout"]
        assert control(at, "slider", "relevancy_opacity").value == 0.25

    with monkeypatch.context() as gone:
        gone.setattr(opening, "is_there", lambda tab: False)
        reloaded = app("pages/2_Attention_Explorer.py", {"run": id_})
        holds(reloaded)
    left(reloaded)
    holds(app("pages/2_Attention_Explorer.py", {"run": id_}))


def test_settings_of_a_run_that_do_not_fit_are_let_go_of(app: App, runs: RunStore) -> None:
    at = ask(app(), "What color is the house?")
    id_ = left(at)
    with runs.open(id_) as run:
        run.remember(
            {
                "answer": ["x"],
                "picture": -3,
                "regions": [None, 3, {"picture": True, "size": [1, 2]}, {"picture": 0, "size": [{}], "fill": []}],
                "alike": {"a": [True]},
                "phrasings": [1],
                "views": {"AttentionView": {"head": [99, -4], "layer": 99, "patches": [10**9], "lens": "none"}},
                "widgets": {"relevancy_opacity": 7.5, "relevancy_view": ["x"], "mask_undo": True, CHOSEN: [3]},
            }
        )
    for page in ("2_Attention_Explorer", "3_Relevancy", "1_Chat"):
        at = app(f"pages/{page}.py", {"run": id_})
        assert not at.exception and not at.error, page
        assert len(work_of(at).exchanges) == 1
        left(at)


@pytest.mark.parametrize("page", ["2_Attention_Explorer", "3_Relevancy", "4_Causal_Graph", "5_Mechanisms"])
def test_a_run_is_looked_at_without_its_model(
    app: App, page: str, qwen_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A run brings its own model where somebody chose that on this server, as other tests may have done.
    monkeypatch.setattr(ModelStore, "was_chosen", lambda self, spec: False)
    at = ask(app(), "What color is the house?")
    at.switch_page(f"pages/{page}.py").run()
    shown = charts(at)
    id_ = left(at)

    other = app(None, {"run": id_})
    other.session_state["workspace"].spec = ModelSpec(str(qwen_folder), "float32", "cpu")
    other.switch_page(f"pages/{page}.py").run()
    assert not other.exception and not other.error
    assert "Another model gave this answer" in said(other) and "It can only be explained by tiny-llava" in said(other)
    assert shown and charts(other) == shown
    if page == "3_Relevancy":
        control(other, "multiselect", CHOSEN).set_value(["rollout"]).run()
        assert "which is not in use" in said(other)
        assert not [button for button in other.button if button.label == "Compute it"], "it would only be refused again"


def charts(at: AppTest) -> int:
    return len(at.get("vega_lite_chart")) + len(at.get("arrow_vega_lite_chart")) + len(at.get("imgs"))


def asked(at: AppTest) -> list[str]:
    return [exchange.question.text for exchange in work_of(at).exchanges]


def test_what_was_edited_and_cleared_is_brought_back(app: App, runs: RunStore) -> None:
    at = ask(ask(app(), "What color is the house?"), "And the door?")
    at.button(key="edit_1").click().run()
    at.text_area(key="edited_1").set_value("And the car?").run()
    at.button(key="send_again").click().run()
    assert asked(at) == ["What color is the house?", "And the car?"]
    at.button(key="bring_back").click().run()
    assert asked(at) == ["What color is the house?", "And the door?"]
    assert work_of(at).inspected is work_of(at).exchanges[1]
    next(button for button in at.button if button.label == "Clear the conversation").click().run()
    assert asked(at) == []
    id_ = left(at)

    at = app(params={"run": id_})
    assert asked(at) == [] and [branch.why for branch in work_of(at).branches] == ["restored", "cleared"]
    at.menu_button(key="bring_back_2").click(0).run()
    assert not at.exception and asked(at) == ["What color is the house?", "And the door?"]
    assert work_of(at).exchanges[0].images == work_of(at).images
    at.button(key="bring_back").click().run()
    assert asked(at) == ["What color is the house?", "And the car?"]
    run = runs.open(kept(at), only_look=True)
    assert [turn.question for turn in run.conversation] == asked(at)
    assert [[run.turn(id_).question.text for id_ in branch.path] for branch in run.manifest.branches] == [
        ["What color is the house?", "And the door?"]
    ]


def test_a_run_is_handed_over_from_any_page(app: App) -> None:
    at = ask(app(), "What is it?")
    id_ = kept(at)
    at.run()
    at.button(key="hand_over_Report").click().run()
    made = work_of(at).view(HandingOver).ready["Report"]
    assert made.run == id_ and made.name == "what-is-it.html" and b"What is it?" in made.content
    assert made.content.startswith(b"<!doctype html>") and not at.exception
    assert at.get("download_button")[0].proto.label.startswith("Save the report")
    # Of another run it is offered no more.
    at.button(key="new_conversation").click().run()
    at = ask(at, "And then?")
    assert at.button(key="hand_over_Bundle") and not at.get("download_button")
