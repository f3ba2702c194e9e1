"""Accuracy before and after remedies: figures recomputed from the saved lines by themselves, and runs that go on."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binomtest

from core.cases.journal import read_journal
from core.cases.kept_remedies import COMMITTED, read_remedies, remedies_table
from core.cases.plain import plain, write_plain
from core.cases.remedied import KIND, run_remedies
from core.cases.remedy_figures import Line, figures_of, holm, read_line
from core.cases.scoring import is_right
from core.cases.street import street_cases
from core.errors import JournalError, NotApplicable, OtherRun, UnknownName
from core.remedies.image_attention import ImageAttentionSettings
from core.vlm.cancel import CancelToken
from core.vlm.loading import EMBEDDED, TWIN, load_model
from core.vlm.model import VisionLanguageModel

QUICK = ("open_choice", "image_attention")
DOORS = ("house door", "truck door")


@pytest.fixture(scope="module")
def street() -> VisionLanguageModel:
    return load_model(EMBEDDED)


def run(model: VisionLanguageModel, file: Path, number: int = 4, **more: Any) -> Any:
    cases = list(street_cases(number, DOORS))
    return run_remedies(model, cases, file, name="street", number=None, chosen=more.pop("chosen", QUICK), **more)


def test_figures_are_those_of_the_lines_counted_by_hand(street: VisionLanguageModel, tmp_path: Path) -> None:
    found = run(street, tmp_path / "lines.jsonl")
    lines = read_journal(tmp_path / "lines.jsonl", KIND)[1]
    cases = {case.id: case for case in street_cases(4, DOORS)}
    for line in lines:
        if line["remedy"] != "open_choice":
            assert line["right"] == is_right(cases[line["case"]], line["said"])
    own = {line["case"]: line["right"] for line in lines if line["remedy"] is None}
    assert (found.cases, found.asked, found.problems, len(found.families)) == (8, 8, 0, 3)
    for family in found.families:
        for row in family.ranking:
            of = [
                (own[line["case"]], line["right"])
                for line in lines
                if line["remedy"] == row.remedy and family.family in (line["family"], "all")
            ]
            mended, broken = of.count((False, True)), of.count((True, False))
            assert (row.cases, row.mended, row.broken) == (len(of), mended, broken)
            turned = mended + broken
            assert row.p_value == pytest.approx(binomtest(mended, turned, 0.5).pvalue if turned else 1.0)
            assert row.before.value == pytest.approx(sum(before for before, _ in of) / len(of))
            assert row.after.value == pytest.approx(sum(after for _, after in of) / len(of))
            assert row.gain.value == pytest.approx((mended - broken) / len(of))


def test_a_run_goes_on_and_takes_further_remedies(
    street: VisionLanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lines.jsonl"
    first = run(street, file, 2, chosen=("open_choice",))
    lines = file.read_text(encoding="utf-8")
    assert run(street, file, 2, chosen=("open_choice",)) == first and file.read_text(encoding="utf-8") == lines
    both = run(street, file, 2)
    assert {row.remedy for row in both.families[0].ranking} == set(QUICK)
    assert file.read_text(encoding="utf-8").startswith(lines)
    other = run(street, file, 2, chosen={"image_attention": ImageAttentionSettings(strength=4.0)})
    (row,) = other.families[0].ranking
    assert row.settings["strength"] == 4.0 and row.cases == 2
    with pytest.raises(OtherRun):
        run(load_model(TWIN), file, 2)
    with pytest.raises(UnknownName, match="open_choice"):
        run(street, file, 2, chosen=("prayer",))


def test_a_stopped_run_tells_of_what_is_finished(street: VisionLanguageModel, tmp_path: Path) -> None:
    cancel = CancelToken()
    found = run(street, tmp_path / "lines.jsonl", cancel=cancel, progress=lambda done: cancel.cancel())
    assert found.asked == 1 and len(read_journal(tmp_path / "lines.jsonl", KIND)[1]) == 3
    whole = run(street, tmp_path / "lines.jsonl")
    assert whole.asked == 8


def test_cases_without_an_answer_are_refused(street: VisionLanguageModel, tmp_path: Path) -> None:
    with pytest.raises(NotApplicable):
        run_remedies(street, [], tmp_path / "lines.jsonl", name="mine")


def line(case: str, remedy: str | None, right: bool, **more: Any) -> Line:
    return Line(case, more.pop("family", "doors"), "k", remedy, right=right, passes=2.0, seconds=1.0, **more)


def test_a_remedy_that_cannot_be_applied_leaves_the_answer_and_costs_nothing() -> None:
    lines = [line("a", None, True), line("b", None, False)]
    lines += [line("a", "open_choice", True), line("b", "open_choice", False, applied=False, note="No choice.")]
    figures = figures_of({"model": "m", "set": "mine", "about": {"model_name": "M"}}, lines, ["a", "b"])
    (row,) = figures.families[0].ranking
    assert (row.refused, row.mended, row.broken, row.passes) == (1, 0, 0, 2.0)
    assert row.verdict == "not beyond chance"


def test_verdicts_follow_the_rule() -> None:
    lines = [line(str(case), None, case % 2 == 0) for case in range(40)]
    lines += [line(str(case), "open_choice", True) for case in range(40)]
    lines += [line(str(case), "highlight", False) for case in range(40)]
    lines += [line(str(case), "crop", case % 2 == 0 or case == 1) for case in range(40)]
    ranking = figures_of({}, lines, [str(case) for case in range(40)]).families[0].ranking
    assert [(row.remedy, row.verdict.split()[0]) for row in ranking] == [
        ("open_choice", "helps"), ("crop", "not"), ("highlight", "harms")
    ]  # fmt: skip
    assert ranking[0].p_corrected == pytest.approx(3 * ranking[0].p_value)


def test_holms_correction_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03, 0.9]) == pytest.approx([0.04, 0.09, 0.09, 0.9])
    assert holm([]) == [] and holm([0.6, 0.7]) == [1.0, 1.0]


@pytest.mark.parametrize("odd", [{"case": "a"}, {"case": "a", "family": "f", "key": "k", "remedy": None}])
def test_odd_lines_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read_line(odd)


def test_a_summary_is_read_as_it_was_written(street: VisionLanguageModel, tmp_path: Path) -> None:
    found = run(street, tmp_path / "lines.jsonl", 2)
    write_plain({"command": "sightline remedies", **asdict(found)}, tmp_path / "kept.json")
    kept = read_remedies(tmp_path / "kept.json")
    assert kept.command == "sightline remedies" and plain(asdict(kept.found)) == plain(asdict(found))
    assert remedies_table(kept.found).count("Asked as an open choice") == 3
    (tmp_path / "other.json").write_text(json.dumps({"command": "x"}), encoding="utf-8")
    with pytest.raises(JournalError, match="holds no remedies"):
        read_remedies(tmp_path / "other.json")


def test_the_figures_that_come_along_follow_from_their_own_counts(street: VisionLanguageModel) -> None:
    """They are of the model that comes along, over 40 cases or more of each door, and their p follow from the turns."""
    kept = read_remedies(COMMITTED)
    assert kept.found.model_name == street.card.name and kept.command.startswith("sightline remedies --street")
    assert {"house door", "truck door"} <= {family.family for family in kept.found.families}
    for family in kept.found.families:
        assert family.cases >= 40 and len(family.ranking) >= 8
        for row in family.ranking:
            turned = row.mended + row.broken
            assert row.p_value == pytest.approx(binomtest(row.mended, turned, 0.5).pvalue if turned else 1, rel=1e-4)
            assert row.gain.value == pytest.approx((row.mended - row.broken) / row.cases, abs=1e-5)
        corrected = holm([row.p_value for row in family.ranking])
        assert [row.p_corrected for row in family.ranking] == pytest.approx(corrected, rel=1e-4)
