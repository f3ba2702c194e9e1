"""Figures of maps made by hand."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from core.answer import Fill
from core.evidence.curves import Curve, Direction
from core.evidence.metric import MapUnderTest, Marked
from core.evidence.registry import map_metrics, metrics

TRUTH = np.array([1.0, 0.5, 0.0, 0.0])


CENTRES = np.array([True, True, False, False])


def figure(key: str, scores: list[float], truth: np.ndarray = TRUTH, centres: np.ndarray = CENTRES) -> float:
    return map_metrics()[key].figure(MapUnderTest(np.array(scores), (), Marked(truth, centres))).value


def curve(values: list[float], direction: Direction = "deletion", fill: Fill = "black") -> Curve:
    """Over 20 patches, at 0, 5, 10, 20, 50 and 100 %."""
    first, last = (values[0], values[-1]) if direction == "deletion" else (values[-1], values[0])
    return Curve(direction, fill, 20, (0, 1, 2, 4, 10, 20), np.array(values), first, last)


def test_the_highest_patch_hits_when_its_centre_is_marked() -> None:
    assert figure("pointing", [3.0, 1.0, 2.0, 0.0]) == 1.0
    assert figure("pointing", [1.0, 3.0, 2.0, 0.0]) == 1.0
    assert figure("pointing", [1.0, 2.0, 3.0, 0.0]) == 0.0
    # Much of a patch may be marked, and its centre not.
    assert figure("pointing", [1.0, 2.0, 3.0, 0.0], np.array([0.0, 0.0, 0.4, 1.0]), np.arange(4) == 3) == 0.0


def test_where_no_patch_can_hit_pointing_has_no_figure() -> None:
    assert np.isnan(figure("pointing", [1.0, 2.0, 3.0, 0.0], TRUTH, np.zeros(4, bool)))


def test_equally_high_patches_share_the_hit() -> None:
    assert figure("pointing", [3.0, 1.0, 3.0, 3.0]) == pytest.approx(1 / 3)
    assert figure("pointing", [0.0, 0.0, 0.0, 0.0]) == 0.5


def test_energy_is_the_share_of_the_map_on_marked_pixels() -> None:
    assert figure("energy", [2.0, 2.0, 4.0, 0.0]) == pytest.approx((2.0 + 1.0) / 8)


def test_soft_iou_is_the_smaller_over_the_larger() -> None:
    # scaled: 1, .5, .25, 0 against 1, .5, 0, 0
    assert figure("soft_iou", [4.0, 2.0, 1.0, 0.0]) == pytest.approx(1.5 / 1.75)


@pytest.mark.parametrize("key", ["pointing", "energy", "soft_iou"])
def test_signed_maps_count_by_their_positive_part(key: str) -> None:
    assert figure(key, [2.0, 0.0, 1.0, -5.0]) == figure(key, [2.0, 0.0, 1.0, 0.0])
    assert figure(key, [-1.0, -2.0, -3.0, -4.0]) == figure(key, [1.0, 1.0, 1.0, 1.0])
    assert figure(key, [2.0, float("nan"), 1.0, 0.0]) == figure(key, [2.0, 0.0, 1.0, 0.0])


@pytest.mark.parametrize("key", ["pointing", "energy", "soft_iou"])
def test_the_truth_itself_is_the_best_map_and_its_opposite_the_worst(key: str) -> None:
    truth = np.array([1.0, 1.0, 0.0, 0.0])
    assert figure(key, [1.0, 1.0, 0.0, 0.0], truth) == 1.0
    assert figure(key, [0.0, 0.0, 1.0, 1.0], truth) == 0.0


def test_areas_are_means_over_fills_raw_and_normalised() -> None:
    black, blur = curve([0.9, 0.5, 0.1, 0.1, 0.1, 0.1]), curve([0.9, 0.9, 0.9, 0.9, 0.9, 0.9], fill="blur")
    by_key = map_metrics()["deletion"].figure(MapUnderTest(np.zeros(20), (black, blur), None))
    area = 0.05 * 0.7 + 0.05 * 0.3 + 0.9 * 0.1
    assert by_key.details["black"] == pytest.approx(area)
    assert by_key.details["black, normalised"] == pytest.approx((area - 0.1) / 0.8)
    assert by_key.value == pytest.approx((area + 0.9) / 2)
    # With blur the picture makes no difference, so there is nothing to normalise by.
    assert np.isnan(by_key.details["blur, normalised"])


def test_a_normalised_area_is_that_of_the_normalised_curve() -> None:
    drawn = curve([0.1, 0.4, 0.6, 0.95, 0.9, 0.9], "insertion")
    scaled = (drawn.values - drawn.blank) / (drawn.full - drawn.blank)
    assert drawn.normalised_area == pytest.approx(np.trapezoid(scaled, drawn.shares))


def test_losses_are_full_less_what_is_left() -> None:
    gone = MapUnderTest(np.zeros(20), (curve([0.9, 0.8, 0.6, 0.3, 0.2, 0.1]),), None)
    by_key = map_metrics()["comprehensiveness"].figure(gone)
    assert by_key.details == pytest.approx(
        {"black": 1.7 / 4, "black, 5 %": 0.1, "black, 10 %": 0.3, "black, 20 %": 0.6, "black, 50 %": 0.7}
    )
    assert by_key.under("black") == by_key.value
    assert by_key.value == pytest.approx((0.1 + 0.3 + 0.6 + 0.7) / 4)
    alone = MapUnderTest(np.zeros(20), (curve([0.1, 0.2, 0.5, 0.7, 0.9, 0.9], "insertion"),), None)
    assert map_metrics()["sufficiency"].figure(alone).value == pytest.approx((0.7 + 0.4 + 0.2 + 0.0) / 4)


def test_what_was_not_reached_is_no_number() -> None:
    stopped = MapUnderTest(np.zeros(20), (curve([0.9, 0.8, float("nan"), 0.3, 0.2, 0.1]),), None)
    assert np.isnan(map_metrics()["deletion"].figure(stopped).value)
    details = map_metrics()["comprehensiveness"].figure(stopped).details
    assert details["black, 5 %"] == pytest.approx(0.1)
    assert np.isnan(details["black, 10 %"])


def test_a_point_that_a_curve_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError):
        curve([0.9, 0.8, 0.6, 0.3, 0.2, 0.1]).at(0.75)


def test_every_metric_describes_itself() -> None:
    by_key = metrics()
    assert {"deletion", "insertion", "comprehensiveness", "sufficiency", "pointing", "energy", "soft_iou"} <= set(
        by_key
    )
    assert {"randomisation", "image_dependence"} <= set(by_key) - set(map_metrics())
    for metric in by_key.values():
        description = (inspect.getdoc(metric) or "").split("\n\n")[0]
        assert metric.better in ("higher", "lower")
        assert len(description) > 100 and metric.caveat.endswith(".")
