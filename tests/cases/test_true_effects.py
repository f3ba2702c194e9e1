"""True effects: what is measured of a case, and what is told of the methods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from core.answer import Answer, Decoding, Explanation, Target
from core.cases.further.registry import further_of
from core.cases.journal import read_journal
from core.cases.street import recipe_of, street_cases
from core.cases.true_effects import measuring
from core.cases.true_effects import run as running
from core.cases.true_effects.figures import (
    EVEN,
    WAYS,
    TrueEffects,
    chance,
    found,
    linear,
    most_rank,
    rank,
    read_line,
    sign,
    true_effects_of,
)
from core.cases.true_effects.kept import read_true_effects
from core.cases.true_effects.measuring import mass_per_thing, measure, things_of, true_effects
from core.cases.true_effects.run import KIND, run_true_effects
from core.cases.true_effects.table import true_effects_table
from core.errors import JournalError, OtherRun, UnknownName
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.street.draw import draw
from core.street.scene import COLORS, sample
from core.vlm.cancel import CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.model import VisionLanguageModel
from tests.eager import sampled
from tests.evidence.helpers import drawn_map
from tests.installed import ROOT

EFFECTS = np.array([4.0, -2.0, 0.5, 0.003, -0.002])


def ranks(values: np.ndarray) -> list[float]:
    """Midranks by counting."""
    return [sum(other < one for other in values) + (sum(other == one for other in values) + 1) / 2 for one in values]


def correlated(one: list[float], other: list[float]) -> float:
    """Pearson's correlation, sum by sum."""
    a, b = sum(one) / len(one), sum(other) / len(other)
    top = sum((x - a) * (y - b) for x, y in zip(one, other, strict=True))
    return top / (sum((x - a) ** 2 for x in one) * sum((y - b) ** 2 for y in other)) ** 0.5


def test_figures_are_those_of_literal_loops() -> None:
    rng = np.random.default_rng(0)
    sizes = np.array([0.0 if abs(effect) < 0.01 else abs(effect) for effect in EFFECTS])
    for masses in rng.standard_normal((8, 5)):
        assert rank(masses, EFFECTS) == pytest.approx(correlated(ranks(np.abs(masses)), ranks(sizes)))
        assert linear(masses, EFFECTS) == pytest.approx(correlated(list(np.abs(masses)), list(sizes)))
        assert found(masses, EFFECTS) == float(max(range(5), key=lambda thing: abs(masses[thing])) == 0)
        agree = [masses[0] > 0, masses[1] < 0, masses[2] > 0]
        assert sign(masses, EFFECTS) == pytest.approx(sum(agree) / 3)


def test_masses_that_are_the_effects_have_every_figure_at_its_best() -> None:
    exact = np.where(np.abs(EFFECTS) < 0.01, 0.0, EFFECTS)
    assert (rank(exact, EFFECTS), linear(exact, EFFECTS)) == pytest.approx((1, 1))
    assert (found(exact, EFFECTS), sign(exact, EFFECTS), sign(-exact, EFFECTS)) == (1, 1, 0)
    # No two masses alike, in the right order: two things without an effect have no order to be found.
    assert rank(np.array([5.0, 4.0, 3.0, 2.0, 1.0]), EFFECTS) == pytest.approx(most_rank(EFFECTS))
    assert (
        rank(np.array([5.0, 4.0, 3.0, 1.0, 2.0]), EFFECTS) == pytest.approx(most_rank(EFFECTS))
        and most_rank(EFFECTS) < 1
    )
    assert rank(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), EFFECTS) == pytest.approx(-most_rank(EFFECTS))


def test_where_nothing_matters_or_too_little_is_known_there_is_no_figure() -> None:
    small, two = np.array([0.04, -0.03, 0.02]), np.array([3.0, 1.0])
    for of in (rank, linear, found, sign):
        assert np.isnan(of(np.ones(3), small))
    assert np.isnan(rank(two, two)) and found(two, two) == 1 and np.isnan(chance(small))
    known = np.array([3.0, np.nan, 1.0])
    assert np.isnan(rank(np.ones(3), known)) and found(np.array([1.0, 9.0, 0.5]), known) == 1 and chance(known) == 0.5


