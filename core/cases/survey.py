"""Do answers contradict each other where they rest little on the picture? A phrasing audit of many pictures.

Stan et al. (2024, "LVLM-Interpret") show a model that answers opposite wordings alike while relevancy lies on the text,
and read the one as the cause of the other. Here that is a hypothesis about many pictures: over cases, the rate of
contradictions among the phrasings of a question is correlated with how far the answers rest on the picture, measured in
two ways. A correlation below zero speaks for the hypothesis; it does not say what causes what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..answer import Decoding
from ..comparison.verdict import judge
from ..evidence.dependence import image_dependence
from ..statistics.estimate import Estimate, nothing
from ..statistics.rank_correlation import rank_correlation
from ..typed import typed
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.forecast import Forecast, each_of
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from ..vlm.pace import stopwatch
from .audit import contradiction_rate
from .case import Case
from .journal import Journal, Record, each_line, read_journal
from .key_word import LONGEST, explained, image_share, key_target
from .phrasings import phrasings

KIND = "survey"
MEASURES = {"image_share": "share of relevancy on the picture", "dependence": "image dependence of the key word (nats)"}
"""How far an answer rests on the picture; means over the phrasings of a question."""
LEAST = 6
"""Cases that decide anything: of five, not even all on one side are rare (a sign test gives 1 in 16), and the bootstrap
of one has no width."""
LEAST_APART = 3
"""Cases whose rate of contradictions is another than that of most."""


SURVEYED, WORDINGS = "surveyed case", 6
"""What such a case is called where its time is learnt, and how many wordings most have."""


@dataclass(frozen=True)
class Surveyed:
    """One case: the share of contradicting pairs among the answers to its `phrasings`, and how far they rest on the
    picture (see MEASURES)."""

    id: str
    family: str
    phrasings: int
    contradictions: float
    image_share: float
    dependence: float


@dataclass(frozen=True)
class Correlation:
    """Spearman's correlation of the rate of contradictions with a measure over cases. NaN of fewer than `LEAST`
    cases, and where all but fewer than `LEAST_APART` are contradicted alike: it would hang on those few, and so would
    every resample. `family` "" is all of them."""

    measure: str
    family: str
    estimate: Estimate

    @property
    def speaks(self) -> str:
        """What it says to the hypothesis: "for", "against", "undecided" where its interval holds zero, or "" where
        there is none."""
        if not np.isfinite(self.estimate.value):
            return ""
        if self.estimate.low <= 0 <= self.estimate.high:
            return "undecided"
        return "for" if self.estimate.value < 0 else "against"


def survey(
    model: VisionLanguageModel,
    cases: Sequence[Case],
    file: Path,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> tuple[Surveyed, ...]:
    """Audit those cases that `file` has no line of yet, and return all its lines. Cases of whose question no other
    phrasing is known are left out.

    Stopped by `cancel`, what is finished is returned. Raises JournalError, and what asking and explaining raise.
    """
    known = [case for case in cases if len(phrasings(case.question)) > 1 and case.problem is None]
    identity = {"model": model.card.fingerprint}
    with Journal(file, KIND, identity, {"model_name": model.card.name}) as journal:
        finished = {line.id for line in each_line(journal.records, _of, file)}
        for number, case in enumerate(known, start=1):
            if case.id not in finished:
                try:
                    journal.append(_surveyed(model, case, cancel))
                except Cancelled:
                    break
            progress(number / len(known))
        return tuple(each_line(journal.records, _of, file))


def read_survey(file: Path) -> tuple[Surveyed, ...]:
    """The lines of a survey so far. Raises JournalError."""
    return tuple(each_line(read_journal(file, KIND)[1], _of, file))


def correlations(lines: Sequence[Surveyed]) -> tuple[Correlation, ...]:
    """The correlation with each measure, over all cases and in each family."""
    families = ["", *dict.fromkeys(line.family for line in lines if line.family)]
    return tuple(
        _correlation(measure, family, [line for line in lines if family in ("", line.family)])
        for measure in MEASURES
        for family in families
    )


def _surveyed(model: VisionLanguageModel, case: Case, cancel: CancelToken | None) -> Record:
    began = stopwatch(model.card.device)
    question = replace(case.asked(), decoding=Decoding(max_new_tokens=LONGEST))
    texts = [phrasing.text for phrasing in phrasings(case.question)]
    said: list[str] = []
    shares: list[float] = []
    dependences: list[float] = []
    for text in texts:
        answer = ask(model, question.with_text(text), cancel=cancel)
        if cancel is not None:
            cancel.check()
        said.append(answer.text)
        if answer.tokens:
            target = key_target(answer)
            shares.append(image_share(answer, explained(model, answer, target, cancel)))
            dependences.append(float(image_dependence(model, answer)[list(target.tokens)].sum()))
    model.pace.note(SURVEYED, 1, began.took())
    return {
        "id": case.id,
        "family": case.about.get("family", ""),
        "phrasings": len(texts),
        "contradictions": contradiction_rate(judge(texts, said), len(texts)),
        "image_share": _mean(shares),
        "dependence": _mean(dependences),
    }


def expected(model: VisionLanguageModel, cases: int) -> Forecast:
    """How long surveying so many cases will take here: some six wordings each, every answer explained."""
    return each_of(model, SURVEYED, cases, 2.5 * WORDINGS, "scene")


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else None


def _of(record: Record) -> Surveyed:
    return typed(Surveyed, record)


def _correlation(measure: str, family: str, lines: Sequence[Surveyed]) -> Correlation:
    contradictions = np.array([line.contradictions for line in lines], dtype=float)
    rests = np.array([getattr(line, measure) for line in lines], dtype=float)
    estimate = rank_correlation(contradictions, rests)
    alike = np.unique(contradictions, return_counts=True)[1].max(initial=0)
    if estimate.count < LEAST or len(lines) - alike < LEAST_APART:
        estimate = nothing(estimate.count, "correlation")
    return Correlation(measure, family, estimate)
