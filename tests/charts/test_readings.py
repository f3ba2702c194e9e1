"""Readings in the vocabulary: every state with its own words, none of them markup."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from core.answer import PatchView, TokenKind, TokenLayout
from core.charts.palette import PICKED
from core.charts.readings import Reading, reading_grid, reading_table

LAYOUT = TokenLayout(
    (TokenKind.SPECIAL, *[TokenKind.IMAGE] * 6, TokenKind.TEXT),
    (PatchView(0, "picture", 2, 3, (0, 0, 30, 20), (1, 2, 3, 4, 5, 6)),),
    ((30, 20),),
)
PICTURE = Image.new("RGB", (30, 20))


def reading(*words: str) -> Reading:
    return Reading(words, tuple(0.5 / (rank + 1) for rank in range(len(words))))


def rows(chart: Any) -> list[dict[str, Any]]:
    specification = chart.to_dict(validate=True)
    return [row for table in specification["datasets"].values() for row in table]


def test_every_patch_carries_its_own_top_word_and_hovering_tells_ten_in_order() -> None:
    by_position = {position: reading(f" w{position}", *[f"x{rank}" for rank in range(11)]) for position in range(1, 7)}
    chart = reading_grid([PICTURE], LAYOUT, by_position, size=600, marked=(3,))
    cells = {(row["row"], row["column"]): row for row in rows(chart) if "word" in row}
    assert cells[1, 1]["word"] == "w1" and cells[2, 3]["word"] == "w6" and cells[2, 3]["probability"] == 0.5
    assert cells[1, 2]["word1"] == "w2  50.0%" and cells[1, 2]["word2"] == "x0  25.0%"
    assert "word10" in cells[1, 2] and "word11" not in cells[1, 2]
    assert [key for key, row in cells.items() if row["picked"]] == [(1, 3)]
    ground = chart.to_dict()["layer"][1]["encoding"]["tooltip"]
    assert [entry["title"] for entry in ground[2:]] == [str(rank) for rank in range(1, 11)]


def test_words_that_do_not_fit_a_patch_are_cut_and_hovering_has_them_whole() -> None:
    by_position = {position: reading("incomprehensible") for position in range(1, 7)}
    small = next(row for row in rows(reading_grid([PICTURE], LAYOUT, by_position, size=90)) if "word" in row)
    assert small["text"].endswith("…") and len(small["text"]) <= 7 and small["word"] == "incomprehensible"
    large = next(row for row in rows(reading_grid([PICTURE], LAYOUT, by_position, size=900)) if "word" in row)
    assert large["text"] == "incomprehensible"


def test_without_places_or_readings_there_is_no_grid() -> None:
    with pytest.raises(ValueError, match="has a place"):
        reading_grid([], TokenLayout((TokenKind.TEXT,), (), ()), {}, size=100)
    with pytest.raises(ValueError, match="image token 2 has no reading"):
        reading_grid([PICTURE], LAYOUT, {1: reading("a")}, size=100)


def test_a_table_has_a_row_for_each_token_also_where_two_read_alike() -> None:
    readings = [[reading("a"), reading("b")], [reading("c"), reading("d")], [reading("e"), reading("f")]]
    chart = reading_table([" the", "the", "\n"], [0, 4], readings, marked={2}, first={0: 4})
    cells = [row for row in rows(chart) if "word" in row]
    assert [(cell["layer"], cell["word"]) for cell in cells[:6]] == [
        (0, "a"), (4, "b"), (0, "c"), (4, "d"), (0, "e"), (4, "f"),
    ]  # fmt: skip
    assert len({cell["token"] for cell in cells}) == 3 and cells[4]["token"] == "▸ ↵"
    assert [cell["word"] for cell in cells[:6] if cell["first"]] == ["b"]
    assert any(mark["mark"].get("stroke") == PICKED for mark in chart.to_dict()["layer"])
    with pytest.raises(ValueError, match="one row for each token"):
        reading_table(["a"], [0, 1], [[reading("a")]])


@pytest.mark.parametrize("word", ["'];alert(1)//", "\u202egnp", "<b>x</b>", "datum.word"])
def test_a_models_words_stay_data(word: str) -> None:
    chart = reading_table(["at"], [0], [[reading(word)]])
    assert "\u202e" not in rows(chart)[0]["word"]
    specification = chart.to_dict()
    specification.pop("datasets")
    assert word not in str(specification)
