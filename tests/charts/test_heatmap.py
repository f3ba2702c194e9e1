"""Heat maps say what the scores say, where the layout says it: read back from the specification and the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.answer import PatchView, TokenKind, TokenLayout
from core.charts import palette
from core.charts.heat_images import heat_image, heat_images
from core.charts.heatmap import GAP, Panel, heatmap, panels, patch_table, places, scale_of

PICTURE = Image.new("RGB", (80, 40), (100, 100, 100))


def one_view(rows: int = 2, columns: int = 4, start: int = 3) -> TokenLayout:
    """A raster over an 80 x 40 picture, after `start` other positions and before two more."""
    positions = tuple(range(start, start + rows * columns))
    kinds = (TokenKind.SPECIAL,) * start + (TokenKind.IMAGE,) * (rows * columns) + (TokenKind.TEXT,) * 2
    return TokenLayout(kinds, (PatchView(0, "whole", rows, columns, (0, 0, 80, 40), positions),), ((80, 40),))


def tiles() -> TokenLayout:
    """Two tiles beside each other and a thumbnail of the whole, as tiling families lay out their pictures."""
    views = (
        PatchView(0, "left", 1, 1, (0, 0, 40, 40), (0,)),
        PatchView(0, "right", 1, 1, (40, 0, 80, 40), (1,)),
        PatchView(0, "all", 1, 2, (0, 0, 80, 40), (2, 3)),
    )
    return TokenLayout((TokenKind.IMAGE,) * 4, views, ((80, 40),))


def layers(chart: Any) -> list[dict[str, Any]]:
    layered: list[dict[str, Any]] = chart.to_dict()["layer"]
    return layered


def data(chart: Any, layer: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = chart.to_dict()["datasets"][layer["data"]["name"]]
    return rows


def test_each_patch_has_its_own_score_at_its_own_box() -> None:
    layout = one_view()
    values = np.arange(len(layout), dtype=float)
    chart = heatmap([PICTURE], layout, values, size=160)
    heat = next(layer for layer in layers(chart) if layer["encoding"].get("color"))
    for row in data(chart, heat):
        index = row["position"] - 3
        assert row["value"] == row["position"]
        assert (row["row"], row["column"]) == (index // 4 + 1, index % 4 + 1)
        assert (row["x"], row["y"]) == (40 * (index % 4), 40 * (index // 4))
        assert row["share"] == pytest.approx(row["position"] / sum(range(3, 11)))
    assert (chart.to_dict()["width"], chart.to_dict()["height"]) == (160, 80)


def test_scores_of_words_do_not_touch_the_scale_of_the_picture() -> None:
    values = np.full(13, 0.25)
    values[-1] = 100
    chart = heatmap([PICTURE], one_view(), values)
    heat = next(layer for layer in layers(chart) if layer["encoding"].get("color"))
    assert heat["encoding"]["color"]["scale"]["domain"][-1] == 0.25


def test_patches_not_looked_at_are_drawn_apart() -> None:
    values = np.ones(13)
    values[4] = np.nan
    chart = heatmap([PICTURE], one_view(), values)
    heat = next(layer for layer in layers(chart) if layer["encoding"].get("color"))
    missing = next(layer for layer in layers(chart) if "strokeDash" in layer["mark"])
    assert 4 not in [row["position"] for row in data(chart, heat)]
    assert [row["position"] for row in data(chart, missing)] == [4]
    assert "value" not in str(missing["encoding"]["tooltip"])


def test_clicks_toggle_positions_and_the_chosen_are_outlined() -> None:
    chart = heatmap([PICTURE], one_view(), np.ones(13), selected=(5, 6), click="patch")
    params = [param for param in chart.to_dict()["params"] if param["name"] == "patch"]
    assert params[0]["select"]["fields"] == ["position"] and params[0]["select"]["toggle"] == "true"
    outline = next(layer for layer in layers(chart) if layer["mark"].get("stroke") == palette.PICKED)
    assert [row["position"] for row in data(chart, outline)] == [5, 6]
    assert "params" not in heatmap([PICTURE], one_view(), np.ones(13)).to_dict()


def test_views_that_overlap_stand_apart_and_no_wider_than_one() -> None:
    shown = panels(tiles())
    assert [[view.name for view in panel.views] for panel in shown] == [["left", "right"], ["all"]]
    spots, width, height = places(shown, 80)
    assert (width, height) == (80, 80 + GAP)
    table = patch_table(spots, np.arange(4.0))
    assert table["x"].tolist() == [0, 40, 0, 40]
    assert table["y"].tolist() == [0, 0, 40 + GAP, 40 + GAP]
    chart = heatmap([PICTURE], tiles(), np.arange(4.0), size=80)
    assert len(data(chart, layers(chart)[0])) == 2, "the picture stands behind both panels"


def test_narrow_pictures_stand_beside_each_other_as_far_as_they_fit() -> None:
    panel = Panel(0, (), (0, 0, 20, 100))
    spots, width, height = places([panel] * 5, 100)
    assert [(spot.left, spot.top) for spot in spots] == [(0, 0), (32, 0), (64, 0), (0, 112), (32, 112)]
    assert (width, height) == (84, 212)


def test_what_a_family_pads_is_shown_beyond_the_picture() -> None:
    view = PatchView(0, "square", 2, 2, (0, -20, 80, 60), (0, 1, 2, 3))
    layout = TokenLayout((TokenKind.IMAGE,) * 4, (view,), ((80, 40),))
    chart = heatmap([PICTURE], layout, np.ones(4), size=80)
    (picture,) = data(chart, layers(chart)[0])
    assert (picture["y"], picture["y2"]) == (20, 60)
    assert (chart.to_dict()["width"], chart.to_dict()["height"]) == (80, 80)


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=20), st.booleans())
def test_a_scale_holds_all_it_is_for_and_signed_ones_are_centred(values: list[float], signed: bool) -> None:
    scale = scale_of(np.array(values, dtype=float), signed=signed)
    assert scale.low < scale.high
    known = [value for value in values if value == value]
    assert all(scale.low <= value <= scale.high for value in known)
    if signed:
        assert scale.low == -scale.high and float(scale.share(np.zeros(1))[0]) == 0.5
        assert len(scale.colors) % 2 == 1


def test_a_signed_scale_does_not_stretch_to_rounding_errors() -> None:
    assert scale_of(np.array([3e-7, -1e-7]), signed=True, faintest=1e-4).high == 1e-4
    assert scale_of(np.array([0.3, -0.1]), signed=True, faintest=1e-4).high == 0.3


def test_one_scale_makes_two_maps_comparable() -> None:
    small, large = np.full(13, 0.1), np.full(13, 0.8)
    common = scale_of(small, large)
    pixels = [
        np.asarray(heat_image([PICTURE], one_view(), values, size=80, scale=common, opacity=1.0)).astype(int)
        for values in (small, large)
    ]
    assert (pixels[0] != pixels[1]).any()
    assert tuple(pixels[1][5, 5]) == palette.rgb(palette.SEQUENTIAL_RAMP[-1])


def test_the_pixels_are_the_charts_colours() -> None:
    values = np.zeros(13)
    values[3:11] = np.linspace(0, 1, 8)
    shown = np.asarray(heat_image([PICTURE], one_view(), values, size=80, opacity=1.0)).astype(float)
    for index in range(8):
        row, column = divmod(index, 4)
        patch = shown[20 * row : 20 * row + 20, 20 * column : 20 * column + 20].reshape(-1, 3)
        expected = palette.ramp(palette.SEQUENTIAL_RAMP, np.array([index / 7]))[0]
        assert np.abs(patch - expected).max() <= 1


@pytest.mark.parametrize("common", (False, True))
def test_several_maps_over_one_picture_are_drawn_as_each_alone(common: bool) -> None:
    maps = [np.linspace(0, top, 13) for top in (0.1, 0.8)]
    maps[1][4] = np.nan
    scales = [scale_of(*maps)] * 2 if common else None
    together = heat_images([PICTURE], one_view(), maps, size=80, scales=scales)
    for values, drawn in zip(maps, together, strict=True):
        alone = heat_image([PICTURE], one_view(), values, size=80, scale=scales[0] if scales else None)
        assert np.array_equal(np.asarray(drawn), np.asarray(alone))
    assert np.asarray(together[0]).tolist() != np.asarray(together[1]).tolist()


def test_opacity_mixes_the_picture_with_the_heat_and_missing_patches_keep_the_picture() -> None:
    values = np.ones(13)
    values[3] = np.nan
    bare = np.asarray(heat_image([PICTURE], one_view(), values, size=80, opacity=0.0))
    assert (bare[:, 25:] == 100).all(), "nothing is drawn over the picture at opacity 0"
    full = np.asarray(heat_image([PICTURE], one_view(), values, size=80, opacity=1.0))
    inside = full[1:19, 1:19].reshape(-1, 3)
    assert ((inside == 100).all(axis=1) | (inside == palette.rgb(palette.NEUTRAL)).all(axis=1)).all()


def test_lines_enclose_what_reaches_half_of_the_scale_and_cover_nothing() -> None:
    values = np.zeros(13)
    values[3:7] = (1.0, 0.3, 0.0, 0.6)  # the first row
    drawn = heatmap([PICTURE], one_view(), values, size=80, drawing="lines").to_dict(validate=True)
    fills = [layer["mark"] for layer in drawn["layer"] if layer["mark"]["type"] == "rect"]
    assert all(fill.get("fillOpacity") == 0 for fill in fills)
    lines = [layer for layer in drawn["layer"] if layer["mark"]["type"] == "rule"][-1]
    rows = drawn["datasets"][lines["data"]["name"]]
    thick = {(row["x"], row["y"], row["x2"], row["y2"]) for row in rows if row["width"] == 3}
    boxes = [(0, 20), (60, 80)]
    assert thick == {
        piece
        for left, right in boxes
        for piece in [(left, 0, right, 0), (left, 20, right, 20), (left, 0, left, 20), (right, 0, right, 20)]
    }


def test_beside_its_map_the_picture_is_bare() -> None:
    drawn = heatmap([PICTURE], one_view(), np.arange(13.0), size=212, drawing="beside").to_dict(validate=True)
    pictures = drawn["datasets"][drawn["layer"][0]["data"]["name"]]
    heat = drawn["datasets"][drawn["layer"][1]["data"]["name"]]
    assert [(row["x"], row["x2"]) for row in pictures] == [(0, 100), (112, 212)]
    assert min(row["x"] for row in heat) == 112 and max(row["x2"] for row in heat) == 212 == drawn["width"]


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="13 positions"):
        heatmap([PICTURE], one_view(), np.ones(8))
    placeless = TokenLayout((TokenKind.IMAGE,) * 2, (), ((80, 40),))
    with pytest.raises(ValueError, match="has a place"):
        heat_image([PICTURE], placeless, np.ones(2))


def test_a_picked_outline_is_seen_on_any_colour_of_the_map() -> None:
    picked = np.array(palette.rgb(palette.PICKED), float)
    for color in (*palette.SEQUENTIAL_RAMP, *palette.DIVERGING):
        assert np.abs(picked - palette.rgb(color)).max() > 60


@pytest.mark.parametrize(
    ("most", "said"),
    [(0.5, {"format": ".2~g"}), (0.0003, {"labelExpr": "datum.value ? format(datum.value, '.1~e') : '0'"})],
)
def test_small_numbers_beside_the_colours_have_room_and_nought_is_no_power(most: float, said: dict[str, str]) -> None:
    layers = heatmap([PICTURE], one_view(), np.full(13, most), size=80).to_dict()["layer"]
    [legend] = [mark["encoding"]["color"]["legend"] for mark in layers if "color" in mark["encoding"]]
    assert {name: legend[name] for name in ("format", "labelExpr") if name in legend} == said
