"""Direct logit attribution by layer: embedding, heads and MLPs as bars that sum to the logit."""

from __future__ import annotations

import streamlit as st

from ...charts.effects import Share, summand_bars
from ...mechanisms.attribution import Attribution
from ..widgets.chips import escaped
from .subject import Subject


def logit_shares(subject: Subject, shared: Attribution) -> None:
    """The bars, and the sum beside what it must be."""
    embedding, other = float(shared.embedding.mean()), float(shared.other.mean())
    heads, mlps = shared.heads.mean(0).sum(-1).tolist(), shared.mlps.mean(0).tolist()
    bars = [Share("embedding", "embedding", embedding)]
    for layer, (written, added) in enumerate(zip(heads, mlps, strict=True)):
        bars += [Share(f"L{layer}", "heads", written), Share(f"L{layer}", "MLP", added)]
    bars.append(Share("other", "biases and the like", other))
    st.markdown("**Share of the logit by layer**")
    contrast = "difference of logits" if subject.token_targets[0].rival is not None else "logit"
    st.altair_chart(
        summand_bars(bars, title=f"share of the {contrast}", width=max(420, min(900, 70 * (len(heads) + 2)))),
        width="content",
        alt="direct logit attribution of the embedding, of heads and MLPs by layer, and of biases",
    )
    total = embedding + other + sum(heads) + sum(mlps)
    logit = float(shared.logit.mean())
    st.caption(
        f"The shares sum to {total:.3f}; the {contrast} of {escaped(subject.named)} is {logit:.3f} (before a soft cap, "
        f"where the model has one), {abs(total - logit):.1e} away. Embedding: what stands at the predicting position "
        "before the first layer."
    )
