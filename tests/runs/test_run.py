"""What was kept is there another day, without the model, whatever ended the process; and one at a time keeps it."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.answer import Answer, Explanation, Question, RegionMask, Target
from core.errors import NeedsItsModel, NotWritten, OtherModel, RunBusy, RunDamaged, RunError, RunOfAnotherVersion
from core.perturb.reask import reask
from core.runs.draft import Draft
from core.runs.kinds import EXPLANATION, IMAGE_DEPENDENCE
from core.runs.models import revived, standing
from core.runs.reasks import keep_reask, reasks
from core.runs.run import Run
from core.runs.store import RunStore
from core.runs.turns import Exchange
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec
from core.vlm.replay import replay_difference
from tests.runs.examples import same


def explanation(answer: Answer, seed: int = 0) -> Explanation:
    scores = torch.from_numpy(np.random.default_rng(seed).normal(size=len(answer.layout))).float()
    return Explanation(scores, Target((0,)), "relevancy", {"steps": 3, "layers": (1, 2)}, 0.5, 10)


def only_answer(run: Run) -> Answer:
    [summary] = run.conversation
    answer = run.turn(summary.id).answer
    assert answer is not None
    return answer


def test_an_answer_opens_without_its_model(store: RunStore, run: Run, answer: Answer) -> None:
    run.close()
    opened = store.open(run.id)
    again = only_answer(opened)
    assert answer.attention is not None and again.attention is not None
    assert torch.equal(again.attention.weights.nan_to_num(-1), answer.attention.weights.half().nan_to_num(-1))
    assert again.attention.has(range(len(answer.tokens)))
    assert same(replace(again, attention=None), replace(answer, attention=None)) and opened.damage == []
    assert again.question.fingerprint() == answer.question.fingerprint()
    opened.close()


def test_rows_that_were_dropped_are_read_again(run: Run, store: RunStore, answer: Answer) -> None:
    run.close()
    opened = store.open(run.id, only_look=True)
    rows = only_answer(opened).attention
    assert rows is not None and rows.held is not None
    before = rows.weights
    rows.drop()
    again = opened.hold_rows(opened.conversation[0].id)
    assert again is not None and again.attention is not None and same(again.attention.weights, before)


def test_what_needs_the_model_says_which(run: Run, store: RunStore, answer: Answer, qwen: TransformersModel) -> None:
    run.close()
    again = only_answer(store.open(run.id, only_look=True))
    sentence = rf"needs the model .* \(fingerprint {answer.model[:12]}\)"
    with pytest.raises(NeedsItsModel, match=sentence):
        again.inputs["input_ids"]
    with pytest.raises(NeedsItsModel, match=sentence):
        revived(again, None)
    with pytest.raises(OtherModel, match=f"{sentence}.*{qwen.card.name} is another one"):
        revived(again, qwen)
    assert standing(again, qwen) == "another" and standing(again, None) == "none"


def test_with_its_model_an_answer_is_as_if_just_given(
    run: Run, store: RunStore, answer: Answer, llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.close()
    again = only_answer(store.open(run.id, only_look=True))
    assert standing(again, llava) == "its own"
    assert replay_difference(llava, revived(again, llava)) == replay_difference(llava, answer)
    assert revived(answer, llava) is answer
    other = llava.prepare(Question("Another?", answer.question.images))
    monkeypatch.setattr(llava, "prepare", lambda question: other)
    with pytest.raises(NeedsItsModel, match="reads this question as other tokens"):
        revived(again, llava)


def test_results_are_found_by_what_they_are_of(run: Run, store: RunStore, answer: Answer) -> None:
    about = {"target": Target((0,)), "settings": {"steps": 3, "layers": (1, 2)}}
    run.keep(EXPLANATION, answer, {**about, "method": "rollout"}, explanation(answer, 1))
    run.keep(EXPLANATION, answer, {**about, "method": "relevancy"}, explanation(answer, 2), seconds=2.0)
    run.keep(EXPLANATION, answer, {"method": "relevancy", **about}, explanation(answer, 3), seconds=3.0)
    run.close()
    opened = store.open(run.id, only_look=True)
    again = only_answer(opened)
    assert same(opened.result(EXPLANATION, again, {**about, "method": "relevancy"}), explanation(answer, 3))
    assert opened.result(EXPLANATION, again, {**about, "method": "grad_cam"}) is None
    assert opened.result(IMAGE_DEPENDENCE, again, {**about, "method": "relevancy"}) is None
    first, second = opened.results(EXPLANATION, again)
    assert first.what.about["method"] == "rollout" and second.what.seconds == 3.0
    assert second.what.about["target"] == {"tokens": (0,), "rivals": None} and same(
        first.load(), explanation(answer, 1)
    )


def test_a_reask_names_the_turn_that_it_is_of(
    run: Run, store: RunStore, answer: Answer, llava: TransformersModel
) -> None:
    hidden = np.zeros((80, 120), dtype=bool)
    hidden[:40] = True
    asked = reask(llava, answer, hidden, "blur")
    keep_reask(run, asked)
    keep_reask(run, asked)
    run.close()
    opened = store.open(run.id, only_look=True)
    again = only_answer(opened)
    [row] = reasks(opened, again)
    loaded = row.reasked
    assert row.fills == ("blur",) and row.hidden == 0.5 and 0 < row.share_of_patches < 1
    target = Target((0, 2))
    assert row.change(target) == pytest.approx(float(asked.outcome.changes[[0, 2]].sum()))
    assert row.change(Target((0,), (5,))) is None
    assert loaded.original is again and same(loaded.outcome, asked.outcome)
    assert loaded.answer.text == asked.answer.text and len(list((opened.folder / "pictures").iterdir())) == 1


def test_an_edited_conversation_stays_as_a_branch(run: Run, store: RunStore, answer: Answer) -> None:
    first, second = run.conversation[0], run.add(Exchange(Question("Second?", answer.question.images)))
    branch = run.cut(1)
    third = run.add(Exchange(Question("Third?", answer.question.images)))
    assert branch is not None and [turn.id for turn in run.conversation] == [first.id, third.id]
    run.close()
    opened = store.open(run.id)
    opened.restore(branch.id)
    assert [turn.question for turn in opened.conversation] == ["What is it?", "Second?"]
    [other] = opened.manifest.branches
    assert other.path == (first.id, third.id) and second.made > 0
    opened.cut(0, "cleared")
    opened.restore(opened.manifest.branches[-1].id)
    assert [turn.question for turn in opened.conversation] == ["What is it?", "Second?"]
    with pytest.raises(RunError, match="no longer there"):
        opened.restore(branch.id)
    opened.close()


def test_a_turn_is_kept_before_and_with_its_answer(store: RunStore, answer: Answer, llava: TransformersModel) -> None:
    with store.create() as run:
        turn = run.add(Exchange(answer.question))
        assert run.conversation[0].answer is None
        run.add(replace(turn, answer=answer, replay="It says the same again."), llava.card, ModelSpec("there"))
        run.set_target(turn.id, Target((1,), (7,)))
        run.remember({"page": "Relevancy", "head": (3, 1), "opacity": 0.6})
        run.rename("  Houses \n again ")
        run.tag("door", "door", " ", "house colour")
    opened = store.open(run.id, only_look=True)
    about = opened.manifest
    assert [turn.answer for turn in opened.conversation] == [answer.text]
    assert opened.turn(turn.id).replay == "It says the same again." and opened.target(turn.id) == Target((1,), (7,))
    assert about.place == {"page": "Relevancy", "head": (3, 1), "opacity": 0.6}
    assert (about.title, about.tags) == ("Houses again", ("door", "house colour"))
    assert about.models[0].card == llava.card and about.models[0].spec == ModelSpec("there")
    assert {"sightline", "torch", "transformers"} <= set(about.versions)


def test_what_is_being_composed_is_kept_with_regions_of_every_size(run: Run, store: RunStore, answer: Answer) -> None:
    mask = RegionMask(np.ones((80, 120), dtype=bool), "mean")
    run.keep_draft(Draft("And this", answer.question.images, masks=(mask,)))
    run.close()
    with store.open(run.id) as opened:
        draft = opened.draft()
        assert draft.text == "And this" and draft.masks == (mask,) and draft.images[0].size == (120, 80)
        other = RegionMask(np.ones((2, 2), dtype=bool))
        opened.keep_draft(replace(draft, masks=(mask, other)))
        assert opened.draft().masks == (mask, other) and not opened.damage
        opened.keep_draft(replace(draft, masks=(replace(other, image=-1),)))
        assert opened.draft().images == () and "regions are of no picture" in opened.damage[0]


def test_a_target_names_tokens_that_are_there(run: Run) -> None:
    [turn] = run.conversation
    run.set_target(turn.id, Target((turn.tokens - 1,)))
    assert run.target(turn.id) == Target((turn.tokens - 1,))
    for wrong in (Target((turn.tokens,)), Target((-1,))):
        run.set_target(turn.id, wrong)
        assert run.target(turn.id) is None


def test_a_kill_loses_nothing_that_was_finished(store: RunStore, run: Run, answer: Answer) -> None:
    """A child keeps results as fast as it can, and says which it has kept, until it is killed in the midst."""
    run.close()
    told, says = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with store.open(run.id) as own:
                for number in range(100_000):
                    own.keep(EXPLANATION, answer, {"number": number % 7}, explanation(answer, number))
                    own.note(f"{number}")
                    os.write(says, number.to_bytes(4, "little"))
        finally:
            os._exit(1)
    os.close(says)
    finished = [int.from_bytes(os.read(told, 4), "little") for _ in range(25)]
    os.kill(child, signal.SIGKILL)
    while number := os.read(told, 4):
        finished.append(int.from_bytes(number, "little"))
    os.close(told)
    os.waitpid(child, 0)
    opened = store.open(run.id)  # its lock went with the process
    again = only_answer(opened)
    assert opened.check() == () and int(opened.manifest.notes) in (finished[-1], finished[-1] + 1)
    for number in finished[-6:]:
        kept = opened.result(EXPLANATION, again, {"number": number % 7})
        assert any(same(kept, explanation(answer, one)) for one in (number, number + 7))
    opened.close()


def test_a_turn_that_was_not_yet_entered_is_there(run: Run, store: RunStore, answer: Answer) -> None:
    before = (run.folder / "run.json").read_bytes()
    run.add(Exchange(Question("Second?", answer.question.images)))
    run.close()
    (run.folder / "run.json").write_bytes(before)
    with store.open(run.id) as opened:
        assert [turn.question for turn in opened.conversation] == ["What is it?", "Second?"]


def test_a_second_one_is_told_and_may_look(store: RunStore, run: Run, answer: Answer) -> None:
    with pytest.raises(RunBusy, match="open in another tab or process"):
        store.open(run.id)
    with pytest.raises(RunBusy, match="open in another tab"):
        store.delete(run.id)
    looked = store.open(run.id, only_look=True)
    assert only_answer(looked).text == answer.text
    with pytest.raises(RunBusy, match="only looked at"):
        looked.rename("mine")
    with pytest.raises(RunBusy, match="only looked at"):
        looked.keep(EXPLANATION, answer, {}, explanation(answer))


def test_one_that_rests_goes_on_unless_another_one_had_it(store: RunStore, run: Run, answer: Answer) -> None:
    run.rest()
    run.keep(EXPLANATION, answer, {}, explanation(answer))  # wakes it
    with pytest.raises(RunBusy):
        store.open(run.id)
    run.rest()
    with store.open(run.id) as other:
        with pytest.raises(RunBusy, match="open in another tab or process"):
            run.rename("mine")
        other.rename("theirs")
    with pytest.raises(RunBusy, match="gone on with this run meanwhile"):
        run.rename("mine")
    with pytest.raises(RunBusy):
        run.keep(EXPLANATION, answer, {}, explanation(answer, 2))
    with store.open(run.id) as opened:
        assert opened.manifest.title == "theirs"


def test_a_full_disk_is_told_and_leaves_what_was_kept(
    store: RunStore, run: Run, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.keep(EXPLANATION, answer, {"number": 1}, explanation(answer, 1))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        for change in (
            lambda: run.keep(EXPLANATION, answer, {"number": 1}, explanation(answer, 2)),
            lambda: run.add(Exchange(Question("Second?"))),
            lambda: run.rename("Other"),
            store.create,
        ):
            with pytest.raises(NotWritten, match=r"No space left on device.*Make room"):
                change()
    assert len(run.conversation) == 1 and run.manifest.title == ""
    assert same(run.result(EXPLANATION, answer, {"number": 1}), explanation(answer, 1))
    run.rename("Other")
    assert run.check() == ()


def test_a_broken_result_is_told_and_the_others_are_there(store: RunStore, run: Run, answer: Answer) -> None:
    for number in range(3):
        run.keep(EXPLANATION, answer, {"number": number}, explanation(answer, number))
    run.close()
    names = sorted(path.name for path in (run.folder / "results").glob("*.json"))
    (run.folder / "results" / names[0]).write_bytes(b"{")
    opened = store.open(run.id, only_look=True)
    assert len(opened.results()) == 2 and all(result.load() for result in opened.results())
    [sentence] = opened.damage
    assert sentence.startswith(f"{names[0]} is damaged") and sentence.endswith("The result in it is lost.")


def test_an_answer_is_there_without_broken_rows_and_a_turn_is_not_without_its_picture(
    store: RunStore, run: Run, answer: Answer
) -> None:
    run.close()
    [rows] = (run.folder / "turns").glob("*-rows.*.safetensors")
    rows.write_bytes(rows.read_bytes()[:-1])
    opened = store.open(run.id, only_look=True)
    again = only_answer(opened)
    assert again.attention is not None and again.attention.held is None and again.text == answer.text
    assert [sentence.endswith("without its attention rows.") for sentence in opened.damage] == [True]
    [picture] = (run.folder / "pictures").iterdir()
    small = run.folder / "thumbnails" / picture.name
    picture.write_bytes(small.read_bytes()[:100])
    with pytest.raises(RunDamaged, match=r"The picture .* is damaged"):
        only_answer(store.open(run.id, only_look=True))


def test_without_what_a_run_says_of_itself_its_turns_are_there(store: RunStore, run: Run, answer: Answer) -> None:
    run.add(Exchange(Question("Second?", answer.question.images)))
    run.close()
    (run.folder / "run.json").write_bytes(b"{")
    [listed] = store.list()
    assert listed.manifest is None and listed.trouble == "run.json is damaged: it is no JSON."
    with store.open(run.id) as opened:
        assert [turn.question for turn in opened.conversation] == ["What is it?", "Second?"]
        assert len(opened.damage) == 1
        opened.rename("Found again")
    assert [info.title for info in store.list()] == ["Found again"]


def test_a_run_of_a_later_version_is_left_as_it_is(store: RunStore, run: Run) -> None:
    run.close()
    file = run.folder / "run.json"
    file.write_bytes(file.read_bytes().replace(b'"form":1', b'"form":2'))
    with pytest.raises(RunOfAnotherVersion, match="a version of Sightline whose files"):
        store.open(run.id)


def test_nothing_outside_a_run_is_reached(store: RunStore, run: Run, tmp_path: Path) -> None:
    run.close()
    for name in ("../../x", "", "20260131-235959-0a1b2c/..", "/etc"):
        with pytest.raises(RunError, match="is no run"):
            store.open(name)
    elsewhere = tmp_path / "elsewhere"
    (run.folder / "results").mkdir(exist_ok=True)
    (run.folder / "results").rename(elsewhere)
    (run.folder / "results").symlink_to(elsewhere)
    with pytest.raises(RunError, match="not a folder of its own"):
        store.open(run.id)
