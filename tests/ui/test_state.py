"""The workspace: what follows what in a conversation, and what undo brings back."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from core.answer import Answer, Question, Target, TokenLayout, Turn
from core.ui.state.workspace import MOST_IMAGES, Exchange, MaskDraft, NamedImage, Workspace
from core.ui.widgets.taking import accept
from core.vlm.hf.network import TransformersModel


def answered(question: Question, text: str) -> Answer:
    return Answer(question, "model", text, (), (), TokenLayout((), (), ()), {}, 0.1, "end")


def conversation() -> Workspace:
    work = Workspace(images=(NamedImage(Image.new("RGB", (8, 8)), "first"),))
    for number in range(3):
        question = work.question(f"question {number}")
        work.exchanges.append(Exchange(question, work.images, answer=answered(question, f"answer {number}")))
    return work


def test_a_question_follows_the_turns_about_its_picture() -> None:
    work = conversation()
    assert work.question("next").history == tuple(Turn(f"question {n}", f"answer {n}") for n in range(3))


def test_another_picture_begins_without_history_and_keeps_the_conversation() -> None:
    work = conversation()
    work.choose_image(NamedImage(Image.new("RGB", (8, 8)), "second"))
    assert work.question("next").history == ()
    assert len(work.exchanges) == 3


def test_unanswered_questions_are_no_part_of_the_history() -> None:
    work = conversation()
    work.exchanges.append(Exchange(work.question("too long"), work.images, trouble="too long"))
    assert [turn.question for turn in work.question("next").history] == ["question 0", "question 1", "question 2"]


def test_cutting_looks_into_the_last_answer_that_is_left() -> None:
    work = conversation()
    work.inspect(work.exchanges[2])
    work.target = Target((0,))
    work.cut(1)
    assert work.answer is not None and work.answer.text == "answer 0"
    assert work.target is None


def test_undo_brings_back_region_after_region() -> None:
    draft = MaskDraft(np.zeros((4, 4), bool))
    states = [draft.hidden]
    for row in range(3):
        region = draft.hidden.copy()
        region[row] = True
        draft.become(region)
        states.append(region)
    for expected in reversed(states[:-1]):
        draft.undo()
        assert np.array_equal(draft.hidden, expected)
    draft.undo()
    assert not draft.hidden.any()


def test_a_region_is_not_carried_over_to_a_picture_of_another_size() -> None:
    work = Workspace()
    work.mask_for(Image.new("RGB", (6, 4))).become(np.ones((4, 6), bool))
    assert work.mask_for(Image.new("RGB", (6, 4))).hidden.all()
    assert not work.mask_for(Image.new("RGB", (4, 6))).hidden.any()
    assert work.mask_for(Image.new("RGB", (6, 4))).hidden.all()


def test_pictures_are_taken_beside_each_other_moved_and_removed() -> None:
    one, two, three = (NamedImage(Image.new("RGB", (8, 8)), name) for name in ("one", "two", "three"))
    work = Workspace()
    work.take_images(one)
    work.take_images(two)
    assert work.images == (two,)
    work.beside = True
    work.take_images(one, three)
    assert work.images == (two, one, three)
    work.move_image(2, -1)
    work.remove_image(0)
    assert work.images == (three, one)
    asked = work.question("x").images
    assert asked[0] is three.image and asked[1] is one.image and len(asked) == 2


def test_no_question_gets_more_pictures_than_it_may_have() -> None:
    work = Workspace(beside=True)
    work.take_images(*(NamedImage(Image.new("RGB", (8, 8)), str(number)) for number in range(MOST_IMAGES + 1)))
    assert len(work.images) == MOST_IMAGES and "at most" in (work.image_trouble or "")


def test_later_turns_leave_the_pictures_where_the_first_one_had_them() -> None:
    work = Workspace(images=(NamedImage(Image.new("RGB", (8, 8)), "one"),))
    first = work.question("see this now", (4,))
    work.exchanges.append(Exchange(first, work.images, answer=answered(first, "yes")))
    second = work.question("and then?")
    assert (second.images_at, second.first_parts) == ((4,), ("see ", "this now"))


def test_each_picture_has_a_region_of_its_own() -> None:
    work, image = Workspace(), Image.new("RGB", (6, 4))
    work.mask_for(image, 0).become(np.ones((4, 6), bool))
    assert not work.mask_for(image, 1).hidden.any() and work.mask_for(image, 0).hidden.all()


def test_several_files_are_taken_together_or_none_of_them_is(llava: TransformersModel) -> None:
    data = io.BytesIO()
    Image.new("RGB", (6, 4)).save(data, "PNG")
    work = Workspace()
    assert accept(work, llava, [(data.getvalue(), "one.png"), (data.getvalue(), "two.png")])
    assert [image.name for image in work.images] == ["one.png", "two.png"] and work.image_trouble is None
    assert not accept(work, llava, [(data.getvalue(), "three.png"), (b"no picture", "four.png")])
    assert [image.name for image in work.images] == ["one.png", "two.png"] and "four.png" in (work.image_trouble or "")
    assert accept(work, llava, []) and len(work.images) == 2