def test_equal_masses_find_the_most_important_thing_as_often_as_chance() -> None:
    assert found(np.ones(5), EFFECTS) == chance(EFFECTS) == 1 / 5 and np.isnan(rank(np.ones(5), EFFECTS))


def case_lines(method_masses: dict[str, Any], cases: int = 6) -> list[dict[str, Any]]:
    """Cases in which the first thing has the effect and the last covers most; each method's masses from its effects."""
    lines: list[dict[str, Any]] = []
    for number in range(cases):
        effects = [3.0 + number, -0.2, 0.1, 0.05 * number]
        about = {"case": f"case {number}", "family": "count"}
        told = {"things": ["cat"] * 4, "pixels": [50, 60, 70, 900], "effects": {way: effects for way in WAYS}}
        lines.append({**about, "method": None, **told})
        lines += [{**about, "method": key, "masses": [of(effects)]} for key, of in method_masses.items()]
    return lines


def told(records: list[dict[str, Any]]) -> TrueEffects:
    return true_effects_of("m", "street", [read_line(record) for record in records])


def test_methods_stand_in_the_order_of_their_rank_correlation_beside_controls() -> None:
    masses = {
        "centre_bias": lambda effects: [1.0, 2.0, 3.0, 4.0],
        "raw_attention": lambda effects: [abs(effect) for effect in effects],
        "input_gradient": lambda effects: [-effect for effect in effects],
    }
    stand = told(case_lines(masses))
    assert [row.method for row in stand.ranking[2:]] == ["centre_bias", EVEN] or stand.ranking[-1].control
    raw = next(row for row in stand.ranking if row.method == "raw_attention")
    gradient = next(row for row in stand.ranking if row.method == "input_gradient")
    even = next(row for row in stand.ranking if row.method == EVEN)
    assert raw.near["out"].rank.value == gradient.near["out"].rank.value == pytest.approx(1, abs=0.05)
    assert raw.near["out"].sign is None, "a score without a sign says nothing of it"
    assert gradient.near["out"].sign is not None and gradient.near["out"].sign.value == 0
    assert even.near["out"].found.value == 0 and raw.near["out"].found.value == 1
    difference = raw.near["out"].over[EVEN]["rank"]
    assert difference.value == pytest.approx(raw.near["out"].rank.value - even.near["out"].rank.value)
    assert stand.chance["out"].value == 0.25 and stand.used == 6 and stand.by_family == {"count": 6}
    header, _, *rows = true_effects_table(stand).split("\n\n")[0].splitlines()
    assert len(rows) == 4 and all(row.count("|") == header.count("|") for row in rows)


def test_a_case_that_was_answered_wrongly_or_not_explained_is_counted_and_not_averaged() -> None:
    masses = {"raw_attention": lambda effects: [abs(effect) for effect in effects]}
    wrong = {"case": "case x", "family": "count", "method": None, "problem": "the answer is wrong"}
    refused = {"case": "case 0", "family": "count", "method": "raw_attention", "problem": "it cannot"}
    stand = told([*case_lines(masses), wrong, refused])
    assert (stand.cases, stand.used) == (7, 6)
    assert [(row.cases, row.refused) for row in stand.ranking if row.method == "raw_attention"] == [(5, 1)]
    with pytest.raises(ValueError, match="effect of every thing"):
        read_line({**case_lines(masses)[0], "pixels": [1]})


