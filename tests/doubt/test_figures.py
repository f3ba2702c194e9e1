"""What a journal of doubt says, recomputed from its lines by other means."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from core.cases.plain import write_plain
from core.doubt.calibration import FLAGGED, QUICK, calibrate, calibrations
from core.doubt.combination import fit, parts
from core.doubt.content import content_words
from core.doubt.figures import COMBINED, groups
from core.doubt.kept import COMMITTED, doubt, read_doubt, record_of
from core.doubt.kept_files import doubt_journal, keep_doubt, kept_doubt
from core.doubt.marks import Mark, marks_of, missing
from core.doubt.measure import Measured
from core.doubt.measuring import Line, read_line
from core.doubt.registry import signals
from core.doubt.table import doubt_table
from core.doubt.units import units
from core.errors import JournalError, NotApplicable
from core.vlm.hf.network import TransformersModel
from tests.doubt.made import lines, record
from tests.doubt.test_measuring import answer_of


def recomputed(of: Sequence[Line], label: str, signal: str) -> float:
    """An AUROC from the plain lines alone."""
    verdicts, values = [], []
    for line in of:
        for number, word in enumerate(line.words):
            said = {
                "answer": None if not word.key or line.right is None else not line.right,
                "thing": None if not word.thing or line.there is None else not line.there,
                "word": word.wrong,
            }[label]
            if said is not None:
                verdicts.append(said)
                values.append(line.values[signal][number])
    area = float(roc_auc_score(verdicts, values))
    return area if signals()[signal].doubtful == "higher" else 1 - area


def test_every_area_follows_from_the_saved_figures() -> None:
    of = lines()
    found = {(group.label, group.family): group for group in groups(of)}
    assert {label for label, family in found if not family} == {"answer", "thing", "word"}
    assert {family for label, family in found if label == "answer"} == {"", "one", "other"}
    for (label, family), group in found.items():
        own = [line for line in of if not family or line.family == family]
        for row in group.rows:
            if row.signal != COMBINED:
                assert row.auroc.value == pytest.approx(recomputed(own, label, row.signal), abs=1e-9)
                assert row.refused == 0
    whole = found["answer", ""]
    assert (whole.wrong, whole.right) == (40, 80) and whole.rows[0].signal == COMBINED
    assert math.isnan(next(row for row in whole.rows if row.signal == "logprob").beyond.value)
    # The others of a wrong answer's words are no units, and a wrong thing is one whatever its answer.
    assert units(of, "word").wrong.sum() == 40 + 30 and len(units(of, "word").wrong) == 240 - 30


def test_the_combination_is_told_out_of_fold_alone() -> None:
    of = units(lines(90, apart=0.0), "word")
    fitted = fit(of, list(of.values))
    doubts = np.stack([np.array([parts(fitted.weights, {k: v[i] for k, v in of.values.items()})[key]
                                 for i in range(len(of.wrong))]) for key in of.values], 1)  # fmt: skip
    in_sample = roc_auc_score(of.wrong, doubts.sum(1))
    out = roc_auc_score(of.wrong, fitted.out_of_fold)
    # Of noise alone nothing can be told: what was fitted seems to, and out of fold does not.
    assert in_sample > 0.6 and abs(out - 0.5) < 0.12 and np.isfinite(fitted.out_of_fold).all()


def test_the_weights_are_those_of_a_fit_to_all_words() -> None:
    of = units(lines(), "word")
    fitted = fit(of, ["logprob", "entropy"])
    doubts = np.stack([-of.values["logprob"], of.values["entropy"]], 1)
    standard = (doubts - doubts.mean(0)) / doubts.std(0)
    own = LogisticRegression(max_iter=1000).fit(standard, of.wrong)
    assert [one.key for one in fitted.weights] == ["logprob", "entropy"]
    np.testing.assert_allclose([one.weight for one in fitted.weights], own.coef_[0], rtol=1e-6)
    values = {key: float(of.values[key][3]) for key in of.values}
    score = fitted.intercept + sum(parts(fitted.weights, values).values())
    assert score == pytest.approx(float(own.decision_function(standard[3:4])[0]))


def test_one_in_twenty_right_words_is_marked() -> None:
    of = lines(240)
    one = calibrate(of, "quick")
    assert set(one.keys) == set(QUICK) and one.marked.value <= FLAGGED
    words = units(of, "word")
    scores = fit(words, QUICK).out_of_fold
    assert one.marked.value == pytest.approx(float((scores[~words.wrong] > one.level).mean()))
    assert one.caught.value == pytest.approx(float((scores[words.wrong] > one.level).mean()))
    assert one.marked.value == pytest.approx(FLAGGED, abs=0.01) and one.caught.value > 0.3
    low, high = np.quantile(words.values["entropy"][~words.wrong], [0.05, 0.95])
    assert (one.usual["entropy"].low, one.usual["entropy"].high) == pytest.approx((low, high))
    assert math.isnan(one.score({"logprob": -1.0}))


def test_a_signal_that_some_words_lack_is_left_out() -> None:
    of = lines(120)
    of[5] = replace(
        of[5], values={k: v for k, v in of[5].values.items() if k != "phrasings"}, refused={"phrasings": "."}
    )
    row = next(row for row in groups(of)[0].rows if row.signal == "phrasings")
    assert row.refused == 1
    assert "phrasings" not in calibrate(of, "full").keys and "spread" in calibrate(of, "full").keys


def test_too_few_of_a_class_are_refused_in_a_sentence() -> None:
    right = [replace(line, right=True, words=tuple(replace(w, wrong=False) for w in line.words)) for line in lines(60)]
    group = groups(right)[0]
    assert group.rows == () and "0 cases are what it says, and 10 are needed" in group.why
    found, why = calibrations(right)
    assert found == () and "“this word is wrong” 0 cases" in why and "Measure more" in why
    with pytest.raises(NotApplicable, match="20 are needed"):
        calibrate(lines(24), "quick")
    assert "nothing was told" in doubt_table(doubt_of(right))


def doubt_of(of: Sequence[Line], fingerprint: str = "f" * 16) -> Any:
    card: Any = type("Card", (), {"fingerprint": fingerprint, "name": "tiny"})()
    return doubt(card, "Measured on what was made up.", of)


@functools.cache
def measured(fingerprint: str = "f" * 16) -> Any:
    """The doubt of all made-up lines. Nothing of it can be changed."""
    return doubt_of(lines(), fingerprint)


def test_a_calibration_comes_back_as_it_was(tmp_path: Path) -> None:
    found = measured()
    file = tmp_path / "doubt.json"
    write_plain(record_of(found, "sightline doubt"), file)
    back, command = read_doubt(file, found.model)
    assert command == "sightline doubt" and back.tier("full") is not None
    values = {key: 0.7 for key in signals()}
    for tier in ("quick", "full"):
        one, other = found.tier(tier), back.tier(tier)
        assert one.score(values) == pytest.approx(other.score(values), rel=1e-4)
        assert one.keys == other.keys and one.level == pytest.approx(other.level, rel=1e-5)
    text = file.read_text(encoding="utf-8")
    assert isinstance(json.loads(text)["calibrations"][0]["weights"][0]["weight"], float)


def damage(record: dict[str, Any], what: str) -> None:
    one = record["calibrations"][0]
    match what:
        case "weights":
            one["weights"][0]["weight"] = "1.0"
        case "signal":
            one["weights"][0]["key"] = "horoscope"
        case "spread":
            one["weights"][0]["spread"] = 0
        case "level":
            one["level"] = None
        case "usual":
            one["usual"] = {}
        case "tier":
            one["tier"] = "free"
        case "model":
            del record["model"]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("weights", "weight should be a number"),
        ("signal", "no signal 'horoscope'"),
        ("spread", "spread of"),
        ("level", "is no number"),
        ("usual", "is missing"),
        ("tier", "no tier 'free'"),
        ("model", "model is missing"),
    ],
)
def test_a_damaged_calibration_is_told_with_its_file_and_fault(tmp_path: Path, what: str, said: str) -> None:
    record_ = record_of(measured(), "sightline doubt")
    damage(record_, what)
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(record_), encoding="utf-8")
    with pytest.raises(JournalError, match=r"mine\.json holds no calibration of doubt") as told:
        read_doubt(file)
    assert said in str(told.value)


def test_a_foreign_calibration_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    write_plain(record_of(measured(), "sightline doubt"), file)
    with pytest.raises(JournalError, match=r"mine\.json is of another model"):
        read_doubt(file, "another")
    file.write_text("[1]", encoding="utf-8")
    with pytest.raises(JournalError, match=r"mine\.json"):
        read_doubt(file)
    with pytest.raises(JournalError, match="Run `sightline doubt --summary` first"):
        read_doubt(tmp_path / "nowhere.json")


def test_what_was_measured_here_comes_before_what_comes_along(tmp_path: Path) -> None:
    own, _ = read_doubt(COMMITTED)
    assert kept_doubt(tmp_path, own.model) == read_doubt(COMMITTED)
    assert kept_doubt(tmp_path, "another") is None
    few = replace(doubt_of(lines(24), own.model), calibrations=())
    keep_doubt(few, doubt_journal(tmp_path, own.model, "few", ""), "few")
    told = kept_doubt(tmp_path, own.model)
    assert told is not None and told[0].calibrations, "what has a calibration comes first"
    keep_doubt(replace(measured(), model=own.model), doubt_journal(tmp_path, own.model, "many", ""), "many")
    assert (kept_doubt(tmp_path, own.model) or ("", ""))[1] == "many"
    doubt_journal(tmp_path, own.model, "many", "").with_suffix(".json").write_text("{", encoding="utf-8")
    assert (kept_doubt(tmp_path, own.model) or ("", ""))[1].startswith("sightline doubt --street")


def test_a_line_that_does_not_fit_is_refused() -> None:
    line = record(1)
    line["values"]["entropy"] = [1.0]
    with pytest.raises(ValueError, match=r"values\.entropy are 1 for 2 words"):
        read_line(line)


def test_what_comes_along_is_of_the_embedded_model_and_says_what_of() -> None:
    found, command = read_doubt(COMMITTED)
    assert command.startswith("sightline doubt --street") and "held-out drawn streets" in found.measured_on
    assert found.model.startswith("d777fa1a5f63") and found.asked == found.cases
    assert {one.tier for one in found.calibrations} == {"quick", "full"}
    assert all(one.marked.value <= FLAGGED for one in found.calibrations)
    assert asdict(found)["uncalibrated"] == ""


def test_it_runs_on_and_stops(llava: TransformersModel, tmp_path: Path) -> None:
    from core.cases.journal import read_journal
    from core.doubt.cases import doubt_cases
    from core.doubt.run import KIND, read_lines, run_doubt
    from core.errors import OtherRun
    from core.vlm.cancel import CancelToken

    cases, file, cancel = list(doubt_cases(1)), tmp_path / "doubt.jsonl", CancelToken()
    keys = ["logprob", "spread"]

    def stop(done: float) -> None:
        if done > 0.2:
            cancel.cancel()

    begun = run_doubt(llava, cases, file, name="street", keys=keys, progress=stop, cancel=cancel)
    assert 0 < len(begun) < len(cases)
    whole = run_doubt(llava, cases, file, name="street", keys=keys)
    header, records = read_journal(file, KIND)
    assert len(records) == len(cases) == len(whole) and header["signals"] == keys
    assert [line.case for line in whole] == [case.id for case in cases] == [line.case for line in read_lines(file)[1]]
    assert run_doubt(llava, cases, file, name="street", keys=keys) == whole
    with pytest.raises(OtherRun):
        run_doubt(llava, cases, file, name="street", keys=["logprob"])


def test_a_mark_names_a_signal_beyond_what_right_words_have() -> None:
    one = calibrate(lines(240), "quick")
    (word,) = content_words(answer := answer_of("?", "red"))
    usual = {key: (one.usual[key].low + one.usual[key].high) / 2 for key in one.keys}

    def mark(**values: float) -> Mark:
        measured = Measured({key: (value,) for key, value in {**usual, **values}.items()}, {})
        (found,) = marks_of(answer, measured, one)
        assert found.score == pytest.approx(one.score({**usual, **values})) and found.word == word
        assert found.marked == (found.score > one.level)
        return found

    far = mark(entropy=one.usual["entropy"].high + 50)
    assert far.marked and far.speaks == "entropy" and "together" not in far.reason
    assert far.reason.startswith("Entropy: 5") and "nine of ten right words have" in far.reason
    low = mark(spread=one.usual["spread"].low - 50)
    assert not low.marked and low.reason.endswith("it is what they say together.")
    refused = Measured({"entropy": (1.0,)}, {key: f"{key} cannot be had." for key in one.keys if key != "entropy"})
    assert marks_of(answer, refused, one) == () and str(missing(refused, one)).endswith("cannot be had.")
