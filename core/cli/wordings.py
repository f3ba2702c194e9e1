"""`sightline audit` and `survey`: one question in many wordings, about one picture and about many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from ..answer import Decoding, Question
from ..cases.audit import audit
from ..cases.audit import expected as asks_expected
from ..cases.formats.registry import read_folder
from ..cases.journal import check_journal
from ..cases.phrasings import Phrasing, phrasings
from ..cases.street import street_cases
from ..cases.survey import KIND, MEASURES, correlations, survey
from ..cases.survey import expected as survey_expected
from ..errors import WrongOption
from ..vlm.model import VisionLanguageModel
from .console import Exit, bar, emit, say_forecast, stoppable

DOORS = ("house door", "truck door")
"""The drawn questions whose every wording is known, one kind of which the embedded model answers by the wording."""


def audit_one(
    model: VisionLanguageModel, question: str, own: Sequence[str] | None, images: Sequence[Path] | None, most: int
) -> Exit:
    """A line for each wording, and one for all together."""
    wordings = [Phrasing("as asked", text) for text in (question, *own)] if own else list(phrasings(question))
    if len(wordings) < 2:
        raise WrongOption("No other wording of this question is known. Give some with --wording.")
    asked = Question(question, images or (), decoding=Decoding(most))
    say_forecast(asks_expected(model, len(wordings)), "Asking")
    with stoppable() as cancel, bar("asking in other words") as progress:
        audited = audit(model, [asked.with_text(one.text) for one in wordings], cancel=cancel, progress=progress)
    for number, (one, answer) in enumerate(zip(wordings, audited.answers, strict=True)):
        said = {"answer": answer.text, "key_word": audited.key_words[number]}
        emit({"family": one.family, "question": one.text, **said, "probability": audited.probability[number].tolist()})
    verdict = {"verdict": audited.verdict.kind, "sentence": audited.verdict.sentence}
    emit({**verdict, "contradiction_rate": audited.contradiction_rate})
    return Exit.DONE


def survey_many(load: Callable[[], VisionLanguageModel], folder: Path | None, doors: int, out: Path) -> Exit:
    """A line for each correlation, and one that says how many questions it took."""
    check_journal(out, KIND)
    model = load()
    cases = list(street_cases(doors, DOORS) if folder is None else read_folder(folder)[1].cases)
    say_forecast(survey_expected(model, len(cases)), "Asking", "What is finished is kept.")
    with stoppable() as cancel, bar("asking in other words") as progress:
        lines = survey(model, cases, out, cancel=cancel, progress=progress)
    for correlation in correlations(lines):
        emit(
            {
                **asdict(correlation),
                "meaning": f"rank correlation of contradictions with the {MEASURES[correlation.measure]}",
            }
        )
    rates = [line.contradictions for line in lines]
    mean = sum(rates) / len(rates) if rates else float("nan")
    emit({"file": str(out), "questions": len(lines), "mean_contradiction_rate": mean})
    return Exit.STOPPED if cancel.cancelled else Exit.DONE
