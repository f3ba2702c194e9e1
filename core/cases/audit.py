"""A phrasing audit: one picture, one question in many wordings, and whether the answers can all be true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Question
from ..comparison.keyword import key_tokens
from ..comparison.verdict import Verdict, judge
from ..vlm.cancel import CancelToken
from ..vlm.forecast import Forecast, each_of
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from ..vlm.pace import ASK
from ..vlm.scoring import score_many


@dataclass(frozen=True, eq=False)
class Audit:
    """Each wording's answer. `probability[i, j]` is how probable the key word of answer i is under wording j, when the
    answer is read up to it; NaN for an empty answer. `verdict` says whether the answers contradict each other."""

    questions: tuple[str, ...]
    answers: tuple[Answer, ...]
    key_words: tuple[str, ...]
    probability: Float[np.ndarray, "answer question"]
    verdict: Verdict

    @property
    def contradiction_rate(self) -> float:
        """The share of pairs of answers that cannot both be true."""
        return contradiction_rate(self.verdict, len(self.answers))


def audit(
    model: VisionLanguageModel,
    questions: Sequence[Question],
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Audit:
    """Ask every wording (two or more, of the same pictures), and read every answer under every wording.

    Raises Cancelled, and what `model.prepare` raises; ValueError for fewer than two.
    """
    if len(questions) < 2:
        raise ValueError("an audit compares two wordings or more")
    answers = []
    for number, question in enumerate(questions, start=1):
        answers.append(ask(model, question, cancel=cancel, keep_attention=False))
        if cancel is not None:
            cancel.check()
        progress(number / (len(questions) + 1))
    outcome = audited(model, questions, answers, cancel)
    progress(1.0)
    return outcome


def expected(model: VisionLanguageModel, wordings: int) -> Forecast:
    """How long asking so many wordings will take here; reading every answer under each takes little beside it."""
    return each_of(model, ASK, wordings, 1.0, "wording")


def audited(
    model: VisionLanguageModel, questions: Sequence[Question], answers: Sequence[Answer], cancel: CancelToken | None
) -> Audit:
    """The audit of wordings that are answered already: every answer is read under every wording. Raises Cancelled."""
    spans = [key_tokens(answer) for answer in answers]
    pairs = [(question, answer.token_ids) for answer in answers for question in questions]
    scores = iter(score_many(model, pairs, cancel=cancel))
    table = [[_probability(next(scores).logprobs, span) for _ in questions] for span in spans]
    words = ["".join(answer.tokens[i].text for i in span).strip() for answer, span in zip(answers, spans, strict=True)]
    texts = [question.text for question in questions]
    verdict = judge(texts, [answer.text for answer in answers])
    return Audit(tuple(texts), tuple(answers), tuple(words), np.array(table), verdict)


def contradiction_rate(verdict: Verdict, answers: int) -> float:
    """The share of pairs of `answers` that contradict each other."""
    return len(verdict.contradictions) / (answers * (answers - 1) / 2)


def _probability(logprobs: Float[np.ndarray, "answer"], tokens: tuple[int, ...]) -> float:
    return float(np.exp(logprobs[list(tokens)].sum())) if tokens else float("nan")
