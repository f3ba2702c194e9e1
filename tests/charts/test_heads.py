"""Figures about heads and words say what the tables say, and a click anywhere on a mark names it."""

from __future__ import annotations

import base64
import io
from typing import Any

import altair as alt
import numpy as np
import pytest
from PIL import Image

from core.charts import palette
from core.charts.heads import (
    SmallImage,
    gallery,
    head_map,
    head_name,
    layers_without,
    ranked_heads,
    word_bars,
    word_table,
)


def tables(chart: Any) -> list[dict[str, Any]]:
    """All data rows of a chart."""
    return [row for table in chart.to_dict()["datasets"].values() for row in table]


def marks(chart: Any) -> list[dict[str, Any]]:
    marked: list[dict[str, Any]] = chart.to_dict()["layer"]
    return marked


def test_a_cell_for_each_head_with_its_own_figure() -> None:
    figures = np.array([[0.1, 0.2, 0.3], [0.4, np.nan, 0.6]])
    cells = {(row["layer"], row["head"]): row["value"] for row in tables(head_map(figures, name="share"))}
    assert cells == {(0, 0): 0.1, (0, 1): 0.2, (0, 2): 0.3, (1, 0): 0.4, (1, 2): 0.6}


def test_the_last_layer_is_on_top_and_the_chosen_head_outlined() -> None:
    chart = head_map(np.ones((3, 2)), name="share", chosen=(2, 1), click="cell")
    assert marks(chart)[0]["encoding"]["y"]["scale"]["domain"] == [2, 1, 0]
    outline = next(mark for mark in marks(chart) if mark["mark"].get("stroke") == palette.PICKED)
    assert chart.to_dict()["datasets"][outline["data"]["name"]] == [{"layer": 2, "head": 1}]


def test_signed_figures_are_centred_on_zero_and_all_marked_heads_outlined() -> None:
    chart = head_map(np.array([[-0.1, 0.4]]), name="increase", signed=True, chosen=(0, 0), marked=[(0, 1)])
    domain = marks(chart)[0]["encoding"]["color"]["scale"]["domain"]
    assert domain[0] == -0.4 and domain[3] == 0 and domain[-1] == 0.4
    outline = next(mark for mark in marks(chart) if mark["mark"].get("stroke") == palette.PICKED)
    outlined = chart.to_dict()["datasets"][outline["data"]["name"]]
    assert [(row["layer"], row["head"]) for row in outlined] == [(0, 0), (0, 1)]


@pytest.mark.parametrize("shape", [(1, 1), (6, 6), (32, 32), (80, 64)])
def test_maps_of_any_size_stay_on_the_page(shape: tuple[int, int]) -> None:
    with alt.data_transformers.disable_max_rows():  # as Streamlit does
        specification = head_map(np.random.default_rng(0).random(shape), name="share").to_dict()
    assert 7 <= specification["width"] <= 640 and 7 <= specification["height"] <= 640


def test_clicks_are_taken_by_the_topmost_mark_and_name_layer_and_head() -> None:
    picture = SmallImage(Image.new("RGB", (90, 60)), "head 0", (1, 0))
    for chart in (
        head_map(np.ones((2, 2)), name="x", chosen=(0, 0), click="it"),
        ranked_heads([((0, 1), 0.5)], name="x", click="it"),
        gallery([picture, picture], width=300, chosen=(1, 0), click="it"),
    ):
        (param,) = chart.to_dict()["params"]
        assert param["select"]["fields"] == ["layer", "head"] and param["select"]["toggle"] == "true"
        assert param["views"] == [marks(chart)[-1]["name"]]
        assert marks(chart)[-1]["mark"]["fillOpacity"] == 0


