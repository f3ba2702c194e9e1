"""The league on a folder: with masks and without, resumed, sampled, and kept for its model."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.cases import folder_league
from core.cases import ranking as rules
from core.cases import score_case as contests
from core.cases.case import Case
from core.cases.decisions import decide, decisions_file
from core.cases.folder_league import run_folder_league, sampled, wrong_answers
from core.cases.folder_standing import PASSES, FolderLeague, standing
from core.cases.kept_leagues import journal_of, keep, kept_leagues
from core.cases.mask import Mask
from core.cases.score_case import CENTRE, RANDOM
from core.cases.street import street_cases
from core.errors import NotApplicable, NotEnoughMemory, OtherRun
from core.evidence.settings import EvidenceSettings
from core.explainers.base import Explainer, Step
from core.explainers.registry import explainers
from core.masking import patch_coverage
from core.vlm.cancel import CancelToken
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel
from tests.cases.masked import cases_of, saved

METHODS = ("raw_attention", "suffix_relevancy")


@pytest.fixture(scope="module")
def street() -> VisionLanguageModel:
    return load_model(EMBEDDED)


@pytest.fixture(autouse=True)
def unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the known cause says is a matter of its own."""
    monkeypatch.setattr(rules, "passed", lambda method: None)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = EvidenceSettings(fill="black", steps=2, draws=1, deciding=0)
    monkeypatch.setattr(contests, "SETTINGS", settings)
    monkeypatch.setattr(folder_league, "SETTINGS", settings)


def run(model: VisionLanguageModel, cases: Sequence[Case], file: Path, **options: Any) -> FolderLeague:
    return run_folder_league(model, cases, file, name="plain", **{"explainers": METHODS, **options})


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()[1:]]


def test_masks_pictures_without_evidence_and_wrong_answers_are_told_apart(
    llava: VisionLanguageModel, tmp_path: Path
) -> None:
    cases = cases_of(saved(tmp_path / "mine"), llava)
    league = run(llava, [*cases, replace(cases[0], id="odd", expected=("plaid",))], tmp_path / "l.jsonl")
    assert (league.cases, league.scored, league.wrong, league.masked, league.nowhere) == (4, 3, 1, 2, 1)
    row = next(row for row in league.league.ranking if row.method == "raw_attention")
    assert (row.figures["deletion"].count, row.figures["pointing"].count) == (3, 2)
    assert 0 < league.evenness["raw_attention"].value <= 1 and league.evenness["raw_attention"].count == 1
    assert league.league.recommended in METHODS and league.passes["raw_attention"] < PASSES
    assert "2 with a mask and 1 of pictures without evidence" in league.told and "may well be chance" in league.told
    # A file of the league as it is read everywhere, and kept for this model alone.
    file = journal_of(tmp_path, llava.card.fingerprint, "plain", str(tmp_path / "mine"), 0)
    keep(league, file, "sightline league --folder mine")
    [kept] = kept_leagues(tmp_path, llava.card.fingerprint)
    assert kept.of.record(kept.command) == league.record("sightline league --folder mine")
    assert kept_leagues(tmp_path, "another") == []


def test_without_masks_the_rule_leaves_the_place_out_and_says_so(llava: VisionLanguageModel, tmp_path: Path) -> None:
    league = run(llava, cases_of(saved(tmp_path / "mine", 1, masks=False), llava), tmp_path / "l.jsonl")
    assert "nothing is said of the right place" in league.rule and "pointing game among" not in league.rule
    best = league.league.ranking[0]
    assert best.mean_rank == np.mean([best.ranks["deletion"], best.ranks["insertion"]])
    assert math.isnan(best.figures["pointing"].value) and league.masked == 0


class Told(Explainer):
    """Says what it is told.

    For tests."""

    caveat = "none"
    scores_of: Any = None

    def scores(self, model: Any, answer: Any, token_targets: Any, settings: Any) -> Iterator[Step]:
        covered = patch_coverage(TRUTH[answer.question.images[0].tobytes()], answer.layout)
        scores = torch.zeros(len(token_targets), len(answer.layout))
        for position, share in covered.items():
            scores[:, position] = share if self.key == "truth" else 1 - share
        yield Step(1.0, scores)


TRUTH: dict[bytes, Any] = {}


