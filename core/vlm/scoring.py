"""How likely a model finds an answer that it need not have given: teacher-forced, batched over a shared prefix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..answer import Question
from .cancel import CancelToken, stoppable
from .model import VisionLanguageModel
from .prepared import PreparedPrompt

Pair = tuple[Question, str | Sequence[int]]


@dataclass(frozen=True, eq=False)
class Score:
    """An answer under a question: its tokens, and the log-probability (nats) of each."""

    token_ids: tuple[int, ...]
    tokens: tuple[str, ...]
    logprobs: Float[np.ndarray, "answer"]


def score(model: VisionLanguageModel, question: Question, answer: str | Sequence[int]) -> Score:
    """The log-probability of every token of `answer` (text, or token ids) as the answer to `question`.

    Raises what `model.prepare` raises.
    """
    return score_many(model, [(question, answer)])[0]


@stoppable
def score_many(model: VisionLanguageModel, pairs: Sequence[Pair], *, cancel: CancelToken | None = None) -> list[Score]:
    """The scores of several answers, in order. Questions about the same images (under the same mask) share one
    reading of them, and are scored together as far as memory allows.

    Raises Cancelled, and what `model.prepare` raises.
    """
    prepared: list[PreparedPrompt] = []
    answers: list[tuple[int, ...]] = []
    groups: dict[tuple[str, tuple[int, ...]], list[int]] = defaultdict(list)
    for index, (question, answer) in enumerate(pairs):
        if cancel is not None:
            cancel.check()
        ready = model.prepare(question)
        prepared.append(ready)
        answers.append(model.continuation(question, answer) if isinstance(answer, str) else tuple(answer))
        if answers[-1]:
            groups[ready.visual, ready.ids[: ready.shared]].append(index)
    logprobs: list[Float[np.ndarray, "answer"]] = [np.zeros(0, np.float32)] * len(pairs)
    for members in groups.values():
        # Similar lengths together: less padding.
        members.sort(key=lambda index: len(prepared[index].ids) + len(answers[index]))
        longest = members[-1]
        rows = model.rows_at_once(prepared[longest], len(answers[longest]))
        for start in range(0, len(members), rows):
            if cancel is not None:
                cancel.check()
            batch = members[start : start + rows]
            predicted = model.continuation_logits([prepared[i] for i in batch], [answers[i] for i in batch])
            for index, logits in zip(batch, predicted, strict=True):
                tokens = logits.new_tensor(answers[index]).long()
                picked = logits.log_softmax(-1).gather(-1, tokens[:, None])[:, 0]
                logprobs[index] = picked.cpu().numpy()
    return [
        Score(token_ids=ids, tokens=model.reader.texts(ids), logprobs=values)
        for ids, values in zip(answers, logprobs, strict=True)
    ]
