"""Token targets: what is computed about an answer is computed about single tokens of it, each possibly against a rival.

Words, spans and whole answers are several token targets. Everything is about the raw logits or log-probabilities of the
model: never about tempered or filtered ones, so no decoding setting changes a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Target
from ..errors import NotApplicable, OtherModel
from .model import VisionLanguageModel


@dataclass(frozen=True)
class TokenTarget:
    """One answer token to explain: its `index` in the answer, its id, and the id it is contrasted with, if any.

    A contrast explains logit(token) - logit(rival). `token` may be one the model did not say.
    """

    index: int
    token: int
    rival: int | None = None

    def position(self, answer: Answer) -> int:
        """The sequence position that predicts this token."""
        return answer.predicting_position(self.index)


def token_targets_of(answer: Answer, target: Target) -> tuple[TokenTarget, ...]:
    """The tokens of a target. Raises NotApplicable when it names a token that the answer does not have."""
    if not all(0 <= index < len(answer.tokens) for index in target.tokens):
        raise NotApplicable("The target names a token that this answer does not have. Choose one of its tokens.")
    rivals = target.rivals or (None,) * len(target.tokens)
    return tuple(
        TokenTarget(index, answer.tokens[index].id, rival) for index, rival in zip(target.tokens, rivals, strict=True)
    )


def whole_answer(answer: Answer) -> Target:
    """The target of all tokens of an answer. Raises NotApplicable for an empty one."""
    if not answer.tokens:
        raise NotApplicable("The answer is empty, so there is nothing to explain. Ask something else.")
    return Target(tuple(range(len(answer.tokens))))


def rival_ids(model: VisionLanguageModel, answer: Answer, index: int, word: str) -> tuple[int, ...]:
    """The token ids of `word` as the model would write it in place of answer token `index`: with a blank before it
    where that token has one. Empty for a word without tokens."""
    if not word:
        return ()
    blank = " " if answer.tokens[index].text[:1].isspace() else ""
    before = "".join(token.text for token in answer.tokens[:index])
    if index == 0:
        return model.continuation(answer.question, word)
    whole = model.continuation(answer.question, before + blank + word)
    if whole[:index] == answer.token_ids[:index]:
        return whole[index:]
    # The answer was not written as the tokenizer would write it: read the word after any other one instead.
    anchor = model.continuation(answer.question, "a")
    after = model.continuation(answer.question, "a" + blank + word)
    return after[len(anchor) :] if after[: len(anchor)] == anchor else model.continuation(answer.question, word)


def target_logprobs(
    logits: Float[Tensor, "answer vocabulary"], token_targets: Sequence[TokenTarget]
) -> Float[Tensor, "target"]:
    """log p(token) of each token target in nats, less log p(rival) for a contrast; on the CPU."""
    logprobs = logits.float().log_softmax(-1).cpu()
    differences = []
    for token_target in token_targets:
        row = logprobs[token_target.index]
        differences.append(row[token_target.token] - (0 if token_target.rival is None else row[token_target.rival]))
    return torch.stack(differences)


def check_own(model: VisionLanguageModel, answer: Answer) -> None:
    """Raises OtherModel for an answer that another model gave."""
    if answer.model != model.card.fingerprint:
        raise OtherModel(
            f"This answer was given by another model than {model.card.name}, which is loaded now. Load the former one "
            "again, or ask the question anew."
        )
