"""Words, shares and exported maps say what the numbers say."""

from __future__ import annotations

import base64
import io
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from core.answer import PatchView, Target, TokenKind, TokenLayout
from core.charts.agreement import agreement_matrix
from core.charts.export import MARGIN, SIDE, Legend, png_map, svg_map
from core.charts.heatmap import Scale
from core.charts.palette import INK_ON_DARK, INK_ON_LIGHT, PARTS, ramp
from core.charts.shares import layers_chart, shares_chart
from core.charts.words import ScoredToken, words_chart
from core.maps.shares import Part, parts, shares

SVG = "{http://www.w3.org/2000/svg}"
LAYOUT = TokenLayout(
    (TokenKind.SPECIAL, *[TokenKind.IMAGE] * 6, TokenKind.TEXT, TokenKind.TEXT, *[TokenKind.ANSWER] * 2),
    (PatchView(0, "picture", 2, 3, (0, 0, 30, 20), (1, 2, 3, 4, 5, 6)),),
    ((30, 20),),
)
VALUES = np.array([9, 0, 1, 2, 3, 4, np.nan, 5, 6, 7, 0], dtype=float)
PICTURE = Image.new("RGB", (30, 20), (200, 30, 30))
LEGEND = Legend(
    "Relevancy of “<b>door</b> & \u202ewindow\x00”", ("0.1 s", "word " * 60), json.dumps({"method": "x\x00"})
)


def rows(chart: object) -> list[dict[str, object]]:
    specification = chart.to_dict()  # type: ignore[attr-defined]
    return [row for table in specification["datasets"].values() for row in table]


def test_words_stay_in_their_lines_and_keep_their_scores() -> None:
    tokens = [ScoredToken(f" word{i}", i / 10, "question", opens=i % 2 == 0) for i in range(30)]
    tokens += [
        ScoredToken("the", None, "answer", target=True, note="explained here"),
        ScoredToken("\n", float("nan"), "answer"),
    ]
    cells = [row for row in rows(words_chart(tokens, 300, Scale(0, 3))) if "token" in row]
    assert max(cell["x2"] for cell in cells) <= 300
    scores = {cell["token"]: cell["score"] for cell in cells}
    assert scores["word7"] == 0.7 and scores["the"] is None and scores["↵"] is None
    boxes = {cell["token"]: cell for cell in cells}
    assert boxes["word1"]["x"] - boxes["word0"]["x2"] < boxes["word2"]["x"] - boxes["word1"]["x2"]
    assert boxes["word0"]["y"] < boxes["word29"]["y"] < boxes["the"]["y"]
    assert boxes["the"]["note"] == "explained here"


def test_words_are_written_in_an_ink_that_their_ground_bears() -> None:
    tokens = [ScoredToken(name, score, "question") for name, score in (("low", 0.0), ("high", 1.0), ("minus", -1.0))]
    ink = {cell["token"]: cell["ink"] for cell in rows(words_chart(tokens[:2], 300, Scale(0, 1))) if "ink" in cell}
    assert ink == {"low": INK_ON_DARK, "high": INK_ON_LIGHT}
    signed = words_chart(tokens, 300, Scale(-1, 1, signed=True))
    ink = {cell["token"]: cell["ink"] for cell in rows(signed) if "ink" in cell}
    assert ink == {"low": INK_ON_LIGHT, "high": INK_ON_DARK, "minus": INK_ON_DARK}


def test_bars_give_image_and_text_the_same_statistic() -> None:
    shared = shares(VALUES, parts(LAYOUT, Target((1,))))
    bars = {row["part"]: row for row in rows(shares_chart({"relevancy": shared})) if "part" in row}
    # Image: 0 + 1 + 2 + 3 + 4 over five patches looked at; question: 5 + 6 over two words; all: 21 over seven tokens.
    assert set(bars) == {"image", "question"}
    assert bars["image"]["sum"] == pytest.approx(10 / 21) and bars["image"]["mean"] == pytest.approx(2 / (21 / 7))
    assert bars["question"]["sum"] == pytest.approx(11 / 21) and bars["question"]["mean"] == pytest.approx(5.5 / 3)
    assert bars["image"]["tokens"] == 5 and bars["question"]["raw mean"] == 5.5


