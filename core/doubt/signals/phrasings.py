"""Whether other wordings of the question get the same answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ...answer import Answer
from ...cases.phrasings import phrasings
from ...comparison.verdict import judge
from ...vlm.generation import ask
from ...vlm.memory_costs import picture_pass_bytes
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import Passes, share_after_images
from ..look import Look
from ..signal import Signal


class PhrasingsAgree(Signal):
    """The share of other wordings of the question (negated, turned around, reordered, politely) whose answers agree
    with this one: consistency over rephrased questions, as Khan and Fu 2024, "Consistency and uncertainty: identifying
    unreliable responses from black-box vision-language models", measure it. Wordings and agreement are this program's
    (`core.cases.phrasings`, `core.comparison`); answers are greedy, and every word of an answer has the same share.
    """

    key = "phrasings"
    name = "Agreement of phrasings"
    doubtful = "lower"
    paper = "Khan and Fu 2024, arXiv 2404.10193"
    needs = "nothing"
    of_answer = True
    caveat = "A model can be wrong the same way in every wording; English only."

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        if len(phrasings(answer.question.text)) < 2:
            return (
                "No other wording of this question is known, so none can agree. Ask in English, in one plain question."
            )
        return super().obstacle(model, answer)

    def passes(self, model: VisionLanguageModel, answer: Answer) -> Passes:
        others = len(phrasings(answer.question.text)) - 1
        return Passes(forward=others * (share_after_images(answer) + len(answer.tokens) / max(1, len(answer.layout))))

    def estimate(self, model: VisionLanguageModel, answer: Answer, tokens: int) -> int:
        return picture_pass_bytes(model, answer)

    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        answer = look.answer
        decoding = replace(answer.question.decoding, temperature=0.0, max_new_tokens=len(answer.tokens) + 8)
        agreeing = []
        for phrasing in phrasings(answer.question.text)[1:]:
            look.check()
            question = replace(answer.question.with_text(phrasing.text), decoding=decoding)
            other = ask(look.model, question, cancel=look.cancel, keep_attention=False)
            look.check()
            verdict = judge([answer.question.text, phrasing.text], [answer.text, other.text])
            agreeing.append(verdict.kind == "agree")
        return np.full(len(look.tokens), np.mean(agreeing))
