"""Tokens back to text, for the byte-level and the byte-fallback kind of vocabulary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from core.answer import Answer, AnswerToken, Question, TokenLayout
from core.street.tokenizer import train_tokenizer
from core.vlm.hf.tokenizer import TokenizerReader
from core.vlm.tokens import TextStream
from core.zoo.tokenizer import build_tokenizer

CORPUS = ["The dog is red.", "What color is the man's shirt?", "There are three trees."] * 20
TOKENIZERS = {"byte level": build_tokenizer(), "byte fallback": train_tokenizer(CORPUS)}


@pytest.fixture(params=sorted(TOKENIZERS))
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return TOKENIZERS[request.param]


@given(name=st.sampled_from(sorted(TOKENIZERS)), text=st.text(st.characters(codec="utf-8", exclude_characters="▁")))
def test_text_survives_encoding_and_reading(name: str, text: str) -> None:
    tokenizer = TOKENIZERS[name]
    ids = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    texts = TokenizerReader(tokenizer).texts(ids)
    assert "".join(texts) == text.lstrip()
    assert len(texts) == len(ids)


@given(name=st.sampled_from(sorted(TOKENIZERS)), data=st.data())
def test_any_tokens_stream_to_what_they_read_as_whole(name: str, data: st.DataObject) -> None:
    tokenizer = TOKENIZERS[name]
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) + 3), max_size=20))
    reader = TokenizerReader(tokenizer)
    stream = TextStream(reader)
    pieces = [stream.push(token) for token in ids]
    stream.finish()
    assert "".join(pieces) == "".join(stream.texts) == "".join(reader.texts(ids))
    expected = b"".join(reader.bytes_of(token) for token in ids).decode("utf-8", "ignore").lstrip()
    assert "".join(pieces) == expected


def test_a_character_of_several_tokens_belongs_to_the_first(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer.encode("a🙂b", add_special_tokens=False)
    assert TokenizerReader(tokenizer).texts(ids) == ("a", "🙂", "", "", "", "b")


def test_words_keep_their_foreign_letters(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer.encode("the dög 🙂 is", add_special_tokens=False)
    tokens = [
        AnswerToken(token, text, 0.0, 0.0, ())
        for token, text in zip(ids, TokenizerReader(tokenizer).texts(ids), strict=True)
    ]
    layout = TokenLayout((), (), ())
    answer = Answer(Question("?"), "", "", tuple(tokens), (), layout, {}, 0.0, "end")
    words = ["".join(tokens[index].text for index in word).strip() for word in answer.words()]
    assert words == ["the", "dög", "🙂", "is"]
    assert [index for word in answer.words() for index in word] == list(range(len(ids)))


def test_half_a_character_at_the_end_is_dropped(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer.encode("a🙂", add_special_tokens=False)
    assert "".join(TokenizerReader(tokenizer).texts(ids[:-1])) == "a"


def test_half_a_character_before_a_whole_one_is_dropped(tokenizer: PreTrainedTokenizerFast) -> None:
    smile, accent = (tokenizer.encode(text, add_special_tokens=False) for text in ("🙂", "é"))
    assert "".join(TokenizerReader(tokenizer).texts([*smile[:2], *accent])) == "é"


def test_lone_tokens_have_names_people_can_read(tokenizer: PreTrainedTokenizerFast) -> None:
    reader = TokenizerReader(tokenizer)
    first, *_ = tokenizer.encode("🙂", add_special_tokens=False)
    assert reader.piece(tokenizer.eos_token_id) == "</s>"
    assert reader.piece(first)
    assert reader.piece(tokenizer.encode(" the", add_special_tokens=False)[0]).startswith(" ")
    assert reader.piece(len(tokenizer) + 7) == f"<{len(tokenizer) + 7}>"