def test_evidence_against_is_a_bar_of_its_own() -> None:
    shared = shares(np.where(VALUES == 4, -4.0, VALUES), parts(LAYOUT, Target((1,))))
    bars = [row for row in rows(shares_chart({"x": shared})) if row.get("part") == "image"]
    assert sorted(bar["raw sum"] for bar in bars) == [-4.0, 6.0]
    with pytest.raises(ValueError, match="no score"):
        shares_chart({"x": shares(np.zeros(11), parts(LAYOUT, Target((1,))))})


def test_layers_are_bars_that_can_be_clicked() -> None:
    chart = layers_chart({Part.IMAGE: np.array([1.0, 2.0]), Part.QUESTION: np.array([0.5, 0.0])}, chosen=1)
    drawn = rows(chart)
    assert {(row["layer"], row["part"]): row["sum"] for row in drawn if "part" in row} == {
        (0, "image"): 1.0,
        (1, "image"): 2.0,
        (0, "question"): 0.5,
        (1, "question"): 0.0,
    }
    assert [row["layer"] for row in drawn if row.get("chosen")] == [1]
    assert [parameter["name"] for parameter in chart.to_dict()["params"]] == ["layer"]


def test_every_part_has_a_colour() -> None:
    assert {part.value for part in Part} == set(PARTS)


def test_an_svg_has_a_titled_rectangle_for_every_patch_and_text_that_cannot_act() -> None:
    scale = Scale(0, 4)
    root = ElementTree.fromstring(svg_map([PICTURE], LAYOUT, VALUES, scale, 0.6, LEGEND))
    patches = root.findall(f"{SVG}g/{SVG}rect")
    titles = [patch.findtext(f"{SVG}title") for patch in patches]
    assert titles[2] == "picture, row 1, column 3: 2 (20.00% of all patches)"
    assert titles[5] == "picture, row 2, column 3: not looked at"
    side = SIDE / 3
    assert [float(patches[4].get(name, "")) for name in ("x", "y", "width", "height")] == pytest.approx(
        [side, side, side, side], abs=0.01
    )
    middle = ramp(scale.colors, np.array(0.5)).round().astype(int)
    assert patches[2].get("fill") == "#{:02x}{:02x}{:02x}".format(*middle)
    image = root.find(f"{SVG}image")
    assert image is not None
    embedded = Image.open(io.BytesIO(base64.b64decode(image.get("href", "").split(",")[1])))
    assert np.abs(np.asarray(embedded.resize((1, 1)))[0, 0].astype(int) - (200, 30, 30)).max() < 8
    assert json.loads(root.findtext(f"{SVG}metadata") or "") == {"method": "x\x00"}
    lines = [element.text or "" for element in root.findall(f"{SVG}text")]
    assert "Relevancy of “<b>door</b> & ·window·”" in lines and root.find(f".//{SVG}b") is None
    assert max(map(len, lines)) <= 100, "long notes go on in further lines"


def test_a_png_shows_the_map_and_carries_the_record() -> None:
    image = Image.open(io.BytesIO(png_map([PICTURE], LAYOUT, VALUES, Scale(0, 4), 0.5, LEGEND)))
    assert json.loads(image.text["Description"]) == {"method": "x\x00"}
    pixels = np.asarray(image.convert("RGB")).astype(float)
    side = SIDE // 3
    expected = 0.5 * np.array([200, 30, 30]) + 0.5 * ramp(Scale(0, 4).colors, np.array(0.75))
    assert pixels[MARGIN + side + side // 2, MARGIN + side // 2] == pytest.approx(expected, abs=2)


def test_agreement_has_a_cell_for_every_pair_and_a_dash_for_flat_maps() -> None:
    table = np.array([[1.0, -0.25], [-0.25, np.nan]])
    cells = rows(agreement_matrix(["one", "two"], table, Scale(-1, 1, signed=True), title="rank"))
    assert {(cell["one"], cell["other"]): cell["text"] for cell in cells} == {
        ("one", "one"): "1.00",
        ("one", "two"): "-0.25",
        ("two", "one"): "-0.25",
        ("two", "two"): "–",
    }
    with pytest.raises(ValueError, match="each name"):
        agreement_matrix(["one"], table, Scale(-1, 1, signed=True), title="rank")


def test_maps_without_a_place_are_refused() -> None:
    words = TokenLayout((TokenKind.TEXT,), (), ())
    for export in (svg_map, png_map):
        with pytest.raises(ValueError, match="place in a picture"):
            export([], words, np.zeros(1), Scale(0, 1), 0.5, LEGEND)