def test_the_truth_its_inverse_noise_and_the_middle_come_out_as_expected_in_every_metric(
    street: VisionLanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = []
    for case in street_cases(2, ["object colour"]):
        (image,) = case.images
        assert isinstance(image, Image.Image) and case.truth is not None
        Image.fromarray(case.truth.astype(np.uint8) * 255).save(tmp_path / f"{case.id}.png")
        cases.append(replace(case, truth=None, mask=Mask(tmp_path / f"{case.id}.png")))
        TRUTH[image.tobytes()] = case.truth
    told = {
        key: type(key.title(), (Told,), {"key": key, "name": key, "__doc__": "Told."})() for key in ("truth", "inverse")
    }
    every = {**explainers(), **told}
    for module in (contests, folder_league):
        monkeypatch.setattr(module, "explainers" if module is contests else "all_explainers", lambda: every)
    league = run(street, cases, tmp_path / "l.jsonl", explainers=["truth", "inverse"])
    rows = {row.method: {key: figure.value for key, figure in row.figures.items()} for row in league.league.ranking}
    assert league.league.recommended == "truth" and league.league.ranking[0].mean_rank == 1.0
    assert (rows["truth"]["pointing"], rows["inverse"]["pointing"]) == (1.0, 0.0)
    area = np.mean([truth.mean() for truth in TRUTH.values()])
    # Weighted by its own shares the truth holds more than its area, its inverse less, and noise about as much.
    assert rows["truth"]["energy"] > 0.5 > 3 * area > rows[RANDOM]["energy"] > rows["inverse"]["energy"]
    assert rows["truth"]["soft_iou"] > 0.7 > rows[CENTRE]["soft_iou"] > rows["inverse"]["soft_iou"]
    for metric, lower in (
        ("deletion", True),
        ("sufficiency", True),
        ("insertion", False),
        ("comprehensiveness", False),
    ):
        best, worst = rows["truth"][metric], rows["inverse"][metric]
        assert best < worst if lower else best > worst, metric
        assert min(best, worst) <= rows[RANDOM][metric] <= max(best, worst), metric
        assert rows["truth"][metric] < rows[CENTRE][metric] if lower else rows["truth"][metric] > rows[CENTRE][metric]


def test_a_run_goes_on_where_it_was_and_further_cases_join_the_first(
    llava: VisionLanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases, file = cases_of(saved(tmp_path / "mine"), llava), tmp_path / "l.jsonl"
    token = CancelToken()
    run(llava, cases, file, progress=lambda done: token.cancel(), cancel=token)
    first = lines(file)
    assert len({line["case"] for line in first}) == 1
    run(llava, cases, file, number=2)
    assert lines(file)[: len(first)] == first and len({line["case"] for line in lines(file)}) == 2
    asked: list[str] = []
    monkeypatch.setattr(folder_league, "score_case", lambda model, case, *more: asked.append(case.id) or [])
    run(llava, cases, file, number=2)
    assert asked == []
    moved = replace(cases[0], mask=Mask(shapes=((0.0, 0.0, 8.0, 8.0),)))
    run(llava, [moved, *cases[1:]], file)
    assert cases[0].id in asked, "its mask is another now"
    with pytest.raises(OtherRun):
        run(llava, cases, file, seed=1)


def test_the_sample_depends_on_the_seed_alone_and_needs_pictures_and_answers(tmp_path: Path) -> None:
    cases = [Case(str(number), "What?", ("dog",), "contains", (tmp_path / "a.png",)) for number in range(50)]
    assert sampled(cases, 10, 3) == sampled(cases, 50, 3)[:10] != sampled(cases, 10, 4)
    with pytest.raises(NotApplicable, match="No case has a picture"):
        sampled([replace(cases[0], images=()), replace(cases[1], expected=()), replace(cases[2], problem="gone")], 5, 0)


def test_a_case_that_cannot_be_scored_is_told_and_tried_again(llava: VisionLanguageModel, tmp_path: Path) -> None:
    cases, file = cases_of(saved(tmp_path / "mine", 1), llava), tmp_path / "l.jsonl"
    mask = tmp_path / "mask.png"
    Image.new("L", (8, 8), 255).save(mask)
    league = run(llava, [replace(cases[0], mask=Mask(mask)), cases[1]], file)
    assert (league.problems, league.scored) == (1, 1) and "8 x 8 pixels" in league.why
    Image.new("L", (48, 48), 255).save(mask)
    league = run(llava, [replace(cases[0], mask=Mask(mask)), cases[1]], file)
    assert (league.problems, league.scored, league.why) == (0, 2, "")


def test_where_no_case_fits_into_memory_the_run_ends_with_a_sentence(
    llava: VisionLanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_: Any) -> Any:
        raise NotEnoughMemory("Testing a map needs 90 GB. Use a smaller picture.")

    monkeypatch.setattr(folder_league, "score_case", short)
    with pytest.raises(NotEnoughMemory, match=r"No case fits into memory: Testing a map needs 90 GB"):
        run(llava, cases_of(saved(tmp_path / "mine", 4), llava), tmp_path / "l.jsonl")
    assert len(lines(tmp_path / "l.jsonl")) == folder_league.ENDED


def test_an_answer_that_somebody_decided_about_is_scored(llava: VisionLanguageModel, tmp_path: Path) -> None:
    case = replace(cases_of(saved(tmp_path / "mine", 1), llava)[0], expected=("plaid",))
    league = run(llava, [case], tmp_path / "l.jsonl")
    assert (league.scored, league.wrong) == (0, 1)
    said = lines(tmp_path / "l.jsonl")[0]["said"]
    (listed,) = wrong_answers(tmp_path / "l.jsonl").results
    assert (listed.key, listed.said, listed.expected, listed.decided) == (case.fingerprint(), said, ("plaid",), False)
    decide(decisions_file(tmp_path / "l.jsonl"), case.id, case.fingerprint(), said, True)
    league = run(llava, [case], tmp_path / "l.jsonl")
    assert (league.scored, league.wrong) == (1, 0)
    assert wrong_answers(tmp_path / "l.jsonl").results[0].decided


def line(case: int, method: str | None, deletion: float = 0.5, **more: Any) -> dict[str, Any]:
    figures = {"deletion": {"value": deletion}, "insertion": {"value": 1 - deletion}}
    about = {"case": str(case), "family": "plain", "method": method, "key": "k", "place": "unknown", "pass": [0.1, 0.2]}
    return {**about, "said": "", "figures": figures, "processor": 0.1, "seconds": 0.1, **more}


def test_what_follows_a_click_is_told_in_passes_of_the_model() -> None:
    records = [line(case, "rollout", 0.4) for case in range(3)]
    records += [line(case, "relevancy", 0.1, processor=0.1 * PASSES, seconds=0.2) for case in range(3)]
    header = {"model": "m", "about": {"device": "cpu"}}
    league = standing(header, records, (), 3)
    assert league.passes == {"rollout": 1.0, "relevancy": PASSES}
    assert league.quick == pytest.approx(0.1 * PASSES)
    assert (league.league.recommended, league.league.leader) == ("rollout", "relevancy")
    assert standing({"model": "m", "about": {"device": "cuda:0"}}, records, (), 3).league.recommended == "relevancy"


def test_another_models_league_recommends_what_its_own_figures_say(tmp_path: Path) -> None:
    for model, best in (("one", "rollout"), ("two", "relevancy")):
        records = [line(0, method, 0.1 if method == best else 0.6) for method in ("rollout", "relevancy")]
        league = standing({"model": model, "set": "plain", "about": {"model_name": model}}, records, (), 1)
        keep(league, journal_of(tmp_path, model, "plain", "/mine", 0), "sightline league")
    assert [kept_leagues(tmp_path, model)[0].of.league.recommended for model in ("one", "two")] == [
        "rollout",
        "relevancy",
    ]
    journal_of(tmp_path, "one", "plain", "/mine", 0).with_suffix(".json").write_text("{")
    assert kept_leagues(tmp_path, "one") == []


def test_what_workers_get_can_be_sent_to_them(tmp_path: Path) -> None:
    mask = Mask(tmp_path / "m.png", ((0.0, 0.0, 1.0, 1.0),))
    case = Case("1", "What?", ("dog",), "contains", (tmp_path / "a.png",), mask=mask)
    task = folder_league._Task(case, METHODS, "key", "plain", {"a dog": True})
    sent, begin = pickle.loads(pickle.dumps((task, folder_league._scoring)))
    assert (str(sent), sent.case.mask, sent.decided) == ("1", mask, {"a dog": True}) and begin is folder_league._scoring


def test_a_kept_league_is_judged_by_the_known_cause_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    league = standing({"model": "m", "about": {"device": "cpu"}}, [line(0, "rollout")], (), 3)
    assert league.league.recommended == "rollout"
    keep(league, journal_of(tmp_path, "m", "plain", "f", 0), "x")
    monkeypatch.setattr(rules, "passed", {"rollout": False}.get)
    assert kept_leagues(tmp_path, "m")[0].of.league.recommended is None
