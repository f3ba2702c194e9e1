"""Tests of the tests: which pictures say the same, what is measured of a map, and what the lines say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from scipy.stats import spearmanr

from core.answer import Decoding, Target, TokenKind
from core.cases.checks import measuring
from core.cases.checks import run as running
from core.cases.checks.agreement import agreement, retrained
from core.cases.checks.figures import Checks, checks, read_line
from core.cases.checks.kept import read_checks
from core.cases.checks.measuring import LEVELS, measure, measure_moved, moved_and_stayed, noisy, other_word
from core.cases.checks.pictures import FAINT, moved_things, noised, shifted
from core.cases.checks.run import KIND, run_checks
from core.cases.checks.table import agreement_table, methods_table, metrics_table, pairs_table, retrained_table
from core.cases.further.registry import further_of
from core.cases.journal import read_journal
from core.cases.pairs import alike, figures_of, pairs
from core.cases.street import street_cases
from core.errors import JournalError, OtherRun, UnknownName
from core.evidence.registry import map_metrics
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.cancel import CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel

ROOT = Path(__file__).resolve().parents[2]
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 42, 3), dtype=np.uint8))


def test_noise_is_faint_everywhere_and_the_same_each_time() -> None:
    difference = np.asarray(noised(PICTURE, 3)).astype(int) - np.asarray(PICTURE)
    assert np.abs(difference).max() == FAINT and (difference != 0).mean() > 0.7
    assert noised(PICTURE, 3).tobytes() == noised(PICTURE, 3).tobytes() != noised(PICTURE, 4).tobytes()


def test_a_moved_picture_shows_the_same_further_right() -> None:
    before, after = np.asarray(PICTURE), np.asarray(shifted(PICTURE, 14))
    assert after.shape == before.shape and (after[:, 14:] == before[:, :-14]).all()
    assert (after[:, :14] == before[:, :1]).all()


def test_a_moved_thing_is_seen_at_nine_places_that_nothing_else_shares() -> None:
    (thing,) = moved_things(1)
    centres = {tuple(np.argwhere(pixels).mean(0).round().astype(int) // 45) for pixels in thing.pixels}
    assert len(thing.images) == len(thing.pixels) == len(centres) == 9
    assert thing.question.endswith("?") and min(pixels.sum() for pixels in thing.pixels) > 100
    league = {case.about["scene"] for case in islice(street_cases(1), 7)}
    assert thing.id.removeprefix("moved ") not in league


def test_a_map_that_moved_with_the_picture_is_told_from_one_that_stayed() -> None:
    before = np.random.default_rng(0).random((4, 5))
    followed = np.concatenate([before[:, :1], before[:, :-1]], axis=1)
    assert moved_and_stayed(before, followed)[0] == pytest.approx(1)
    assert moved_and_stayed(before, before)[1] == pytest.approx(1) and moved_and_stayed(before, before)[0] < 0.5


def test_noise_is_measured_in_the_maps_own_spread() -> None:
    scores = np.random.default_rng(0).random(5000)
    changed = noisy(scores, 2.0, np.random.default_rng(1)) - scores
    assert changed.std() == pytest.approx(2 * scores.std(), rel=0.05)
    assert (noisy(scores, 0.0, np.random.default_rng(1)) == scores).all()


@pytest.fixture(scope="module")
def street() -> VisionLanguageModel:
    return load_model(EMBEDDED)


# One case, of a tiny random model whose answers count as right.


def test_maps_of_a_case_are_compared_as_literal_code_compares_them(
    llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "is_right", lambda case, text: True)
    monkeypatch.setattr(measuring, "LONGEST_ANSWER", 4)
    monkeypatch.setattr(
        measuring,
        "_same",
        lambda model, answer, picture, cancel: ask(model, replace(answer.question, images=(picture,))),
    )
    monkeypatch.setattr(measuring, "other_word", lambda answer, target: Target((0,)))
    monkeypatch.setattr(measuring, "key_tokens", lambda answer: (2,))
    (case,) = islice(street_cases(1, ["object colour"]), 1)
    (line,) = measure(llava, case, ["input_gradient"], [], None)

    answer = ask(llava, replace(case.asked(), decoding=Decoding(max_new_tokens=4)))
    view = answer.layout.views[0]

    def grid(of: Any, target: Target) -> Any:
        (one,) = explain(explainers()["input_gradient"], llava, of, [target])
        return one.scores[list(of.layout.positions(TokenKind.IMAGE))].double().numpy().reshape(view.rows, view.columns)

    def about(picture: Image.Image) -> Any:
        return ask(llava, replace(answer.question, images=(picture,)))

    own = grid(answer, Target((2,)))
    image = answer.question.images[0]
    faint = grid(about(noised(image, int(case.about["scene"]))), Target((2,)))
    moved = grid(about(shifted(image, image.width // view.columns)), Target((2,)))
    assert line["noise"] == pytest.approx(spearmanr(own.ravel(), faint.ravel()).statistic, abs=1e-6)
    assert line["moved"] == pytest.approx(spearmanr(own[:, :-1].ravel(), moved[:, 1:].ravel()).statistic, abs=1e-6)
    assert line["stayed"] == pytest.approx(spearmanr(own[:, 1:].ravel(), moved[:, 1:].ravel()).statistic, abs=1e-6)
    assert line["other"] == pytest.approx(
        spearmanr(own.ravel(), grid(answer, Target((0,))).ravel()).statistic, abs=1e-6
    )


def test_another_word_shares_no_token_with_the_target_and_is_no_full_stop(street: VisionLanguageModel) -> None:
    case = next(iter(street_cases(1, ["truck door"])))
    answer = ask(street, case.asked())
    other = other_word(answer, Target((0,)))
    assert other is not None and 0 not in other.tokens
    assert other_word(answer, Target(tuple(range(len(answer.tokens))))) is None


def test_the_peaks_of_a_moved_thing_are_held_against_it_at_every_place(street: VisionLanguageModel) -> None:
    (thing,) = moved_things(1)
    thing = replace(thing, images=thing.images[:3], pixels=thing.pixels[:3])
    (line,) = measure_moved(street, thing, ["relevancy"], None)
    assert len(line["peaks"]) == len(line["hits"]) == 3
    for peak, hit, pixels in zip(line["peaks"], line["hits"], thing.pixels, strict=True):
        row, column = divmod(peak, 12)
        assert hit == bool(pixels[14 * row + 7, 14 * column + 7])
    (wrong,) = measure_moved(
        street, replace(thing, answer="It is plaid.", images=thing.images[:1]), ["relevancy"], None
    )
    assert wrong["problem"] == "the answer is not the same at every place"


# The figures.


def line(case: str, method: str, **values: Any) -> dict[str, Any]:
    return {"case": case, "family": "count", "method": method, **values}


def told(records: list[dict[str, Any]]) -> Checks:
    return checks("print", "street", [read_line(record) for record in records])


def test_a_method_that_keeps_to_the_place_has_a_bias_and_one_that_follows_has_none() -> None:
    rows = told(
        [
            *(line(str(n), "rollout", noise=1.0, moved=0.1 * n, stayed=0.1 * n + 0.5, other=1.0) for n in range(4)),
            *(line(str(n), "relevancy", noise=0.9, moved=0.8, stayed=0.2, other=None) for n in range(4)),
            {
                "case": "m",
                "family": None,
                "method": "rollout",
                "peaks": [3, 3, 3, 5],
                "hits": [False, False, False, True],
            },
            {"case": "w", "family": "count", "method": None, "problem": "the answer is wrong"},
        ]
    )
    relevancy, rollout = sorted(rows.ranking, key=lambda row: row.method)
    assert (rows.asked, rows.used) == (5, 4)
    assert rollout.bias.value == pytest.approx(0.5) and rollout.bias.low > 0.49 and relevancy.bias.high < 0
    assert (rollout.corner, rollout.peaks, rollout.follows.value) == (0.75, 4, 0.25)
    assert np.isnan(relevancy.other.value) and relevancy.corner is None
    header, _, *body = methods_table(rows).splitlines()
    assert len(body) == 2 and all(row.count("|") == header.count("|") for row in body)


def test_a_metric_that_sees_every_step_of_noise_falls_by_one_whichever_way_it_counts() -> None:
    falling = [1 - 0.1 * level for level in range(len(LEVELS))]
    flat = [0.5] * len(LEVELS)
    levels = {"deletion": [1 - value for value in falling], "insertion": falling, "pointing": flat}
    found = {row.metric: row for row in told([line(str(n), "relevancy", levels=levels) for n in range(3)]).metrics}
    assert found["deletion"].falls.value == found["insertion"].falls.value == pytest.approx(-1)
    assert np.isnan(found["pointing"].falls.value) and found["pointing"].seen.value == 0
    assert found["deletion"].seen.words == "3 of 3" and found["insertion"].levels[0].value == 1
    assert metrics_table(told([line("0", "relevancy", levels=levels)])).count("\n") == 1 + len(levels)


def test_a_line_that_lacks_a_level_or_a_hit_is_refused() -> None:
    with pytest.raises(ValueError, match="each level"):
        read_line(line("0", "relevancy", levels={"deletion": [1.0]}))
    with pytest.raises(ValueError, match="hit"):
        read_line(line("0", "relevancy", peaks=[1, 2], hits=[True]))


# What a league's lines say.


def league(figures: dict[str, dict[str, list[float]]]) -> list[dict[str, Any]]:
    """Lines of a league: by method and metric, the figure of each case."""
    return [
        {
            "case": str(case),
            "method": method,
            "figures": {
                key: {"value": values[case], "black": values[case], "blur": -values[case]} for key, values in of.items()
            },
        }
        for method, of in figures.items()
        for case in range(len(next(iter(of.values()))))
    ]


METHODS = ["relevancy", "rollout", "grad_cam", "raw_attention", "input_gradient"]


def test_metrics_that_order_methods_alike_agree_whichever_way_they_count() -> None:
    lines = league(
        {
            key: {"deletion": [0.1 * n] * 3, "insertion": [-0.2 * n] * 3, "energy": [0.3 * n] * 3}
            for n, key in enumerate(METHODS)
        }
    )
    found = agreement([*lines, {"case": "0", "method": "random", "figures": {"deletion": {"value": 9.0}}}])
    keys = list(found.metrics)
    cell = {(one, other): found.matrix[i][j].value for i, one in enumerate(keys) for j, other in enumerate(keys)}
    assert cell["deletion", "insertion"] == pytest.approx(1) and cell["deletion", "energy"] == pytest.approx(-1)
    assert np.isnan(cell["deletion", "pointing"]) and found.fills["deletion"].value == pytest.approx(-1)
    assert (found.cases, found.methods) == (3, 5) and agreement_table(found).count("\n") == 1 + len(map_metrics())


def test_two_leagues_are_compared_over_what_both_have() -> None:
    first = league({key: {"deletion": [0.1 * n, 0.2 * n]} for n, key in enumerate(METHODS)})
    second = league({key: {"deletion": [-0.1 * n]} for n, key in enumerate(METHODS[:-1])})
    both = retrained(first, second)
    assert (both.cases, both.methods) == (1, 4) and both.order["deletion"].value == pytest.approx(-1)
    assert (both.first["deletion"], both.second["deletion"]) == ("relevancy", "raw_attention")
    assert "Deletion" in retrained_table(both) and not retrained(first, []).order


def test_only_methods_that_differ_case_by_case_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(30)
    figures = {
        "relevancy": {"deletion": list(hard - 0.05 + 0.01 * rng.random(30))},
        "rollout": {"deletion": list(hard)},
        "grad_cam": {"deletion": list(hard + 0.3 * rng.standard_normal(30))},
    }
    known = figures_of(league(figures), ["deletion"])
    found = {frozenset((pair.better, pair.worse)): pair for pair in pairs(known, ["deletion"])}
    sure = found[frozenset(("relevancy", "rollout"))]
    assert sure.better == "relevancy" and sure.told and sure.difference.value == pytest.approx(0.045, abs=0.01)
    assert not found[frozenset(("rollout", "grad_cam"))].told
    assert all(pair.corrected >= pair.p for pair in found.values())
    assert (
        "grad_cam" in alike(known, ["deletion"])["rollout"] and "rollout" not in alike(known, ["deletion"])["relevancy"]
    )
    assert "2 of 3" in pairs_table(list(found.values())) or "1 of 3" in pairs_table(list(found.values()))


def test_equal_methods_and_too_few_cases_are_told_apart_by_nothing() -> None:
    same = {str(case): {"deletion": 0.1 * case} for case in range(8)}
    (pair,) = pairs({"relevancy": same, "rollout": dict(same)}, ["deletion"])
    assert (pair.p, pair.told, pair.difference.value) == (1.0, False, 0.0)
    few = {case: same[case] for case in "01234"}
    assert pairs({"relevancy": few, "rollout": few}, ["deletion"]) == ()
    assert alike({"relevancy": few, "rollout": few}, ["deletion"]) == {
        "relevancy": ("rollout",),
        "rollout": ("relevancy",),
    }


# The journal, of a measurement that is made up.


def made(name: str) -> VisionLanguageModel:
    return cast(VisionLanguageModel, SimpleNamespace(card=SimpleNamespace(fingerprint=f"print {name}", name=name)))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """What was measured: case and methods. The second case of the first family is answered wrongly."""
    calls: list[tuple[str, tuple[str, ...]]] = []

    def made_up(model: Any, case: Any, methods: Any, *rest: Any) -> Iterator[dict[str, Any]]:
        if rest[-1] is not None:
            rest[-1].check()
        calls.append((case.id, tuple(methods)))
        if case.id == "wrong":
            return iter([{"case": case.id, "family": "count", "method": None, "problem": "the answer is wrong"}])
        return iter([line(case.id, method, noise=1.0) for method in methods])

    monkeypatch.setattr(running, "measure", made_up)
    monkeypatch.setattr(running, "measure_moved", made_up)
    monkeypatch.setattr(
        running, "street_cases", lambda n: [SimpleNamespace(id=name) for name in ("a", "wrong", "b")[:n]]
    )
    monkeypatch.setattr(running, "moved_things", lambda n: [SimpleNamespace(id=f"moved {k}") for k in range(n)])
    return calls


def test_checks_go_on_fill_in_methods_and_ask_nothing_twice(
    measured: list[tuple[str, tuple[str, ...]]], tmp_path: Path
) -> None:
    file = tmp_path / "checks.jsonl"
    run_checks(made("street"), file, 2, 1, ["relevancy"])
    found = run_checks(made("street"), file, 3, 1, ["relevancy", "rollout"])
    assert [(case, set(methods)) for case, methods in measured] == [
        ("moved 0", {"relevancy"}),
        ("a", {"relevancy"}),
        ("wrong", {"relevancy"}),
        ("moved 0", {"rollout"}),
        ("a", {"rollout"}),
        ("b", {"relevancy", "rollout"}),
    ]
    kept = read_journal(file, KIND)[1]
    assert (
        run_checks(made("street"), file, 3, 1, ["relevancy", "rollout"])
        == found
        == run_checks(made("street"), file, 1, 1, ["rollout"])
    )
    assert read_journal(file, KIND)[1] == kept
    with pytest.raises(OtherRun):
        run_checks(made("twin"), file, 1, 1, ["relevancy"])


def test_stopped_checks_tell_what_they_have(measured: list[tuple[str, tuple[str, ...]]], tmp_path: Path) -> None:
    cancel = CancelToken()
    stop = lambda done: cancel.cancel()  # noqa: E731
    found = run_checks(made("street"), tmp_path / "c.jsonl", 3, 2, ["relevancy"], stop, cancel)
    assert len(measured) == 1 and found.asked == 1


def test_a_method_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="relevancy"):
        run_checks(made("street"), tmp_path / "c.jsonl", 1, 1, ["guess"])
    assert not (tmp_path / "c.jsonl").exists()


# What comes along.


def test_the_documentation_quotes_the_checks_that_come_along() -> None:
    docs = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    kept = read_checks().found
    assert f"{kept.used} of {kept.asked} cases used" in docs
    for row in kept.ranking:
        follows, other = (f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})" for one in (row.follows, row.other))
        moved = f"{row.moved.value:.2f} / {row.stayed.value:.2f}"
        line = next(line for line in docs.splitlines() if line.startswith(f"| {row.name} | {follows} |"))
        assert f"| {moved} | {other} |" in line
    for metric in kept.metrics:
        levels = " | ".join(f"{level.value:.3f}" for level in metric.levels)
        assert f"| {metric.name} | {levels} |" in docs


def test_the_league_has_them_as_further_columns() -> None:
    kept = read_checks().found
    (further,) = (one for one in further_of(kept.model) if one.name == "Checks")
    follows, bias, other = further.columns
    for row in kept.ranking:
        read = follows.figures[row.method], bias.figures[row.method], other.figures[row.method]
        assert read == (row.follows, row.bias, row.other)


def test_a_file_that_holds_no_checks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        read_checks(tmp_path / "none.json")
    (tmp_path / "other.json").write_text('{"command": "x"}', encoding="utf-8")
    with pytest.raises(JournalError, match="holds no checks"):
        read_checks(tmp_path / "other.json")
