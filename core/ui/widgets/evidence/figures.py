"""What a test found, in full: curves beside their controls, and every metric with its direction and its limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ....charts.evidence import Line, probability_curves
from ....counted import counted
from ....evidence.curves import Curve
from ....evidence.location import Location
from ....evidence.metric import Figure
from ....evidence.registry import map_metrics, metrics
from ....evidence.result import Evidence, Result
from ....plugins import description
from ....quantities import probability
from ..chips import escaped
from ..tables import save_table

TITLES = {"deletion": "patches removed", "insertion": "patches shown alone"}
ARROWS = {"higher": "↑", "lower": "↓"}


def curves(evidence: Evidence, fill: str) -> None:
    """Deletion and insertion under one fill."""
    panels = {TITLES[direction]: _lines(evidence, direction, fill) for direction in TITLES}
    st.altair_chart(
        probability_curves(panels), width="content", alt="the target's probability as patches are removed, and shown"
    )


def _lines(evidence: Evidence, direction: str, fill: str) -> list[Line]:
    def curve(result: Result) -> Curve:
        return next(one for one in result.curves if (one.direction, one.fill) == (direction, fill))

    tested, centre = curve(evidence.tested), curve(evidence.centre)
    drawn = np.array([curve(result).values for result in evidence.random])
    random = Line("random", tested.shares, drawn.mean(0), drawn.min(0), drawn.max(0))
    return [
        Line("this map", tested.shares, tested.values),
        random,
        Line("middle of the picture", centre.shares, centre.values),
    ]


def table(evidence: Evidence | None, place: Location | None) -> None:
    """Each metric's figure of the map, of random ones (their mean) and of the middle of the picture."""
    rows = []
    if evidence is not None:
        random = [result.figures for result in evidence.random]
        rows += _rows(evidence.tested.figures, random, evidence.centre.figures)
    if place is not None:
        rows += _rows(place.tested, place.random, place.centre)
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="–",
        width=485,
        column_config={
            name: st.column_config.NumberColumn(format="%.3f", width=74) for name in ("this map", "random", "centre")
        }
        | {"metric": st.column_config.TextColumn(width=164), "beats both": st.column_config.TextColumn(width=84)},
    )
    save_table(rows, "evidence", "evidence_csv")


def _rows(
    tested: Mapping[str, Figure], random: Sequence[Mapping[str, Figure]], centre: Mapping[str, Figure]
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for key, metric in map_metrics().items():
        if key not in tested:
            continue
        own, chance = tested[key].value, float(np.mean([figures[key].value for figures in random]))
        middle = centre[key].value
        sign = 1 if metric.better == "higher" else -1
        better = all(sign * own > sign * other for other in (chance, middle))
        told = "–" if math.isnan(own) else "yes" if better else "no"
        rows.append(
            {
                "metric": f"{metric.name} {ARROWS[metric.better]}",
                "this map": own,
                "random": chance,
                "centre": middle,
                "beats both": told,
            }
        )
    return rows


def meanings() -> None:
    """A popover with each metric: what it is, whose it is, which way is better, what it cannot tell."""
    with st.popover("What they mean", icon=":material/menu_book:", type="tertiary"):
        for metric in metrics().values():
            st.markdown(f"**{escaped(metric.name)}** {ARROWS[metric.better]} ({metric.better} is better)")
            st.caption(f"{escaped(description(metric))} *{escaped(metric.caveat)}*")


def told(evidence: Evidence) -> tuple[str, str]:
    """How the curves are read, in a sentence, and what the test took and how it was done."""
    blank = ", ".join(f"{probability(value)} ({escaped(fill)})" for fill, value in evidence.blank.items())
    together = f" for {evidence.together} maps at once" if evidence.together > 1 else ""
    stopped = "" if evidence.complete == 1 else f" Stopped when {evidence.complete:.0%} of it was done."
    return (
        "The map is true as far as the target's probability falls faster than in random order as its patches are "
        f"removed, and rises faster as they are shown.{stopped}",
        f"The target's probability is {probability(evidence.full)} with the whole picture, and without it {blank}. "
        f"Random: mean and range of {counted(len(evidence.random), 'order')}. {evidence.seconds:.1f} s{together}.",
    )
