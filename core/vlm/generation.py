"""Asking: a streamed, cancellable answer with everything recorded that later views need.

The loop is our own rather than `generate`, because each step is where streaming, stopping, raw log-probabilities,
attention rows and the kept prefix meet. Greedy tokens equal `generate`'s; penalties of a generation configuration
are not applied, so what is shown as a probability is what the token was chosen by, unless a guide (`guiding.py`) chose.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Alternative, Answer, AnswerToken, Question
from .cancel import Cancelled, CancelToken, hearing, undisturbed
from .guiding import Guide, ReadBeside
from .keeping import KeepRows
from .kept_budget import budget
from .model import VisionLanguageModel
from .pace import ASK, stopwatch
from .prepared import DecodingState, PreparedPrompt
from .sampling import Sampler
from .tokens import TextStream, TokenReader

ALTERNATIVES = 10
AT_ONCE = 16
"""How many tokens' distributions are measured together: fewer, larger operations, and no more than these are held."""


def stream(
    model: VisionLanguageModel,
    question: Question,
    *,
    cancel: CancelToken | None = None,
    keep_attention: bool | KeepRows = True,
    guide: Guide | None = None,
) -> Generator[str, None, Answer]:
    """Yields the answer's text as it is written; the generator's return value is the Answer.

    The pieces joined are `Answer.text`; white space before the first word is dropped, and a character made of
    several tokens comes whole. The token that ends an answer is not part of it. A cancelled answer is returned as
    far as it got, with finish "stopped". Closing the generator stops between two tokens. With a `guide` each token is
    chosen by what that makes of the logits; what is measured of it stays the model's own.

    Raises what `model.prepare` raises, at the first step and before any work.
    """
    began = stopwatch(model.card.device)
    prepared = model.prepare(question)
    sampler = Sampler(question.decoding)
    text = TextStream(model.reader)
    ids: list[int] = []
    measured: list[Measured] = []
    seen: list[Float[Tensor, "vocabulary"]] = []
    finish = "length"
    limit = min(question.decoding.max_new_tokens, model.context_length - len(prepared.ids))
    if cancel is not None and cancel.cancelled:
        limit, finish = 0, "stopped"
    state: DecodingState | None = None
    read_beside: ReadBeside | None = None if guide is None else ReadBeside(model, guide)
    while len(ids) < limit:
        if state is None:
            try:
                with hearing(cancel):
                    logits, state = model.begin(prepared, keep_attention=keep_attention)
                    chosen_by = logits if read_beside is None else read_beside.begin(logits)
            except Cancelled:
                if cancel is None or not cancel.cancelled:
                    raise
                finish = "stopped"
                break
        else:
            # Rows of a token are kept of all layers or none.
            with undisturbed():
                logits = model.step(ids[-1], state)
                chosen_by = logits if read_beside is None else read_beside.step(ids[-1], logits)
        token = sampler.choose(chosen_by, model.image_marker_ids)
        if token in model.end_ids:
            finish = "end"
            break
        ids.append(token)
        seen.append(logits)
        if len(seen) == AT_ONCE:
            measured += measure(seen, ids[-AT_ONCE:])
            seen.clear()
        if piece := text.push(token):
            yield piece
        if cancel is not None and cancel.cancelled:
            finish = "stopped"
            break
    text.finish()
    measured += measure(seen, ids[len(ids) - len(seen) :])
    took = began.took()
    if finish != "stopped" and guide is None:
        model.pace.note(ASK, 1, took)
    return _answer(model, prepared, ids, measured, text.texts, finish, took.seconds, state)


def ask(
    model: VisionLanguageModel,
    question: Question,
    *,
    cancel: CancelToken | None = None,
    keep_attention: bool | KeepRows = True,
    guide: Guide | None = None,
    say: Callable[[str], None] = lambda piece: None,
) -> Answer:
    """The whole answer, its text handed to `say` piece by piece as it comes. Raises what `stream` raises."""
    pieces = stream(model, question, cancel=cancel, keep_attention=keep_attention, guide=guide)
    while True:
        try:
            say(next(pieces))
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer


class Measured:
    """The raw figures of one token: its log-probability, the distribution's entropy and its best tokens."""

    __slots__ = ("best", "entropy", "logprob")

    def __init__(self, logprob: float, entropy: float, best: tuple[tuple[int, float], ...]) -> None:
        self.logprob, self.entropy, self.best = logprob, entropy, best


def measure(logits: Sequence[Float[Tensor, "vocabulary"]], tokens: Sequence[int]) -> list[Measured]:
    """Log-probability and entropy in nats of each token, from the logits as the network gave them."""
    if not tokens:
        return []
    logprobs = torch.stack(list(logits)).float().log_softmax(-1)
    # A token ruled out altogether adds nothing, and 0 x -inf would be no number.
    entropies = -(logprobs.exp() * logprobs.clamp(min=-1e4)).sum(-1)
    best = logprobs.topk(min(ALTERNATIVES, logprobs.shape[-1]))
    chosen = logprobs[torch.arange(len(tokens)), torch.tensor(tokens, device=logprobs.device)]
    return [
        Measured(logprob, entropy, tuple(zip(ids, values, strict=True)))
        for logprob, entropy, ids, values in zip(
            chosen.tolist(), entropies.tolist(), best.indices.tolist(), best.values.tolist(), strict=True
        )
    ]


def _alternatives(reader: TokenReader, measured: Measured) -> tuple[Alternative, ...]:
    return tuple(Alternative(id=token, text=reader.piece(token), logprob=value) for token, value in measured.best)


def _answer(
    model: VisionLanguageModel,
    prepared: PreparedPrompt,
    ids: list[int],
    measured: list[Measured],
    texts: list[str],
    finish: str,
    seconds: float,
    state: DecodingState | None,
) -> Answer:
    tokens = tuple(
        AnswerToken(token, text, figures.logprob, figures.entropy, _alternatives(model.reader, figures), name)
        for token, text, figures, name in zip(ids, texts, measured, model.reader.names(ids, texts), strict=True)
    )
    attention = None if state is None else state.recorded_rows(len(tokens), len(prepared.ids) + len(tokens))
    if attention is not None:
        budget.keep(attention)
    return Answer(
        question=prepared.question,
        model=model.card.fingerprint,
        text="".join(texts),
        tokens=tokens,
        prompt_tokens=prepared.prompt_tokens,
        layout=prepared.layout.with_answer(len(tokens)),
        inputs=prepared.inputs,
        seconds=seconds,
        finish=finish,  # type: ignore[arg-type]
        attention=attention,
    )
