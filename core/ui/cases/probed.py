"""Probes on screen: a map of layers by places, the best layer of each place beside its controls, and the verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from ...cases.knowing.figures import Knowing
from ...cases.knowing.verdict import RULE, sentence, verdict
from ...charts.effects import effect_map
from ...probes.probe import SHUFFLES
from ...probes.states import PLACE_NAMES, RESIDUAL
from ..widgets import spoken
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.tables import Row
from ..widgets.taken_charts import save_chart


def probed_map(found: Knowing, key: str) -> None:
    """Accuracy by layer and place."""
    places = [place for place in PLACE_NAMES if any(cell.place == place for cell in found.cells)]
    layers = sorted({cell.layer for cell in found.cells})
    accuracy = np.full((len(places), len(layers)), np.nan)
    for cell in found.cells:
        accuracy[places.index(cell.place), layers.index(cell.layer)] = cell.accuracy.value
    chart = effect_map(
        [PLACE_NAMES[place] for place in places],
        accuracy,
        layers=layers,
        what="accuracy",
        at="read at",
        signed=False,
    )
    st.altair_chart(chart, width="content", alt=f"accuracy of probes of {found.label} by layer and place")
    save_chart(chart, f"probes-{key}", f"save_{key}", cell_rows(found))
    last = " The last column is what leaves the last layer." if found.where == RESIDUAL else ""
    st.caption(f"Accuracy on pictures that a probe was not fitted to; base rate {found.base_rate:.2f}.{last}")


def cell_rows(found: Knowing) -> list[Row]:
    """The figures of every layer and place."""
    return [
        {
            "read at": PLACE_NAMES[cell.place],
            "layer": cell.layer,
            "accuracy": cell.accuracy.value,
            "from": cell.accuracy.low,
            "to": cell.accuracy.high,
            "shuffled labels": cell.shuffled,
            "control task": cell.control,
            "selectivity": cell.selectivity.value,
            "base rate": found.base_rate,
            "cases": cell.accuracy.count,
        }
        for cell in found.cells
    ]


def best_table(found: Knowing) -> None:
    """The best layer of each place beside its controls."""
    rows = [
        {
            "read at": PLACE_NAMES[one.place],
            "accuracy": spoken.share(one.accuracy),
            "best of shuffled labels": f"{100 * one.shuffled:.1f}%",
            "selectivity": spoken.change(one.selectivity),
            "less the answers": "–" if one.over_answers is None else spoken.change(one.over_answers),
        }
        for one in found.places
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", placeholder="–")


def verdict_lines(found: Knowing) -> None:
    """What the rule says, with the figures that decided, and the rule itself folded behind them."""
    st.text(f"{verdict(found).capitalize()}. {sentence(found)}")
    folded(
        f"{escaped(found.model_name)}, {escaped(found.of)}: {found.used:,} of {found.cases:,} cases.",
        f"{escaped(RULE)} A probe is a logistic regression, cross-validated in five parts with each picture on one "
        "side only. *Selectivity* is its accuracy less that on a control task, a random label for each wording of the "
        "question (Hewitt and Liang 2019). The best layer is chosen for each half of the pictures by the other half; "
        f"so is that of each of {SHUFFLES} shuffled sets of labels. *Less the answers*: how much more often the probe "
        "is right than the model.",
    )
