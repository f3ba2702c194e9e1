"""Heads over the cases of a folder: shares on the mask against a literal sum, the rule, going on, and what is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.answer import Decoding
from core.cases import grounding
from core.cases.grounding import find_heads
from core.cases.kept_heads import heads_file, keep_heads, kept_heads
from core.cases.key_word import key_target
from core.cases.score_case import LONGEST_ANSWER
from core.errors import NotApplicable
from core.mechanisms.ablation import without_heads
from core.perturb.outcomes import outcomes
from core.vlm.cancel import CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of
from tests.cases.masked import cases_of, saved


def test_heads_are_held_against_the_mask_and_taken_away(
    llava: TransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grounding, "TRIED", 2)
    cases, file = cases_of(saved(tmp_path / "mine", 2), llava), tmp_path / "h.jsonl"
    wrong = replace(cases[0], id="odd", expected=("plaid",))
    found = find_heads(llava, [*cases, wrong], file, name="plain")
    assert (found.scored, found.sample) == (2, 3), "the picture without evidence has nowhere to look"
    assert len(found.heads) == llava.card.layers * llava.card.heads
    first = found.heads[0]
    shares, changes = [], []
    for case in cases[:2]:
        answer = ask(llava, replace(case.asked(), decoding=Decoding(LONGEST_ANSWER)))
        target = key_target(answer)
        assert answer.attention is not None and case.mask is not None
        held = answer.attention.held
        assert held is not None
        row = np.mean([held.weights[first.layer, first.head, token].double().numpy() for token in target.tokens], 0)
        (view,) = answer.layout.views
        on_it = total = 0.0
        marked = case.mask.pixels(answer.question.images[0].size)
        for index, position in enumerate(view.positions):
            left, top, right, bottom = (round(edge) for edge in view.patch_box(index))
            on_it += row[position] * marked[top:bottom, left:right].mean()
            total += row[position]
        shares.append(on_it / total)
        (outcome,) = outcomes(llava, answer, token_targets_of(answer, target), [without_heads([first.named])])
        changes.append(outcome.change)
    assert first.pointing.value == pytest.approx(np.mean(shares), rel=1e-3)
    assert first.ablated.value == pytest.approx(np.mean(changes), abs=1e-4)
    assert [row.ablated.count for row in found.heads[:3]] == [2, 2, 0]
    assert found.area == pytest.approx(0.5, abs=0.01)
    written = file.read_text()
    assert find_heads(llava, [*cases, wrong], file, name="plain") == found and file.read_text() == written
    keep_heads(found, tmp_path, "sightline heads")
    kept = kept_heads(tmp_path, llava.card.fingerprint)
    assert kept is not None and (kept.grounding, kept.scored) == (found.grounding, 2)
    assert kept_heads(tmp_path, "another") is None
    heads_file(tmp_path, llava.card.fingerprint).write_text("[]")
    assert kept_heads(tmp_path, llava.card.fingerprint) is None


def test_a_stop_leaves_whole_cases(llava: TransformersModel, tmp_path: Path) -> None:
    cases, token = cases_of(saved(tmp_path / "mine", 2), llava), CancelToken()
    found = find_heads(
        llava, cases, tmp_path / "h.jsonl", name="plain", progress=lambda done: token.cancel(), cancel=token
    )
    assert found.scored == 1 and len((tmp_path / "h.jsonl").read_text().splitlines()) == 2


def test_without_a_mask_it_is_said_what_is_needed(tmp_path: Path, llava: TransformersModel) -> None:
    cases = [replace(case, mask=None) for case in cases_of(saved(tmp_path / "mine", 1), llava)]
    with pytest.raises(NotApplicable, match="Add a column mask"):
        find_heads(llava, cases, tmp_path / "h.jsonl", name="plain")


def line(case: int, pointing: list[list[float | None]], looks: list[list[float | None]]) -> dict[str, Any]:
    entropy = [[0.1] * len(pointing[0])] * len(pointing)
    return {"case": str(case), "pointing": pointing, "looks": looks, "entropy": entropy, "area": 0.2, "chosen": "0.1"}


def test_those_ground_that_look_at_the_picture_and_point_better_than_chance() -> None:
    """Head 0.0 points best and hardly looks, 1.0 looks and points no better than chance; layer 2 has no attention."""
    pointing: list[list[float | None]] = [[0.9, 0.6], [0.2, 0.5], [None, None]]
    looks: list[list[float | None]] = [[0.01, 0.8], [0.9, 0.7], [None, None]]
    lines = [line(case, pointing, looks) for case in range(4)]
    found = grounding._standing({"model": "m"}, json.loads(json.dumps(lines)), 4)
    assert [row.named for row in found.heads] == [(0, 0), (0, 1), (1, 1), (1, 0)]
    assert found.grounding == "0.1, 1.1" and found.chosen == ((0, 1), (1, 1))
    assert {row.named: row.chosen for row in found.heads}[(0, 1)] == 1.0
