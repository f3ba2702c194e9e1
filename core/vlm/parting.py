"""From which token on an answer in half precision would have been another, replayed or computed by another attention.

The same sum in another order is another number, most of all in half precision; where two words are nearly as likely,
that decides between them, and all that follows differs. A replay is such another computation: every token is chosen
again from its logits, by the answer's own decoding. How much it moves the leads of the tokens that were said over the
next likely ones tells how much rounding moves here: a lead of less than `MARGIN` times as much may be turned by any
other implementation (eager attention, another kernel, another card), too.

An answer may also grow beyond the length from which on a decoder turns all keys by other angles (LongRoPE). What it
said before was said in the one way, and a replay reads all of it in the other, in any precision.
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
    the first whose lead rounding of `moved` nats may turn, of greedy answers; `turned` the first that was predicted
    from a sequence longer than `turns_at`, the prompt not being so. None where there is no such token."""

    replayed: int | None
    uncertain: int | None
    moved: float
    turned: int | None = None
    turns_at: int = 0

    def sentence(self, answer: Answer) -> str | None:
        """What is to be told of the answer; None for nothing."""
        ways = []
        if self.turned is not None:
            ways.append(
                f"From its token {self.turned + 1} ({answer.tokens[self.turned].text!r}) on the sequence is longer "
                f"than {self.turns_at:,} tokens, and this model then turns all keys by other angles (LongRoPE). A "
                "replay, and so every explanation, reads the whole answer in that way: leads differ by up to "
                f"{self.moved:.2g} nats."
            )
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


def parts_here(model: VisionLanguageModel) -> bool:
    """Whether any answer of a model may part."""
    return model.card.dtype in HALF or model.turns_at is not None


def parting(model: VisionLanguageModel, answer: Answer) -> Parting | None:
    """Where an answer parts from what it would have been, from one pass over it, made once for an answer; None for an
    empty one, and in single precision, where rounding decides nothing that anybody would see, unless keys are turned
    otherwise on its way."""
    if not answer.tokens or (model.card.dtype not in HALF and _turned(model, answer) is None):
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
    turned = _turned(model, answer)
    # (what turns keys moves more than rounding, which cannot be told from it)
    greedy = answer.question.decoding.temperature <= 0 and turned is None
    close = (leads <= MARGIN * moved).nonzero()[:, 0].tolist() if greedy else []
    return Parting(min(parted, default=None), min(close, default=None), moved, turned, model.turns_at or 0)


def _turned(model: VisionLanguageModel, answer: Answer) -> int | None:
    """The first token of an answer that was predicted from a sequence whose keys are turned otherwise than the
    prompt's; None where there is none."""
    if model.turns_at is None or len(answer.prompt_tokens) > model.turns_at:
        return None
    first = model.turns_at + 1 - len(answer.prompt_tokens)
    return first if first < len(answer.tokens) else None
