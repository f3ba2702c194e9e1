"""Prompts against the processor's own chat template, and typed words that look like control tokens."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.answer import Question, TokenKind, Turn
from core.vlm.hf.network import TransformersModel
from core.vlm.hf.prompt import answer_opening
from core.zoo.tokenizer import SPECIAL


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
