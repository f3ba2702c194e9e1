"""The attention rows that a page shows: those that are kept with an answer, or computed again where they are not."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ...answer import Answer, HeldRows
from ...perturb.words import layers_in_words
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.kept_budget import budget
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import Passes
from ...vlm.rows_again import computed_again, tokens_at_once
from ..jobs.page import PageView, Report, Work
from ..state.results import answer_key

READING = "reading the answer again"


AGAIN = Passes(forward=1)
"""What rows that are not kept cost."""


def rows_held(
    view: PageView, model: VisionLanguageModel, answer: Answer, tokens: Sequence[int] = ()
) -> HeldRows | None:
    """The rows that are kept with an answer, where those of some tokens are among them; else they are computed again,
    and with them all others that fit. Of more tokens than fit, the last ones have rows.

    None where that was stopped or failed: then it has been said, with a button to try again. The answer must have been
    asked for with its attention.
    """
    assert answer.attention is not None
    held, most = answer.attention.held, tokens_at_once(model, answer)
    if held is not None and held.places(tokens[-most:]) is not None:
        budget.keep(answer.attention)
        return held
    return _again(view, model, answer, tokens)


def _again(view: PageView, model: VisionLanguageModel, answer: Answer, tokens: Sequence[int]) -> HeldRows | None:
    assert answer.attention is not None
    key, wanted = _wanted(model, answer, tokens)
    told = forecast(model, answer, AGAIN)
    view.jobs.ensure(model, key, READING, READING, _work(model, answer, wanted), told)
    return answer.attention.held


def _wanted(model: VisionLanguageModel, answer: Answer, tokens: Sequence[int]) -> tuple[object, tuple[int, ...]]:
    """The tokens whose rows are computed again, and a key of that work."""
    most, every = tokens_at_once(model, answer), tuple(range(len(answer.tokens)))
    wanted = every if len(every) <= most else tuple(tokens or every)[-most:]
    return ("rows", answer_key(answer), wanted), wanted


def what_is_kept(view: PageView, model: VisionLanguageModel, answer: Answer, held: HeldRows) -> None:
    """Which tokens and layers have rows, where that is not all, and a button that computes the others."""
    if held.every_layer and len(held.tokens) == len(answer.tokens):
        return
    kept = [] if len(held.tokens) == len(answer.tokens) else [tokens_in_words(held.tokens, len(answer.tokens))]
    kept += [] if held.every_layer else [f"of {layers_in_words(held.layers)}"]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(
            f"Attention rows are kept {' '.join(kept)}. Those of another word are computed again when it is looked at.",
            width="content",
        )
        key, wanted = _wanted(model, answer, ())
        if len(wanted) * model.card.layers > len(held.tokens) * len(held.layers) and st.button(
            "Compute the others", key="compute_rows", icon=":material/restart_alt:", help="One pass of the model."
        ):
            view.jobs.start(model, key, READING, READING, _work(model, answer, wanted), forecast(model, answer, AGAIN))


def _work(model: VisionLanguageModel, answer: Answer, tokens: Sequence[int]) -> Work:
    def work(cancel: CancelToken, report: Report) -> None:
        computed_again(model, answer, tokens)

    return work


def tokens_in_words(tokens: Sequence[int], number: int) -> str:
    """Tokens that have rows, of so many, for people, who count from 1."""
    first, last = min(tokens) + 1, max(tokens) + 1
    if last - first + 1 != len(tokens):
        return f"of {len(tokens):,} of {number:,} tokens"
    return f"of token {first:,} of {number:,}" if first == last else f"of tokens {first:,} to {last:,} of {number:,}"
