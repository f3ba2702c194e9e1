"""What a method found beside its map: sets of patches, each as the part of the picture that is not washed out, and the
scores of whole regions and words with their intervals."""

from __future__ import annotations

import numpy as np
import streamlit as st
from PIL import Image

from ...answer import Answer, Explanation, PatchSet, ScoredPart
from ...charts.intervals import Dot, Pair, interval_chart
from ...masking import as_seen, pixels_of
from ...statistics.estimate import Estimate
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.taken_charts import save_chart

GAP = 16
"""Pixels between two sets."""
WASHED = 0.2
"""How much is left of what does not belong to a set."""
GREY = 128
SHOWN, CHART = 10, 240
"""Parts in the figure, and its width in pixels."""
NORMAL = 1.96
"""Standard errors to each side of a 95 % interval."""


def sets_beside(answer: Answer, explanation: Explanation, image: int, size: int) -> None:
    """The sets of a map, two beside each other in about the width of it. `answer` has the layout of the scores."""
    if not explanation.sets or not answer.layout.views:
        return
    each = (size - GAP) // 2
    with st.container(horizontal=True, gap="small"):
        for found in explanation.sets:
            with st.container(width=each, gap="xsmall"):
                st.caption(f"**{escaped(found.name)}**")
                st.image(part_of(answer, found, image, each), width=each, alt=f"{found.name}: {found.says}")


def part_of(answer: Answer, found: PatchSet, image: int, size: int) -> Image.Image:
    """A picture, no longer than `size` pixels on any side, whose other parts than those of a set are washed out."""
    picture = as_seen(answer.question)[image].convert("RGB")
    own = Image.fromarray(pixels_of(found.positions, answer.layout, image))
    picture.thumbnail((2 * size, 2 * size))
    pixels = np.asarray(picture, dtype=float)
    inside = np.asarray(own.resize(picture.size, Image.Resampling.NEAREST))[..., None]
    return Image.fromarray(np.where(inside, pixels, GREY + WASHED * (pixels - GREY)).astype(np.uint8))


def parts_panel(explanation: Explanation, name: str) -> None:
    """The regions and words that were scored as a whole, those that count most first, with 95 % intervals."""
    parts = sorted(explanation.parts, key=lambda part: -abs(part.score))
    if not parts:
        return
    rows = [
        {"part": part.name, "score": part.score, "standard error": part.error, "positions": len(part.positions)}
        for part in parts
    ]
    pairs = [Pair(part.name, _dot(part)) for part in parts[:SHOWN]]
    chart = interval_chart(pairs, title="score, and its 95 % interval", width=CHART)
    st.markdown(f"**{escaped(name)}**: regions and words")
    st.altair_chart(chart, width="content", alt="scores of regions and words with their intervals")
    save_chart(chart, "regions-and-words", f"save_parts_{explanation.method}", rows)
    folded(
        f"The {len(pairs)} that count most, of {len(parts)}.",
        "A region is named by where in the picture it lies. Intervals are 1.96 standard errors to each side, over the "
        "orders that were drawn; where one holds 0, more orders may turn the sign.",
    )


def _dot(part: ScoredPart) -> Dot:
    half = NORMAL * (part.error or 0.0)
    told = f"{part.score:+.2f}" + ("" if part.error is None else f" ± {half:.2f}")
    return Dot("value", Estimate(part.score, part.score - half, part.score + half, 1, "nats"), told)
