"""Mask some image tokens' pixels and ask the question again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...answer import Answer, Fill, Intervention
from ...causal.explanation_test import Masking, Positions, question_without, read_without
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ...vlm.scoring import score
from ..widgets.asking import stream_text
from .view import ReaskedWithout


def ask_without(
    model: VisionLanguageModel,
    answer: Answer,
    token: int,
    positions: Positions,
    fill: Fill,
    cancel: CancelToken,
    say: Callable[[str], None],
) -> ReaskedWithout:
    """Ask again; the new answer is handed to `say` as it comes. Raises CausalError, Cancelled, QuestionError."""
    question = question_without(answer, positions, fill)
    other = stream_text(model, question, cancel, say)
    cancel.check()
    after = score(model, question, answer.token_ids).logprobs
    before = np.array([entry.logprob for entry in answer.tokens])
    hidden = list(
        read_without(model, answer, [(token, ()), (token, positions)], Masking("reader", fill), cancel=cancel)
    )
    patches = "1 patch" if len(positions) == 1 else f"{len(positions)} patches"
    change = Intervention(f"{patches} masked ({fill})", before, after)
    return ReaskedWithout(positions, fill, other, change, hidden[1].logprob - hidden[0].logprob)
