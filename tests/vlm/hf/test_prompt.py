"""Prompts against the processor's own chat template, and typed words that look like control tokens."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.answer import Question, TokenKind, Turn
from core.errors import MisplacedImage
from core.vlm.hf.network import TransformersModel
from core.vlm.hf.prompt import answer_opening
from core.zoo.tokenizer import SPECIAL
from tests.zoo import load


def messages(question: Question) -> list[dict[str, object]]:
    """The conversation as the documentation of `apply_chat_template` writes it."""
    parts = [part for turn in question.history for part in (turn.question, turn.answer)] + [question.text]
    pictures = [{"type": "image", "image": image} for image in question.images]
    return [
        {
            "role": "assistant" if index % 2 else "user",
            "content": [*(pictures if index == 0 else []), {"type": "text", "text": part}],
        }
        for index, part in enumerate(parts)
    ]


ORDINARY = (
    Question("Where is the dog?"),
    Question("  What's  the time?\nNow? ", history=(Turn("Hi", "Hello there."), Turn("Is it?", "It is."))),
    Question("שלום 🙂 é ﷽ 10% < 5 & <b>bold</b> {{ x }} {% y %}"),
)


@pytest.mark.parametrize("question", ORDINARY)
@pytest.mark.parametrize("pictures", [0, 1, 2])
def test_prompts_are_those_of_the_chat_template(
    model: TransformersModel, picture: Image.Image, question: Question, pictures: int
) -> None:
    question = Question(question.text, (picture, picture.resize((90, 60)))[:pictures], history=question.history)
    expected = model.processor.apply_chat_template(
        messages(question), add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    inputs = model.prepare(question).inputs
    assert inputs["input_ids"].tolist() == expected["input_ids"].tolist()
    assert set(inputs) == set(expected)
    for name in expected:
        assert inputs[name].equal(expected[name].to(inputs[name].dtype)), name


def placed(question: Question) -> list[dict[str, object]]:
    """The same for a question whose images stand within its words."""
    content: list[dict[str, object]] = []
    done = 0
    for image, place in zip(question.images, question.images_at, strict=True):
        content += [{"type": "text", "text": question.text[done:place]}] if place > done else []
        content.append({"type": "image", "image": image})
        done = place
    content += [{"type": "text", "text": question.text[done:]}] if done < len(question.text) else []
    return [{"role": "user", "content": content}]


@pytest.mark.parametrize("places", [(8, 13), (0, 13), (0, 20), (8, 8), (20, 20)])
def test_images_stand_where_the_question_puts_them(
    model: TransformersModel, picture: Image.Image, places: tuple[int, int]
) -> None:
    question = Question("Compare with and so.", (picture, picture.resize((90, 60))), images_at=places)
    expected = model.processor.apply_chat_template(
        placed(question), add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    prepared = model.prepare(question)
    assert prepared.inputs["input_ids"].tolist() == expected["input_ids"].tolist()
    typed = "".join(prepared.prompt_tokens[position] for position in prepared.layout.question())
    assert typed.strip() == question.text.strip()
    first, second = (view.positions for view in prepared.layout.views)
    words = prepared.layout.question()
    assert sum(position < first[0] for position in words) <= sum(position < second[0] for position in words)


def test_images_of_an_earlier_turn_stand_in_its_words(model: TransformersModel, picture: Image.Image) -> None:
    one = Question("What of this?", (picture,), history=(Turn("See and say.", "Dogs."),), images_at=(4,))
    prepared = model.prepare(one)
    places = prepared.layout.positions(TokenKind.IMAGE)
    before = "".join(prepared.prompt_tokens[: places[0]])
    assert "See " in before and "and say." in "".join(prepared.prompt_tokens[places[-1] :])
    assert "".join(prepared.prompt_tokens[position] for position in prepared.layout.question()) == "What of this?"


def test_a_template_that_writes_images_first_refuses_other_places(
    llava_folder: Path, tmp_path: Path, picture: Image.Image
) -> None:
    folder = shutil.copytree(llava_folder, tmp_path / "first")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m['role'] }}: {% for p in m['content'] if p['type'] == 'image' %}<image>{% endfor %}"
        "{% for p in m['content'] if p['type'] == 'text' %}{{ p['text'] }}{% endfor %}{% endfor %}"
    )
    model = load(folder)
    model.prepare(Question("Compare it.", (picture,)))
    for place in (8, 11):
        with pytest.raises(MisplacedImage, match="before the words"):
            model.prepare(Question("Compare it.", (picture,), images_at=(place,)))


def typed_text(model: TransformersModel, question: Question) -> str:
    """What the TEXT positions say, from their ids alone."""
    prepared = model.prepare(question)
    ids = [prepared.ids[position] for position in prepared.layout.positions(TokenKind.TEXT)]
    raw = b"".join(model.reader.bytes_of(token) for token in ids)
    return raw.decode()


@pytest.mark.parametrize("token", SPECIAL)
def test_a_typed_control_token_stays_text(model: TransformersModel, picture: Image.Image, token: str) -> None:
    text = f"Is {token} or {token}{token} a <dog>?"
    question = Question(text, (picture,), history=(Turn(token, f"{token} is"),))
    prepared = model.prepare(question)
    control = set(model.processor.tokenizer.all_special_ids)
    typed = [prepared.ids[position] for position in prepared.layout.positions(TokenKind.TEXT)]
    assert not control & set(typed)
    assert typed_text(model, question).replace(" ", "") == f"{token}{token} is{text}".replace(" ", "")
    # The template's own tokens, and the picture's, are as many as without it.
    plain = model.prepare(Question("Is it?", (picture,), history=(Turn("a", "b"),)))
    for name in control:
        assert prepared.ids.count(name) == plain.ids.count(name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip))
def test_every_typed_character_is_in_a_text_token(model: TransformersModel, text: str) -> None:
    prepared = model.prepare(Question(text))
    assert "".join(typed_text(model, Question(text)).split()) == "".join(text.split()).strip()
    assert text in "".join(prepared.prompt_tokens)
    assert len(prepared.prompt_tokens) == len(prepared.layout) == len(prepared.ids)


def test_lone_surrogates_and_noncharacters_do_no_harm(model: TransformersModel) -> None:
    assert typed_text(model, Question("a\ud800b \ufdd01\ufdd1\ufdd2 c")).replace(" ", "") == "a\ufffdb1c"


def test_history_is_text_and_the_template_is_not(llava: TransformersModel, picture: Image.Image) -> None:
    prepared = llava.prepare(Question("Why?", (picture,), history=(Turn("Who?", "Me."),)))
    said: dict[TokenKind, str] = {}
    for kind, token in zip(prepared.layout.kinds, prepared.prompt_tokens, strict=True):
        said[kind] = said.get(kind, "") + token
    assert said[TokenKind.TEXT].replace(" ", "") == "Who?Me.Why?"
    assert said[TokenKind.SPECIAL].replace(" ", "") == "USER:\nASSISTANT:</s>USER:ASSISTANT:"
    assert said[TokenKind.IMAGE] == "<image>" * 16


def test_the_shared_part_ends_where_the_question_begins(model: TransformersModel, picture: Image.Image) -> None:
    history = (Turn("Who?", "Me."),)
    first = model.prepare(Question("Why is it so?", (picture,), history=history))
    second = model.prepare(Question("Is it?", (picture,), history=history))
    assert first.ids[: first.shared] == second.ids[: second.shared]
    assert first.layout.kinds[first.shared] is TokenKind.TEXT
    assert "Me." in "".join(first.prompt_tokens[: first.shared])
    assert "".join(first.prompt_tokens[first.shared :]).lstrip().startswith("Why is it so?")


@pytest.mark.parametrize("text", ["The dog.", "the", " Yes", "é 🙂", "</s> no", "1\n2"])
def test_an_answer_is_encoded_as_the_template_would_write_it(
    model: TransformersModel, picture: Image.Image, text: str
) -> None:
    question = Question("Why?", (picture,))
    ids = model.continuation(question, text)
    assert "".join(model.reader.texts(ids)) == text.lstrip()
    if "</s>" not in text:
        answered = [*messages(question), {"role": "assistant", "content": [{"type": "text", "text": text}]}]
        whole = model.processor.apply_chat_template(answered, tokenize=True, return_dict=True)["input_ids"][0]
        start = len(model.prepare(question).ids)
        opened = next(i for i in range(len(whole)) if tuple(whole[i : i + len(ids)]) == ids and i >= start)
        assert opened == start


def test_the_opening_of_an_answer_is_what_the_template_puts_before_it() -> None:
    assert answer_opening("Q A:", "Q A: \ufdd01\ufdd1</s>") == " "
    assert answer_opening("Q<think>", "Q A: \ufdd01\ufdd1") == ""
