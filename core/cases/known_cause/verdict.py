"""Whether a method passes the known cause.

The rule was written down before the figures that it is applied to were looked at (those of an earlier measurement over
60 other scenes, with another twin, were known): the 95 % interval of the truck's difference less the house's lies above
0, and that of the AUROC above 0.5, over at least `LEAST` scenes. The first says that the map follows what was trained
away and nothing that shifts everywhere; the second that single maps tell it, and not their mean alone.

It was of maps of the word alone. After 74 scenes no method that follows a click had passed, and several did for the
word rather than its opposite ("yes" rather than "no"): a raw logit also moves with what moves that of its opposite, and
what decides is the difference. Since then either is enough, and which of them it was is told with the verdict.
Attention knows no words, has no contrast, and gains nothing by that. (After 117 scenes integrated gradients with one
step pass by the word alone; where a page chooses by itself, such methods come first.)
"""

from __future__ import annotations

from typing import Literal

from .figures import CauseRow, Told

CHANCE, LEAST = 0.5, 20
RULE = (
    "A method tells the models apart where, for the word or for the word rather than its opposite, the 95 % interval "
    f"of the truck's difference less the house's lies above 0 and that of the AUROC above {CHANCE:g}; fewer than "
    f"{LEAST} scenes decide nothing."
)
Passed = Literal["word", "contrast"]


def decides(row: CauseRow) -> bool:
    """Whether enough scenes were explained to say anything."""
    return row.scenes >= LEAST


def passed_by(row: CauseRow) -> Passed | None:
    """By which maps a method tells the model that looks from the one that does not, those of the word first, by the
    rule at the top; None where it cannot. (What is no number does not.)"""
    if not decides(row):
        return None
    if _above(row.word):
        return "word"
    return "contrast" if row.contrast is not None and _above(row.contrast) else None


def verdict_sentence(row: CauseRow) -> str:
    """What the known cause says of a method, with the figure that decided, in a sentence for its card."""
    by, word = passed_by(row), row.word
    if by == "word":
        return f"On a known cause it tells a model that looks from one that does not: {_auroc(word)}."
    if by == "contrast" and row.contrast is not None:
        return (
            "On a known cause it tells a model that looks from one that does not by maps of a word rather than its "
            f"opposite: {_auroc(row.contrast)}. By maps of the word alone it cannot: {word.auroc.value:.2f}."
        )
    cannot = "On a known cause it cannot tell a model that looks from one that does not"
    if word.auroc.low > CHANCE:
        beyond = word.beyond
        return (
            f"{cannot}: the share on what one of them looks at changes by {beyond.value:+.2f} ({beyond.low:+.2f} to "
            f"{beyond.high:+.2f}) beyond that on a control."
        )
    turned = ", and it has more there in the one that does not look" if word.auroc.high < CHANCE else ""
    return f"{cannot}: {_auroc(word)}, {CHANCE:g} is chance{turned}."


def _above(told: Told) -> bool:
    return told.beyond.low > 0 and told.auroc.low > CHANCE


def _auroc(told: Told) -> str:
    return f"AUROC {told.auroc.value:.2f} ({told.auroc.low:.2f} to {told.auroc.high:.2f})"
