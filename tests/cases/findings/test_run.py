"""Findings of the shipped model over two scenes: read, stopped, taken up again, kept and read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from core.cases.findings import true_ranking
from core.cases.findings.finding import Reading
from core.cases.findings.registry import findings
from core.cases.findings.report import COMMITTED, Findings, read_findings
from core.cases.findings.run import KIND, run_findings
from core.cases.findings.true_ranking import COUNTS, DIRECT
from core.cases.findings.visual_words import reciprocal_ranks
from core.cases.journal import read_journal
from core.cases.plain import write_plain
from core.cases.street import street_cases
from core.cases.studies import readings as studied
from core.errors import JournalError
from core.mechanisms.ablation import ablate
from core.mechanisms.attribution import attribute
from core.mechanisms.contributions import contributions
from core.mechanisms.logprob_increase import top_heads
from core.vlm.cancel import CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel
from core.vlm.targets import token_targets_of

SCENES = 2


@pytest.fixture(scope="module")
def embedded() -> VisionLanguageModel:
    return load_model(EMBEDDED)


@pytest.fixture(scope="module", autouse=True)
def few_references() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(true_ranking, "REFERENCES", 2)
        yield


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("findings") / "journal.jsonl"


@pytest.fixture(scope="module")
def found(embedded: VisionLanguageModel, journal: Path) -> Findings:
    """A run that was stopped after the first scene, and taken up again."""
    stop = CancelToken()
    done: list[float] = []
    stopped = run_findings(
        embedded, journal, SCENES, cancel=stop, progress=lambda share: (done.append(share), stop.cancel())
    )
    assert [report.asked for report in stopped.findings] == [1] * 6 and done == [0.5]
    return run_findings(embedded, journal, SCENES, command="a command")


def readings(journal: Path, key: str) -> list[Reading]:
    _, lines = read_journal(journal, KIND)
    return [line["reading"] for line in lines if line["finding"] == key and line["reading"]]


def test_every_finding_has_figures_of_every_scene(found: Findings) -> None:
    assert [report.key for report in found.findings] == list(findings())
    for report in found.findings:
        assert report.asked == SCENES and report.used >= 1 and report.reproduces is None
        assert report.figures and any(figure.control for figure in report.figures)
        means = [
            figure.estimate for figure in report.figures if figure.estimate.count > 1 and "in common" not in figure.what
        ]
        assert all(figure.low <= figure.value <= figure.high for figure in means)
    assert found.seconds == sum(report.seconds for report in found.findings) > 0


def test_what_is_read_is_not_read_again(
    embedded: VisionLanguageModel, journal: Path, found: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for finding in findings().values():
        monkeypatch.setattr(type(finding), "reader", lambda *_: pytest.fail("a reader was made"))
    again = run_findings(embedded, journal, SCENES, command="a command")
    assert [report.because for report in again.findings] == [report.because for report in found.findings]
    fewer = run_findings(embedded, journal, 1, ["patch_maps"])
    assert [report.asked for report in fewer.findings] == [1]


def test_a_run_is_kept_and_read_back(found: Findings, tmp_path: Path) -> None:
    file = tmp_path / "new" / "findings.json"
    write_plain(asdict(found), file)
    back = read_findings(file)
    assert (back.command, back.model, back.scenes) == (found.command, found.model, SCENES)
    for one, other in zip(back.findings, found.findings, strict=True):
        assert one.because == other.because and len(one.figures) == len(other.figures)
        values = [[figure.estimate.value for figure in report.figures] for report in (one, other)]
        assert values[0] == pytest.approx(values[1], rel=1e-5, nan_ok=True)
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    with pytest.raises(JournalError, match="holds no findings"):
        read_findings(tmp_path / "other.json")


def test_the_falls_are_those_of_heads_ablated_one_set_at_a_time(
    embedded: VisionLanguageModel, journal: Path, found: Findings
) -> None:
    case = next(street_cases(1, ("object colour",)))
    answer = studied.answer_to(embedded, case.question, case.asked().images[0], None)
    units = token_targets_of(answer, studied.key_target(answer))[:1]
    order = top_heads(attribute(embedded, contributions(embedded, answer, units)).heads[0], max(COUNTS))
    expected = [ablate(embedded, answer, order[:count]).change[units[0].index] for count in COUNTS]
    assert readings(journal, "true_ranking")[0]["zero"]["change"][DIRECT] == pytest.approx(expected, abs=1e-4)


def test_a_hallucinated_colour_has_its_ways_and_its_place(journal: Path, found: Findings) -> None:
    for reading in readings(journal, "absent_thing"):
        assert reading["said"] and len(reading["here"]) >= 1
        assert set(reading["what is not there"]["windows"]) == {
            "image to last",
            "question to last",
            "image to question",
        }


def test_a_model_that_answers_wrong_has_no_verdict_and_one_without_a_past_says_so(
    llava: TransformersModel, tmp_path: Path
) -> None:
    report, past = run_findings(llava, tmp_path / "j.jsonl", 1, ["patch_maps", "kept_heads"]).findings[::-1]
    assert (report.key, report.reproduces, report.used, report.asked) == ("patch_maps", None, 0, 1)
    assert report.because == "No answer was of use."
    assert past.asked == 0 and past.reproduces is None and "Choose the embedded model" in past.because


def test_a_finding_that_there_is_not_is_named(llava: TransformersModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no finding 'none'"):
        run_findings(llava, tmp_path / "j.jsonl", 1, ["none"])


def test_reciprocal_ranks_of_a_patch_that_shows_one_word() -> None:
    ranks = np.array([[[1, 4], [2, 5], [20, 1]]])  # one layer, three patches, two words
    covered = np.array([[0.9, 0.0], [0.0, 0.0], [0.0, 0.2]])
    found = reciprocal_ranks(1 / ranks, covered)
    assert found["here"] == [1.0] and found["top10"] == [1.0]
    assert found["elsewhere"] == pytest.approx([(1 / 2 + 1 / 20) / 2])
    assert found["others"] == [1 / 4]
    assert reciprocal_ranks(1 / ranks, np.zeros((3, 2)))["here"] == [None]


def test_the_findings_that_come_with_sightline_are_of_its_model_and_its_rules(embedded: VisionLanguageModel) -> None:
    kept = read_findings(COMMITTED)
    assert kept.model == embedded.card.fingerprint and kept.scenes >= 200
    for report, finding in zip(kept.findings, findings().values(), strict=True):
        assert report.asked == kept.scenes and report.reproduces is not None
        assert (report.key, report.rule, report.measured) == (finding.key, finding.rule, finding.measured)
        assert report.settings == json.loads(json.dumps(dict(finding.settings))), "the command measures something else"
    assert kept.command.startswith("python -m core")