def test_bars_keep_the_order_they_are_given() -> None:
    chart = ranked_heads([((5, 0), 0.9), ((0, 3), 0.7)], name="share", chosen=(0, 3))
    rows = [(row["name"], row["value"], row["on"]) for row in tables(chart)]
    assert rows == [("L5 H0", 0.9, False), ("L0 H3", 0.7, True)]
    assert marks(chart)[0]["encoding"]["y"]["sort"] is None
    below = ranked_heads([((0, 0), 0.5), ((0, 1), -0.25)], name="increase")
    low, high = marks(below)[0]["encoding"]["x"]["scale"]["domain"]
    assert low < -0.25 and high > 0.5 and marks(below)[0]["encoding"]["x2"] == {"datum": 0}
    assert ranked_heads([], name="share").to_dict()["height"] > 0
    assert head_name(None) == "all heads"


def test_small_pictures_stand_in_lines_within_the_width() -> None:
    pictures = [SmallImage(Image.new("RGB", (100, 80), (30 * n, 90, 90)), f"head {n}", (0, n)) for n in range(7)]
    chart = gallery(pictures, width=350)
    shown = [row for row in tables(chart) if "url" in row]
    rows = [row for row in tables(chart) if "head" in row]
    assert max(row["x2"] for row in rows) <= 350
    assert [row["head"] for row in rows if row["y"] == rows[0]["y"]] == [0, 1, 2]
    assert {(row["x2"] - row["x"], row["y2"] - row["y"]) for row in rows} == {(100, 80)}
    assert max(row["y2"] for row in rows) <= chart.to_dict()["height"]
    assert len(shown) == len(rows)
    for row, drawn in zip(rows, shown, strict=True):
        assert {edge: drawn[edge] for edge in ("x", "x2", "y", "y2")}.items() <= row.items()
        picture = Image.open(io.BytesIO(base64.b64decode(drawn["url"].partition(",")[2])))
        assert picture.size == (100, 80) and abs(picture.getpixel((50, 40))[0] - 30 * row["head"]) < 3
    with pytest.raises(ValueError, match="no pictures"):
        gallery([], width=300)


def test_words_that_look_alike_keep_rows_of_their_own() -> None:
    values = np.array([[0.1, 0.2], [0.3, np.nan], [0.5, 0.6]])
    chart = word_table([" the", "the", " dog"], ["the", "the"], values, looked_at="word", marked={2}, click="word")
    rows = tables(chart)
    assert len({row["row"] for row in rows}) == 3 and len({row["column"] for row in rows}) == 2
    assert sorted((row["word"], row["value"]) for row in rows) == [(0, 0.1), (0, 0.2), (1, 0.3), (2, 0.5), (2, 0.6)]
    assert next(row["row"] for row in rows if row["word"] == 2) == "▸ dog"
    with pytest.raises(ValueError, match="one row for each word"):
        word_table(["the"], ["the"], values, looked_at="word")


@pytest.mark.parametrize("word", ["'];alert(1)//", "\u202egnp", "<b>x</b>", "datum.value", "x" * 300])
def test_a_models_words_stay_data(word: str) -> None:
    """They may never reach an expression or markup: only rows of the table and the axis' domain hold them."""
    specification = word_table([word], ["a"], np.ones((1, 1)), looked_at="word", marked={0}).to_dict()
    shown = tables(word_table([word], ["a"], np.ones((1, 1)), looked_at="word"))[0]["row"]
    assert "\u202e" not in shown and len(shown) <= 22
    specification.pop("datasets")
    for mark in specification["layer"]:
        mark["encoding"]["y"]["scale"].pop("domain")
    assert word[:6] not in str(specification) or word == "datum.value"
    assert len(tables(word_bars([word, word], np.array([0.1, 0.2]), title="attention"))) == 2


def test_layers_without_attention_are_grey_and_say_so_where_there_is_room() -> None:
    figures = np.full((3, 8), 0.5)
    figures[1] = np.nan
    assert layers_without(figures) == (1,)
    large, small = head_map(figures, name="share", without=(1,)), head_map(np.ones((64, 8)), name="share", without=(1,))
    assert {"layer": 1, "there": "no attention"} in tables(large)
    written = [[mark["mark"]["type"] for mark in marks(chart)].count("text") for chart in (large, small)]
    assert written == [1, 0]
    large.to_dict(validate=True)
