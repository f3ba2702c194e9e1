"""One question in many wordings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ...cases import audit as module
from ...cases.audit import Audit, audit
from ...charts.phrasings import phrasing_matrix
from ...charts.tokens import visible
from ...mechanisms.results import Row
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..drawing import Chart
from ..figure import Figure
from ._shared import docs, sentences, took


class Wordings(Renderer):
    """Each wording's answer, and how probable it is under the others."""

    key = "audit"
    name = "Phrasing audit"

    def figures(self, case: Case) -> Sequence[Figure]:
        audited: Audit = case.result
        words = [visible(word) for word in audited.key_words]
        questions = [visible(question) for question in audited.questions]
        rows: list[Row] = [
            {"wording": question, "answer": answer.text, "key word": word}
            for question, answer, word in zip(audited.questions, audited.answers, audited.key_words, strict=True)
        ]
        said = (
            f"{audited.verdict.sentence} {audited.contradiction_rate:.0%} of pairs of answers contradict each other. "
            "A cell: how probable the key word of an answer is under a wording."
        )
        numbers = {"probability": np.asarray(audited.probability)}
        chart = Chart(partial(phrasing_matrix, words, questions, audited.probability))
        caption = sentences(said, took(case.seconds))
        return [Figure("Phrasing audit", caption, numbers, chart, rows, shown=rows, methods=docs(module))]

    def code(self, case: Case, write: Writer) -> Code:
        audited: Audit = case.result
        question = case.answer.question
        for text, answer in zip(audited.questions, audited.answers, strict=True):
            if question.with_text(text).fingerprint() != answer.question.fingerprint():
                raise CannotBeWritten("Its wordings were asked in another way than the question itself.")
        return Code(
            (
                f"wordings = {write.literal(list(audited.questions))}",
                "questions = [answer.question.with_text(wording) for wording in wordings]",
                f"result = {write.call(audit, 'model', 'questions')}",
            )
        )
