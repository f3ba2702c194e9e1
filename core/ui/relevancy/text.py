"""Image against text: bars with one statistic on both sides, and the words coloured by score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Target
from ...charts.heatmap import scale_of
from ...charts.shares import shares_chart
from ...charts.words import words_chart
from ...counted import counted
from ...maps.shares import COMPARED, Part, parts, shares
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.scored_words import TALL, scored_tokens
from ..widgets.taken_charts import save_chart
from .maps import Shown

WIDTH = 570


def image_against_text_panel(answer: Answer, target: Target, shown: Sequence[Shown]) -> None:
    """Bars for all maps that score words, then their words."""
    # (a map may be of other patches than the answer's own)
    places = {one.order: parts(one.explanation.about(answer).layout, target) for one in shown}
    told = [one for one in shown if scores_words(one.scores, places[one.order])]
    silent = [one.explainer.name for one in shown if one not in told]
    if told:
        by_method = {one.explainer.name: shares(one.scores, places[one.order]) for one in told}
        if any(share.fraction is not None for of_parts in by_method.values() for share in of_parts):
            chart = shares_chart(by_method)
            st.altair_chart(chart, width="content", alt="image against text, as sum and as mean per token")
            save_chart(chart, "image-against-text", "save_shares")
            folded(
                "Left: the share of all score on each part. Right: the score of its average token, against the average "
                "of all tokens (dashed).",
                "Both panels use the same scores. A picture has many tokens, so it may lead on the left with little on "
                "each token. Bars to the left of zero are evidence against the target.",
            )
        for one in told:
            _words(answer, target, one, places[one.order])
    if silent:
        alone = len(silent) == 1
        says = (
            "scores the picture alone, so it has no bars" if alone else "score the picture alone, so they have no bars"
        )
        st.caption(f":material/info: {escaped(', '.join(silent))} {says}.")


def scores_words(scores: Float[np.ndarray, "position"], places: dict[Part, tuple[int, ...]]) -> bool:
    """Whether a map says anything of the question or the earlier answer."""
    words = [*places[Part.QUESTION], *places[Part.EARLIER]]
    return bool(np.nansum(np.abs(scores[words])) > 0)


def _words(answer: Answer, target: Target, one: Shown, places: dict[Part, tuple[int, ...]]) -> None:
    rest = {share.part: share for share in shares(one.scores, places) if share.part not in COMPARED}
    chips = scored_tokens(answer, target, one.scores, places)
    known = np.array([chip.score for chip in chips if chip.score is not None])
    chart = words_chart(chips, WIDTH, scale_of(known, signed=one.explainer.signed))
    st.markdown(f"**{escaped(one.explainer.name)}** over the words")
    with st.container(height=260 if len(chips) > TALL else "content", border=False):
        st.altair_chart(chart, width="content", alt=f"words coloured by {one.explainer.name}")
    save_chart(chart, f"words-{one.explanation.method}", f"save_words_{one.explanation.method}")
    template, own = rest[Part.TEMPLATE], rest[Part.OWN]
    folded(
        f"Colours on the words' own scale, up to a score of {np.nanmax(np.abs(known), initial=0.0):.3g}.",
        "Two parts of the score are in neither bars nor colours: "
        f"{template.supports + template.opposes:.3g} on the template's {counted(template.tokens, 'token')}, and "
        f"{own.supports + own.opposes:.3g} on the position that predicts the target, where methods that follow the "
        "residual stream begin with 1.",
    )
