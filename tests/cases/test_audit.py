"""An audit reads every answer under every wording; a survey correlates contradictions with what answers rest on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.answer import Decoding, Question
from core.cases import survey as surveying
from core.cases.audit import audit
from core.cases.case import Case
from core.cases.survey import LEAST, Surveyed, correlations, read_survey, survey
from core.comparison.keyword import key_tokens
from core.comparison.verdict import judge
from core.errors import OtherRun
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.scoring import score

WORDINGS = ("Is the door open?", "Is the door closed?", "The door, is it open?")


def questions(picture: Image.Image) -> list[Question]:
    return [Question(text, (picture,), decoding=Decoding(max_new_tokens=4)) for text in WORDINGS]


def test_every_answer_is_read_under_every_wording(model: TransformersModel, picture: Image.Image) -> None:
    asked = questions(picture)
    audited = audit(model, asked)
    answers = [ask(model, question) for question in asked]
    assert [answer.text for answer in audited.answers] == [answer.text for answer in answers]
    for i, answer in enumerate(answers):
        for j, question in enumerate(asked):
            logprobs = score(model, question, answer.token_ids).logprobs[list(key_tokens(answer))]
            assert audited.probability[i, j] == pytest.approx(np.exp(logprobs.sum()), rel=1e-3)
    pairs = judge(WORDINGS, [answer.text for answer in answers]).contradictions
    assert audited.contradiction_rate == len(pairs) / 3


def test_an_audit_can_be_stopped_and_needs_two_wordings(llava: TransformersModel, picture: Image.Image) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        audit(llava, questions(picture), cancel=cancel, progress=lambda done: cancel.cancel())
    with pytest.raises(ValueError, match="two wordings"):
        audit(llava, questions(picture)[:1])


def doors(picture: Image.Image, number: int) -> list[Case]:
    about = {"family": "door"}
    texts = [f"Is the door of house {n} open?" for n in range(number)]
    return [Case(f"{n}", text, ("yes",), "yes_no", (picture,), about=about) for n, text in enumerate(texts)]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers of two tokens."""
    monkeypatch.setattr(surveying, "LONGEST", 2)


def test_a_survey_goes_on_where_it_was(
    llava: TransformersModel, qwen: TransformersModel, picture: Image.Image, tmp_path: Path, short: None
) -> None:
    cases = [*doors(picture, 2), Case("text", "Welche Farbe?", ("rot",), "contains", (picture,))]
    cancel = CancelToken()
    part = survey(llava, cases, tmp_path / "s.jsonl", cancel=cancel, progress=lambda done: cancel.cancel())
    assert [line.id for line in part] == ["0"]
    whole = survey(llava, cases, tmp_path / "s.jsonl")
    assert [line.id for line in whole] == ["0", "1"]
    assert whole[0] == part[0]
    assert read_survey(tmp_path / "s.jsonl") == whole
    assert all(0 <= line.image_share <= 1 and line.phrasings > 3 for line in whole)
    with pytest.raises(OtherRun):
        survey(qwen, cases, tmp_path / "s.jsonl")


def test_without_a_picture_nothing_rests_on_it(
    llava: TransformersModel, picture: Image.Image, tmp_path: Path, short: None
) -> None:
    [line] = survey(llava, [replace(doors(picture, 1)[0], images=())], tmp_path / "s.jsonl")
    assert (line.image_share, line.dependence) == (0, 0)


def line(number: int, family: str, contradictions: float, share: float) -> Surveyed:
    return Surveyed(str(number), family, 5, contradictions, share, float("nan"))


def test_contradictions_that_go_with_little_relevancy_correlate_below_zero() -> None:
    rng = np.random.default_rng(0)
    lines = []
    for number in range(60):
        share, family = rng.random(), "truck" if number % 2 else "house"
        lines.append(line(number, family, float(share < 0.5) * 0.4 + rng.random() / 9, share))
    correlated = {(one.measure, one.family): one for one in correlations(lines)}
    everything = correlated["image_share", ""]
    assert everything.estimate.low < everything.estimate.value < everything.estimate.high < 0
    assert (
        everything.estimate.count,
        correlated["image_share", "truck"].estimate.count,
        correlated["dependence", ""].estimate.count,
    ) == (60, 30, 0)
    columns = ([one.contradictions for one in lines], [one.image_share for one in lines])
    ranks = [np.argsort(np.argsort(column)) for column in columns]
    assert everything.estimate.value == pytest.approx(float(np.corrcoef(ranks)[0, 1]))


def test_where_nothing_varies_there_is_no_correlation() -> None:
    correlated = correlations([line(number, "", 0.5, number / 10) for number in range(5)])
    assert np.isnan(correlated[0].estimate.value)
    assert correlations([])[0].estimate.count == 0


def test_of_few_questions_there_is_no_correlation() -> None:
    few = [line(number, "", number / 10, number / 10) for number in range(LEAST)]
    assert np.isnan(correlations(few[1:])[0].estimate.value)
    assert correlations(few)[0].estimate.value == pytest.approx(1)
