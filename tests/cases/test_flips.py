"""The table of flips counts what the tests of single graphs found, scene by scene."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from core.cases.flips import RADII, SceneAtRadius, SceneFlips, flip_table, summed
from core.causal.explanation_test import Masking
from core.causal.rates import Flip, FlipRates, NeighbourPrecision
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from tests.perturb.made import became


def flips(radius: int, flipped: list[bool], size: int = 2, empty: int = 0) -> FlipRates:
    """Explanations that flip as told and change -1 nat; of two random sets the first flips and changes -0.5."""
    cases_of = [
        Flip(0, 0, head, size, became(-1.0, hit), (became(-0.5, True), became(0.0, False)), became(-2.0, False))
        for head, hit in enumerate(flipped)
    ]
    return FlipRates(radius, Masking(), tuple(cases_of), empty, 0)


def rates(radius: int, flipped: list[bool], size: int = 2, empty: int = 0) -> SceneAtRadius:
    """What a table counts of these."""
    return SceneAtRadius.of(flips(radius, flipped, size, empty))


def test_shares_are_means_over_scenes_and_counts_are_sums() -> None:
    one = SceneFlips(
        4,
        (rates(1, [True, False]), rates(2, [True, True], size=4), rates(3, [])),
        NeighbourPrecision(0.75, 8, 2, 0.4, 0.1),
    )
    none = NeighbourPrecision(math.nan, 0, 0, math.nan, math.nan)
    other = SceneFlips(4, tuple(rates(radius, [False] * 4, empty=3) for radius in RADII), none)
    table = summed([one, other], Masking())
    near, further, furthest = table.radii
    assert (table.scenes, table.graphs, table.pairs) == (2, 8, 8)
    assert (near.sets, near.empty, near.size) == (6, 3, 2.0)
    assert near.explanation.value == pytest.approx((0.5 + 0) / 2)
    assert near.random.value == pytest.approx(0.5) and near.attention.value == 0
    assert near.beyond_random.value == pytest.approx(1 - 0.25)
    assert further.size == pytest.approx((2 * 4 + 4 * 2) / 6)
    assert (furthest.explanation.value, furthest.explanation.count) == (0.0, 1), "a scene without sets has no share"
    assert (table.precision.value, table.precision.count) == (0.75, 1)


def test_a_table_of_scenes_has_every_head_and_says_what_it_counted(llava: TransformersModel) -> None:
    told: list[float] = []
    table = flip_table(llava, 2, progress=told.append)
    assert told == [0.5, 1.0] and table.graphs == 2 * 3 * 4
    for row in table.radii:
        assert row.sets + row.empty + row.everything == table.graphs
    lines = list(table.lines())
    assert lines[0].startswith("2 scenes, 24 graphs; image tokens hidden") and "neighbour precision" in lines[-1]


def test_a_sample_takes_as_many_heads_of_each_layer_and_says_so(llava: TransformersModel) -> None:
    table = flip_table(llava, 1, of_a_layer=2)
    assert table.graphs == 3 * 2
    assert next(table.lines()).startswith("1 scene, 6 graphs, of each layer 2 heads drawn at random; image tokens")


def test_after_a_stop_the_table_is_of_the_scenes_that_were_finished(llava: TransformersModel) -> None:
    cancel = CancelToken()
    table = flip_table(llava, 3, progress=lambda done: cancel.cancel(), cancel=cancel)
    assert (table.scenes, table.graphs) == (1, 12)


def test_a_stop_before_any_scene_is_finished_leaves_no_table(llava: TransformersModel) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        flip_table(llava, 2, cancel=cancel)


def test_a_table_goes_on_where_it_was_stopped_and_ends_as_one_that_was_not(
    llava: TransformersModel, tmp_path: Path
) -> None:
    file, cancel = tmp_path / "flips.jsonl", CancelToken()
    first = flip_table(llava, 2, of_a_layer=1, file=file, progress=lambda done: cancel.cancel(), cancel=cancel)
    assert first.scenes == 1 and file.read_bytes().count(b"\n") == 2
    whole = flip_table(llava, 2, of_a_layer=1)
    assert repr(flip_table(llava, 2, of_a_layer=1, file=file)) == repr(whole)
    kept = file.read_bytes()
    assert repr(flip_table(llava, 2, of_a_layer=1, file=file)) == repr(whole) and file.read_bytes() == kept
    assert flip_table(llava, 1, of_a_layer=2, file=file).of_a_layer == 2, "another sample is measured anew"
    assert file.read_bytes().count(b"\n") == 4