def test_a_maps_mass_on_a_thing_is_summed_pixel_by_pixel(llava: TransformersModel) -> None:
    scene = sample(12)
    drawing, things = draw(scene), things_of(scene)
    answer = sampled(llava, "the dog?", drawing.image, tokens=1)
    explanation = drawn_map(answer, Target((0,)), 0)
    explanation = replace(explanation, scores=explanation.scores - 0.4)
    (view,) = answer.layout.views
    sums = np.zeros(len(scene.items))
    for index, position in enumerate(view.positions):
        left, top, right, bottom = (round(edge) for edge in view.patch_box(index))
        each = float(explanation.scores[position]) / ((right - left) * (bottom - top))
        for label in drawing.labels[top:bottom, left:right].ravel():
            if label:
                sums[drawing.parts[label - 1].item_index] += each
    assert mass_per_thing(explanation, answer, things) == pytest.approx(sums[list(things.indices)], abs=1e-6)


def test_effects_are_what_each_redrawn_picture_gives_alone(llava: TransformersModel) -> None:
    """The mean over an independent redraw of every scene, asked one by one."""
    case = next(islice(street_cases(1, ["house door"]), 1))
    scene = recipe_of(case).scene()
    answer: Answer = ask(llava, replace(case.asked(), decoding=Decoding(max_new_tokens=1)))
    things = things_of(scene)
    effects = true_effects(llava, answer, Target((0,)), things)

    def logprob(drawn: Any) -> float:
        other = ask(llava, replace(answer.question, images=(draw(drawn).image,)))
        return float(llava.replay_logits(other)[0].log_softmax(-1)[answer.token_ids[0]])

    before = logprob(scene)
    number, index = next((n, i) for n, i in enumerate(things.indices) if scene.items[i].kind == "house")
    gone = replace(scene, items=tuple(item for item in scene.items if item.kind != "house"))
    assert effects["out"][number] == pytest.approx(before - logprob(gone), abs=1e-5) != 0
    house, falls = scene.items[index], []
    for further in range(1, 8):
        colors = tuple((part, COLORS[(COLORS.index(color) + further) % 8]) for part, color in house.colors)
        items = tuple(replace(item, colors=colors) if item is house else item for item in scene.items)
        falls.append(before - logprob(replace(scene, items=items)))
    assert effects["repainted"][number] == pytest.approx(np.mean(falls), abs=1e-5)


def test_a_case_has_a_line_for_its_effects_and_for_each_method(
    llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "is_right", lambda case, said: True)
    monkeypatch.setattr(measuring, "key_tokens", lambda answer: (0,))
    monkeypatch.setattr(measuring, "LONGEST_ANSWER", 1)
    monkeypatch.setattr(measuring, "REDRAWS", {"out": measuring.REDRAWS["out"]})
    case = next(street_cases(1))
    about, raw, random = measure(llava, case, ["raw_attention", "random"], True, None)
    scene = recipe_of(case).scene()
    answer: Answer = ask(llava, replace(case.asked(), decoding=Decoding(max_new_tokens=1)))
    explanation: Explanation
    (explanation,) = explain(explainers()["raw_attention"], llava, answer, [Target((0,))])
    assert raw["masses"][0] == pytest.approx(mass_per_thing(explanation, answer, things_of(scene)), rel=1e-4)
    assert len(random["masses"]) == 16 and len({tuple(one) for one in random["masses"]}) == 16
    assert len(about["things"]) == len(about["effects"]["out"]) == len(raw["masses"][0])


# The journal, of a measurement that is made up.


def model(name: str) -> VisionLanguageModel:
    return cast(VisionLanguageModel, SimpleNamespace(card=SimpleNamespace(fingerprint=f"print {name}", name=name)))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...], bool]]:
    """What was measured: case, methods, and whether things were redrawn. The second case cannot be used."""
    calls: list[tuple[str, tuple[str, ...], bool]] = []

    def made_up(model: Any, case: Any, methods: Any, effects: bool, cancel: Any) -> Iterator[Any]:
        if cancel is not None:
            cancel.check()
        calls.append((case.id, tuple(methods), effects))
        if case.id == "case 1":
            yield {"case": case.id, "family": "count", "method": None, "problem": "wrong"}
            return
        about, *lines = case_lines({key: lambda effects: effects for key in methods}, 1)
        for line in [about, *lines] if effects else lines:
            yield {**line, "case": case.id}

    monkeypatch.setattr(running, "measure", made_up)
    monkeypatch.setattr(running, "FAMILIES", {"count": None})
    cases = [SimpleNamespace(id=f"case {number}") for number in range(9)]
    monkeypatch.setattr(running, "street_cases", lambda number: cases[:number])
    return calls


