"""Figures say what the numbers say: read back from the Vega-Lite specification and from the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core.charts import palette
from core.charts.overlays import fit, region_overlay
from core.charts.phrasings import phrasing_matrix
from core.charts.tokens import AlignedToken, aligned_chart, alternatives_chart, unique, visible

LIGHT_PAGE, DARK_PAGE = (255, 255, 255), (17, 23, 29)


def rows(chart: object) -> list[dict[str, object]]:
    """All data rows of a chart, whichever layer they belong to."""
    specification = chart.to_dict()  # type: ignore[attr-defined]
    return [row for table in specification["datasets"].values() for row in table]


def rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def luminance(color: tuple[int, ...]) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [value / 255 for value in color]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[int, ...], two: tuple[int, ...]) -> float:
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("color", [palette.CHOSEN, palette.DIFFERENT, palette.NEUTRAL])
def test_marks_are_told_from_a_light_and_a_dark_page(color: str) -> None:
    """WCAG asks 3 to 1 of graphical objects."""
    assert contrast(rgb(color), LIGHT_PAGE) >= 3
    assert contrast(rgb(color), DARK_PAGE) >= 3


def test_the_diverging_colours_are_balanced_about_a_pale_middle() -> None:
    brightness = [luminance(rgb(color)) for color in palette.DIVERGING]
    middle = len(brightness) // 2
    assert len(brightness) % 2 == 1
    assert brightness[: middle + 1] == sorted(brightness[: middle + 1])
    assert brightness[middle:] == sorted(brightness[middle:], reverse=True)
    assert len(set(palette.DIVERGING)) == len(palette.DIVERGING)


def test_more_probable_tokens_are_bluer_and_nonsense_is_bounded() -> None:
    strengths = [float(palette.probability_css(p).split()[-1].rstrip(")")) for p in (-1, 0, 0.5, 1, 2)]
    assert strengths == sorted(strengths)
    assert strengths[0] == strengths[1] and strengths[3] == strengths[4] <= 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [((200, 100), (400, 200)), ((100, 200), (200, 400)), ((1, 1), (400, 400)), ((5000, 1), (400, 1))],
)
def test_pictures_fit_by_their_longer_side(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fit(size, 400) == expected


def test_an_overlay_tints_what_is_hidden_outlines_patches_and_leaves_the_rest() -> None:
    image = Image.new("RGB", (40, 40), (100, 100, 100))
    hidden = np.zeros((40, 40), dtype=bool)
    hidden[20:30, 20:30] = True
    shown = np.asarray(region_overlay(image, hidden, [(20, 20, 30, 30)], (80, 80)))
    tinted = (shown != 100).any(axis=-1)
    assert tinted[42:58, 42:58].all()
    tinted[40:60, 40:60] = False
    assert not tinted.any()
    assert tuple(shown[40, 50]) == tuple(shown[50, 40]) == palette.PATCH_RGB
    inside = shown[42:58, 42:58].reshape(-1, 3).astype(float).mean(axis=0)
    towards = np.array(palette.HIDDEN_RGB, float) - 100
    assert ((inside - 100) @ towards) > 0.5 * (towards @ towards)


def test_the_phrasing_matrix_shows_every_answer_under_every_phrasing() -> None:
    table = np.array([[0.9, 0.2], [0.1, 0.8]])
    cells = rows(phrasing_matrix(["open", "closed"], ["Is it open?", "Is it closed?"], table))
    assert sorted(cell["probability"] for cell in cells) == [0.1, 0.2, 0.8, 0.9]
    shown = {(cell["answer"], cell["question"]): cell["probability"] for cell in cells}
    assert shown["answer 1: “open”", "Is it closed?"] == 0.2
    with pytest.raises(ValueError, match="row"):
        phrasing_matrix(["open"], ["Is it open?"], table)


def test_alternatives_keep_their_order_and_equal_looking_ones_apart() -> None:
    unlikely = rows(alternatives_chart(["car", "bird"], [-2e-6, -15.1], 0))
    assert [row["told"] for row in unlikely] == [">99.99%", "0.0000277%"]
    assert all(row["from"] < row["probability"] for row in unlikely), "a bar without length"
    bars = rows(alternatives_chart([" open", "open", ""], np.log([0.5, 0.3, 0.2]).tolist(), 0))
    assert [bar["probability"] for bar in bars] == pytest.approx([0.5, 0.3, 0.2])
    assert [bar["said"] for bar in bars] == [True, False, False]
    assert len({bar["token"] for bar in bars}) == 3
    assert unique(["a", "a", "a"])[0] == "a" and len(set(unique(["a", "a", "a"]))) == 3


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("", "⟨control⟩"),
        (" ", "␣"),
        (" dog", "dog"),
        ("\n", "↵"),
        ("a\tb", "a⇥b"),
        ("\u202eabc", "·abc"),
        ("<b>", "<b>"),
    ],
)
def test_tokens_are_shown_and_cannot_act(token: str, expected: str) -> None:
    assert visible(token) == expected


def test_aligned_answers_show_both_tokens_and_the_change() -> None:
    columns = [AlignedToken(" open", " closed", -2.5), AlignedToken(".", ".", 0.25), AlignedToken(None, "!", None)]
    cells = rows(aligned_chart(columns, 600))
    texts = {cell["text"] for cell in cells}
    assert {"open", "closed", "-2.50", "+0.25", "!"} <= texts
    specification = aligned_chart(columns, 600).to_dict()
    scales = [layer["encoding"].get("color", {}).get("scale") for layer in specification["layer"]]
    domain = next(scale["domain"] for scale in scales if scale)
    assert domain[0] == -domain[-1] == -2.5, "unchanged must be the middle of the colours"
    words = [layer["mark"] for layer in specification["layer"] if layer["mark"]["type"] == "text"]
    assert words[0]["color"] == palette.INK_ON_LIGHT, "the default is black, on a dark page too"
    assert contrast(rgb(palette.INK_ON_LIGHT), rgb(palette.PAPER)) >= 4.5


def test_long_answers_go_on_in_further_lines_within_the_width() -> None:
    columns = [AlignedToken(f" word{i}", f" word{i}", 0.0) for i in range(40)]
    cells = rows(aligned_chart(columns, 300))
    assert max(cell["x2"] for cell in cells) <= 300
    assert len({cell["y"] for cell in cells}) > 6
