"""What a test found, in full: curves beside their controls, and every metric with its direction and its limits. Badge,
curves and table speak of one fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ....answer import SceneFill
from ....charts.evidence import Line, probability_curves
from ....counted import counted
from ....evidence.badge import of_word
from ....evidence.beside import figures_beside, places_beside
from ....evidence.curves import Direction
from ....evidence.location import Location
from ....evidence.metric import ARROWS, MapMetric
from ....evidence.ranking import QUOTED
from ....evidence.registry import map_metrics, metrics
from ....evidence.result import Evidence
from ....evidence.verdict import ENOUGH_DRAWS
from ....masking import FILL_NAMES
from ....plugins import description
from ....quantities import probability
from ..chips import escaped
from ..tables import save_table

TITLES: Mapping[Direction, str] = {"deletion": "patches removed", "insertion": "patches shown alone"}
RULE = (
    f"Green: without the map's top {100 * QUOTED:g}% of patches less is left than in each of at least {ENOUGH_DRAWS} "
    "random orders and than without the middle of the picture. Grey: nothing can be told."
)


def curves(evidence: Evidence, fill: SceneFill) -> None:
    """Deletion and insertion under one fill."""
    panels = {TITLES[direction]: _lines(evidence, direction, fill) for direction in TITLES}
    st.altair_chart(
        probability_curves(panels), width="content", alt="the target's probability as patches are removed, and shown"
    )


def _lines(evidence: Evidence, direction: Direction, fill: SceneFill) -> list[Line]:
    tested, centre = (one.curve(direction, fill) for one in (evidence.tested, evidence.centre))
    drawn = np.array([result.curve(direction, fill).values for result in evidence.random])
    random = Line("random", tested.shares, drawn.mean(0), drawn.min(0), drawn.max(0))
    return [
        Line("this map", tested.shares, tested.values),
        random,
        Line("middle of the picture", centre.shares, centre.values),
    ]


def table(evidence: Evidence, fill: SceneFill) -> None:
    """Each metric of hidden patches under a fill: the figure of the map, of random orders (mean, least, most), and of
    the middle of the picture."""
    metrics = map_metrics()
    rows: list[dict[str, object]] = [
        {
            "metric": _headed(metrics[key]),
            "this map": row.tested,
            "random": row.chance,
            "least": row.low,
            "most": row.high,
            "centre": row.centre,
        }
        for key, row in figures_beside(evidence, fill).items()
        if not metrics[key].needs_truth
    ]
    _frame(rows, ("this map", "random", "least", "most", "centre"))
    st.caption(
        f"Hidden patches: {FILL_NAMES[fill]}. Areas over {evidence.points} points. Random: mean, least and most of "
        f"{counted(len(evidence.random), 'order')}."
    )
    save_table(rows, "evidence", "evidence_csv")


def place_table(place: Location) -> None:
    """Each metric of where the map lies: its figure, chance, and the middle of the picture."""
    rows: list[dict[str, object]] = [
        {
            "metric": _headed(map_metrics()[key]),
            "this map": row.tested,
            "chance": row.chance,
            "centre": row.centre,
        }
        for key, row in places_beside(place).items()
    ]
    _frame(rows, ("this map", "chance", "centre"))
    patches, centres = len(place.truth.shares), int(place.truth.centres.sum())
    st.caption(
        f"The right place covers {place.truth.shares.mean():.1%} of {counted(patches, 'patch', 'patches')}, and the "
        f"centres of {centres}. Chance: a map that is everywhere the same. n = 1: one map of one answer."
    )
    save_table(rows, "right_place", "right_place_csv")


def _frame(rows: Sequence[dict[str, object]], numbers: Sequence[str]) -> None:
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="–",
        width=485,
        column_config={
            name: st.column_config.NumberColumn(format="%.3f", width=320 // len(numbers)) for name in numbers
        }
        | {"metric": st.column_config.TextColumn(width=160)},
    )


def _headed(metric: MapMetric) -> str:
    return f"{metric.name} {ARROWS[metric.better]}"


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
        f"{_probability(evidence)} is {probability(evidence.full)} with the whole picture, and without it {blank}. "
        f"Curves of {evidence.points} points; random: mean and range of {counted(len(evidence.random), 'order')}. "
        f"{RULE} {evidence.seconds:.1f} s{together}.",
    )


def _probability(evidence: Evidence) -> str:
    said = of_word(evidence.target)
    return said[:1].upper() + said[1:]