def test_a_measurement_goes_on_fills_in_methods_and_asks_nothing_twice(
    measured: list[tuple[str, tuple[str, ...], bool]], tmp_path: Path
) -> None:
    file, street = tmp_path / "true.jsonl", model("street")
    run_true_effects(street, file, 2, ["raw_attention"])
    stand = run_true_effects(street, file, 3, ["raw_attention", "input_gradient"])
    assert [(case, set(methods), effects) for case, methods, effects in measured] == [
        ("case 0", {"raw_attention"}, True),
        ("case 1", {"raw_attention"}, True),
        ("case 0", {"input_gradient"}, False),
        ("case 2", {"raw_attention", "input_gradient"}, True),
    ]
    assert (stand.cases, stand.used) == (3, 2) and {row.cases for row in stand.ranking} == {2}
    kept = read_journal(file, KIND)[1]
    assert run_true_effects(street, file, 3, ["raw_attention"]) == stand and read_journal(file, KIND)[1] == kept
    with pytest.raises(OtherRun):
        run_true_effects(model("twin"), file, 3)


def test_a_stopped_measurement_tells_what_it_has_and_an_unknown_method_is_refused(
    measured: list[tuple[str, tuple[str, ...], bool]], tmp_path: Path
) -> None:
    cancel = CancelToken()
    stand = run_true_effects(
        model("street"),
        tmp_path / "true.jsonl",
        9,
        ["raw_attention"],
        progress=lambda done: cancel.cancel() if done > 0.3 else None,
        cancel=cancel,
    )
    assert len(measured) == 3 and (stand.cases, stand.used) == (3, 2)
    with pytest.raises(UnknownName, match="raw_attention"):
        run_true_effects(model("street"), tmp_path / "x.jsonl", 1, ["guess"])
    assert not (tmp_path / "x.jsonl").exists()


def test_the_docs_quote_the_figures_that_come_along() -> None:
    docs = (ROOT / "docs" / "embedded-model.md").read_text(encoding="utf-8")
    kept = read_true_effects().found
    assert kept.cases >= 60 and f"{kept.used} of {kept.cases}" in docs
    assert f"by chance is {kept.chance['out'].value:.2f}" in docs
    assert f"rank correlation of {kept.most_rank['out'].value:.2f}" in " ".join(docs.split())
    for row in kept.ranking:
        rank, found = (
            f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"
            for one in (row.near["out"].rank, row.near["out"].found)
        )
        assert any(f"| {row.name} | {rank} |" in line and f"| {found} |" in line for line in docs.splitlines()), (
            row.name
        )


def test_the_league_has_them_as_further_columns_by_method() -> None:
    kept = read_true_effects().found
    (further,) = (one for one in further_of(kept.model) if one.name == "True effects")
    rank, linear, hits = further.columns
    for row in kept.ranking:
        near = row.near["out"]
        read = rank.figures[row.method], linear.figures[row.method], hits.figures[row.method]
        assert read == (near.rank, near.linear, near.found)
    assert not [one for one in further_of("another model") if one.name == "True effects"]


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        read_true_effects(tmp_path / "none.json")
    (tmp_path / "other.json").write_text('{"command": "x"}', encoding="utf-8")
    with pytest.raises(JournalError, match="holds no true effects"):
        read_true_effects(tmp_path / "other.json")
