"""Below the league: how near methods' maps are to what each thing of a scene gives to an answer."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from ...cases.true_effects.figures import CENTRE, MATTERS, WAYS, EffectRow, TrueEffects
from ...cases.true_effects.kept import KeptEffects, read_true_effects
from ...cases.true_effects.table import NAMES
from ...errors import JournalError
from ...statistics.estimate import Estimate
from ...vlm.model import VisionLanguageModel
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.scripts import show_command
from ..widgets.tables import save_table

COMMAND = "sightline true-effects --out true.jsonl --summary core/assets/true-effects.json"


def true_effects_part(model: VisionLanguageModel) -> None:
    """The figures that come along; whose model they are of is said."""
    st.subheader("True effects", anchor=False)
    try:
        kept = read_true_effects()
    except JournalError as error:
        st.text(str(error))
        show_command(COMMAND)
        return
    _told(kept, model)
    rows = [_row(row) for row in kept.found.ranking]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", placeholder="–")
    with st.container(horizontal=True, gap="small"):
        save_table(rows, "true_effects", "true_effects_csv")
    _limits(kept.found)
    st.caption("To run it again, or to continue it:")
    show_command(kept.command)


def _told(kept: KeptEffects, model: VisionLanguageModel) -> None:
    found = kept.found
    other = "" if found.model == model.card.fingerprint else " They are of another model than the one in use."
    st.text(
        "Every thing in a drawn scene is taken out, repainted or swapped for another kind, and the picture is drawn "
        "anew. The change in the word's log-probability is the thing's true effect: no pixel is hidden, and the model "
        f"sees only pictures as it was trained on.{other}"
    )
    families = ", ".join(f"{family} {count}" for family, count in found.by_family.items())
    folded(
        f"{escaped(found.model_name)}, {found.used} of {found.cases} cases: answered rightly, with two things or more.",
        f"Questions: {escaped(families)}. A map's mass on a thing is the sum of its scores over the pixels that show "
        "it, held against the effect without signs. **Rank** and **linear** are Spearman's and Pearson's correlation "
        "in each case of three things or more. **Found**: the thing of the greatest mass has the greatest effect. "
        f"**Sign**: the mass has the effect's sign, of things with {MATTERS:g} nats or more. Means with 95 % intervals "
        "over cases; *less the centre's* is paired by case.",
    )


def _limits(found: TrueEffects) -> None:
    """How large effects are, what chance gives, and the best there can be, by the way things are redrawn."""
    rows = [
        {
            "things": NAMES[way],
            "largest effect (nats)": _ends(found.largest[way], ".1f"),
            "found by chance": _ends(found.chance[way]),
            "rank of the right order": _ends(found.most_rank[way]),
            "speak for the answer": _ends(found.speaks_for[way]),
        }
        for way in WAYS
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", placeholder="–")
    st.caption(
        "The right order of all things has a rank correlation below 1, for several have no effect. Of the things with "
        "an effect a share speaks for the answer: the sign agreement of a method to which everything does."
    )


def _row(row: EffectRow) -> dict[str, object]:
    out, repainted, swapped = (row.near[way] for way in WAYS)
    return {
        "method": row.name,
        "rank ↑": _ends(out.rank),
        "less the centre's": _ends(out.over.get(CENTRE, {}).get("rank"), "+.2f"),
        "linear ↑": _ends(out.linear),
        "found ↑": _ends(out.found),
        "sign ↑": _ends(out.sign),
        "repainted: rank ↑": _ends(repainted.rank),
        "repainted: found ↑": _ends(repainted.found),
        "swapped: rank ↑": _ends(swapped.rank),
        "swapped: found ↑": _ends(swapped.found),
        "cases": row.cases,
    }


def _ends(one: Estimate | None, digits: str = ".2f") -> str:
    if one is None or math.isnan(one.value):
        return "–"
    return f"{one.value:{digits}} ({one.low:{digits}} to {one.high:{digits}})"
