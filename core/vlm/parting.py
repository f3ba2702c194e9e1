"""From which token on an answer in half precision would have been another, replayed or computed by another attention.

The same sum in another order is another number, most of all in half precision; where two words are nearly as likely,
that decides between them, and all that follows differs. A replay is such another computation: every token is chosen
again from its logits, by the answer's own decoding. How much it moves the leads of the tokens that were said over the
next likely ones tells how much rounding moves here: a lead of less than `MARGIN` times as much may be turned by any
other implementation (eager attention, another kernel, another card), too.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch

from ..answer import Answer
from .model import VisionLanguageModel
from .sampling import Sampler

MARGIN = 2.0


@dataclass(frozen=True)
class Parting:
    """`replayed` is the first token of the answer (counted from 0) in whose place a replay chooses another; `uncertain`
    the first whose lead rounding of `moved` nats may turn, of greedy answers. None where there is no such token."""

    replayed: int | None
    uncertain: int | None
    moved: float

    def sentence(self, answer: Answer) -> str | None:
        """What is to be told of the answer; None for nothing."""
        ways = []
        if self.replayed is not None:
            ways.append(
                f"From its token {self.replayed + 1} ({answer.tokens[self.replayed].text!r}) on a replay of this "
                "answer goes another way: what explains later tokens is about words that are forced upon the model."
            )
        if self.uncertain is not None and self.uncertain != self.replayed:
            ways.append(
                f"From token {self.uncertain + 1} ({answer.tokens[self.uncertain].text!r}) on another implementation "
                "of attention may answer otherwise: that token leads the next likely by less than rounding moves here "
                f"(up to {self.moved:.2g} nats)."
            )
        return " ".join(ways) or None


HALF = ("bfloat16", "float16")
_known: WeakKeyDictionary[Answer, Parting] = WeakKeyDictionary()


def parting(model: VisionLanguageModel, answer: Answer) -> Parting | None:
    """Where an answer parts from what it would have been, from one pass over it, made once for an answer; None for an
    empty one, and in single precision, where rounding decides nothing that anybody would see."""
    if model.card.dtype not in HALF or not answer.tokens:
        return None
    if answer not in _known:
        _known[answer] = _parting(model, answer)
    return _known[answer]


def _parting(model: VisionLanguageModel, answer: Answer) -> Parting:
    logits = model.replay_logits(answer)
    sampler = Sampler(answer.question.decoding)
    chosen = [sampler.choose(row, model.image_marker_ids) for row in logits.cpu()]
    parted = [index for index, token in enumerate(answer.tokens) if chosen[index] != token.id]
    ids = torch.tensor(answer.token_ids)
    likeliest = [next(other for other in token.alternatives if other.id != token.id) for token in answer.tokens]
    others = torch.tensor([other.id for other in likeliest])
    leads = torch.tensor([token.logprob - other.logprob for token, other in zip(answer.tokens, likeliest, strict=True)])
    again, every = logits.cpu(), torch.arange(len(ids))
    moved = float((again[every, ids] - again[every, others] - leads).abs().max())
    greedy = answer.question.decoding.temperature <= 0
    close = (leads <= MARGIN * moved).nonzero()[:, 0].tolist() if greedy else []
    return Parting(min(parted, default=None), min(close, default=None), moved)
