"""Words of any script, found by what they hold; and the names of bytes that are no character."""

from __future__ import annotations

import pytest

from core.vlm.tokens import TokenReader
from core.words import grouped, part_names, spelling


class Spelled(TokenReader):
    """A vocabulary whose tokens are spelled out."""

    def __init__(self, spelled: list[bytes]) -> None:
        self._spelled = spelled

    def bytes_of(self, token: int) -> bytes:
        return self._spelled[token]

    def name_of(self, token: int) -> str:
        return "</s>"


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["Yes", ",", " the", " do", "or", " is", "n't", " open", "."], ["Yes,", " the", " door", " isn't", " open."]),
        (["这", "只", "狗", "是", "棕色", "的", "。"], ["这", "只", "狗", "是", "棕色", "的。"]),
        (["ネコ", "がい", "ます"], ["ネコ", "がい", "ます"]),
        (["is", " 🐶", "", "", "", "!"], ["is", " 🐶!"]),
        (["", " a"], ["", " a"]),
    ],
)
def test_tokens_are_grouped_into_the_words_of_their_script(texts: list[str], words: list[str]) -> None:
    groups = grouped(texts)
    assert ["".join(texts[index] for index in group) for group in groups] == words
    assert [index for group in groups for index in group] == list(range(len(texts)))


@pytest.mark.parametrize(
    ("texts", "wanted", "held_by"),
    [
        (["这", "只", "狗", "是", "棕色", "的"], "棕色", (4,)),
        (["这", "只狗", "是"], "狗是", (1, 2)),
        ([" a", " RE", "D", " car", "."], "red car", (1, 2, 3)),
        ([" open", "er"], "open", ()),
        ([" 🐶", "", "", " dog"], "🐶", (0, 1, 2)),
        ([" a"], " ", ()),
    ],
)
def test_a_word_is_found_in_the_tokens_that_hold_it(texts: list[str], wanted: str, held_by: tuple[int, ...]) -> None:
    assert spelling(texts, wanted) == held_by


def test_tokens_that_are_parts_of_a_character_are_named_by_their_bytes() -> None:
    dog = "🐶".encode()
    reader = Spelled([b" ", b"a ", dog[:1], dog[1:3], dog[3:], b"", dog[:2]])
    tokens = range(7)
    texts = reader.texts(tokens)
    assert texts == ("", "a ", "🐶", "", "", "", "")
    assert reader.names(tokens, texts) == (" ", "", "", "🐶, bytes 2 to 3 of 4", "🐶, byte 4 of 4", "", "bytes F0 9F")
    assert [reader.piece(token) for token in (1, 2, 5, 6)] == ["a ", "byte F0", "</s>", "bytes F0 9F"]
    assert part_names(("is", "🐶", "", "", "", "?")) == (
        "is", "🐶", "🐶, byte 2 of 4", "🐶, byte 3 of 4", "🐶, byte 4 of 4", "?",
    )  # fmt: skip
    assert part_names(("", "é", "", "x")) == ("", "é", "é, byte 2 of 2", "x")
