"""How far each answer would have stood under the other phrasings."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
from jaxtyping import Float

from .figure import either
from .palette import INK_ON_DARK, INK_ON_LIGHT, SEQUENTIAL

CELL = 56
SMALL = 30
"""The height of a cell, half its width; the smaller one where there are more than `WIDE` phrasings."""
WIDE = 5


def phrasing_matrix(
    key_words: Sequence[str], questions: Sequence[str], probability: Float[np.ndarray, "answer phrasing"]
) -> alt.LayerChart:
    """A cell for each answer's key word (row) under each phrasing (column). The diagonal is what was said.

    Raises ValueError where the table does not fit the words and questions.
    """
    if probability.shape != (len(key_words), len(questions)):
        raise ValueError("the table has one row for each answer and one column for each phrasing")
    frame = pd.DataFrame(
        [
            {
                "answer": f"answer {i + 1}: “{word}”",
                "phrasing": f"phrasing {j + 1}" if len(questions) <= WIDE else str(j + 1),
                "question": question,
                "probability": float(probability[i, j]),
            }
            for i, word in enumerate(key_words)
            for j, question in enumerate(questions)
        ]
    )
    base = alt.Chart(frame).encode(
        x=alt.X(
            "phrasing:N",
            sort=None,
            title=None,
            axis=alt.Axis(labelAngle=0, labelAlign="center", labelFlush=False, orient="top", ticks=False, domain=False),
        ),
        y=alt.Y("answer:N", sort=None, title=None, axis=alt.Axis(labelLimit=220, ticks=False, domain=False)),
    )
    cells = base.mark_rect(cornerRadius=3).encode(
        color=alt.Color(
            "probability:Q",
            scale=alt.Scale(scheme=SEQUENTIAL, domain=[0, 1]),
            legend=alt.Legend(title="probability", format="%"),
        ),
        tooltip=["answer:N", "question:N", alt.Tooltip("probability:Q", format=".2%")],
    )
    figures = base.mark_text().encode(
        text=alt.Text("probability:Q", format=".0%"),
        color=either("datum.probability > 0.6", INK_ON_LIGHT, INK_ON_DARK),
    )
    height, width = CELL * len(key_words), 2 * CELL * len(questions)
    if len(questions) > WIDE:
        height, width = SMALL * len(key_words), 2 * SMALL * len(questions)
    return (cells + figures).properties(height=height, width=width, autosize="pad")
