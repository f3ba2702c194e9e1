"""Claims about the shipped model over two scenes, once stopped: read, taken up again, kept and read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cases.journal import read_journal
from core.cases.key_word import answer_to, key_target
from core.cases.plain import plain, write_plain
from core.cases.street import street_cases
from core.claims import true_ranking
from core.claims.figures import Measurement
from core.claims.registry import claims
from core.claims.report import COMMITTED, Results, read_results
from core.claims.run import KIND, examples_of, run_claims
from core.claims.true_ranking import COUNTS, DIRECT
from core.claims.visual_words import reciprocal_ranks
from core.errors import JournalError, OtherRun
from core.mechanisms.ablation import without_heads
from core.mechanisms.attribution import attribute
from core.mechanisms.contributions import contributions
from core.mechanisms.logprob_increase import top_heads
from core.perturb.outcomes import outcomes
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.model import VisionLanguageModel
from core.vlm.targets import token_targets_of
from core.workers.base import Here, Workers
from tests.claims.conftest import REFERENCES, SCENES, Measured


@pytest.fixture(scope="module", autouse=True)
def few_references() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(true_ranking, "REFERENCES", REFERENCES)
        yield


@pytest.fixture
def journal(measured: Measured) -> Path:
    return measured.journal


def measurements(journal: Path, key: str) -> list[Measurement]:
    _, lines = read_journal(journal, KIND)
    return [line["values"] for line in lines if line["claim"] == key and line["values"]]


def test_every_claim_has_figures_of_every_scene(measured: Measured) -> None:
    assert [report.key for report in measured.stopped.reports] == list(claims())
    for results, scenes in ((measured.stopped, 1), (measured.resumed, SCENES)):
        for report in results.reports:
            assert report.asked == scenes and report.used >= 1 and report.verdict == "undecided"
            assert report.figures and any(figure.control for figure in report.figures)
            sampled = [figure.estimate for figure in report.figures if "in common" not in figure.what]
            assert all(one.low <= one.value <= one.high for one in sampled if one.count > 1)
        assert results.seconds == sum(report.seconds for report in results.reports) > 0


def test_a_stopped_run_has_something_to_show_of_every_claim(measured: Measured) -> None:
    assert all(report.stopped and report.examples for report in measured.stopped.reports)


def test_what_is_measured_is_not_measured_again(
    embedded: VisionLanguageModel, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for claim in claims().values():
        monkeypatch.setattr(type(claim), "measure", lambda *_: pytest.fail("it is measured again"))
    resumed = measured.resumed.reports
    again = run_claims(embedded, measured.journal, SCENES, [report.key for report in resumed])
    assert [report.because for report in again.reports] == [report.because for report in resumed]
    fewer = run_claims(embedded, measured.journal, 1, ["shared_heads"])
    assert [report.asked for report in fewer.reports] == [1]


class Backwards(Workers):
    """Workers of whom the last is the first to be done."""

    def __init__(self, model: VisionLanguageModel) -> None:
        self.card, self._here = model.card, Here(model)

    def each(self, begin: Any, items: Any, cancel: CancelToken | None = None) -> Iterator[Any]:
        return iter(list(self._here.each(begin, items, cancel))[::-1])


def test_neither_a_stop_nor_the_order_of_scenes_changes_what_is_concluded(
    embedded: VisionLanguageModel, measured: Measured
) -> None:
    [whole] = run_claims(Backwards(embedded), None, SCENES, ["visual_words"]).reports
    resumed = measured.of("visual_words", scenes=2)
    assert whole.because == resumed.because
    pairs = zip(whole.figures, resumed.figures, strict=True)
    assert all(one.estimate.value == pytest.approx(other.estimate.value, nan_ok=True) for one, other in pairs)


def test_other_settings_are_measured_anew_in_the_same_journal(
    embedded: VisionLanguageModel, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(measurements(journal, "shared_heads"))
    monkeypatch.setattr(type(claims()["shared_heads"]), "settings", {"top": 3})
    run_claims(embedded, journal, 1, ["shared_heads"])
    assert len(measurements(journal, "shared_heads")) == before + 1


def test_another_models_journal_is_left_alone(llava: TransformersModel, journal: Path) -> None:
    with pytest.raises(OtherRun):
        run_claims(llava, journal, 1, ["shared_heads"])


def test_examples_of_scenes_from_a_journal_are_measured_once_more(embedded: VisionLanguageModel, journal: Path) -> None:
    [report] = run_claims(embedded, journal, 1, ["recoloured_shirt"]).reports
    assert report.examples == ()
    assert len(examples_of(claims()["recoloured_shirt"], embedded)) == 4


def test_stop_before_the_first_scene_gives_nothing(llava: TransformersModel) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        run_claims(llava, None, 1, ["shared_heads"], cancel=cancel)


@pytest.mark.parametrize("which", ["stopped", "resumed"])
def test_a_run_is_kept_and_read_back(which: str, measured: Measured, tmp_path: Path) -> None:
    results: Results = getattr(measured, which)
    file = tmp_path / "new" / "claims.json"
    write_plain(results.record(), file)
    back = read_results(file)
    assert (back.command, back.model) == (results.command, results.model)
    for one, other in zip(back.reports, results.reports, strict=True):
        assert one.because == other.because and one.verdict == other.verdict
        assert one.of(claims()[one.key]) and one.conditions == other.conditions
        values = [[figure.estimate.value for figure in report.figures] for report in (one, other)]
        assert values[0] == pytest.approx(values[1], rel=1e-5, nan_ok=True)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    with pytest.raises(JournalError, match="holds no claims"):
        read_results(tmp_path / "other.json")


def test_the_falls_are_those_of_heads_ablated_one_set_at_a_time(embedded: VisionLanguageModel, journal: Path) -> None:
    case = next(street_cases(1, ("object colour",)))
    answer = answer_to(embedded, case.question, case.asked().images[0], None)
    targets = token_targets_of(answer, key_target(answer))[:1]
    order = top_heads(attribute(embedded, contributions(embedded, answer, targets)).heads[0], max(COUNTS))
    wanted = [without_heads(order[:count]) for count in COUNTS]
    expected = [next(outcomes(embedded, answer, targets, [one])).change for one in wanted]
    assert measurements(journal, "true_ranking")[0]["zero"]["change"][DIRECT] == pytest.approx(expected, abs=1e-4)


def test_a_hallucinated_colour_has_its_ways_and_its_place(journal: Path) -> None:
    for values in measurements(journal, "absent_thing"):
        assert values["said"] and len(values["here"]) >= 1
        assert set(values["what is not there"]["windows"]) == {
            "image to last",
            "question to last",
            "image to question",
        }


def test_a_model_that_answers_wrong_has_no_verdict_and_one_without_a_past_says_so(llava: TransformersModel) -> None:
    past, maps = run_claims(llava, None, 1, ["patch_maps", "kept_heads"]).reports
    assert (maps.key, maps.verdict, maps.used, maps.asked) == ("patch_maps", "undecided", 0, 1)
    assert maps.because == "No answer was of use."
    assert past.asked == 0 and past.verdict == "undecided" and "Choose the embedded model" in past.because


def test_reciprocal_ranks_of_a_patch_that_shows_one_word() -> None:
    ranks = np.array([[[1, 4], [2, 5], [20, 1]]])  # one layer, three patches, two words
    covered = np.array([[0.9, 0.0], [0.0, 0.0], [0.0, 0.2]])
    by_layer = reciprocal_ranks(1 / ranks, covered)
    assert by_layer["here"] == [1.0] and by_layer["top10"] == [1.0]
    assert by_layer["elsewhere"] == pytest.approx([(1 / 2 + 1 / 20) / 2])
    assert by_layer["others"] == [1 / 4]
    assert reciprocal_ranks(1 / ranks, np.zeros((3, 2)))["here"] == [None]


def test_the_results_that_come_with_sightline_are_of_its_model_and_its_rules(embedded: VisionLanguageModel) -> None:
    kept = read_results(COMMITTED)
    assert kept.model == embedded.card.fingerprint and kept.command.startswith("sightline claims")
    for report in kept.reports:
        assert report.asked >= 200
        now, then = plain(claims()[report.key].definition()), dict(report.definition)
        assert then == now, "the command measures something else"
